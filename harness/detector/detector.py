"""What a detector is: waves in, log-odds of fake out.

Conventions: logits are float64 of shape (n, 2), columns [fake, real]; the score of a clip is
`logits[:, 0] - logits[:, 1]`, higher = more fake. What turns some other convention into this one
is the adapter of that kind of detector and nothing after it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.results.record import ModelRecord
from harness.timing import Stopwatch

Logits = NDArray[np.float64]


def gpu_batch_size(one_shape: bool) -> int:
    """How many waves a GPU takes best at once, in runs that are too short to measure it.

    Where inputs have many shapes a batch is a window in which clips of equal length are found: 7 at
    a time among 64 rows of the release suite, 13 among 256.
    """
    return 64 if one_shape else 256


class Detector(Protocol):
    """Scores waves that are already mono and at `rate_hz`."""

    identity: ModelRecord
    """What the record of a run keeps of it; its name is what the table calls the model."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def device(self) -> str:
        """Where it computes, in words: `cpu`, `cuda:0 (NVIDIA H100 80GB HBM3)`.

        One on `cuda` is called by two threads, so that the device never waits for the next batch.
        """
        ...

    @property
    def longest(self) -> int | None:
        """How many samples from the start of a wave it looks at; None where it hears it all."""
        ...

    @property
    def batch_size(self) -> int:
        """How many waves a call of `score` takes best, where the user does not say."""
        ...

    def admits(self, wave: Wave) -> str:
        """Empty, or the reason why this wave can never be scored; cheap."""
        ...

    def score(self, waves: Sequence[Wave]) -> Logits:
        """Logits [fake, real] of admitted waves, one row a wave, in their order.

        A row that is not finite means that the detector gave no usable answer for that wave; it
        is no score and must not be ranked as one.

        Raises
        ------
        ClipError
            Where the batch failed as a whole; its waves may still be scored one by one.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """A detector that can tell its stages apart: `features` and `forward`."""

    spent: Stopwatch


@runtime_checkable
class Doubtful(Protocol):
    """A detector whose scores may turn out to be no log-odds."""

    def doubt(self) -> str:
        """Why, in words, where its scores so far say so; empty otherwise, and once it was said."""
        ...


@runtime_checkable
class Compilable(Protocol):
    """A detector whose forward pass can be compiled for batches of one size."""

    identity: ModelRecord

    @property
    def one_shape(self) -> bool:
        """Whether all inputs share one shape, as compilation requires."""
        ...

    def compile(self, rows: int) -> None:
        """Compile for batches of so many rows, at once; 0 goes back to the model as it is.

        Raises
        ------
        UsageError
            Where that cannot be done.
        """
        ...


@runtime_checkable
class ScoreLookup(Protocol):
    """Scores that were computed elsewhere, found by clip and condition instead of by sound."""

    identity: ModelRecord

    def lookup(self, clip_id: str, condition: str) -> tuple[float, float, float]:
        """`(logit_fake, logit_real, score)`.

        Raises
        ------
        ClipRejected
            Where there is none, or one that could be another clip's as well.
        """
        ...

    def match(self, clips: Sequence[Clip], conditions: Collection[str]) -> ScoreLookup:
        """The same with its rows assigned to all clips of the data, before any is looked up.

        Raises
        ------
        UsageError
            Where nothing can be looked up.
        """
        ...

    def refuse_one_class(self, clips: Sequence[Clip], threshold: float) -> None:
        """Raise UsageError where scores of no stated scale call every clip the same."""
        ...

"""The detector protocol: waves in, log-odds of fake out.

Conventions: logits are float64 of shape (n, 2), columns [fake, real]; the score of a clip is
`logits[:, 0] - logits[:, 1]`, higher = more fake. The adapter of a kind of detector converts every
other convention into this one; nothing after it converts anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.results.record import ModelRecord
from harness.timing import Stopwatch

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Traits:
    """Traits of a kind of detector, for all code that must tell kinds apart.

    Parameters
    ----------
    needs_audio
        It computes scores from waves; otherwise it looks up scores that were computed elsewhere.
    takes_precision
        It computes at the precision that the user chooses.
    thread_safe
        Several threads may call `score` at the same time.
    names_classes
        It has class names, so `--fake-label` can say which of them means fake.
    batch_invariant
        By construction, the logits of a wave do not depend on the rest of its batch.
    packages
        Packages whose versions can move its scores, besides those that prepare its audio.
    """

    needs_audio: bool = True
    takes_precision: bool = False
    thread_safe: bool = False
    names_classes: bool = False
    batch_invariant: bool = False
    packages: tuple[str, ...] = ()


def gpu_batch_size(one_shape: bool) -> int:
    """Return the batch size for a GPU in runs that are too short to measure one.

    Where inputs differ in shape, a batch is the window in which clips of equal length are found: 7
    at a time among 64 rows of the release suite, 13 among 256.
    """
    return 64 if one_shape else 256


class Detector(Protocol):
    """Scores waves that are already mono and at `rate_hz`."""

    identity: ModelRecord
    """The entry in the record of a run; `identity.name` is the model's name in the table."""

    @property
    def traits(self) -> Traits: ...

    @property
    def rate_hz(self) -> int: ...

    @property
    def device(self) -> str:
        """Device it computes on, in words: `cpu`, `cuda:0 (NVIDIA H100 80GB HBM3)`."""
        ...

    @property
    def longest(self) -> int | None:
        """Number of samples from the start of a wave that it uses; None if it uses them all."""
        ...

    @property
    def batch_size(self) -> int:
        """Default number of waves in a call of `score`."""
        ...

    def admits(self, wave: Wave) -> str:
        """Return why this wave can never be scored, or an empty string; cheap."""
        ...

    def score(self, waves: Sequence[Wave]) -> Logits:
        """Return logits [fake, real] of admitted waves, one row a wave, in their order.

        A row that is not finite means that the detector gave no usable answer for that wave; it
        must not be ranked as a score.

        Raises ClipError if the batch failed as a whole; its waves may still be scored one by one.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """A detector that times its stages `features` and `forward` separately."""

    spent: Stopwatch


@runtime_checkable
class Doubtful(Protocol):
    """A detector whose scores may turn out not to be log-odds."""

    def doubt(self) -> str:
        """Return, once, why its scores so far do not look like log-odds; otherwise empty."""
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
        """Compile for batches of this many rows, immediately; 0 restores the uncompiled model.

        Raises UsageError if compilation fails.
        """
        ...


class ScoreLookup(Protocol):
    """Scores that were computed elsewhere, found by clip and condition."""

    identity: ModelRecord

    @property
    def traits(self) -> Traits: ...

    def lookup(self, clip_id: str, condition: str) -> tuple[float, float, float]:
        """Return `(logit_fake, logit_real, score)`.

        Raises ClipRejected if there is no score, or it could be another clip's as well.
        """
        ...

    def match(self, clips: Sequence[Clip], conditions: Collection[str]) -> ScoreLookup:
        """Return the same scores, assigned to all clips of the data before any is looked up.

        Raises UsageError if no row belongs to any of the clips or conditions.
        """
        ...

    def refuse_one_class(self, clips: Sequence[Clip], threshold: float) -> None:
        """Raise UsageError if scores of no stated scale put every clip on one side."""
        ...


AnyDetector = Detector | ScoreLookup


def is_lookup(detector: AnyDetector) -> TypeIs[ScoreLookup]:
    """Whether scores are looked up rather than computed from audio."""
    return not detector.traits.needs_audio


def audio_detectors(detectors: Iterable[AnyDetector]) -> list[Detector]:
    """Return the detectors that compute their scores from audio."""
    return [detector for detector in detectors if not is_lookup(detector)]

"""What a perturbation is: a frozen value that says what to do, and does it to one wave.

A perturbation has its units in its field names, applies with probability 1 and keeps no state.
Whatever is random comes from the `Draw` that it is handed; the same value with the same draw gives
the same bits. Impossible values are refused when the value is made, that is, when a suite is read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel

from harness.audio.wave import Wave
from harness.results.expectation import Expectation, Length


def _no_companions(count: int) -> list[Wave]:  # noqa: ARG001
    return []


@dataclass(frozen=True)
class Draw:
    """Everything from outside the wave that a perturbation may use.

    Parameters
    ----------
    rng
        The generator of this clip under this condition.
    companions
        `companions(n)` gives up to n other recordings of the source, chosen by a generator of
        their own (babble is made of them); native rates, never of the clip's own group.
    """

    rng: np.random.Generator
    companions: Callable[[int], list[Wave]] = field(default=_no_companions)


@dataclass(frozen=True)
class Axis:
    """The quantity that a sweep varies.

    Parameters
    ----------
    field, unit, value
        Field of the perturbation, its unit as printed ("kbit/s", "dB", "s", "Hz", "%"), its value.
    worse
        Which way damage grows.
    """

    field: str
    unit: str
    value: float
    worse: Literal["lower", "higher"]


class Perturbation(BaseModel, frozen=True, extra="forbid", strict=True, allow_inf_nan=False):
    """One step of a condition; subclasses add their fields and `apply`.

    Class attributes say what the step keeps, so that it can be held to it: `keeps_length` (as many
    samples out as in, at the same rate), `keeps_alignment` (content stays at its place in time) and
    `keeps_band` (no frequency comes out that did not go in). `expectation` says the rest.
    """

    keeps_length: ClassVar[bool] = True
    keeps_alignment: ClassVar[bool] = True
    keeps_band: ClassVar[bool] = False
    version: ClassVar[int] = 1
    """Of what `apply` does: raise it with every change that moves a sample."""

    perturb: str

    @property
    def hears_others(self) -> bool:
        """Whether it asks for companions; one that asks and does not say so gets none."""
        return False

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The files of the user's that it draws from."""
        return ()

    @property
    def series(self) -> str:
        """What sweeps share, without the swept value: `codec:mp3`, `noise:babble`, `crop`."""
        return self.perturb

    @property
    def axis(self) -> Axis | None:
        """The swept quantity; None where the step has no natural scale."""
        return None

    @property
    def name(self) -> str:
        """Short and unique among the values of its class: `codec:mp3@32k`."""
        axis = self.axis
        return self.series if axis is None else f"{self.series}@{axis.value:g}{axis.unit}"

    @property
    @abstractmethod
    def words(self) -> str:
        """One line for people: `MP3 at 32 kbit/s`."""

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        """What must be measured of any clip, or of any clip at `rate_hz`.

        Only what is true of every clip: a step that may leave one as it is expects no change.
        """
        return Expectation(
            changes="maybe",
            length=Length() if self.keeps_length else None,
            in_place=self.keeps_length and self.keeps_alignment,
        )

    @abstractmethod
    def apply(self, wave: Wave, draw: Draw) -> Wave:
        """The perturbed wave; never changes its input.

        Raises
        ------
        ClipRejected
            Where this clip cannot take this perturbation, with the reason.
        """

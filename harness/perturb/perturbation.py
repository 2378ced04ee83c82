"""The base class of all perturbations: frozen values that say what to do to one wave, and do it.

A perturbation has its units in its field names, applies with probability 1 and keeps no state. All
randomness comes from the `Draw` passed to `apply`: equal values with equal draws give equal bits.
Impossible values are refused on construction, which is when a suite is read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel

from harness.audio.wave import Wave
from harness.perturb.sample import require_samples
from harness.results.expectation import Changes, Expectation, Length

RecordingFact = Literal["length", "noise", "bandwidth", "sample rate", "coding"]
"""Facts that can be measured on a questioned recording without its original."""


def _no_companions(count: int) -> list[Wave]:  # noqa: ARG001
    return []


@dataclass(frozen=True)
class Draw:
    """The inputs of a perturbation from outside the wave."""

    rng: np.random.Generator
    """The generator of this clip under this condition."""
    companions: Callable[[int], list[Wave]] = field(default=_no_companions)
    """`companions(n)` returns up to n other recordings of the source at their native rates, chosen
    by a generator of their own and never from the clip's group; babble is made of them."""


@dataclass(frozen=True)
class Axis:
    """The quantity that a sweep varies: field, printed unit, value, and which way damage grows."""

    field: str
    unit: str
    value: float
    worse: Literal["lower", "higher"]


@dataclass(frozen=True)
class Sweep:
    """The field of a perturbation class that sweeps vary, and its unit as printed.

    `worse` is the direction of growing damage; `away` means away from `neutral`, and then values
    above and below it form two series, `up` and `down`.
    """

    field: str
    unit: str
    worse: Literal["lower", "higher", "away"]
    neutral: float = 0.0

    def axis(self, value: float) -> Axis:
        worse = self.worse
        if worse == "away":
            worse = "higher" if value >= self.neutral else "lower"
        return Axis(self.field, self.unit, 100 * value if self.unit == "%" else value, worse)


class Perturbation(BaseModel, frozen=True, extra="forbid", strict=True, allow_inf_nan=False):
    """One step of a condition. Subclasses add their fields, `words` and `_apply`.

    The class declares everything that others need to know about it: its title and examples for
    docs and tests, the swept field, what it keeps and changes (hence what must be measured), and
    the fact of a questioned recording that it shows in.
    """

    title: ClassVar[str]
    examples: ClassVar[tuple[dict[str, Any], ...]]
    """Fields of typical values; between them they have every variant of the name."""
    proper_name: ClassVar[bool] = False
    """Whether its words begin with a proper name, which keeps its capital."""
    sweep: ClassVar[Sweep | None] = None
    recording_fact: ClassVar[RecordingFact | None] = None
    """The fact of a questioned recording that shows this step; None where no fact does."""
    changes: ClassVar[Changes] = "maybe"
    """Clips that the perturbation changes, at any sample rate."""
    keeps_length: ClassVar[bool] = True
    """Whether as many samples come out as go in, at the same rate."""
    keeps_alignment: ClassVar[bool] = True
    """Whether content stays at its place in time."""
    keeps_band: ClassVar[bool] = False
    """Whether no frequency comes out that did not go in."""
    version: ClassVar[int] = 1
    """Version of `apply`: raise it with every change that moves a sample."""

    perturb: str

    @property
    def hears_others(self) -> bool:
        """Whether the perturbation asks for companions; it gets none otherwise."""
        return False

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The user's files that it draws from."""
        return ()

    @property
    def variant(self) -> tuple[str, ...]:
        """Parts of the name that tell series of this class apart; defaults are left out."""
        return ()

    @property
    def series(self) -> str:
        """The name without the swept value: `codec:mp3`, `noise:babble`, `crop`."""
        parts = [self.perturb, *self.variant]
        if self.sweep is not None and self.sweep.worse == "away":
            above = getattr(self, self.sweep.field) >= self.sweep.neutral
            parts.append("up" if above else "down")
        return ":".join(parts)

    @property
    def axis(self) -> Axis | None:
        """The swept quantity; None where the step has no natural scale."""
        value = None if self.sweep is None else getattr(self, self.sweep.field)
        return None if self.sweep is None or value is None else self.sweep.axis(value)

    @property
    def name(self) -> str:
        """Short and unique among the values of its class: `codec:mp3@32k`.

        `harness.perturb.name.perturbation_of` reads it back.
        """
        axis = self.axis
        return self.series if axis is None else f"{self.series}@{axis.value:g}{axis.unit}"

    @property
    @abstractmethod
    def words(self) -> str:
        """One line for people: `MP3 at 32 kbit/s`."""

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        """Return the measurements that every clip must have, or every clip at `rate_hz`."""
        return Expectation(
            changes=self.changes,
            length=Length() if self.keeps_length else None,
            in_place=self.keeps_length and self.keeps_alignment,
        )

    def apply(self, wave: Wave, draw: Draw) -> Wave:
        """Return the perturbed wave; the input is never changed.

        Raises
        ------
        ClipRejected
            Where this clip cannot take this perturbation, with the reason.
        """
        require_samples(wave)
        return self._apply(wave, draw)

    @abstractmethod
    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        """`apply` for a wave of at least one sample."""

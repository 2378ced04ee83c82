"""Speed, tempo and pitch: what moves content in time or frequency."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import soxr
from pydantic import Field
from python_stretch import Signalsmith

from harness.audio.wave import Samples, Wave
from harness.perturb.perturbation import Axis, Draw, Perturbation
from harness.perturb.sample import direction, fit, remade, require_samples
from harness.results.expectation import Expectation, Length

_STRETCH_SEED = 0
"""The stretcher breaks ties of phase at random; a fixed seed leaves nothing to chance."""


class _Rate(Perturbation, frozen=True):
    """What speed and tempo share: a rate, 1 for no change, and another length."""

    keeps_length: ClassVar[bool] = False
    keeps_alignment: ClassVar[bool] = False

    rate: float = Field(ge=0.25, le=4)

    @property
    def series(self) -> str:
        return f"{self.perturb}:{direction(self.rate, 1)}"

    @property
    def axis(self) -> Axis:
        return Axis("rate", "x", self.rate, "higher" if self.rate >= 1 else "lower")

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        return Expectation(
            changes="maybe" if self.rate == 1 else "each",
            length=Length(factor=1 / self.rate),
            in_place=False,
        )


class Speed(_Rate, frozen=True):
    """Played faster or slower, by resampling: pitch moves with tempo.

    Parameters
    ----------
    rate
        2 is twice as fast, half as long and an octave higher.
    """

    perturb: Literal["speed"] = "speed"

    @property
    def words(self) -> str:
        return f"Played at {self.rate:g} times the speed, pitch moves"

    def apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        require_samples(wave)
        played = soxr.resample(wave.samples, wave.rate_hz * self.rate, wave.rate_hz, quality="HQ")
        return remade(fit(played, max(1, round(len(wave.samples) / self.rate))), wave)


class Tempo(_Rate, frozen=True):
    """Faster or slower at the same pitch (Signalsmith Stretch, a phase vocoder).

    Parameters
    ----------
    rate
        2 is twice as fast and half as long.
    """

    perturb: Literal["tempo"] = "tempo"

    @property
    def words(self) -> str:
        return f"{self.rate:g} times the tempo, pitch kept"

    def apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        require_samples(wave)
        stretched = _stretched(wave, rate=self.rate)
        return remade(fit(stretched, max(1, round(len(wave.samples) / self.rate))), wave)


class Pitch(Perturbation, frozen=True):
    """Higher or lower at the same tempo (Signalsmith Stretch); formants move along.

    Content keeps its place to within the stretcher's window, but no waveform lines up with the
    one before, so alignment is not promised.

    Parameters
    ----------
    semitones
        12 is an octave up.
    """

    keeps_alignment: ClassVar[bool] = False

    perturb: Literal["pitch"] = "pitch"
    semitones: float = Field(ge=-24, le=24)

    @property
    def series(self) -> str:
        return f"pitch:{direction(self.semitones)}"

    @property
    def axis(self) -> Axis:
        worse = "higher" if self.semitones >= 0 else "lower"
        return Axis("semitones", "st", self.semitones, worse)

    @property
    def words(self) -> str:
        side = "higher" if self.semitones >= 0 else "lower"
        return f"{abs(self.semitones):g} semitones {side}, tempo kept"

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        return Expectation(changes="each" if self.semitones else "maybe", in_place=False)

    def apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        require_samples(wave)
        shifted = _stretched(wave, semitones=self.semitones)
        return remade(fit(shifted, len(wave.samples)), wave)


def _stretched(wave: Wave, rate: float = 1.0, semitones: float = 0.0) -> Samples:
    stretch = Signalsmith.Stretch(_STRETCH_SEED)
    stretch.preset(1, wave.rate_hz)
    stretch.timeFactor = rate
    stretch.setTransposeSemitones(semitones)
    return np.asarray(stretch.process(wave.samples[np.newaxis]), np.float32)[0]

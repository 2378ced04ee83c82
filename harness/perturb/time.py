"""Speed, tempo and pitch: what moves content in time or frequency."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from pydantic import Field
from python_stretch import Signalsmith

from harness.audio.wave import Samples, Wave
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import fit, wave_like
from harness.results.expectation import Changes, Expectation, Length

_STRETCH_SEED = 0
"""The stretcher breaks ties of phase at random; the seed is fixed."""


class _Rate(Perturbation, frozen=True):
    """Base of speed and tempo: a rate, 1 for no change, and another length."""

    sweep = Sweep("rate", "x", "away", neutral=1)
    keeps_length = False
    keeps_alignment = False

    rate: float = Field(ge=0.25, le=4)
    """2 is twice as fast and half as long."""

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        return Expectation(
            changes="maybe" if self.rate == 1 else "each",
            length=Length(factor=1 / self.rate),
            in_place=False,
        )

    def _of_length(self, samples: Samples, wave: Wave) -> Wave:
        return wave_like(wave, fit(samples, max(1, round(len(wave.samples) / self.rate))))


class Speed(_Rate, frozen=True):
    """Played faster or slower, by resampling: pitch moves with tempo."""

    title = "Speed"
    examples = ({"rate": 1.1}, {"rate": 0.9})

    perturb: Literal["speed"] = "speed"

    @property
    def words(self) -> str:
        return f"Played at {self.rate:g} times the speed, pitch moves"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        played = soxr.resample(wave.samples, wave.rate_hz * self.rate, wave.rate_hz, quality="HQ")
        return self._of_length(played, wave)


class Tempo(_Rate, frozen=True):
    """Faster or slower at the same pitch (Signalsmith Stretch, a phase vocoder)."""

    title = "Tempo"
    examples = ({"rate": 1.25}, {"rate": 0.75})

    perturb: Literal["tempo"] = "tempo"

    @property
    def words(self) -> str:
        return f"{self.rate:g} times the tempo, pitch kept"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        return self._of_length(_stretched(wave, rate=self.rate), wave)


class Pitch(Perturbation, frozen=True):
    """Higher or lower at the same tempo (Signalsmith Stretch); formants move along.

    Content keeps its place to within the stretcher's window, but the waveforms no longer line up,
    so alignment is not promised.
    """

    title = "Pitch"
    examples = ({"semitones": 3}, {"semitones": -3})
    sweep = Sweep("semitones", "st", "away")
    keeps_alignment = False

    perturb: Literal["pitch"] = "pitch"
    semitones: float = Field(ge=-24, le=24)
    """12 is an octave up."""

    @property
    def words(self) -> str:
        side = "higher" if self.semitones >= 0 else "lower"
        return f"{abs(self.semitones):g} semitones {side}, tempo kept"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "each" if self.semitones else "maybe"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        shifted = _stretched(wave, semitones=self.semitones)
        return wave_like(wave, fit(shifted, len(wave.samples)))


def _stretched(wave: Wave, rate: float = 1.0, semitones: float = 0.0) -> Samples:
    stretch = Signalsmith.Stretch(_STRETCH_SEED)
    stretch.preset(1, wave.rate_hz)
    stretch.timeFactor = rate
    stretch.setTransposeSemitones(semitones)
    return np.asarray(stretch.process(wave.samples[np.newaxis]), np.float32)[0]

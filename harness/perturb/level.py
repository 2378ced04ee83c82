"""Levels and peaks. Full scale is 1; only overdrive clips."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.loudness import LOWEST_RATE_HZ, integrated_lufs
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import amplitude, at_level_of, wave_like
from harness.results.expectation import Changes

_STEP_SECONDS = 0.001
"""Interval at which a compressor's gain is computed; it is interpolated between."""
_SURE_DB, _SURE_OFFSET = 0.001, 0.001
"""Smaller changes may be lost where samples are rounded to float32."""
_THRESHOLD_DB, _ATTACK_MS, _RELEASE_MS = -20.0, 5.0, 100.0


class Gain(Perturbation, frozen=True):
    """Every sample times the same factor, beyond full scale if need be."""

    title = "Gain"
    examples = ({"gain_db": 6}, {"gain_db": -20})
    sweep = Sweep("gain_db", "dB", "away")
    keeps_band = True

    perturb: Literal["gain"] = "gain"
    gain_db: float = Field(ge=-80, le=60)
    """Above 0 is louder."""

    @property
    def words(self) -> str:
        return f"{abs(self.gain_db):g} dB {'louder' if self.gain_db >= 0 else 'quieter'}"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "each" if abs(self.gain_db) >= _SURE_DB else "maybe"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        return wave_like(wave, wave.samples * amplitude(self.gain_db))


class Overdrive(Perturbation, frozen=True):
    """Overdrive: peaks are limited to a level below the clip's own peak; the rest stays.

    Gain into full scale, clipping there, and the same gain taken back: the damage is clipping
    alone, however loud the clip was.
    """

    title = "Clipping"
    examples = ({"over_db": 6}, {"over_db": 6, "shape": "soft"})
    sweep = Sweep("over_db", "dB", "higher")
    changes = "each"

    perturb: Literal["clip"] = "clip"
    over_db: float = Field(gt=0, le=60)
    """Level of the clip's peak over the limit."""
    shape: Literal["hard", "soft"] = "hard"
    """`hard` cuts at the limit; `soft` bends towards it (tanh)."""

    @property
    def variant(self) -> tuple[str, ...]:
        return () if self.shape == "hard" else (self.shape,)

    @property
    def words(self) -> str:
        return f"{self.shape.capitalize()} clipping {self.over_db:g} dB below the peak"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        limit = _peak(wave) * amplitude(-self.over_db)
        samples = wave.samples.astype(np.float64)
        if self.shape == "hard":
            return wave_like(wave, np.clip(samples, -limit, limit))
        return wave_like(wave, limit * np.tanh(samples / limit))


class DC(Perturbation, frozen=True):
    """A constant added to every sample."""

    title = "DC offset"
    examples = ({"offset": 0.1}, {"offset": -0.1})
    sweep = Sweep("offset", "FS", "away")

    perturb: Literal["dc"] = "dc"
    offset: float = Field(ge=-1, le=1)
    """Constant that is added, as a fraction of full scale."""

    @property
    def words(self) -> str:
        return f"Offset of {self.offset:g} of full scale"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "each" if abs(self.offset) >= _SURE_OFFSET else "maybe"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        return wave_like(wave, wave.samples + self.offset)


class Compress(Perturbation, frozen=True):
    """Dynamic range compression: feed-forward, peak-sensing, hard knee; active level kept.

    Giannoulis, Massberg and Reiss 2012, "Digital dynamic range compressor design", with the
    smoothing on the gain in decibels. The gain follows the peaks of steps of 1 ms.
    """

    title = "Dynamic range compression"
    examples = ({"ratio": 4}, {"ratio": 4, "threshold_db": -30, "attack_ms": 1})
    sweep = Sweep("ratio", ":1", "higher")
    changes = "each"

    perturb: Literal["compress"] = "compress"
    threshold_db: float = Field(default=_THRESHOLD_DB, ge=-80, lt=0)
    """Relative to the clip's peak, so that a quiet clip is compressed as much as a loud one."""
    ratio: float = Field(gt=1, le=100)
    """Decibels in for one decibel out, above the threshold."""
    attack_ms: float = Field(default=_ATTACK_MS, ge=1, le=500)
    release_ms: float = Field(default=_RELEASE_MS, ge=1, le=5000)
    """Time constants of the gain going down and coming back."""

    @property
    def variant(self) -> tuple[str, ...]:
        parts = {
            f"{self.threshold_db:g}dB": self.threshold_db != _THRESHOLD_DB,
            f"{self.attack_ms:g}-{self.release_ms:g}ms": (self.attack_ms, self.release_ms)
            != (_ATTACK_MS, _RELEASE_MS),
        }
        return tuple(part for part, named in parts.items() if named)

    @property
    def words(self) -> str:
        return f"Compressed {self.ratio:g}:1 from {-self.threshold_db:g} dB below the peak"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        peak = _peak(wave)
        size = max(1, round(_STEP_SECONDS * wave.rate_hz))
        starts = np.arange(0, len(wave.samples), size)
        peaks = np.maximum.reduceat(np.abs(wave.samples).astype(np.float64), starts)
        over_db = np.maximum(0, 20 * np.log10(np.maximum(peaks / peak, 1e-9)) - self.threshold_db)
        cut_db = self._smoothed(over_db * (1 - 1 / self.ratio), size / wave.rate_hz)
        gain_db = -np.interp(np.arange(len(wave.samples)), starts + size / 2, cut_db)
        return at_level_of(wave, wave.samples * 10 ** (gain_db / 20))

    def _smoothed(self, cut_db: NDArray[np.float64], step_seconds: float) -> NDArray[np.float64]:
        attack = math.exp(-step_seconds / (self.attack_ms / 1000))
        release = math.exp(-step_seconds / (self.release_ms / 1000))
        smoothed: list[float] = []
        state = 0.0
        for target in cut_db.tolist():
            hold = attack if target > state else release
            state = hold * state + (1 - hold) * target
            smoothed.append(state)
        return np.array(smoothed)


class Loudness(Perturbation, frozen=True):
    """Gain to an integrated loudness (ITU-R BS.1770); a clip under 0.4 s is one block."""

    title = "Loudness normalisation"
    examples = ({"lufs": -23},)
    sweep = Sweep("lufs", "LUFS", "lower")
    changes = "some"
    keeps_band = True

    perturb: Literal["loudness"] = "loudness"
    lufs: float = Field(ge=-60, le=0)
    """The target."""

    @property
    def words(self) -> str:
        return f"Loudness of {self.lufs:g} LUFS"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        if wave.rate_hz < LOWEST_RATE_HZ:
            raise ClipRejected(f"loudness is not defined at {wave.rate_hz} Hz")
        measured = integrated_lufs(wave)
        if math.isinf(measured):
            raise ClipRejected("is silent: below the loudness gate of -70 LUFS")
        return wave_like(wave, wave.samples * amplitude(self.lufs - measured))


def _peak(wave: Wave) -> float:
    peak = float(np.abs(wave.samples).max())
    if not peak:
        raise ClipRejected("is digital silence: there is no peak")
    return peak

"""Linear zero-phase filters: content keeps its place in time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import wave_like
from harness.results.expectation import BAND_EDGE_DB, Expectation

TELEPHONE_HZ = (300.0, 3400.0)

Kind = Literal["lowpass", "highpass", "bandpass", "telephone", "eq"]
Curve = Literal["bass", "mid", "presence", "treble", "tilt"]

BANDS_HZ = (63, 125, 250, 500, 1000, 2000, 4000, 8000)
CURVES: dict[Curve, tuple[float, ...]] = {
    "bass": (1, 1, 0.7, 0.2, 0, 0, 0, 0),
    "mid": (0, 0, 0.3, 0.8, 1, 0.8, 0.3, 0),
    "presence": (0, 0, 0, 0, 0.3, 1, 0.8, 0.2),
    "treble": (0, 0, 0, 0, 0, 0.3, 0.8, 1),
    "tilt": (-0.5, -0.36, -0.21, -0.07, 0.07, 0.21, 0.36, 0.5),
}
"""Share of the gain at each octave; linear in dB over log frequency between, constant outside."""

_NEEDS: dict[Kind, set[str]] = {
    "lowpass": {"cutoff_hz"},
    "highpass": {"cutoff_hz"},
    "bandpass": {"low_hz", "high_hz"},
    "telephone": set(),
    "eq": {"curve", "gain_db"},
}
_OPTIONAL = ("cutoff_hz", "low_hz", "high_hz", "curve", "gain_db")
_SWEEPS: dict[Kind, Sweep] = {
    "lowpass": Sweep("cutoff_hz", "Hz", "lower"),
    "highpass": Sweep("cutoff_hz", "Hz", "higher"),
    "eq": Sweep("gain_db", "dB", "away"),
}
_ORDER = 4
_SURE_DB = 0.001
"""Smaller gains may be lost where samples are rounded to float32."""


class Filter(Perturbation, frozen=True):
    """One filter, without delay.

    Low-, high- and band-pass are Butterworth filters run forwards and backwards: 6 dB down at the
    edge, 12 dB an octave for each order. A low-pass at or above the clip's Nyquist frequency
    changes nothing; a high-pass there rejects the clip.
    """

    title = "Filtering"
    examples = (
        {"kind": "lowpass", "cutoff_hz": 4000},
        {"kind": "highpass", "cutoff_hz": 300, "order": 2},
        {"kind": "bandpass", "low_hz": 200, "high_hz": 2000},
        {"kind": "telephone"},
        *({"kind": "eq", "curve": curve, "gain_db": 6} for curve in CURVES),
        {"kind": "eq", "curve": "tilt", "gain_db": -6},
    )
    recording_fact = "bandwidth"
    keeps_band = True

    perturb: Literal["filter"] = "filter"
    kind: Kind
    """`lowpass` and `highpass` (with `cutoff_hz`), `bandpass` (with `low_hz` and `high_hz`),
    `telephone` (300 to 3400 Hz) or `eq` (with `curve` and `gain_db`)."""
    cutoff_hz: float | None = Field(default=None, ge=20, le=96_000)
    low_hz: float | None = Field(default=None, ge=20, le=96_000)
    high_hz: float | None = Field(default=None, ge=20, le=96_000)
    """Edges, where the gain is 6 dB down."""
    order: int = Field(default=_ORDER, ge=1, le=12)
    """Order of each of the two passes, for filters with edges."""
    curve: Curve | None = None
    """Shape of an equaliser, see `CURVES`; `tilt` turns about 0.7 kHz, up to `gain_db` in all."""
    gain_db: float | None = Field(default=None, ge=-40, le=40)
    """Gain where the curve is 1; below 0 cuts."""

    @model_validator(mode="after")
    def _fitting(self) -> Filter:
        given = {field for field in _OPTIONAL if getattr(self, field) is not None}
        needed = _NEEDS[self.kind]
        if given != needed:
            raise ValueError(
                f"kind {self.kind!r} takes {', '.join(sorted(needed)) or 'none of the settings'}, "
                f"not {', '.join(sorted(given)) or 'none'}"
            )
        if self.kind == "eq" and self.order != _ORDER:
            raise ValueError("order is for the filters with edges")
        if self.low_hz is not None and self.high_hz is not None and self.low_hz >= self.high_hz:
            raise ValueError("low_hz must be below high_hz")
        return self

    @property
    def edges_hz(self) -> tuple[float | None, float | None]:
        """Edges of the high-pass and of the low-pass part; None for a missing part."""
        if self.kind == "telephone":
            return TELEPHONE_HZ
        if self.kind == "bandpass":
            return self.low_hz, self.high_hz
        return (self.cutoff_hz, None) if self.kind == "highpass" else (None, self.cutoff_hz)

    @property
    def sweep(self) -> Sweep | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return _SWEEPS.get(self.kind)

    @property
    def variant(self) -> tuple[str, ...]:
        parts: list[str] = [self.kind]
        if self.curve is not None:
            parts.append(self.curve)
        if self.kind == "bandpass":
            parts.append(f"{self.low_hz:g}-{self.high_hz:g}Hz")
        return (*parts,) if self.order == _ORDER else (*parts, f"order{self.order}")

    @property
    def words(self) -> str:
        if self.kind == "eq":
            return f"Equaliser: {self.curve} {self.gain_db:+g} dB"
        if self.kind == "telephone":
            return "Telephone band, 300 to 3400 Hz"
        if self.kind == "bandpass":
            return f"Band-pass, {self.low_hz:g} to {self.high_hz:g} Hz"
        return f"{'Low' if self.kind == 'lowpass' else 'High'}-pass at {self.cutoff_hz:g} Hz"

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        if self.kind == "eq":
            return Expectation(changes="each" if abs(self.gain_db or 0) >= _SURE_DB else "maybe")
        low_hz, high_hz = self.edges_hz
        return Expectation(
            changes="maybe" if low_hz is None else "each",
            band_hz=None if high_hz is None else high_hz * self._fall,
        )

    @property
    def _fall(self) -> float:
        """Frequency, in edges, where a low-pass run twice is down to a band's end."""
        return (10 ** (BAND_EDGE_DB / 20) - 1) ** (1 / (2 * self.order))

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        if self.curve is not None and self.gain_db is not None:
            return wave_like(wave, _equalized(wave, self.curve, self.gain_db))
        samples = wave.samples.astype(np.float64)
        low_hz, high_hz = self.edges_hz
        if low_hz is not None:
            if low_hz >= wave.rate_hz / 2:
                raise ClipRejected(f"holds nothing above {low_hz:g} Hz at {wave.rate_hz} Hz")
            samples = self._passed(samples, wave.rate_hz, low_hz, "highpass")
        if high_hz is not None and high_hz < wave.rate_hz / 2:
            samples = self._passed(samples, wave.rate_hz, high_hz, "lowpass")
        return wave_like(wave, samples)

    def _passed(
        self, samples: NDArray[np.float64], rate_hz: int, edge_hz: float, side: str
    ) -> NDArray[np.float64]:
        from scipy.signal import butter, sosfiltfilt  # slow to import

        sections = butter(self.order, edge_hz, side, fs=rate_hz, output="sos")
        reach = min(len(samples) - 1, rate_hz // 10)
        return np.asarray(sosfiltfilt(sections, samples, padlen=reach))


def _equalized(wave: Wave, curve: Curve, gain_db: float) -> NDArray[np.float64]:
    # Room for the filter's response, so that the end does not wrap round to the start.
    size = next_fast_len(len(wave.samples) + wave.rate_hz, real=True)
    frequency = np.maximum(rfftfreq(size, 1 / wave.rate_hz), 1.0)
    share = np.interp(np.log2(frequency), np.log2(BANDS_HZ), CURVES[curve])
    spectrum = np.asarray(rfft(wave.samples.astype(np.float64), size))
    return np.asarray(irfft(spectrum * 10 ** (gain_db * share / 20), size))[: len(wave.samples)]

"""Sample rates: the round trip through another one, and the mistake of ignoring it."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.audio.wave import Wave, resample
from harness.perturb.perturbation import Draw, Perturbation, RecordingFact, Sweep
from harness.perturb.sample import convert, fit, wave_like
from harness.results.expectation import Expectation, Length

MODEL_RATE_HZ = 16_000

Method = Literal["sinc", "soxr", "linear", "nearest", "native"]

_WORDS: dict[Method, str] = {
    "sinc": "windowed sinc",
    "soxr": "soxr HQ",
    "linear": "linear interpolation",
    "nearest": "nearest sample, aliasing",
}


_SINC_FALL = 1.4
"""Frequency at which a windowed sinc of six zero crossings is 50 dB down, over half the lower rate
(1.37, measured on white noise)."""


class Resample(Perturbation, frozen=True):
    """Resample to another rate and back by one resampler, or naively by none."""

    title = "Resampling"
    examples = (
        *({"rate_hz": 8000, "method": method} for method in _WORDS),
        {"method": "native"},
    )
    sweep = Sweep("rate_hz", "Hz", "lower")

    perturb: Literal["resample"] = "resample"
    rate_hz: int | None = Field(default=None, ge=4000, le=192_000)
    """The rate between; none for `native`. A clip that has this rate already is not changed."""
    method: Method = "sinc"
    """`sinc` is `harness.audio.wave.resample`; `soxr` its HQ quality; `linear` and `nearest` pick
    from the neighbours and have no anti-aliasing filter, so what is above the new Nyquist frequency
    folds down. `native` hands on the samples of any rate as if they were at 16 kHz, which is what
    forgetting to resample does: pitch and tempo move by the ratio."""

    @model_validator(mode="after")
    def _fitting(self) -> Resample:
        if (self.rate_hz is None) != (self.method == "native"):
            raise ValueError("rate_hz is needed, except with method 'native', which has none")
        return self

    @property
    def keeps_length(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.method != "native"

    @property
    def keeps_alignment(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.method != "native"

    @property
    def recording_fact(self) -> RecordingFact | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "sample rate" if self.method == "sinc" else None

    @property
    def variant(self) -> tuple[str, ...]:
        return (self.method,)

    @property
    def words(self) -> str:
        if self.rate_hz is None:
            return "Native rate taken for 16 kHz"
        return f"Through {self.rate_hz / 1000:g} kHz by {_WORDS[self.method]}"

    def expectation(self, rate_hz: int | None = None) -> Expectation:
        if self.rate_hz is None:
            if rate_hz is None:
                return Expectation(changes="maybe", length=None, in_place=False)
            length = Length(factor=rate_hz / MODEL_RATE_HZ)
            changes = "maybe" if rate_hz == MODEL_RATE_HZ else "each"
            return Expectation(changes=changes, length=length, in_place=False)
        if self.method not in ("sinc", "soxr"):
            return Expectation(changes="maybe")  # neighbours may be the same, and images remain
        changes = "maybe" if rate_hz in (None, self.rate_hz) else "each"
        fall = _SINC_FALL if self.method == "sinc" else 1.0
        return Expectation(changes=changes, band_hz=self.rate_hz / 2 * fall)

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        if self.rate_hz is None:
            return Wave(wave.samples, MODEL_RATE_HZ)
        if self.rate_hz == wave.rate_hz:
            return wave
        between = _converted(wave, self.rate_hz, self.method)
        back = _converted(between, wave.rate_hz, self.method)
        return wave_like(wave, fit(back.samples, len(wave.samples)))


def _converted(wave: Wave, rate_hz: int, method: Method) -> Wave:
    """The wave at the other rate, ceil(n * ratio) samples, content at its place in time."""
    if method == "sinc":
        return resample(wave, rate_hz)
    if method == "soxr":
        return convert(wave, rate_hz)
    length = math.ceil(len(wave.samples) * rate_hz / wave.rate_hz)
    place = np.arange(length) * wave.rate_hz / rate_hz
    samples: NDArray[Any]
    if method == "linear":
        samples = np.interp(place, np.arange(len(wave.samples)), wave.samples)
    else:
        nearest = np.floor(place + 0.5).astype(np.int64)
        samples = wave.samples[np.minimum(nearest, len(wave.samples) - 1)]
    return Wave(samples.astype(np.float32), rate_hz)

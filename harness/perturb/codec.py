"""Coding and decoding, as a file format, a telephone or a headset does it.

The wave is resampled to a rate that the codec has, encoded and decoded in memory, put back in place
and resampled to its own rate. The table of `harness.perturb.coder` says what each codec can do.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.coder import CODECS, CODERS, NARROW, Coder
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import convert
from harness.perturb.transcode import CoderSetup, transcode, versions
from harness.results.expectation import Expectation

__all__ = ["Codec", "versions"]

_FULL_BAND_HZ = 32_000
"""A codec that codes at this rate does not limit the band."""


def _known(codec: str) -> str:
    if codec not in CODECS:
        raise ValueError(f"unknown codec: codecs are {', '.join(CODECS)}")
    return codec


def _examples() -> list[dict[str, Any]]:
    """Every codec at its lowest bit rate or with nothing to choose, and every option once."""
    examples: list[dict[str, Any]] = []
    for name, coder in CODERS.items():
        fields: dict[str, Any] = {"codec": coder.narrow_of or name}
        if coder.kbps and coder.fixed_kbps is None:
            fields["kbps"] = coder.lowest_kbps
        if coder.narrow_of:
            fields["bandwidth"] = "narrow"
        examples.append(fields)
        examples += [fields | {"mode": mode} for mode in coder.modes[1:]]
    return [*examples, examples[0] | {"generations": 4}]


class Codec(Perturbation, frozen=True):
    """One codec at one bit rate, applied one or more times over."""

    title = "Lossy coding"
    examples = (*_examples(),)
    proper_name = True
    recording_fact = "coding"

    perturb: Literal["codec"] = "codec"
    codec: Annotated[
        str, AfterValidator(_known), WithJsonSchema({"enum": list(CODECS), "type": "string"})
    ]
    kbps: float | None = None
    """Bit rate in kbit/s. Filled in where the codec has only one; None for ADPCM, whose bit rate
    follows from the sample rate. For Vorbis the nominal bit rate of its quality, for AAC and Opus
    the target of an encoder with a variable rate; for the others the rate in use."""
    bandwidth: Literal["wide", "narrow"] | None = None
    mode: Literal["voip", "audio"] | None = None
    """For Opus alone, where they default to `wide` and `voip`: `narrow` codes at 8 kHz, `wide` at
    16, 24 or 48 kHz; the mode is the kind of signal that the encoder expects."""
    generations: int = Field(default=1, ge=1, le=20)
    """Number of times that the wave is encoded and decoded. Every generation starts at the same
    place in the wave, as with decoders that take the delay out."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = {k: v for k, v in cast("dict[str, Any]", data).items() if v is not None}
        name = str(given.get("codec"))
        coder = CODERS.get(name)
        if coder is None:
            return given
        defaults: dict[str, Any] = {}
        if name in NARROW:
            defaults["bandwidth"] = "wide"
        if coder.modes:
            defaults["mode"] = coder.modes[0]
        if coder.fixed_kbps is not None:
            defaults["kbps"] = coder.fixed_kbps
        return defaults | given

    @model_validator(mode="after")
    def _check(self) -> Codec:
        if (self.bandwidth and self.codec not in NARROW) or (self.mode and not self._coder.modes):
            raise ValueError(f"bandwidth and mode are options of opus, not of {self.codec}")
        can = f"{self.codec} does {self._coder.describe_kbps()}"
        if self.kbps is None:
            if self._coder.kbps:
                raise ValueError(f"kbps is missing; {can}")
        elif not self._coder.kbps:
            raise ValueError(f"{self.codec} takes no kbps: its bit rate follows the sample rate")
        elif not self._coder.allows(self.kbps):
            raise ValueError(f"{self.codec} cannot do {self.kbps:g} kbit/s; {can}")
        return self

    @property
    def sweep(self) -> Sweep | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.generations > 1:
            return Sweep("generations", "generations", "higher")
        return None if self._rate_suffix == "" else Sweep("kbps", "kbit/s", "lower")

    @property
    def variant(self) -> tuple[str, ...]:
        once = self._coder_name
        return (once,) if self.generations == 1 else (f"{once}{self._rate_suffix}*n",)

    @property
    def name(self) -> str:
        times = "" if self.generations == 1 else f"*{self.generations}"
        return f"{self.perturb}:{self._coder_name}{self._rate_suffix}{times}"

    @property
    def words(self) -> str:
        text = self._coder.title + (" in audio mode" if self.mode == "audio" else "")
        if self.kbps is not None:
            text += ", " if self._coder.fixed_kbps is not None else " at "
            text += f"{self.kbps:g} kbit/s"
        return text if self.generations == 1 else f"{text}, {self.generations} times over"

    def coding_rate_hz(self, rate_hz: int) -> int:
        """The codec's own rate for a wave of `rate_hz`."""
        return self._coder.coding_rate_hz(rate_hz, self.kbps)

    def expectation(self, rate_hz: int | None = None) -> Expectation:
        coder = self._coder
        at_own_rate = rate_hz is None or self.coding_rate_hz(rate_hz) == rate_hz
        highest_hz = max(coder.kbps, default=_FULL_BAND_HZ) if rate_hz is None else rate_hz
        coded_hz = self.coding_rate_hz(highest_hz)
        return Expectation(
            # Clips may have been through a codec that settles.
            changes="some" if coder.settles and at_own_rate else "each",
            band_hz=None if coded_hz >= _FULL_BAND_HZ else coded_hz / 2,
        )

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        if not np.isfinite(wave.samples).all():
            raise ClipRejected("samples that are not finite cannot be encoded")
        rate_hz = self.coding_rate_hz(wave.rate_hz)
        options = () if self.mode is None else (("application", self.mode),)
        setup = CoderSetup(self._coder, rate_hz, self.kbps, options)
        coded = convert(wave, rate_hz)
        for _ in range(self.generations):
            coded = transcode(coded, setup)
        back = convert(coded, wave.rate_hz)
        return Wave(np.ascontiguousarray(back.samples[: len(wave.samples)]), wave.rate_hz)

    @property
    def _coder(self) -> Coder:
        return NARROW[self.codec] if self.bandwidth == "narrow" else CODERS[self.codec]

    @property
    def _coder_name(self) -> str:
        """The codec with its options, without its bit rate."""
        narrow = "-nb" if self.bandwidth == "narrow" else ""
        return f"{self.codec}{narrow}{'-audio' if self.mode == 'audio' else ''}"

    @property
    def _rate_suffix(self) -> str:
        """`@32k`; empty where the codec leaves no choice."""
        fixed = self.kbps is None or self._coder.fixed_kbps is not None
        return "" if fixed else f"@{self.kbps:g}k"

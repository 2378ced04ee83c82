"""Coding and decoding, as a file format, a telephone or a headset does it.

The wave is resampled to a rate that the codec has, encoded and decoded in memory, put back in its
place and resampled to its own rate. What each codec can do is in `coder`.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from pydantic import Field, model_validator

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.coder import CODERS, Coder
from harness.perturb.perturbation import Axis, Draw, Perturbation
from harness.perturb.sample import convert
from harness.perturb.transcode import Setting, transcode, versions
from harness.results.expectation import Expectation

__all__ = ["Codec", "CodecName", "versions"]

CodecName = Literal[
    "mp3",
    "aac",
    "vorbis",
    "opus",
    "amr-nb",
    "g711-alaw",
    "g711-mulaw",
    "g722",
    "g723-1",
    "g726",
    "gsm-fr",
    "wma",
    "sbc",
    "ac3",
    "mp2",
    "adpcm-ima",
    "adpcm-ms",
]


_FULL_BAND_HZ = 32_000
"""A codec that codes at this rate has no band to speak of."""


class Codec(Perturbation, frozen=True):
    """One codec at one bit rate, applied one or more times over.

    Parameters
    ----------
    codec
        Its name.
    kbps
        Bit rate in kbit/s. Filled in where the codec has only one; None for ADPCM, whose bit rate
        follows from the sample rate. For Vorbis the nominal bit rate of its quality, for AAC and
        Opus the target of an encoder that spends what it needs; for the others what is spent.
    bandwidth, mode
        Of Opus alone, where they default to `wide` and `voip`: `narrow` codes at 8 kHz, `wide` at
        16, 24 or 48 kHz; the mode is what the encoder takes the signal for.
    generations
        How many times in a row the wave is encoded and decoded. Every generation starts at the same
        place in the wave, as with decoders that take the delay out.
    """

    perturb: Literal["codec"] = "codec"  # pyright: ignore[reportIncompatibleVariableOverride]
    codec: CodecName
    kbps: float | None = None
    bandwidth: Literal["wide", "narrow"] | None = None
    mode: Literal["voip", "audio"] | None = None
    generations: int = Field(default=1, ge=1, le=20)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = {k: v for k, v in cast("dict[str, Any]", data).items() if v is not None}
        if given.get("codec") == "opus":
            return {"bandwidth": "wide", "mode": "voip"} | given
        coder = CODERS.get(str(given.get("codec")))
        if coder is not None and coder.fixed_kbps is not None:
            return {"kbps": coder.fixed_kbps} | given
        return given

    @model_validator(mode="after")
    def _check(self) -> Codec:
        if self.codec != "opus" and (self.bandwidth or self.mode):
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
    def series(self) -> str:
        once = self._once
        return once if self.generations == 1 else f"{once}{self._at}*n"

    @property
    def axis(self) -> Axis | None:
        if self.generations > 1:
            return Axis("generations", "generations", self.generations, "higher")
        if self.kbps is None or self._coder.fixed_kbps is not None:
            return None
        return Axis("kbps", "kbit/s", self.kbps, "lower")

    @property
    def name(self) -> str:
        times = "" if self.generations == 1 else f"*{self.generations}"
        return f"{self._once}{self._at}{times}"

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

    def apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        """The wave after the codec: as long as before, and not moved.

        Raises
        ------
        ClipRejected
            Where the wave is empty or holds values that are not finite.
        """
        if not len(wave.samples):
            raise ClipRejected("no samples to encode")
        if not np.isfinite(wave.samples).all():
            raise ClipRejected("samples that are not finite cannot be encoded")
        setting = self._setting(self.coding_rate_hz(wave.rate_hz))
        coded = convert(wave, setting.rate_hz)
        for _ in range(self.generations):
            coded = transcode(coded, setting)
        back = convert(coded, wave.rate_hz)
        return Wave(np.ascontiguousarray(back.samples[: len(wave.samples)]), wave.rate_hz)

    @property
    def _coder(self) -> Coder:
        return CODERS["opus-nb" if self.bandwidth == "narrow" else self.codec]

    def _setting(self, rate_hz: int) -> Setting:
        options = () if self.mode is None else (("application", self.mode),)
        return Setting(self._coder, rate_hz, self.kbps, options)

    @property
    def _once(self) -> str:
        """The codec with its options, without its bit rate."""
        narrow = "-nb" if self.bandwidth == "narrow" else ""
        return f"codec:{self.codec}{narrow}{'-audio' if self.mode == 'audio' else ''}"

    @property
    def _at(self) -> str:
        fixed = self.kbps is None or self._coder.fixed_kbps is not None
        return "" if fixed else f"@{self.kbps:g}k"

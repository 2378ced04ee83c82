"""The coders built into PyAV and libsndfile, and what each of them can do.

Conventions: mono; coding rates in Hz; bit rates in kbit/s of audio payload. The bit rates in the
table were found by encoding and counting: several encoders accept any and then use another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class BitRateRange:
    """Any bit rate between two, both included."""

    low: float
    high: float

    def __contains__(self, kbps: float) -> bool:
        return self.low <= kbps <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class BitRateSteps:
    """A list of bit rates, of which no others are possible."""

    values: tuple[float, ...]

    def __contains__(self, kbps: float) -> bool:
        return kbps in self.values

    def __str__(self) -> str:
        return ", ".join(f"{value:g}" for value in self.values)


BitRates = BitRateRange | BitRateSteps


@dataclass(frozen=True, eq=False)
class Coder:
    """One row of the table: who encodes and decodes, and at which rates."""

    title: str
    kbps: Mapping[int, BitRates]
    """Coding rate in Hz to the bit rates that the encoder has there. Empty where the codec spends a
    fixed number of bits on a sample, at any rate."""
    encoder: str
    decoder: str
    """Names in libavcodec; for libsndfile the subtype, twice."""
    library: Literal["packets", "container", "sndfile"] = "packets"
    """`packets`: libavcodec, without a container. `container`: libavcodec through a container,
    because the decoder needs what only a header tells it. `sndfile`: libsndfile."""
    container: str = ""
    """Muxer or file format, where there is one."""
    sample_format: str = "s16"
    """Sample format that the encoder takes: `s16`, `fltp` and the like."""
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fixed options of the encoder."""
    narrow_of: str = ""
    """The codec whose narrowband mode this row is; it has no name of its own in suites."""
    modes: tuple[str, ...] = ()
    """Values of the encoder's option `application`, the default first."""
    lead_samples: int = 0
    """Zeros put before the signal, for decoders that drop what they start with."""
    headroom: float = 1.0
    """The encoder gets the signal divided by this, and the decoder's output is multiplied by it and
    clipped: for decoders whose overshoot would wrap around."""
    settles: bool = False
    """Whether coded audio passes through it again unchanged, or nearly so (measured), so that a
    clip may stay as it is."""

    @property
    def fixed_kbps(self) -> float | None:
        """The only bit rate; None where there are several, or none to name."""
        allowed = list(self.kbps.values())
        if (
            len(allowed) == 1
            and isinstance(allowed[0], BitRateSteps)
            and len(allowed[0].values) == 1
        ):
            return allowed[0].values[0]
        return None

    @property
    def lowest_kbps(self) -> float | None:
        """The lowest bit rate; None where there is none to name."""
        lows = [a.low if isinstance(a, BitRateRange) else a.values[0] for a in self.kbps.values()]
        return min(lows, default=None)

    def allows(self, kbps: float) -> bool:
        return any(kbps in allowed for allowed in self.kbps.values())

    def coding_rate_hz(self, rate_hz: int, kbps: float | None) -> int:
        """The rate at which a wave of `rate_hz` is coded at this bit rate.

        Its own rate where the coder does that; else the next higher one, so that no band is lost;
        else the highest below it, as a telephone or an encoder at a low bit rate would do.
        """
        if not self.kbps:
            return rate_hz
        rates = [rate for rate, allowed in self.kbps.items() if kbps is None or kbps in allowed]
        above = [rate for rate in rates if rate >= rate_hz]
        return min(above) if above else max(rates)

    def describe_kbps(self) -> str:
        """The bit rates in words: `16, 24, ... at 8000 Hz; ...`."""
        if not self.kbps:
            return "none: its bit rate follows from the sample rate"
        rates_by_bits: dict[str, list[str]] = {}
        for rate, allowed in self.kbps.items():
            rates_by_bits.setdefault(str(allowed), []).append(str(rate))
        return "; ".join(
            f"{bits} kbit/s coded at {', '.join(rates)} Hz" for bits, rates in rates_by_bits.items()
        )


def _at(rates_hz: tuple[int, ...], allowed: BitRates) -> dict[int, BitRates]:
    return dict.fromkeys(rates_hz, allowed)


def _fixed(rate_hz: int, kbps: float) -> dict[int, BitRates]:
    return {rate_hz: BitRateSteps((kbps,))}


_MPEG_1_HZ = (32000, 44100, 48000)
_MPEG_2_HZ = (16000, 22050, 24000)
_MPEG_2_5_HZ = (8000, 11025, 12000)
_LAYER_3 = BitRateSteps((32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320))
_LAYER_3_LOW = BitRateSteps((16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))
_LAYER_3_LOWEST = BitRateSteps((16, 24, 32, 40, 48, 56, 64))
_LAYER_2 = BitRateSteps((32, 48, 56, 64, 80, 96, 112, 128, 160, 192))
_LAYER_2_LOW = BitRateSteps((8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))
_AC_3 = BitRateSteps(
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640)
)
_OPUS_MODES = ("voip", "audio")
_AMR_NB = BitRateSteps((4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2))

# ISO/IEC 14496-3 allows 6144 bits for a frame of 1024 samples of one channel.
_AAC: dict[int, BitRates] = {
    rate: BitRateRange(16, min(256, 6 * rate // 1000))
    for rate in (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
}

# Nominal bit rates of libvorbis between its qualities 0 and 10, from the headers it writes.
_VORBIS: dict[int, BitRates] = {
    8000: BitRateRange(14, 42),
    16000: BitRateRange(24, 100),
    22050: BitRateRange(24, 90),
    32000: BitRateRange(42, 190),
    44100: BitRateRange(48, 240),
    48000: BitRateRange(48, 240),
}

# Below these there is too little for a single step of any band, and silence comes out.
_SBC: dict[int, BitRates] = {
    16000: BitRateRange(24, 256),
    32000: BitRateRange(32, 256),
    44100: BitRateRange(48, 256),
    48000: BitRateRange(48, 256),
}

CODERS: dict[str, Coder] = {
    "mp3": Coder(
        "MP3",
        _at(_MPEG_2_5_HZ, _LAYER_3_LOWEST)
        | _at(_MPEG_2_HZ, _LAYER_3_LOW)
        | _at(_MPEG_1_HZ, _LAYER_3),
        "libmp3lame",
        "mp3float",
        sample_format="fltp",
    ),
    "aac": Coder("AAC", _AAC, "aac", "aac", sample_format="fltp"),
    "vorbis": Coder("Vorbis", _VORBIS, "VORBIS", "VORBIS", "sndfile", "OGG", "flt"),
    "opus": Coder(
        "Opus",
        _at((16000, 24000, 48000), BitRateRange(6, 128)),
        "libopus",
        "libopus",
        sample_format="flt",
        options={"vbr": "constrained"},
        modes=_OPUS_MODES,
    ),
    "opus-nb": Coder(
        "Opus narrowband",
        _at((8000,), BitRateRange(6, 128)),
        "libopus",
        "libopus",
        sample_format="flt",
        options={"vbr": "constrained"},
        narrow_of="opus",
        modes=_OPUS_MODES,
    ),
    "amr-nb": Coder("AMR-NB", _at((8000,), _AMR_NB), "libopencore_amrnb", "libopencore_amrnb"),
    "g711-alaw": Coder("A-law (G.711)", _fixed(8000, 64), "pcm_alaw", "pcm_alaw", settles=True),
    "g711-mulaw": Coder("μ-law (G.711)", _fixed(8000, 64), "pcm_mulaw", "pcm_mulaw", settles=True),
    "g722": Coder("G.722", _fixed(16000, 64), "g722", "g722", settles=True),
    "g723-1": Coder("G.723.1", _fixed(8000, 6.3), "g723_1", "g723_1"),
    "g726": Coder(
        "G.726",
        _at((8000,), BitRateSteps((16, 24, 32, 40))),
        "g726",
        "g726",
        "container",
        "wav",
        headroom=2.0,
        settles=True,
    ),
    "gsm-fr": Coder("GSM full rate", _fixed(8000, 13), "GSM610", "GSM610", "sndfile", "WAV"),
    "wma": Coder(
        "WMA",
        _at((8000, 11025), BitRateRange(24, 64))
        | _at((16000, 22050, 32000, 44100, 48000), BitRateRange(24, 192)),
        "wmav2",
        "wmav2",
        "container",
        "asf",
        "fltp",
        lead_samples=2048,  # the longest frame: the decoder drops its first
    ),
    "sbc": Coder("SBC (Bluetooth)", _SBC, "sbc", "sbc", settles=True),
    "ac3": Coder("AC-3", _at(_MPEG_1_HZ, _AC_3), "ac3", "ac3", sample_format="fltp"),
    "mp2": Coder(
        "MP2", _at(_MPEG_2_HZ, _LAYER_2_LOW) | _at(_MPEG_1_HZ, _LAYER_2), "mp2", "mp2float"
    ),
    "adpcm-ima": Coder("IMA ADPCM", {}, "IMA_ADPCM", "IMA_ADPCM", "sndfile", "WAV", settles=True),
    "adpcm-ms": Coder("Microsoft ADPCM", {}, "MS_ADPCM", "MS_ADPCM", "sndfile", "WAV"),
}
"""Every coder. All other lists of codecs are derived from this table."""

CODECS = tuple(name for name, coder in CODERS.items() if not coder.narrow_of)
"""The names that `codec` takes in a suite."""

NARROW = {coder.narrow_of: coder for coder in CODERS.values() if coder.narrow_of}
"""The narrowband coder of a codec, by the codec's name."""

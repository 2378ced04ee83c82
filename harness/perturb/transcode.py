"""Encode and decode in memory, with the delay of the coder measured and taken out.

Samples are float32 mono, clipped to [-1, 1] before encoding. One thread throughout, so that the
same samples give the same bits.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import cast

import av
import numpy as np
import soundfile
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from harness.audio.wave import Samples, Wave
from harness.errors import ClipError
from harness.perturb.alignment import lag_seconds, shift
from harness.perturb.coder import Coder
from harness.perturb.sample import convert

_TAIL_SAMPLES = 2304
"""Zeros that push the signal out of the coder: over the longest frame, 2048 samples."""

_FULL_SCALE = 32768.0


@dataclass(frozen=True)
class CoderSetup:
    """A coder set up for one coding rate."""

    coder: Coder
    rate_hz: int
    kbps: float | None = None
    """Bit rate; None where the coder leaves no choice."""
    options: tuple[tuple[str, str], ...] = ()
    """Options of the encoder in addition to the table's, (name, value)."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The decoder's output: late, at the decoder's own rate (always 48 kHz for Opus).

    `coded_bytes` is the size of the coded data; for libsndfile that of the whole file.
    """

    wave: Wave
    coded_bytes: int


def transcode(wave: Wave, setup: CoderSetup) -> Wave:
    """The wave, at the coding rate, after the coder: in place and of its length.

    Raises
    ------
    ClipError
        Where the decoder returns fewer samples than went in.
    """
    late_seconds = delay_seconds(setup)
    tail = _TAIL_SAMPLES + math.ceil(max(0.0, late_seconds) * setup.rate_hz)
    decoded = code(wave.samples, setup, tail).wave
    delay = round(late_seconds * decoded.rate_hz)
    length = -(-len(wave.samples) * decoded.rate_hz // setup.rate_hz)
    if len(decoded.samples) < delay + length:
        raise ClipError(f"{setup.coder.title} returned only {len(decoded.samples)} samples")
    placed = Wave(shift(decoded.samples, delay, length), decoded.rate_hz)
    samples = convert(placed, setup.rate_hz).samples[: len(wave.samples)]
    return Wave(samples, setup.rate_hz)


@lru_cache(maxsize=256)
def delay_seconds(setup: CoderSetup) -> float:
    """Delay of the decoder's output, measured once on a fixed signal.

    It depends on the setup alone, so clips that correlate badly with their coded version are
    aligned as well.
    """
    probe = _probe(setup.rate_hz)
    decoded = code(probe.samples, setup, tail_samples=2 * _TAIL_SAMPLES).wave
    delay = lag_seconds(convert(probe, decoded.rate_hz), decoded, max_seconds=0.5)
    if math.isnan(delay):
        raise ClipError(f"{setup.coder.title} lets nothing through at {setup.rate_hz} Hz")
    return delay


def code(samples: Samples, setup: CoderSetup, tail_samples: int) -> Decoded:
    """Encode and decode samples at the coding rate, with zeros after and, if need be, before."""
    coder = setup.coder
    padded = np.pad(np.clip(samples, -1.0, 1.0), (coder.lead_samples, tail_samples))
    if coder.headroom == 1.0:
        return _THROUGH[coder.library](padded, setup)
    decoded = _THROUGH[coder.library](padded / np.float32(coder.headroom), setup)
    samples = np.clip(decoded.wave.samples * np.float32(coder.headroom), -1.0, 1.0)
    return Decoded(Wave(samples, decoded.wave.rate_hz), decoded.coded_bytes)


def versions() -> dict[str, str]:
    """Versions of the libraries that encode and decode."""
    numbers = {name: ".".join(map(str, parts)) for name, parts in av.library_versions.items()}
    return {
        "av": av.__version__,
        "libavcodec": numbers["libavcodec"],
        "libavformat": numbers["libavformat"],
        "libsndfile": soundfile.__libsndfile_version__,
    }


def _probe(rate_hz: int) -> Wave:
    """1.5 s of noise with the slope of speech, in bursts of uneven length and level."""
    from scipy.signal import lfilter  # slow to import

    rng = np.random.default_rng(1962)
    count = round(1.5 * rate_hz)
    noise = lfilter([1.0, -0.98], [1.0, -0.7], rng.standard_normal(count))
    knots = np.arange(0.0, 1.6, 0.06)
    level = rng.uniform(0.0, 1.0, len(knots)) * (rng.random(len(knots)) > 0.3)
    shaped = noise * np.interp(np.arange(count) / rate_hz, knots, level)
    return Wave((0.5 * shaped / np.abs(shaped).max()).astype(np.float32), rate_hz)


def _frame(samples: Samples, rate_hz: int, sample_format: str) -> av.AudioFrame:
    values = _to_int16(samples) if sample_format.startswith("s16") else samples
    frame = av.AudioFrame.from_ndarray(values[np.newaxis], format=sample_format, layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def _join(frames: Iterable[av.AudioFrame], coded_bytes: int) -> Decoded:
    kept = list(frames)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in kept])
    return Decoded(Wave(_to_float(samples), kept[0].sample_rate), coded_bytes)


def _to_float(samples: NDArray[np.int16] | Samples) -> Samples:
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(_FULL_SCALE)
    return samples.astype(np.float32, copy=False)


def _set_up(encoder: AudioCodecContext, setup: CoderSetup) -> None:
    encoder.format = setup.coder.sample_format
    encoder.thread_count = 1
    encoder.options = {**setup.coder.options, **dict(setup.options)}
    if setup.kbps is not None:
        encoder.bit_rate = round(setup.kbps * 1000)


def _through_packets(samples: Samples, setup: CoderSetup) -> Decoded:
    encoder = cast("AudioCodecContext", av.CodecContext.create(setup.coder.encoder, "w"))
    encoder.layout, encoder.sample_rate = "mono", setup.rate_hz
    encoder.time_base = Fraction(1, setup.rate_hz)
    _set_up(encoder, setup)
    frame = _frame(samples, setup.rate_hz, setup.coder.sample_format)
    packets = [*encoder.encode(frame), *encoder.encode(None)]

    decoder = cast("AudioCodecContext", av.CodecContext.create(setup.coder.decoder, "r"))
    decoder.layout, decoder.sample_rate = "mono", setup.rate_hz
    decoder.thread_count = 1
    decoder.extradata = encoder.extradata
    coded_bytes = sum(packet.size for packet in packets)
    frames = (frame for packet in [*packets, None] for frame in decoder.decode(packet))
    return _join(frames, coded_bytes)


def _through_container(samples: Samples, setup: CoderSetup) -> Decoded:
    file = io.BytesIO()
    with av.open(file, "w", format=setup.coder.container) as muxer:
        stream = cast(
            "AudioStream",
            muxer.add_stream(setup.coder.encoder, rate=setup.rate_hz, layout="mono"),
        )
        _set_up(stream.codec_context, setup)
        frame = _frame(samples, setup.rate_hz, setup.coder.sample_format)
        packets = [*stream.encode(frame), *stream.encode(None)]
        coded_bytes = sum(packet.size for packet in packets)
        muxer.mux(packets)
    file.seek(0)
    with av.open(file, "r") as demuxer:
        demuxer.streams.audio[0].codec_context.thread_count = 1
        return _join(demuxer.decode(audio=0), coded_bytes)


def _through_sndfile(samples: Samples, setup: CoderSetup) -> Decoded:
    if setup.coder.encoder == "VORBIS":
        raw = _write_sndfile(samples, setup, _vorbis_level(setup))
        decoded, rate_hz = soundfile.read(io.BytesIO(raw), dtype="float32")
    else:
        raw = _write_sndfile(_to_int16(samples), setup)
        decoded, rate_hz = soundfile.read(io.BytesIO(raw), dtype="int16")
    return Decoded(Wave(_to_float(cast("NDArray[np.int16] | Samples", decoded)), rate_hz), len(raw))


def _write_sndfile(
    samples: Samples | NDArray[np.int16], setup: CoderSetup, compression_level: float | None = None
) -> bytes:
    file = io.BytesIO()
    soundfile.write(
        file,
        samples,
        setup.rate_hz,
        setup.coder.encoder,
        format=setup.coder.container,
        compression_level=compression_level,
    )
    return file.getvalue()


@lru_cache(maxsize=64)
def _vorbis_level(setup: CoderSetup) -> float:
    """The compression level whose nominal bit rate is `kbps`, by bisection.

    Vorbis has qualities, not bit rates; the nominal ones, which `oggenc -b` uses too, are in the
    identification header (Vorbis I specification, 4.2.2).
    """
    low, high = 0.0, 1.0  # a higher level compresses more
    silence = np.zeros(1, dtype=np.float32)
    for _ in range(12):
        level = (low + high) / 2
        header = _write_sndfile(silence, setup, level)
        start = header.index(b"\x01vorbis") + 20
        nominal_bps = int.from_bytes(header[start : start + 4], "little")
        low, high = (level, high) if nominal_bps > 1000 * (setup.kbps or 0.0) else (low, level)
    return (low + high) / 2


_THROUGH: dict[str, Callable[[Samples, CoderSetup], Decoded]] = {
    "packets": _through_packets,
    "container": _through_container,
    "sndfile": _through_sndfile,
}

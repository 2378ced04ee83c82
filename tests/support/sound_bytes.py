"""Recordings as the bytes of files, in formats that real ones have; also files that lie."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile
from av.stream import Disposition


def tone(rate_hz: int = 16000, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    left = 0.3 * np.sin(2 * np.pi * 440 * time)
    return np.stack([left / (number + 1) for number in range(channels)], axis=1).astype(np.float32)


def babble(rate_hz: int = 16000, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """Noise with the envelope of syllables: loud enough everywhere to be scored."""
    rng = np.random.default_rng(5)
    length = round(rate_hz * seconds)
    envelope = 0.12 + 0.1 * np.sin(2 * np.pi * 4 * np.arange(length) / rate_hz)
    noise = rng.standard_normal((length, channels)).clip(-2, 2)
    return (envelope[:, np.newaxis] * noise).astype(np.float32)


def written(samples: np.ndarray, rate_hz: int, form: str, subtype: str | None = None) -> bytes:
    """What libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def encoded(
    samples: np.ndarray, rate_hz: int, container: str, codec: str, layout: str = "mono"
) -> bytes:
    """What FFmpeg writes."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = 12200 if "amr" in codec else 64000
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T.reshape(-1, len(samples))), "fltp", layout
        )
        frame.rate = rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return file.getvalue()


def video(container: str = "mp4") -> bytes:
    """A grey picture of half a second, without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return file.getvalue()


_FORMAT = {
    "tag": (0, "<H"),
    "channels": (2, "<H"),
    "rate_hz": (4, "<I"),
    "block_align": (12, "<H"),
    "bits": (14, "<H"),
}


def with_format(wav: bytes, **fields: int) -> bytes:
    """A WAV with other numbers in its format chunk."""
    changed = bytearray(wav)
    chunk = wav.index(b"fmt ") + 8
    for name, value in fields.items():
        offset, code = _FORMAT[name]
        struct.pack_into(code, changed, chunk + offset, value)
    return bytes(changed)


def with_total(flac: bytes, samples: int) -> bytes:
    """A FLAC whose header claims another number of samples; 0 stands for unknown."""
    word = int.from_bytes(flac[18:26], "big")
    word = word >> 36 << 36 | samples
    return flac[:18] + word.to_bytes(8, "big") + flac[26:]


def silent_flac(seconds: int, rate_hz: int = 8000) -> bytes:
    """Digital silence in 16-bit mono FLAC, 14 bytes for each 8 s (RFC 9639, constant subframes)."""
    size, total = 65535, seconds * rate_hz
    header = struct.pack(">HH", size, size) + bytes(6)  # block sizes; frame sizes unknown
    header += (rate_hz << 44 | 15 << 36 | total).to_bytes(8, "big") + bytes(16)
    frames = (_silent_frame(number, size) for number in range(total // size))
    last = _silent_frame(total // size, total % size) if total % size else b""
    return b"fLaC" + b"\x80" + len(header).to_bytes(3, "big") + header + b"".join(frames) + last


def _silent_frame(number: int, size: int) -> bytes:
    # Sync and fixed block size; size in 16 bits, rate as in the header; mono, 16 bits a sample.
    head = b"\xff\xf8\x70\x08" + chr(number).encode("utf-8", "surrogatepass")
    head += struct.pack(">H", size - 1)
    body = head + bytes([_crc(head, 0x107, 8)]) + b"\x00\x00\x00"  # constant, of value 0
    return body + _crc(body, 0x18005, 16).to_bytes(2, "big")


def _crc(content: bytes, polynomial: int, bits: int) -> int:
    value = int.from_bytes(content, "big") << bits
    for place in range(value.bit_length() - 1, bits - 1, -1):
        if value >> place & 1:
            value ^= polynomial << place - bits
    return value


def with_data_size(wav: bytes, size: int) -> bytes:
    """A WAV of 44 bytes of header that says another size of its samples."""
    return wav[:40] + struct.pack("<I", size) + wav[44:]


def two_tracks(container: str, codec: str, default: int | None) -> bytes:
    """A tone of one second and one of two, each on a track; one may be the default."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        streams: list[Any] = [out.add_stream(codec, rate=48000, layout="mono") for _ in range(2)]
        if default is not None:
            for number, stream in enumerate(streams):
                stream.disposition = Disposition(int(number == default))
        for number, stream in enumerate(streams):
            samples = np.ascontiguousarray(tone(48000, 1 + number).T)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.rate = 48000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                out.mux(packet)
    return file.getvalue()

"""Sound in memory and the one way it gets there from a file.

Conventions: samples are float32 in [-1, 1] (a float file may exceed that and is not clipped), time
is in seconds, rates in Hz. A `Wave` is mono. Files are read with soundfile and, where soundfile
cannot, with PyAV; the downmix is the mean over channels and the resampler is torchaudio's with its
defaults, which is what the model card's usage code does.

A file is judged by its content and never by its name, only regular files are opened, and no file
can have another one, or an address, read in its place: playlists and the like are not recordings.
A file that is cut off is what is left of it, where its decoder makes sound of that.
"""

from __future__ import annotations

import io
import math
import stat
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from harness.errors import ClipRejected
from harness.recording import Encoded

Samples = NDArray[np.float32]

_POINTER = b"version https://git-lfs"
_CONFINED = {"protocol_whitelist": "none"}
"""FFmpeg reads what it was handed and opens nothing by itself, whatever a playlist names."""
_UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says where a header leaves the length open, as a FLAC that was streamed does."""
_BLOCK = 2**16
"""Frames of a downmix that are in float64 at a time."""

_LARGEST_RESAMPLER = 2**25
"""Taps of the largest polyphase filter that is built: 128 MiB, and 1 GiB while it is computed."""
_SMALL_RESAMPLER = 2**21
"""Taps of a filter that is kept with many others; 44.1 to 16 kHz has under 2**17."""


@dataclass(frozen=True)
class Limits:
    """What a recording may be at most; anything beyond is rejected by name of the limit.

    There are as many preparing processes as processors, and a condition takes up to 12 times the
    bytes of the mono recording (the resampler 7, the attestation 3, copies in float64), or more
    where it makes it longer. So the largest recording costs its process 6 GiB at most in the suites
    that come with the harness. It holds an hour at 16 or 32 kHz, 46 minutes at 48 kHz, and 25 of
    44.1 kHz in stereo, which is absurdly long for detectors that hear seconds.

    Parameters
    ----------
    seconds
        By the container where it says, by count where it does not.
    channels, lowest_rate_hz, rate_hz
        By the container. No speech is left under the lowest rate, and filters and stretchers that
        are made for sound fail there, some by ending the process.
    decoded_bytes
        Of all channels as float32. Decoding and the downmix take up to three times as much.
    encoded_bytes
        Of a recording that is read whole before it is decoded, as it lies on no disk; none within
        the other limits has more, except beside a film.
    peak
        Absolute sample. Floats on the scale of 32-bit integers pass; their squares and sums are far
        from overflow.
    """

    seconds: float = 3600.0
    channels: int = 32
    lowest_rate_hz: int = 1000
    rate_hz: int = 384_000
    decoded_bytes: int = 512 * 1024**2
    encoded_bytes: int = 1024**3
    peak: float = 2.0**31


LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class Wave:
    """Mono samples that travel with their rate.

    Parameters
    ----------
    samples
        float32, shape (n,).
    rate_hz
        Samples a second.
    """

    samples: Samples
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise TypeError(
                f"a Wave is float32 of shape (n,), not {self.samples.dtype} {self.samples.shape}"
            )
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz must be positive, not {self.rate_hz}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True, eq=False)
class Recording:
    """A file as decoded: samples of shape (n, channels), and what the container said."""

    samples: Samples
    rate_hz: int
    container: str
    decoder: str

    @property
    def channels(self) -> int:
        return self.samples.shape[1]


def read(source: Encoded, limits: Limits = LIMITS) -> Recording:
    """Decode a whole file, the bytes of one, or what lies elsewhere.

    Raises
    ------
    ClipRejected
        Where neither decoder can make sound of it, or it is over a limit.
    ClipError
        Where the place that it lies at fails to give it.
    """
    with _opened(source, limits) as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise ClipRejected("a Git LFS pointer, not audio: run git lfs pull")
        try:
            file.seek(0)
            return _read_soundfile(file, limits)
        except _UndecodableError as first:
            try:
                file.seek(0)
                return _read_av(file, limits)
            except _UndecodableError as second:
                raise ClipRejected(f"cannot be decoded: {first}; {second}") from second


def mono(recording: Recording) -> Wave:
    """Mean over channels, computed in float64."""
    samples = recording.samples
    if samples.shape[1] == 1:
        return Wave(np.ascontiguousarray(samples[:, 0]), recording.rate_hz)
    mixed = np.empty(len(samples), np.float32)
    for start in range(0, len(samples), _BLOCK):  # float64 of a block and not of everything
        block = samples[start : start + _BLOCK]
        mixed[start : start + _BLOCK] = block.mean(axis=1, dtype=np.float64)
    return Wave(mixed, recording.rate_hz)


def load(source: Encoded, limits: Limits = LIMITS) -> Wave:
    """Decode and downmix, where there is sound to work on.

    Raises
    ------
    ClipRejected
        Where it cannot be read, is empty, or holds what is no number or beyond the limit.
    """
    return sound(read(source, limits), limits)


def sound(recording: Recording, limits: Limits = LIMITS) -> Wave:
    """Downmix what was decoded, where there is sound to work on.

    Raises
    ------
    ClipRejected
        Where it is empty, or holds what is no number or beyond the limit.
    """
    wave = mono(recording)
    if not len(wave.samples):
        raise ClipRejected("no samples")
    peak = max(float(wave.samples.max()), -float(wave.samples.min()))
    if not math.isfinite(peak):
        raise ClipRejected("NaN or infinite samples")
    if peak > limits.peak:
        raise ClipRejected(f"a sample of {peak:.3g} is over the limit of {limits.peak:.3g}")
    return wave


def resample(wave: Wave, rate_hz: int) -> Wave:
    """The wave at another rate, by `torchaudio.transforms.Resample` with its defaults.

    The result has `ceil(n * rate_hz / wave.rate_hz)` samples; content keeps its place in time.

    Raises
    ------
    ClipRejected
        Where the two rates have so small a common divisor that the filter would not fit in memory.
    """
    if wave.rate_hz == rate_hz:
        return wave
    import torch

    with torch.no_grad():
        resampled = _resampler(wave.rate_hz, rate_hz)(torch.from_numpy(wave.samples))
    return Wave(resampled.numpy(), rate_hz)


def _resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    divisor = math.gcd(from_hz, to_hz)
    taps = (from_hz // divisor) * (to_hz // divisor)
    if taps > _LARGEST_RESAMPLER:
        raise ClipRejected(f"{from_hz} Hz has no ratio to {to_hz} Hz that can be resampled exactly")
    return (_small_resampler if taps <= _SMALL_RESAMPLER else _large_resampler)(from_hz, to_hz)


@lru_cache(maxsize=64)
def _small_resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    return Resample(from_hz, to_hz)


@lru_cache(maxsize=2)
def _large_resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    return Resample(from_hz, to_hz)


class _UndecodableError(Exception):
    """One decoder can make nothing of it; another may."""


class _Seekable:
    """A file as libraries in C take one: a seek to nowhere is answered -1 and raises nothing.

    Damaged files have them look there. PyAV would raise it long after FFmpeg has got over it.
    """

    def __init__(self, file: io.FileIO | io.BytesIO) -> None:
        self._file, self.read, self.tell = file, file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def _opened(source: Encoded, limits: Limits) -> io.FileIO | io.BytesIO:
    if isinstance(source, Path):
        return _opened_file(source)
    content = source if isinstance(source, bytes) else source.fetch(limits.encoded_bytes)
    return io.BytesIO(content)


def _opened_file(path: Path) -> io.FileIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for, a device never end
            raise ClipRejected("cannot be opened: not a regular file")
        return path.open("rb", buffering=0)
    except OSError as fault:
        raise ClipRejected(f"cannot be opened: {fault.strerror}") from fault
    except ValueError as fault:  # a name with a zero byte
        raise ClipRejected(f"cannot be opened: {fault}") from fault


def _read_soundfile(file: io.FileIO | io.BytesIO, limits: Limits) -> Recording:
    # By descriptor, because libsndfile takes a file for headerless by its name alone.
    descriptor: Any = _Seekable(file) if isinstance(file, io.BytesIO) else file.fileno()
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if sound.frames == _UNKNOWN_FRAMES:
                raise _UndecodableError("the length is not in the header")
            _check(sound.samplerate, sound.channels, sound.frames, limits)
            # So many as are said to be there: GSM cannot be sought in and must be told.
            samples = sound.read(sound.frames, dtype="float32", always_2d=True)
            container = f"{sound.format}/{sound.subtype}"
            return Recording(
                np.asarray(samples, np.float32), sound.samplerate, container, "soundfile"
            )
    except soundfile.LibsndfileError as fault:
        raise _UndecodableError(fault.error_string.rstrip(".")) from fault


def _read_av(file: io.FileIO | io.BytesIO, limits: Limits) -> Recording:
    try:
        with av.open(_Seekable(file), mode="r", container_options=_CONFINED) as container:
            if not container.streams.audio:
                raise _UndecodableError("no audio stream")
            return _decode(container, container.streams.audio[0], limits)
    except av.error.FFmpegError as fault:
        raise _UndecodableError(fault.strerror or "FFmpeg failed") from fault
    except (ValueError, UnicodeError) as fault:
        # PyAV's own, as where frames change their rate or layout on the way.
        raise _UndecodableError(str(fault)) from fault


def _decode(container: InputContainer, stream: AudioStream, limits: Limits) -> Recording:
    if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise _UndecodableError("no decoder for the audio stream")
    rate_hz, channels, frames = stream.rate, stream.channels, 0
    _check(rate_hz, channels, 0, limits)
    blocks: deque[Samples] = deque()
    resampler = av.AudioResampler(format="flt")  # PyAV cannot read more than 8 channels in planes
    for frame in chain(container.decode(stream), [None]):
        for block in resampler.resample(frame):
            channels = block.layout.nb_channels
            blocks.append(np.asarray(block.to_ndarray(), np.float32).reshape(-1, channels))
            frames += block.samples
            _check(rate_hz, channels, frames, limits)
    if not blocks:
        raise _UndecodableError("no audio in the stream")
    samples = np.empty((frames, channels), np.float32)
    start = 0
    while blocks:  # each block is let go once it is copied
        block = blocks.popleft()
        samples[start : start + len(block)] = block
        start += len(block)
    name = f"{container.format.name}/{stream.codec_context.name}"
    return Recording(samples, rate_hz, name, "pyav")


def _check(rate_hz: int, channels: int, frames: int, limits: Limits) -> None:
    if rate_hz > limits.rate_hz:
        raise ClipRejected(f"{rate_hz} Hz is over the limit of {limits.rate_hz} Hz")
    if rate_hz < limits.lowest_rate_hz:
        raise ClipRejected(f"{rate_hz} Hz is under the limit of {limits.lowest_rate_hz} Hz")
    if channels > limits.channels:
        raise ClipRejected(f"{channels} channels are over the limit of {limits.channels}")
    if frames > limits.seconds * rate_hz:
        raise ClipRejected(f"{frames / rate_hz:.0f} s are over the limit of {limits.seconds:.0f} s")
    if frames * channels * 4 > limits.decoded_bytes:
        raise ClipRejected(f"more than {limits.decoded_bytes} bytes when decoded")

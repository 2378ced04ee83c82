"""Sound in memory and the one way it gets there from a file.

Conventions: samples are float32 in [-1, 1] (a float file may exceed that and is not clipped), time
is in seconds, rates in Hz. A `Wave` is mono. Files are read with soundfile and, where soundfile
cannot, with PyAV; the downmix is the mean over channels and the resampler is torchaudio's with its
defaults, which is what the model card's usage code does.
"""

from __future__ import annotations

import io
import math
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
from numpy.typing import NDArray

from harness.errors import ClipRejected

Samples = NDArray[np.float32]

_LARGEST_RESAMPLER = 2**27
"""Taps of the largest polyphase filter that is built; 44.1 to 16 kHz needs under 2**17."""


@dataclass(frozen=True)
class Limits:
    """The largest recording that is read; anything larger is rejected by name of the limit."""

    seconds: float = 3600.0
    channels: int = 32
    rate_hz: int = 384_000
    decoded_bytes: int = 2 * 1024**3


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


def read(source: Path | bytes, limits: Limits = LIMITS) -> Recording:
    """Decode a whole file, or the bytes of one.

    Raises
    ------
    ClipRejected
        Where neither decoder can make sound of it, or it is over a limit.
    """
    if isinstance(source, Path) and not source.is_file():  # a pipe would be waited for
        what = "not a regular file" if source.exists() else "no such file"
        raise ClipRejected(f"cannot be opened: {what}")
    try:
        return _read_soundfile(source, limits)
    except soundfile.LibsndfileError as first:
        try:
            return _read_av(source, limits)
        except (av.error.FFmpegError, ValueError, IndexError, UnicodeError) as second:
            raise ClipRejected(f"cannot be decoded: {first}; {second}") from second
    except OSError as fault:
        raise ClipRejected(f"cannot be opened: {fault.strerror or fault}") from fault


def mono(recording: Recording) -> Wave:
    """Mean over channels."""
    samples = recording.samples
    mixed = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float64)
    return Wave(np.ascontiguousarray(mixed, dtype=np.float32), recording.rate_hz)


def load(source: Path | bytes, limits: Limits = LIMITS) -> Wave:
    """Decode and downmix, where there is sound to work on.

    Raises
    ------
    ClipRejected
        Where it cannot be read, is empty, or holds what is no number.
    """
    wave = mono(read(source, limits))
    if not len(wave.samples):
        raise ClipRejected("no samples")
    if not np.isfinite(wave.samples).all():
        raise ClipRejected("NaN or infinite samples")
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


@lru_cache(maxsize=64)
def _resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    divisor = math.gcd(from_hz, to_hz)
    if (from_hz // divisor) * (to_hz // divisor) > _LARGEST_RESAMPLER:
        raise ClipRejected(f"{from_hz} Hz has no ratio to {to_hz} Hz that can be resampled exactly")
    return Resample(from_hz, to_hz)


def _read_soundfile(source: Path | bytes, limits: Limits) -> Recording:
    with soundfile.SoundFile(
        io.BytesIO(source) if isinstance(source, bytes) else str(source)
    ) as file:
        _check(file.samplerate, file.channels, file.frames, limits)
        samples = file.read(dtype="float32", always_2d=True)
        container = f"{file.format}/{file.subtype}"
        return Recording(np.asarray(samples, np.float32), file.samplerate, container, "soundfile")


def _read_av(source: Path | bytes, limits: Limits) -> Recording:
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    with av.open(file, mode="r") as container:
        stream = container.streams.audio[0]
        rate_hz, channels = stream.rate, stream.channels
        _check(rate_hz, channels, 0, limits)
        resampler = av.AudioResampler(format="fltp")
        blocks: list[Samples] = []
        frames = 0
        for frame in chain(container.decode(stream), [None]):
            for block in resampler.resample(frame):
                blocks.append(np.asarray(block.to_ndarray(), np.float32))
                frames += block.samples
                _check(rate_hz, channels, frames, limits)
        if not blocks:
            raise ValueError("no audio in the stream")
        samples = np.ascontiguousarray(np.concatenate(blocks, axis=1).T)
        name = f"{container.format.name}/{stream.codec_context.name}"
        return Recording(samples, rate_hz, name, "pyav")


def _check(rate_hz: int, channels: int, frames: int, limits: Limits) -> None:
    if rate_hz > limits.rate_hz:
        raise ClipRejected(f"{rate_hz} Hz is over the limit of {limits.rate_hz} Hz")
    if channels > limits.channels:
        raise ClipRejected(f"{channels} channels are over the limit of {limits.channels}")
    if frames > limits.seconds * rate_hz:
        raise ClipRejected(f"{frames / rate_hz:.0f} s are over the limit of {limits.seconds:.0f} s")
    if frames * channels * 4 > limits.decoded_bytes:
        raise ClipRejected(f"more than {limits.decoded_bytes} bytes when decoded")

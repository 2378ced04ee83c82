"""What comes out of a decoder, and what it may be at most."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.errors import ClipRejected

Samples = NDArray[np.float32]


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
class Recording:
    """A file as decoded.

    Parameters
    ----------
    samples
        float32, shape (n, channels).
    container
        Container and codec, in the decoder's words.
    decoder
        `soundfile` or `pyav`.
    notes
        What a listener has to know: sound that was not decoded, a header that is wrong, tracks
        and channels that are not heard. Short sentences without a semicolon; what differs from
        file to file stands behind a colon.
    """

    samples: Samples
    rate_hz: int
    container: str
    decoder: str
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        return self.samples.shape[1]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz

    def noted(self, *notes: str) -> Recording:
        """The same with more notes; empty ones and those that it has are left out."""
        return replace(self, notes=tuple(dict.fromkeys([*self.notes, *filter(None, notes)])))


class UndecodableError(Exception):
    """One decoder can make nothing of it; another may."""


def check(rate_hz: int, channels: int, frames: int, limits: Limits) -> None:
    """Hold what a file says, or what is decoded of it, against the limits.

    Raises
    ------
    ClipRejected
        Where it is over one.
    """
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

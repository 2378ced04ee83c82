"""A decoded recording, and the limits of what is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.errors import ClipRejected

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class AudioLimits:
    """The largest recording that is decoded; anything larger is rejected with the limit's name.

    There are as many preparing processes as processors, and a condition takes up to 12 times the
    bytes of the mono recording (resampler 7, attestation 3, copies in float64), or more if it makes
    the recording longer. So the largest recording costs its process 6 GiB at most in the suites of
    the harness. It holds an hour at 16 or 32 kHz, 46 minutes at 48 kHz and 25 minutes of 44.1 kHz
    in stereo, far more than any detector uses.

    Parameters
    ----------
    seconds
        By the container if it says, otherwise by count.
    channels, lowest_rate_hz, rate_hz
        By the container. Below the lowest rate no speech is left, and filters and time stretchers
        fail, some by ending the process.
    decoded_bytes
        Of all channels as float32. Decoding and the downmix take up to three times as much.
    encoded_bytes
        Of a recording that is not on disk and so is read whole before it is decoded; only films
        exceed it within the other limits.
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

    def check(self, rate_hz: int, channels: int, frames: int) -> None:
        """Check what a file says, or what is decoded of it so far.

        Raises ClipRejected if it exceeds a limit.
        """
        if rate_hz > self.rate_hz:
            raise ClipRejected(f"{rate_hz} Hz is over the limit of {self.rate_hz} Hz")
        if rate_hz < self.lowest_rate_hz:
            raise ClipRejected(f"{rate_hz} Hz is under the limit of {self.lowest_rate_hz} Hz")
        if channels > self.channels:
            raise ClipRejected(f"{channels} channels are over the limit of {self.channels}")
        if frames > self.seconds * rate_hz:
            raise ClipRejected(
                f"{frames / rate_hz:.0f} s are over the limit of {self.seconds:.0f} s"
            )
        if frames * channels * 4 > self.decoded_bytes:
            raise ClipRejected(f"more than {self.decoded_bytes} bytes when decoded")


LIMITS = AudioLimits()


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
        What a listener has to know: sound that was not decoded, a wrong header, tracks and channels
        that are not used. Short sentences without a semicolon; whatever differs from file to file
        follows a colon.
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

    def with_notes(self, *notes: str) -> Recording:
        """Return the same with more notes, without empty or repeated ones."""
        return replace(self, notes=tuple(dict.fromkeys([*self.notes, *filter(None, notes)])))


class UndecodableError(Exception):
    """A recording that this decoder cannot decode; another may."""

"""Recordings as FFmpeg decodes them, through PyAV.

A packet that fails costs itself; the first frame of another rate or channel count ends the sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition

from harness.audio import container
from harness.audio.bitstream import File
from harness.audio.container import FOLLOWS
from harness.audio.decoded import Limits, Recording, Samples, UndecodableError, check

_CONFINED = {"protocol_whitelist": "none"}
"""FFmpeg reads what it was handed and opens nothing by itself, whatever a playlist names."""
_SHORT_S = 0.1
"""By so much FFmpeg's length of a stream may exceed what it decodes: a coder's delay."""


class Seekable:
    """A file as libraries in C take one: a seek to nowhere is answered -1 and raises nothing.

    Damaged files have them look there. PyAV would raise it long after FFmpeg has got over it.
    """

    def __init__(self, file: File) -> None:
        self._file, self.read, self.tell = file, file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def read_av(file: File, limits: Limits) -> Recording:
    """Decode a file from its beginning, or raise `UndecodableError`."""
    file.seek(0)
    try:
        with av.open(Seekable(file), mode="r", container_options=_CONFINED) as opened:
            tracks = opened.streams.audio
            if not tracks:
                raise UndecodableError("no audio stream")
            chosen = next((one for one in tracks if one.disposition & Disposition.default), None)
            recording = _decode(opened, chosen or tracks[0], limits)
            if len(tracks) == 1:
                return recording
            number = tracks.index(chosen or tracks[0]) + 1
            return recording.noted(container.tracks(len(tracks), number, chosen is not None))
    except av.error.FFmpegError as fault:
        raise UndecodableError(fault.strerror or "FFmpeg failed") from fault
    except (ValueError, UnicodeError) as fault:  # PyAV's own
        raise UndecodableError(str(fault)) from fault


@dataclass
class _Loss:
    """What FFmpeg gave no sound of."""

    failed: int = 0
    packets: int = 0
    other: str = ""
    fault: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        damaged = f"damaged parts were left out: {self.failed} of {self.packets} packets"
        return (damaged if self.failed else "", f"{FOLLOWS}: {self.other}" if self.other else "")


def _decode(opened: InputContainer, stream: AudioStream, limits: Limits) -> Recording:
    if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise UndecodableError("no decoder for the audio stream")
    rate_hz, channels, frames = stream.rate, stream.channels, 0
    check(rate_hz, channels, 0, limits)
    blocks: deque[Samples] = deque()
    loss = _Loss()
    resampler = av.AudioResampler(format="flt")  # PyAV cannot read more than 8 channels in planes
    for frame in _frames(opened, stream, loss):
        if frame is not None and (frame.rate, frame.layout.nb_channels) != (rate_hz, channels):
            loss.other = f"{frame.rate} Hz, {frame.layout.nb_channels} channel(s)"
            if not frames:  # a coder that starts at half the rate before it knows better
                continue
            break
        for block in resampler.resample(frame):
            blocks.append(np.asarray(block.to_ndarray(), np.float32).reshape(-1, channels))
            frames += block.samples
            check(rate_hz, channels, frames, limits)
    if not blocks or loss.failed > loss.packets / 2:
        raise UndecodableError(loss.fault or "no audio in the stream")
    samples = np.empty((frames, channels), np.float32)
    start = 0
    while blocks:  # each block is let go once it is copied
        block = blocks.popleft()
        samples[start : start + len(block)] = block
        start += len(block)
    name = f"{opened.format.name}/{stream.codec_context.name}"
    return Recording(samples, rate_hz, name, "pyav").noted(
        *loss.notes, _shortfall(opened, stream, frames / rate_hz)
    )


def _frames(
    opened: InputContainer, stream: AudioStream, loss: _Loss
) -> Iterator[AudioFrame | None]:
    """Every frame that can be decoded, and None at the end, for what the resampler holds."""
    for packet in _packets(opened, stream, loss):
        loss.packets += bool(packet.size)
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError as fault:
            loss.failed += 1
            loss.fault = loss.fault or fault.strerror or "FFmpeg failed"
            continue
        yield from frames
    yield None


def _packets(opened: InputContainer, stream: AudioStream, loss: _Loss) -> Iterator[Packet]:
    try:
        yield from opened.demux(stream)
    except av.error.FFmpegError as fault:
        if not loss.packets:
            raise
        loss.other = fault.strerror or "FFmpeg failed"


_EXACT = ("mov", "wav", "aiff", "caf", "flac", "w64", "au")
"""Formats of FFmpeg, by their first name, whose headers say how long a stream is."""


def _shortfall(opened: InputContainer, stream: AudioStream, seconds: float) -> str:
    exact = opened.format.name.partition(",")[0] in _EXACT
    if not exact or stream.duration is None or stream.time_base is None:
        return ""
    said_s = float(stream.duration * stream.time_base)
    return container.cut_off(seconds, said_s) if said_s > seconds + _SHORT_S else ""

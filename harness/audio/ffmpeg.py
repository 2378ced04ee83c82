"""Decode recordings with FFmpeg, through PyAV.

A packet that fails is left out; the first frame of another rate or channel count ends the sound.
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
from harness.audio.recording import AudioLimits, Recording, Samples, UndecodableError

_CONFINED = {"protocol_whitelist": "none"}
"""FFmpeg reads the file it was given and opens nothing else, whatever a playlist names."""
_SHORT_S = 0.1
"""Longest part of a stream that its header counts and decoding may lack: a coder's delay."""


class SeekableFile:
    """A file for C libraries: an impossible seek returns -1 instead of raising.

    Damaged files cause such seeks. PyAV would raise the exception long after FFmpeg recovered.
    """

    def __init__(self, file: File) -> None:
        self._file, self.read, self.tell = file, file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def read_av(file: File, limits: AudioLimits) -> Recording:
    """Decode a file from its start, or raise `UndecodableError`."""
    file.seek(0)
    try:
        with av.open(SeekableFile(file), mode="r", container_options=_CONFINED) as opened:
            tracks = opened.streams.audio
            if not tracks:
                raise UndecodableError("no audio stream")
            chosen = next(
                (track for track in tracks if track.disposition & Disposition.default), None
            )
            recording = _decode(opened, chosen or tracks[0], limits)
            if len(tracks) == 1:
                return recording
            number = tracks.index(chosen or tracks[0]) + 1
            return recording.with_notes(
                container.track_note(len(tracks), number, chosen is not None)
            )
    except av.error.FFmpegError as fault:
        raise UndecodableError(fault.strerror or "FFmpeg failed") from fault
    except (ValueError, UnicodeError) as fault:  # PyAV's own
        raise UndecodableError(str(fault)) from fault


@dataclass
class _Loss:
    """Packets that FFmpeg could not decode."""

    failed: int = 0
    packets: int = 0
    rest: str = ""
    fault: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        damaged = f"damaged parts were left out: {self.failed} of {self.packets} packets"
        return (damaged if self.failed else "", f"{FOLLOWS}: {self.rest}" if self.rest else "")


def _decode(opened: InputContainer, stream: AudioStream, limits: AudioLimits) -> Recording:
    if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise UndecodableError("no decoder for the audio stream")
    rate_hz, channels, frames = stream.rate, stream.channels, 0
    limits.check(rate_hz, channels, 0)
    blocks: deque[Samples] = deque()
    loss = _Loss()
    resampler = av.AudioResampler(format="flt")  # PyAV cannot read more than 8 planar channels
    for frame in _frames(opened, stream, loss):
        if frame is not None and (frame.rate, frame.layout.nb_channels) != (rate_hz, channels):
            loss.rest = f"{frame.rate} Hz, {frame.layout.nb_channels} channel(s)"
            if not frames:  # a coder may start at half its rate
                continue
            break
        for block in resampler.resample(frame):
            blocks.append(np.asarray(block.to_ndarray(), np.float32).reshape(-1, channels))
            frames += block.samples
            limits.check(rate_hz, channels, frames)
    if not blocks or loss.failed > loss.packets / 2:
        raise UndecodableError(loss.fault or "no audio in the stream")
    samples = np.empty((frames, channels), np.float32)
    start = 0
    while blocks:  # releases each block once it is copied
        block = blocks.popleft()
        samples[start : start + len(block)] = block
        start += len(block)
    name = f"{opened.format.name}/{stream.codec_context.name}"
    return Recording(samples, rate_hz, name, "pyav").with_notes(
        *loss.notes, _shortfall(opened, stream, frames / rate_hz)
    )


def _frames(
    opened: InputContainer, stream: AudioStream, loss: _Loss
) -> Iterator[AudioFrame | None]:
    """Yield every frame that can be decoded, then None to flush the resampler."""
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
        loss.rest = fault.strerror or "FFmpeg failed"


_EXACT = ("mov", "wav", "aiff", "caf", "flac", "w64", "au")
"""Formats of FFmpeg, by their first name, whose headers give the length of a stream."""


def _shortfall(opened: InputContainer, stream: AudioStream, seconds: float) -> str:
    exact = opened.format.name.partition(",")[0] in _EXACT
    if not exact or stream.duration is None or stream.time_base is None:
        return ""
    said_s = float(stream.duration * stream.time_base)
    return container.cut_off(seconds, said_s) if said_s > seconds + _SHORT_S else ""

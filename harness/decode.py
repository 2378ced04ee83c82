"""From the bytes of a recording to its samples, and what of it could not be had.

Files are read with soundfile and, where soundfile cannot, with PyAV. A file is judged by its
content and never by its name, only regular files are opened, and no file can have another one, or
an address, read in its place: playlists and the like are not recordings.

A file that is cut off is what is left of it, where its decoder makes sound of that. Recordings that
follow each other in one file are one recording where their rate and channels are the same. Whatever
is there and was not decoded is in `Recording.notes`.
"""

from __future__ import annotations

import io
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from numpy.typing import NDArray

from harness import bitstream, container
from harness.bitstream import File, at, size
from harness.container import CUT_OFF, FOLLOWS
from harness.errors import ClipRejected
from harness.recording import Encoded

Samples = NDArray[np.float32]

_POINTER = b"version https://git-lfs"
_CONFINED = {"protocol_whitelist": "none"}
"""FFmpeg reads what it was handed and opens nothing by itself, whatever a playlist names."""
_UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says where a header leaves the length open, as a FLAC that was streamed does."""
_SHORT_S = 0.1
"""By so much FFmpeg's length of a stream may exceed what it decodes: a coder's delay."""


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


def decode(source: Encoded, limits: Limits) -> Recording:
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
        recording, position = _decoded(file, limits)
        if starts := container.further_starts(file, position):
            return _joined(file, starts, limits)
        if position is not None and bitstream.flac_goes_on(file, position, len(recording.samples)):
            recording = _more_of(recording, file, limits)
        if any(note.startswith(CUT_OFF) for note in recording.notes):
            return recording
        return recording.noted(*container.claims(file, recording.seconds))


def _decoded(file: File, limits: Limits) -> tuple[Recording, int | None]:
    """What the first decoder that can makes of it, and up to which byte soundfile has read."""
    empty: Recording | None = None
    try:
        file.seek(0)
        first, position = _read_soundfile(file, limits)
        if len(first.samples):
            return first, position
        empty, told = first, "it finds no samples"
    except _UndecodableError as fault:
        told = str(fault)
    try:
        second = _read_av(file, limits)
    except _UndecodableError as fault:
        if empty is not None:
            return empty, None
        raise ClipRejected(f"cannot be decoded: {told}; {fault}") from fault
    known = told.startswith(_NOT_ITS_OWN)
    return second.noted(
        "" if known else f"libsndfile cannot read it and FFmpeg can: {_plain(told)}"
    ), None


_NOT_ITS_OWN = ("Format not recognised", "the length is not in the header")
"""Faults of libsndfile that say nothing against a file."""


def _more_of(recording: Recording, file: File, limits: Limits) -> Recording:
    """A FLAC with more frames than its header says: all of it, as FFmpeg reads it."""
    told = f"the header says less than is there: {recording.seconds:.2f} s"
    try:
        whole = _read_av(file, limits)
    except (_UndecodableError, ClipRejected) as fault:
        return recording.noted(f"{FOLLOWS}: {_plain(fault)}")
    if (whole.rate_hz, whole.channels) != (recording.rate_hz, recording.channels):
        return recording.noted(FOLLOWS)
    return whole.noted(told) if len(whole.samples) > len(recording.samples) else recording


def _joined(file: File, starts: Sequence[int], limits: Limits) -> Recording:
    """Recordings that follow each other in one file, up to the first of another kind."""
    parts: list[Recording] = []
    lost = ""
    for start, end in zip([0, *starts], [*starts, size(file)], strict=True):
        try:
            part, _ = _decoded(io.BytesIO(at(file, start, end - start)), limits)
            if not len(part.samples):
                raise ClipRejected("no samples")
            first = parts[0] if parts else part
            if (part.rate_hz, part.channels) != (first.rate_hz, first.channels):
                raise ClipRejected(f"{part.rate_hz} Hz, {part.channels} channel(s)")
            frames = sum(len(each.samples) for each in parts) + len(part.samples)
            _check(first.rate_hz, first.channels, frames, limits)
            parts.append(part)
        except ClipRejected as fault:
            if not parts:
                raise
            heard_s = sum(each.seconds for each in parts)
            lost = f"{FOLLOWS}: after {heard_s:.2f} s, {_plain(fault)}"
            break
    whole = replace(parts[0], samples=np.concatenate([part.samples for part in parts]))
    joined = f"recordings joined to one: {len(parts)}" if len(parts) > 1 else ""
    return whole.noted(*(note for part in parts for note in part.notes), joined, lost)


class _UndecodableError(Exception):
    """One decoder can make nothing of it; another may."""


class _Seekable:
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


def _opened(source: Encoded, limits: Limits) -> File:
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


def _read_soundfile(file: File, limits: Limits) -> tuple[Recording, int]:
    # By descriptor, because libsndfile takes a file for headerless by its name alone.
    descriptor: Any = _Seekable(file) if isinstance(file, io.BytesIO) else file.fileno()
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if sound.frames == _UNKNOWN_FRAMES:
                raise _UndecodableError("the length is not in the header")
            _check(sound.samplerate, sound.channels, sound.frames, limits)
            # So many as are said to be there: GSM cannot be sought in and must be told.
            samples = sound.read(sound.frames, dtype="float32", always_2d=True)
            position = file.tell()
            name = f"{sound.format}/{sound.subtype}"
            read = Recording(np.asarray(samples, np.float32), sound.samplerate, name, "soundfile")
            estimated = sound.format == "MP3" and not bitstream.mpeg_counts_frames(file)
            if sound.frames > len(samples) and not estimated:
                read = read.noted(container.cut_off(read.seconds, sound.frames / sound.samplerate))
            return read, position
    except soundfile.LibsndfileError as fault:
        raise _UndecodableError(fault.error_string.rstrip(".")) from fault


def _read_av(file: File, limits: Limits) -> Recording:
    file.seek(0)
    try:
        with av.open(_Seekable(file), mode="r", container_options=_CONFINED) as opened:
            tracks = opened.streams.audio
            if not tracks:
                raise _UndecodableError("no audio stream")
            chosen = next((one for one in tracks if one.disposition & Disposition.default), None)
            recording = _decode(opened, chosen or tracks[0], limits)
            if len(tracks) == 1:
                return recording
            number = tracks.index(chosen or tracks[0]) + 1
            return recording.noted(container.tracks(len(tracks), number, chosen is not None))
    except av.error.FFmpegError as fault:
        raise _UndecodableError(fault.strerror or "FFmpeg failed") from fault
    except (ValueError, UnicodeError) as fault:  # PyAV's own
        raise _UndecodableError(str(fault)) from fault


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
        raise _UndecodableError("no decoder for the audio stream")
    rate_hz, channels, frames = stream.rate, stream.channels, 0
    _check(rate_hz, channels, 0, limits)
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
            _check(rate_hz, channels, frames, limits)
    if not blocks or loss.failed > loss.packets / 2:
        raise _UndecodableError(loss.fault or "no audio in the stream")
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


def _plain(fault: object) -> str:
    return str(fault).removeprefix("Error : ").replace(";", ",")


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

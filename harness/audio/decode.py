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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from harness.audio import bitstream, container
from harness.audio.bitstream import File, at, size
from harness.audio.container import CUT_OFF, FOLLOWS
from harness.audio.decoded import Limits, Recording, UndecodableError, check
from harness.audio.encoded import Encoded
from harness.audio.ffmpeg import Seekable, read_av
from harness.errors import ClipRejected

_POINTER = b"version https://git-lfs"
_UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says where a header leaves the length open, as a FLAC that was streamed does."""


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
    except UndecodableError as fault:
        told = str(fault)
    try:
        second = read_av(file, limits)
    except UndecodableError as fault:
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
        whole = read_av(file, limits)
    except (UndecodableError, ClipRejected) as fault:
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
            check(first.rate_hz, first.channels, frames, limits)
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
    descriptor: Any = Seekable(file) if isinstance(file, io.BytesIO) else file.fileno()
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if sound.frames == _UNKNOWN_FRAMES:
                raise UndecodableError("the length is not in the header")
            check(sound.samplerate, sound.channels, sound.frames, limits)
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
        raise UndecodableError(fault.error_string.rstrip(".")) from fault


def _plain(fault: object) -> str:
    return str(fault).removeprefix("Error : ").replace(";", ",")

"""Decode a recording, and note what of it could not be decoded.

Files are read with soundfile and, if soundfile cannot, with PyAV. A file is judged by its content
and never by its name, only regular files are opened, and no file can have another file or an
address read in its place: playlists are not recordings.

A truncated file is whatever its decoder makes of the rest. Recordings that follow each other in one
file are joined if they agree in rate and channels. Whatever is there and was not decoded is in
`Recording.notes`.
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
from harness.audio.bitstream import File, read_at, size
from harness.audio.container import CUT_OFF, FOLLOWS
from harness.audio.encoded import Encoded
from harness.audio.ffmpeg import SeekableFile, read_av
from harness.audio.recording import AudioLimits, Recording, UndecodableError
from harness.errors import ClipRejected

_POINTER = b"version https://git-lfs"
_UNKNOWN_FRAMES = 2**63 - 1
"""Length that libsndfile gives for a header without one, as that of a streamed FLAC."""
_NO_FAULT_OF_THE_FILE = ("Format not recognised", "the length is not in the header")
"""Errors of libsndfile that are not evidence against a file."""


def decode(source: Encoded, limits: AudioLimits) -> Recording:
    """Decode a whole file, the bytes of one, or a recording that lies elsewhere.

    Raises
    ------
    ClipRejected
        If neither decoder can decode it, or it exceeds a limit.
    ClipError
        If the place where it lies fails to provide it.
    """
    with _open(source, limits) as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise ClipRejected("a Git LFS pointer, not audio: run git lfs pull")
        recording, position = _decode_first(file, limits)
        if starts := container.further_starts(file, position):
            return _join(file, starts, limits)
        if position is not None and bitstream.flac_continues(
            file, position, len(recording.samples)
        ):
            recording = _decode_longer(recording, file, limits)
        if any(note.startswith(CUT_OFF) for note in recording.notes):
            return recording
        return recording.with_notes(*container.header_notes(file, recording.seconds))


def _decode_first(file: File, limits: AudioLimits) -> tuple[Recording, int | None]:
    """Decode with the first decoder that can; also return how far soundfile has read."""
    empty: Recording | None = None
    try:
        file.seek(0)
        recording, position = _read_soundfile(file, limits)
        if len(recording.samples):
            return recording, position
        empty, problem = recording, "it finds no samples"
    except UndecodableError as fault:
        problem = str(fault)
    try:
        recording = read_av(file, limits)
    except UndecodableError as fault:
        if empty is not None:
            return empty, None
        raise ClipRejected(f"cannot be decoded: {problem}; {fault}") from fault
    if not problem.startswith(_NO_FAULT_OF_THE_FILE):
        recording = recording.with_notes(
            f"libsndfile cannot read it and FFmpeg can: {_as_note(problem)}"
        )
    return recording, None


def _decode_longer(recording: Recording, file: File, limits: AudioLimits) -> Recording:
    """Decode a FLAC with more frames than its header says: all of them, with FFmpeg."""
    try:
        whole = read_av(file, limits)
    except (UndecodableError, ClipRejected) as fault:
        return recording.with_notes(f"{FOLLOWS}: {_as_note(fault)}")
    if (whole.rate_hz, whole.channels) != (recording.rate_hz, recording.channels):
        return recording.with_notes(FOLLOWS)
    if len(whole.samples) <= len(recording.samples):
        return recording
    return whole.with_notes(f"the header says less than is there: {recording.seconds:.2f} s")


def _join(file: File, starts: Sequence[int], limits: AudioLimits) -> Recording:
    """Join recordings that follow each other in one file, up to the first of another format."""
    parts: list[Recording] = []
    rest = ""
    for start, end in zip([0, *starts], [*starts, size(file)], strict=True):
        try:
            part, _ = _decode_first(io.BytesIO(read_at(file, start, end - start)), limits)
            if not len(part.samples):
                raise ClipRejected("no samples")
            first = parts[0] if parts else part
            if (part.rate_hz, part.channels) != (first.rate_hz, first.channels):
                raise ClipRejected(f"{part.rate_hz} Hz, {part.channels} channel(s)")
            frames = sum(len(earlier.samples) for earlier in parts) + len(part.samples)
            limits.check(first.rate_hz, first.channels, frames)
            parts.append(part)
        except ClipRejected as fault:
            if not parts:
                raise
            decoded_s = sum(decoded.seconds for decoded in parts)
            rest = f"{FOLLOWS}: after {decoded_s:.2f} s, {_as_note(fault)}"
            break
    whole = replace(parts[0], samples=np.concatenate([part.samples for part in parts]))
    joined = f"recordings joined to one: {len(parts)}" if len(parts) > 1 else ""
    return whole.with_notes(*(note for part in parts for note in part.notes), joined, rest)


def _open(source: Encoded, limits: AudioLimits) -> File:
    if not isinstance(source, Path):
        content = source if isinstance(source, bytes) else source.fetch(limits.encoded_bytes)
        return io.BytesIO(content)
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # a pipe may block, a device may never end
            raise ClipRejected("cannot be opened: not a regular file")
        return source.open("rb", buffering=0)
    except OSError as fault:
        raise ClipRejected(f"cannot be opened: {fault.strerror}") from fault
    except ValueError as fault:  # a name with a zero byte
        raise ClipRejected(f"cannot be opened: {fault}") from fault


def _read_soundfile(file: File, limits: AudioLimits) -> tuple[Recording, int]:
    # By descriptor, because by name libsndfile may take a file for headerless.
    descriptor: Any = SeekableFile(file) if isinstance(file, io.BytesIO) else file.fileno()
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if sound.frames == _UNKNOWN_FRAMES:
                raise UndecodableError("the length is not in the header")
            limits.check(sound.samplerate, sound.channels, sound.frames)
            # With a count, because GSM is not seekable and would not know its end.
            samples = sound.read(sound.frames, dtype="float32", always_2d=True)
            position = file.tell()
            name = f"{sound.format}/{sound.subtype}"
            samples = np.asarray(samples, np.float32)
            recording = Recording(samples, sound.samplerate, name, "soundfile")
            estimated = sound.format == "MP3" and not bitstream.mpeg_counts_frames(file)
            if sound.frames > len(samples) and not estimated:
                said_s = sound.frames / sound.samplerate
                recording = recording.with_notes(container.cut_off(recording.seconds, said_s))
            return recording, position
    except soundfile.LibsndfileError as fault:
        raise UndecodableError(fault.error_string.rstrip(".")) from fault


def _as_note(fault: object) -> str:
    return str(fault).removeprefix("Error : ").replace(";", ",")

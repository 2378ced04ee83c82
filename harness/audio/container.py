"""Compare what the bytes of a file claim with what was decoded of it.

Decoders stop where a header says that the sound ends, whatever follows. This module finds further
recordings after it, and headers that disagree with the content. Tags, pictures and padding are not
sound and are ignored. Only the relevant parts of a file are read.

Sources: RIFF (Microsoft and IBM, 1991), ISO 14496-12 (MP4), RFC 8794 (EBML), and the magic numbers
of the other formats.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache

from harness.audio import bitstream
from harness.audio.bitstream import File, read_at, size

FOLLOWS = "sound follows that was not decoded"
CUT_OFF = "cut off or damaged"

_AHEAD = 2**14
"""Bytes of FLAC or Ogg that libsndfile may have read ahead; it reads 8192 at a time."""
_BLOCK = 2**20
_LONGEST_MARK = 64
_LOST_S = 0.1
"""Longest part of an Ogg stream that its pages count and decoding may lack."""
_OPEN = 0x7FFF0000
"""Smallest chunk size that stands for an unknown one, as in a stream."""

_MARKS = {
    b"RIFF": rb"RIFF.{4}WAVE",
    b"RF64": rb"RF64.{4}WAVE",
    b"riff": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb",
    b"FORM": rb"FORM.{4}(AIFF|AIFC|8SVX|16SV)",
    b"caff": rb"caff\x00[\x01\x02]\x00\x00desc",
    b".snd": rb"\.snd\x00\x00.{2}.{4}\x00\x00\x00[\x01-\x1b]",
    b"fLaC": rb"fLaC[\x00\x80]\x00\x00\x22",
    b"OggS": rb"OggS\x00[\x02\x06].{12}\x00{4}",
    b"ftyp": rb"ftyp[0-9A-Za-z ]{4}",
    b"\x1aE\xdf\xa3": rb"\x1aE\xdf\xa3.{1,56}(webm|matroska)",
    b"\x30\x26\xb2\x75": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    b"#!AMR": rb"#!AMR(-WB)?\n",
}
"""Beginnings of recordings: the bytes to search for, and the pattern that must match there."""
_BEFORE = {b"ftyp": 4}
"""Bytes before the mark: the size of a box."""


def cut_off(seconds: float, said_s: float) -> str:
    """Return the note on a file that claims more than could be decoded."""
    return f"{CUT_OFF}: {seconds:.2f} s of {said_s:.2f} s were decoded"


def track_note(count: int, number: int, default: bool) -> str:
    """Return the note on a file with several audio tracks, of which one was decoded."""
    choice = "the default" if default else "none is the default"
    return f"several audio tracks: track {number} of {count} was decoded, {choice}"


def further_starts(file: File, position: int | None) -> list[int]:
    """Return where further recordings start in a file, after the first at 0.

    Parameters
    ----------
    position
        The byte up to which the decoder has read; None if it reads everything that it understands,
        so that only recordings of the first one's format can remain.
    """
    head, end = read_at(file, 0, _LONGEST_MARK), size(file)
    begin = _header_end(file, head)
    if position is None:
        kind = [mark for mark in _MARKS if _is(mark, head, _BEFORE.get(mark, 0))]
        return list(_marked(file, begin, end, kind))
    ahead = _AHEAD if head[:4] in (b"fLaC", b"OggS") else 0
    starts = list(_marked(file, max(begin, position - ahead), end, list(_MARKS)))
    if not starts and (frames := bitstream.mpeg_start(file, position, end)):
        starts = [frames]
    return starts


def _is(mark: bytes, content: bytes, offset: int) -> bool:
    return _pattern(mark).match(content, offset) is not None


@cache
def _pattern(mark: bytes) -> re.Pattern[bytes]:
    return re.compile(_MARKS[mark], re.DOTALL)


def _marked(file: File, begin: int, end: int, marks: list[bytes]) -> Iterator[int]:
    """Yield the starts of recordings between two offsets, in order."""
    last = -1
    # Blocks overlap by a mark, so that none is cut in two.
    for offset in range(begin, end, _BLOCK) if marks else ():
        block = read_at(file, offset, _BLOCK + _LONGEST_MARK)
        starts: list[int] = []
        for mark in marks:
            place = block.find(mark)
            while 0 <= place < _BLOCK:
                start = offset + place - _BEFORE.get(mark, 0)
                if start > 0 and _is(mark, block, place):
                    starts.append(start)
                place = block.find(mark, place + 1)
        for start in sorted(starts):
            if start <= last:
                continue
            last = start
            yield start
            if read_at(file, start, 4) == b"OggS":  # its other tracks belong to it
                last = bitstream.first_pages(file, start)[-1].start


def _header_end(file: File, head: bytes) -> int:
    """Return the earliest place of a further recording: tags may contain whole files."""
    if head[:4] == b"fLaC":
        return bitstream.flac_frames_start(file)
    if head[:3] == b"ID3":
        return bitstream.id3_bytes(head)
    if head[:4] == b"OggS":
        return bitstream.first_pages(file, 0)[-1].end
    if head[8:12] == b"WAVE":
        end = 12
        for name, offset, count in _chunks(file, end, size(file)):
            if name in _MARKS or offset + count > size(file):
                break
            end = offset + count
        return end
    return 1


def header_notes(file: File, seconds: float) -> tuple[str, ...]:
    """Return notes on what a file claims, compared with the seconds that were decoded."""
    head = read_at(file, 0, 12)
    if head[:4] == b"OggS":
        return _ogg_notes(file, seconds)
    if (chunk := _sample_chunk(file, head)) is None:
        return ()
    offset, count = chunk
    rest = size(file) - offset
    if count >= _OPEN and count > rest:
        return ("the header leaves the length open",)
    if not count and rest and seconds:
        return ("the header says that there are no samples: those behind it were decoded",)
    if count > rest + 1:
        return (cut_off(seconds, seconds * count / rest),) if rest else ()
    if head[8:12] == b"WAVE":
        return (_trailing_note(file, offset + count, size(file)),)
    return ()


def _ogg_notes(file: File, seconds: float) -> tuple[str, ...]:
    count = bitstream.ogg_tracks(file)
    several = track_note(count, 1, default=False) if count > 1 else ""
    said_s = bitstream.ogg_seconds(file)
    return several, cut_off(seconds, said_s) if said_s > seconds + _LOST_S else ""


def _sample_chunk(file: File, head: bytes) -> tuple[int, int] | None:
    """Return where the samples of a WAV, AIFF or AU start, and their bytes by the header."""
    if head[:4] == b".snd":
        offset, count = struct.unpack(">II", head[4:12].ljust(8, b"\0"))
        return offset, count
    order = {b"RIFF": "<", b"RF64": "<", b"FORM": ">"}.get(head[:4])
    if order is None:
        return None
    wide = 0
    for name, offset, count in _chunks(file, 12, size(file), order):
        if name == b"ds64":
            (wide,) = struct.unpack("<Q", read_at(file, offset + 8, 8).ljust(8, b"\0"))
        if name in (b"data", b"SSND", b"BODY"):
            return offset, wide or count
    return None


def _chunks(
    file: File, offset: int, end: int, order: str = "<"
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and size of each chunk of a RIFF or IFF file."""
    while offset + 8 <= end:
        name, count = struct.unpack(order + "4sI", read_at(file, offset, 8))
        if not re.fullmatch(rb"[ -~]{4}", name):
            return
        yield name, offset + 8, count
        offset += 8 + count + count % 2


def _trailing_note(file: File, offset: int, end: int) -> str:
    """Return a note on bytes after the samples that are not chunks, tags or padding."""
    begin = offset
    for name, place, count in _chunks(file, offset + offset % 2, end):
        if name[:3] in (b"TAG", b"ID3") or name == b"APET":
            return ""
        if place + count > end + 1:
            break
        begin = min(place + count + count % 2, end)
    rest = end - begin
    if (
        not read_at(file, begin, min(rest, _BLOCK)).strip(b"\0")
        or read_at(file, begin, 3) == b"TAG"
    ):
        return ""
    return f"data follow that were not decoded: {rest} bytes behind the samples"

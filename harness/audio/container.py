"""What the bytes of a file say of the sound in it, without decoding it.

Decoders stop where a header says that the sound ends, whatever follows. Here is looked up whether
another recording starts behind, and whether a header agrees with what is there. Tags, pictures and
padding are no sound and nothing is said of them. Only the parts of a file that decide it are read.

Sources: RIFF (Microsoft and IBM, 1991), ISO 14496-12 (MP4), RFC 8794
(EBML), and the magic numbers of the other formats.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache

from harness.audio import bitstream
from harness.audio.bitstream import File, at, size

FOLLOWS = "sound follows that was not decoded"
CUT_OFF = "cut off or damaged"

_AHEAD = 2**14
"""Bytes of FLAC or Ogg that libsndfile may have read beyond what it decoded: it takes 8192."""
_BLOCK = 2**20
_LONGEST_MARK = 64
_LOST_S = 0.1
"""By so much an Ogg stream may be longer by its pages than by its decoder."""
_OPEN = 0x7FFF0000
"""From here on the size of a chunk stands for one that was not known, as of a stream."""

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
"""How recordings begin: four bytes to look for, and all that must be there."""
_BEFORE = {b"ftyp": 4}
"""Bytes of a beginning that stand before the mark: the size of a box."""


def cut_off(seconds: float, said_s: float) -> str:
    """Note on a file that says more than could be decoded."""
    return f"{CUT_OFF}: {seconds:.2f} s of {said_s:.2f} s were decoded"


def tracks(count: int, number: int, default: bool) -> str:
    """Note on a file with several tracks of sound, of which one is heard."""
    told = "the default" if default else "none is the default"
    return f"several audio tracks: track {number} of {count} was decoded, {told}"


def further_starts(file: File, position: int | None) -> list[int]:
    """Where in a file other recordings begin than the first, which begins at 0.

    Parameters
    ----------
    position
        Up to which byte the decoder has read; None where it reads all that it understands, and the
        others are of the kind of the first.
    """
    head, end = at(file, 0, _LONGEST_MARK), size(file)
    begin = _header_end(file, head)
    if position is None:
        kind = [mark for mark in _MARKS if _is(mark, head, _BEFORE.get(mark, 0))]
        return list(_marked(file, begin, end, kind))
    ahead = _AHEAD if head[:4] in (b"fLaC", b"OggS") else 0
    found = list(_marked(file, max(begin, position - ahead), end, list(_MARKS)))
    if not found and (frames := bitstream.mpeg_start(file, position, end)):
        found = [frames]
    return found


def _is(mark: bytes, content: bytes, offset: int) -> bool:
    return _pattern(mark).match(content, offset) is not None


@cache
def _pattern(mark: bytes) -> re.Pattern[bytes]:
    return re.compile(_MARKS[mark], re.DOTALL)


def _marked(file: File, begin: int, end: int, marks: list[bytes]) -> Iterator[int]:
    """Beginnings from one offset to another, in order; read in blocks that overlap by a mark."""
    last = -1
    for offset in range(begin, end, _BLOCK) if marks else ():
        block = at(file, offset, _BLOCK + _LONGEST_MARK)
        found: list[int] = []
        for mark in marks:
            place = block.find(mark)
            while 0 <= place < _BLOCK:
                start = offset + place - _BEFORE.get(mark, 0)
                if start > 0 and _is(mark, block, place):
                    found.append(start)
                place = block.find(mark, place + 1)
        for start in sorted(found):
            if start <= last:
                continue
            last = start
            yield start
            if at(file, start, 4) == b"OggS":  # the first pages of its other tracks are its own
                last = bitstream.first_pages(file, start)[-1].start


def _header_end(file: File, head: bytes) -> int:
    """Where at least another recording could begin: tags may hold whole files."""
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


def claims(file: File, seconds: float) -> tuple[str, ...]:
    """Notes on what a file holds against what was decoded of it, in seconds."""
    head = at(file, 0, 12)
    if head[:4] == b"OggS":
        return _ogg_claims(file, seconds)
    if (found := _sample_chunk(file, head)) is None:
        return ()
    offset, count = found
    rest = size(file) - offset
    if count >= _OPEN and count > rest:
        return ("the header leaves the length open",)
    if not count and rest and seconds:
        return ("the header says that there are no samples: those behind it were decoded",)
    if count > rest + 1:
        return (cut_off(seconds, seconds * count / rest),) if rest else ()
    if head[8:12] == b"WAVE":
        return (_unknown_behind(file, offset + count, size(file)),)
    return ()


def _ogg_claims(file: File, seconds: float) -> tuple[str, ...]:
    count = bitstream.ogg_tracks(file)
    several = tracks(count, 1, default=False) if count > 1 else ""
    said_s = bitstream.ogg_seconds(file)
    return several, cut_off(seconds, said_s) if said_s > seconds + _LOST_S else ""


def _sample_chunk(file: File, head: bytes) -> tuple[int, int] | None:
    """Where the samples of a WAV, AIFF or AU begin, and of how many bytes by the header."""
    if head[:4] == b".snd":
        offset, count = struct.unpack(">II", head[4:12].ljust(8, b"\0"))
        return offset, count
    order = {b"RIFF": "<", b"RF64": "<", b"FORM": ">"}.get(head[:4])
    if order is None:
        return None
    wide = 0
    for name, offset, count in _chunks(file, 12, size(file), order):
        if name == b"ds64":
            (wide,) = struct.unpack("<Q", at(file, offset + 8, 8).ljust(8, b"\0"))
        if name in (b"data", b"SSND", b"BODY"):
            return offset, wide or count
    return None


def _chunks(
    file: File, offset: int, end: int, order: str = "<"
) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of each chunk of a RIFF or IFF file, as far as they are chunks."""
    while offset + 8 <= end:
        name, count = struct.unpack(order + "4sI", at(file, offset, 8))
        if not re.fullmatch(rb"[ -~]{4}", name):
            return
        yield name, offset + 8, count
        offset += 8 + count + count % 2


def _unknown_behind(file: File, offset: int, end: int) -> str:
    """Note on bytes behind the samples that are neither chunks nor tags nor padding."""
    begin = offset
    for name, place, count in _chunks(file, offset + offset % 2, end):
        if name[:3] in (b"TAG", b"ID3") or name == b"APET":
            return ""
        if place + count > end + 1:
            break
        begin = min(place + count + count % 2, end)
    rest = end - begin
    if not at(file, begin, min(rest, _BLOCK)).strip(b"\0") or at(file, begin, 3) == b"TAG":
        return ""
    return f"data follow that were not decoded: {rest} bytes behind the samples"

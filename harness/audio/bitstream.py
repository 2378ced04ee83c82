"""Pages and frames of Ogg, FLAC and MPEG audio, parsed without decoding.

Sources: RFC 3533 and 7845 (Ogg, Opus), the Vorbis I specification, RFC 9639 (FLAC), ISO 11172-3 and
13818-3 (MPEG audio), ID3v2.4.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass

File = io.FileIO | io.BytesIO

_AHEAD = 2**14
"""Bytes that a decoder may have read ahead."""
_NEAR = 2**16
_LARGEST_PAGE = 27 + 255 + 255 * 255
_HEADERS = 32
"""Pages of an Ogg stream within which its headers end."""
_LATE_S = 10.0
"""An Ogg stream whose first page ends later was cut from a longer one."""
_FRAMES = 4
"""Consecutive MPEG frames that are no coincidence."""


def size(file: File) -> int:
    """Return the number of bytes in a file."""
    return file.seek(0, io.SEEK_END)


def read_at(file: File, offset: int, count: int) -> bytes:
    """Read up to `count` bytes from an offset."""
    file.seek(max(offset, 0))
    return file.read(max(count, 0))


@dataclass(frozen=True)
class OggPage:
    """A page of Ogg: its place, its header, and the start of its first packet.

    Parameters
    ----------
    granule
        Samples up to its end; -1 if no packet ends in it.
    """

    start: int
    end: int
    first: bool
    granule: int
    serial: int
    head: bytes


def page_at(file: File, offset: int) -> OggPage | None:
    """Return the page that starts at an offset, if one does."""
    head = read_at(file, offset, 27 + 255 + 32)
    if len(head) < 27 or head[:4] != b"OggS":
        return None
    flags, granule, serial, _, _, count = struct.unpack_from("<BqIIIB", head, 5)
    sizes = head[27 : 27 + count]
    end = offset + 27 + count + sum(sizes)
    return OggPage(
        offset, end, bool(flags & 2), granule, serial, head[27 + count : 27 + count + 20]
    )


def first_pages(file: File, offset: int) -> list[OggPage]:
    """Return the first page of each stream multiplexed from an offset on; at least one page."""
    pages: list[OggPage] = []
    while (page := page_at(file, offset)) is not None and page.first:
        pages.append(page)
        offset = page.end
    return pages or [OggPage(offset, offset + 1, True, 0, 0, b"")]


def ogg_tracks(file: File) -> int:
    """Count the audio streams multiplexed at the start of an Ogg file."""
    return sum(_ogg_rate(page.head) > 0 for page in first_pages(file, 0))


def ogg_seconds(file: File) -> float:
    """Return the duration of an Ogg file with one audio stream by its last page, or NaN."""
    audio = [page for page in first_pages(file, 0) if _ogg_rate(page.head)]
    if len(audio) != 1:
        return float("nan")
    (first,) = audio
    rate_hz = _ogg_rate(first.head)
    skipped = int.from_bytes(first.head[10:12], "little") if first.head[:4] == b"Opus" else 0
    page, seen = page_at(file, first.end), 0
    while page and seen < _HEADERS and (page.granule <= 0 or page.serial != first.serial):
        page, seen = page_at(file, page.end), seen + 1
    if page is None or page.serial != first.serial or page.granule > _LATE_S * rate_hz:
        return float("nan")
    end = size(file)
    begin = max(end - 2 * _LARGEST_PAGE, 0)
    tail = read_at(file, begin, end - begin)
    place = tail.rfind(b"OggS")
    while place >= 0:
        last = page_at(file, begin + place)
        if last and last.serial == first.serial and last.granule > 0:
            return (last.granule - skipped) / rate_hz
        place = tail.rfind(b"OggS", 0, place)
    return float("nan")


def _ogg_rate(head: bytes) -> int:
    """Return granules per second of an audio stream by its first packet; 0 for other streams.

    Speex and FLAC in Ogg are counted as tracks but not timed; they return 1.
    """
    if head[:7] == b"\x01vorbis":
        return int.from_bytes(head[12:16], "little")
    if head[:8] == b"OpusHead":
        return 48_000
    return 1 if head[:8] == b"Speex   " or head[:5] == b"\x7fFLAC" else 0


def flac_frames_start(file: File) -> int:
    """Return the offset at which the metadata of a FLAC end."""
    offset, last = 4, False
    while not last:
        block = read_at(file, offset, 4)
        if len(block) < 4:
            break
        last = bool(block[0] & 0x80)
        offset += 4 + int.from_bytes(block[1:], "big")
    return offset


def flac_continues(file: File, position: int, frames: int) -> bool:
    """Whether a FLAC has frames after those that its header counts.

    Parameters
    ----------
    position
        The byte up to which the decoder has read.
    frames
        Samples per channel that it decoded.
    """
    head = read_at(file, 0, 42)
    if head[:4] != b"fLaC":
        return False
    block = int.from_bytes(head[8:10], "big")
    tail = read_at(file, max(position - _AHEAD, flac_frames_start(file)), _AHEAD + _NEAR)
    for match in re.finditer(rb"\xff[\xf8\xf9]", tail):
        first = _first_sample(tail[match.start() : match.start() + 16], block)
        if first is not None and first >= frames:
            return True
    return False


def _first_sample(header: bytes, block: int) -> int | None:
    """Return the number of the first sample of a FLAC frame; None if it is not a frame header."""
    if len(header) < 16:
        return None
    leading = f"{header[4]:08b}".index("0") if header[4] < 0xFF else 8
    extra = max(leading - 1, 0)
    if leading == 1 or leading > 7:
        return None
    number = header[4] & (0x7F >> leading)
    for byte in header[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    length = 5 + extra + {6: 1, 7: 2}.get(header[2] >> 4, 0)
    length += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if _crc8(header[:length]) != header[length]:
        return None
    return number if header[1] & 1 else number * block


def _crc8(content: bytes) -> int:
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
    return value


def id3_bytes(content: bytes) -> int:
    """Return the length of the ID3v2 tag at the start of the content, 0 without one."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    count = 0
    for byte in content[6:10]:
        count = count << 7 | byte & 0x7F
    return 10 + count


def mpeg_start(file: File, offset: int, end: int) -> int | None:
    """Return where MPEG audio, with its tag, starts near an offset; None if it does not."""
    tag = id3_bytes(read_at(file, offset, 10)) if offset + 10 <= end else 0
    block = read_at(file, offset + tag, _NEAR)
    for match in re.finditer(rb"\xff[\xe2-\xff]", block):
        place = match.start()
        for _ in range(_FRAMES):
            length = _mpeg_bytes(block[place : place + 4])
            if not length:
                break
            place += length
        else:
            return offset if tag else offset + match.start()
    return None


def mpeg_counts_frames(file: File) -> bool:
    """Whether the first frame of an MP3 says how many follow; otherwise decoders estimate it."""
    block = read_at(file, id3_bytes(read_at(file, 0, 10)), 256)
    return any(mark in block for mark in (b"Xing", b"Info", b"VBRI"))


_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by version (2 also for 2.5) and layer, for the indices 1 to 14."""


def _mpeg_bytes(header: bytes) -> int:
    """Return the length of an MPEG audio frame by its header; 0 if it is not a header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbps, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or not 0 < kbps < 15 or rate == 3:
        return 0
    rate_hz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * _KBPS[1 if version == 3 else 2, layer][kbps - 1]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return 4 * (12 * bits // rate_hz + padding)
    return (72 if layer == 3 and version != 3 else 144) * bits // rate_hz + padding

"""How a recording is given that is not decoded yet: a file, bytes, or a thing that gets them.

Its identity is a digest of the encoded bytes, wherever they lie: of a file, `b2sum -l 128` gives
the same.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Stamp = tuple[int, int, int]


class Elsewhere(Protocol):
    """A recording that is on no disk of this machine: an object in a store, a cell of a table.

    Small, hashable and picklable: whoever needs the bytes gets them from where they lie.
    """

    def fetch(self, most_bytes: int) -> bytes:
        """All of its bytes.

        Raises
        ------
        ClipRejected
            Where it is not there or has more bytes than that.
        ClipError
            Where the place that has it fails to give it.
        """
        ...


Encoded = Path | bytes | Elsewhere


@dataclass(frozen=True)
class Content:
    """The bytes of a recording, and by what a file is seen to be still the one that was read.

    Parameters
    ----------
    digest
        BLAKE2b of 128 bits of the bytes, in hexadecimal.
    path, stamp
        Of a file; None where the bytes are in memory.
    """

    digest: str
    path: Path | None
    stamp: Stamp | None

    @property
    def holds(self) -> bool:
        """Whether it has not been replaced or written to since; costs no reading."""
        try:
            return self.path is None or _stamp(self.path.stat()) == self.stamp
        except OSError:
            return False


def content_of(audio: Encoded, most_bytes: int | None = None) -> Content | None:
    """Content of a recording; None where it is no regular file, too large or cannot be read.

    What lies elsewhere has none before it is at hand: nothing would tell that it was replaced.
    """
    if isinstance(audio, bytes):
        return Content(_blake2b(audio).hexdigest(), None, None)
    if not isinstance(audio, Path):
        return None
    try:
        about = audio.stat()
        if not stat.S_ISREG(about.st_mode):
            return None
        if most_bytes is not None and about.st_size > most_bytes:
            return None
        with audio.open("rb", buffering=0) as file:
            before = _stamp(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, _blake2b).hexdigest()
    except (OSError, ValueError):  # a name with a NUL is a ValueError
        return None
    return Content(digest, audio, before)


def _stamp(about: os.stat_result) -> Stamp:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _blake2b(content: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(content, digest_size=16)

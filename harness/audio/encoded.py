"""A recording before it is decoded: a file, its bytes, or a reference that fetches them.

It is identified by a digest of its encoded bytes; for a file, `b2sum -l 128` prints the same.
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
    """A recording that is not a file on this machine: an object in a store, a cell of a table.

    Small, hashable and picklable; the bytes are fetched where they are needed.
    """

    def fetch(self, most_bytes: int) -> bytes:
        """Return all of its bytes.

        Raises
        ------
        ClipRejected
            If it does not exist or has more bytes than that.
        ClipError
            If the place where it lies fails to provide it.
        """
        ...


Encoded = Path | bytes | Elsewhere


@dataclass(frozen=True)
class Content:
    """The digest of a recording's bytes, and how to see whether its file has changed since.

    Parameters
    ----------
    digest
        BLAKE2b of 128 bits, in hexadecimal.
    path, stamp
        Of a file; None if the bytes are in memory.
    """

    digest: str
    path: Path | None
    stamp: Stamp | None

    @property
    def holds(self) -> bool:
        """Whether the file is unchanged, without reading it."""
        try:
            return self.path is None or _stamp(self.path.stat()) == self.stamp
        except OSError:
            return False


def content_of(audio: Encoded, most_bytes: int | None = None) -> Content | None:
    """Digest a recording; None if it is not a regular file, is too large or cannot be read.

    Recordings elsewhere return None, because nothing would show that they were replaced.
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

"""Recordings and folders in an object store, seen through one listing.

A store has no folders, and asking about each path would be a request for each. So everything below
an address is listed once, and adapters' questions about paths are answered from that. Only tables
are read while a source is opened; recordings are read by whoever decodes them.
"""

from __future__ import annotations

import base64
import io
import posixpath
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import IO, Any, cast

from cachetools import LRUCache, cached

from harness.data.clip import Clip
from harness.errors import ClipError, ClipRejected, UsageError
from harness.storage.storage import is_remote, place, refused

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording in a store; pickles small, and is read anew in every process.

    Parameters
    ----------
    size_bytes
        When it was listed; None where it was not.
    md5
        In hexadecimal digits, as stores state it for objects that were written in one piece; else
        empty. For objects encrypted with a user's key it is another number, unique to each.
    """

    url: str
    size_bytes: int | None = None
    md5: str = ""

    def __str__(self) -> str:
        return self.url

    def fetch(self, most_bytes: int) -> bytes:
        """Return all of its bytes, in one request where its size is known."""
        # Without a digest another recording may be at the address later.
        return (_recent if self.md5 else _fetched)(self, most_bytes)


def _fetched(stored: Stored, most_bytes: int) -> bytes:
    try:
        system, path = opened(stored.url)
        size = stored.size_bytes if stored.size_bytes is not None else system.info(path)["size"]
        if size > most_bytes:
            raise ClipRejected(f"{size} bytes are over the limit of {most_bytes}")
        content = _content(system, path, size and most_bytes)
    except ClipRejected:
        raise
    except FileNotFoundError as fault:
        raise ClipRejected("cannot be opened: no such object in the store") from fault
    except Exception as fault:  # every client has errors of its own
        raise ClipError(f"cannot be read from its store: {described(fault)}") from fault
    if len(content) != size:
        raise ClipError(f"has {len(content)} bytes in its store, and {size} when it was listed")
    return content


_recent = cached(LRUCache(2**25, getsizeof=len), key=lambda stored, _: stored, lock=Lock())(
    _fetched
)
"""Of the last recordings, which a self-check, the run and its examples all fetch."""


class UnreachedError(Exception):
    """A store failed to return bytes of a file; the cause is the client's error."""


@dataclass(frozen=True)
class Tree:
    """Listing of a store below an address without a final slash: files by their relative path."""

    url: str
    files: Mapping[str, Stored] = field(repr=False)

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """The names in each folder, sorted."""
        folders: dict[str, set[str]] = {}
        for below in self.files:
            while True:
                above, _, name = below.rpartition("/")
                names = folders.setdefault(above, set())
                if name in names:
                    break
                names.add(name)
                if not above:
                    break
                below = above
        return {above: sorted(names) for above, names in folders.items()}


@dataclass(frozen=True, order=True)
class StorePath:
    """The part of `pathlib.Path` that the adapters need, answered from a listing.

    `below` is the path below the address that was listed; one with a slash at its start leads out.
    """

    below: str
    tree: Tree = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.tree.url}/{self.below}" if self.below else self.tree.url

    def __truediv__(self, name: str | Path) -> StorePath:
        text = str(name)
        outside = text.startswith("/") or not self.below
        return StorePath(text if outside else f"{self.below}/{text}", self.tree)

    @property
    def name(self) -> str:
        return str(self).rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> StorePath:
        return StorePath(self.below.rpartition("/")[0], self.tree)

    @property
    def stored(self) -> Stored:
        """The recording at this path, also where the store did not list it."""
        return self.tree.files.get(self.below) or Stored(str(self))

    def resolve(self) -> StorePath:
        return self

    def relative_to(self, root: StorePath) -> PurePosixPath:
        return PurePosixPath(self.below).relative_to(PurePosixPath(root.below))

    def is_relative_to(self, root: StorePath) -> bool:
        return PurePosixPath(self.below).is_relative_to(PurePosixPath(root.below))

    def is_file(self) -> bool:
        return self.below in self.tree.files

    def is_dir(self) -> bool:
        return self.below in self.tree.children

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def iterdir(self) -> Iterator[StorePath]:
        return (self / name for name in self.tree.children.get(self.below, ()))

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """Yield what matches, folder by folder; `**` means no more than `*`."""
        first, _, rest = pattern.partition("/")
        for entry in self.iterdir():
            if fnmatchcase(entry.name, first):
                yield from entry.glob(rest) if rest else (entry,)

    def walk(self) -> Iterator[StorePath]:
        """Yield every file below, sorted."""
        inside = f"{self.below}/" if self.below else ""
        for below in sorted(self.tree.files):
            if below.startswith(inside):
                yield StorePath(below, self.tree)

    def open(
        self, mode: str = "r", *, encoding: str = "utf-8", newline: str | None = None
    ) -> IO[Any]:
        """Open its whole content from memory."""
        system, path = opened(str(self))
        content = io.BytesIO(_content(system, path, self.stored.size_bytes))
        return content if "b" in mode else io.TextIOWrapper(content, encoding, newline=newline)


def as_path(path: StorePath) -> Path:
    """Cast for adapters, which use no more of a path than this class has."""
    return cast(Path, path)


def at_rest(clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips with paths of a listing replaced by what any process can read."""
    return [
        replace(clip, audio=audio.stored) if isinstance(audio, StorePath) else clip
        for clip in clips
        for audio in [cast(object, clip.audio)]
    ]


def listed(spec: str, within: str = "") -> StorePath:
    """List an address once, confined to the path `within` below it, and return its path.

    There may be nothing.
    """
    url = str(place(spec)).rstrip("/")
    system, path = opened(url)
    infos: dict[str, Any] = system.find(f"{path}/{within}" if within else path, detail=True)
    below = ""
    if list(infos) == [path]:  # it is an object
        (url, _, below), (path, _, _) = url.rpartition("/"), path.rpartition("/")
    start = len(path) + 1
    files = {
        name[start:]: Stored(f"{url}/{name[start:]}", about.get("size"), _md5(about))
        for name, about in infos.items()
        if name[start:] and not name.endswith("/") and about.get("type") == "file"
    }
    return StorePath(below, Tree(url, files))


def in_store(spec: str) -> bool:
    """Whether an address is that of a store; raises UsageError where nothing here can read it."""
    return is_remote(place(spec))


def opened(url: str) -> tuple[Any, str]:
    """Return the client of a store, one for each process, and the path as it takes it.

    It caches no listing, which would stay in memory and be stale in the next run.
    """
    from fsspec.core import url_to_fs

    return url_to_fs(url, use_listings_cache=False)


@contextmanager
def answering(spec: str) -> Generator[None]:
    """Turn what a store refuses while a source is opened into a UsageError."""
    try:
        yield
    except UsageError:
        raise
    except Exception as raised:  # every client has errors of its own
        fault = raised.__cause__ if isinstance(raised, UnreachedError) else raised
        raise refused(fault or raised, spec) from raised


def joined(root: str, path: str) -> str | None:
    """Return a manifest's path of a recording as one below `root`; None where it leads out."""
    if path.startswith(f"{root}/"):
        path = path[len(root) + 1 :]
    below = posixpath.normpath(path)
    outside = below.startswith(("/", "../")) or below in (".", "..") or "://" in path
    return None if outside else below


def _content(system: Any, path: str, most_bytes: int | None) -> bytes:
    """Return an object, or its first bytes."""
    if not most_bytes:
        return b"" if most_bytes == 0 else bytes(system.cat_file(path))
    # By range, as clients ask for the size again before they read an object whole.
    return bytes(system.cat_file(path, start=0, end=most_bytes))


def described(fault: BaseException) -> str:
    """Return the kind and the first line of an error."""
    line = str(fault).strip().partition("\n")[0]
    return f"{type(fault).__name__}: {line}" if line else type(fault).__name__


def _md5(about: Mapping[str, Any]) -> str:
    tag = str(about.get("ETag") or "").strip('"')
    if _MD5.fullmatch(tag):
        return tag
    encoded = about.get("md5Hash")
    return base64.b64decode(encoded).hex() if isinstance(encoded, str) else ""

"""ZIP and tar archives that are the same bytes for the same content, and are read with suspicion.

Written: members in the order of their names, without times, owners or compression. Read: only
regular files at plain relative paths, each once, uncompressed and within stated limits; anything
else makes the whole archive refused. Nothing is unpacked to a place that the archive names.
"""

from __future__ import annotations

import filecmp
import io
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from harness.errors import UsageError
from harness.storage.storage import replacing

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a ZIP can name."""
_MODE = 0o644
_FIX = "name a bundle that harness bundle wrote"


@dataclass(frozen=True)
class ArchiveLimits:
    """The most that an archive may hold; `name` is the length of a member's name."""

    members: int = 20_000
    bytes: int = 1024**3
    name: int = 1000


LIMITS = ArchiveLimits()


def write_archive(files: Mapping[str, Path | bytes], target: Path) -> None:
    """Write files by their names in the archive; `.tar` or `.zip` by the name of the target.

    Raises
    ------
    UsageError
        For another suffix, and where it cannot be written.
    """
    writers = {".zip": _write_zip, ".tar": _write_tar}
    write = writers.get(target.suffix.lower())
    if write is None:
        raise UsageError("writes .zip or .tar", str(target), "give --out one of these endings")
    try:
        with replacing(target) as temporary:
            write({name: files[name] for name in sorted(files)}, temporary)
    except OSError as fault:
        what = f"cannot be written: {fault.strerror or fault}"
        raise UsageError(what, str(target), "choose another --out") from fault


def read_archive(path: Path, limits: ArchiveLimits = LIMITS) -> dict[str, bytes]:
    """Return every member of an archive by its name.

    The archive's own checksums are not checked: the reader has better ones.

    Raises
    ------
    UsageError
        Where it is not an archive, is damaged, or holds what a bundle never does: links, devices,
        names that lead out, a name twice, compression, encryption, or more than the limits.
    """
    read = _read_zip if _is_zip(path) else _read_tar
    try:
        limits = replace(limits, bytes=min(limits.bytes, path.stat().st_size))
        return read(path, limits)
    except _RefusedError as fault:
        raise UsageError(str(fault), str(path), _FIX) from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror or fault}", str(path), _FIX) from fault
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError) as fault:
        raise UsageError("not a ZIP or tar that can be read", str(path), _FIX) from fault


def is_plain(name: str) -> bool:
    """Whether a name is a relative path in UTF-8 that means the same everywhere."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    known = name.encode("utf-8", "replace").decode() == name
    return known and not outside and bool(name) and str(path) == name and "\0" not in name


def as_written(path: Path, files: Mapping[str, bytes]) -> bool:
    """Whether an archive is byte for byte what `write_archive` makes of these files."""
    with tempfile.TemporaryDirectory(prefix="harness-archive-") as folder:
        again = Path(folder) / f"again{'.zip' if _is_zip(path) else '.tar'}"
        write_archive(files, again)
        return filecmp.cmp(path, again, shallow=False)


class _RefusedError(Exception):
    """The archive holds what a bundle never does."""


class _Members:
    """The members that were read, held to the limits."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.files: dict[str, bytes] = {}
        self._limits = limits
        self._bytes = 0

    def read(self, name: str, size: int, opened: Callable[[], IO[bytes] | None]) -> None:
        """Read one member of the size that the archive states, and no byte more."""
        self._admit(name, size)
        file = opened()
        if file is None:
            raise _RefusedError(f"{name!r} is not a regular file")
        with file:
            content = file.read(size + 1)
        if len(content) != size:
            raise _RefusedError(f"{name!r} is not as long as it says")
        self.files[name] = content
        self._bytes += size

    def _admit(self, name: str, size: int) -> None:
        limits = self._limits
        if not is_plain(name) or len(name) > limits.name:
            raise _RefusedError(f"{name[:80]!r} is not a plain relative path")
        if name in self.files:
            raise _RefusedError(f"{name!r} is in it twice")
        if len(self.files) >= limits.members:
            raise _RefusedError(f"more than {limits.members} members")
        if self._bytes + size > limits.bytes:
            raise _RefusedError(f"{name!r} makes it hold more than {limits.bytes} bytes")


def _is_zip(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would block
            raise UsageError("not a regular file", str(path), _FIX)
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror or fault}", str(path), _FIX) from fault


def _read_zip(path: Path, limits: ArchiveLimits) -> dict[str, bytes]:
    members = _Members(limits)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or kind not in (0, stat.S_IFREG):
                raise _RefusedError(f"{info.filename[:80]!r} is not a regular file")
            if info.flag_bits & 1 or info.compress_type != zipfile.ZIP_STORED:
                raise _RefusedError(f"{info.filename[:80]!r} is encrypted or compressed")
            info.CRC = None  # pyright: ignore[reportAttributeAccessIssue] (so it is not checked)
            members.read(info.filename, info.file_size, lambda info=info: archive.open(info))
    return members.files


def _read_tar(path: Path, limits: ArchiveLimits) -> dict[str, bytes]:
    members = _Members(limits)
    with tarfile.open(path, "r:") as archive:  # not "r", which would also decompress
        for info in archive:
            if not info.isreg():
                raise _RefusedError(f"{info.name[:80]!r} is not a regular file")
            members.read(info.name, info.size, lambda info=info: archive.extractfile(info))
    return members.files


def _write_zip(files: Mapping[str, Path | bytes], target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, source in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, wherever it is written
            info.external_attr = (stat.S_IFREG | _MODE) << 16
            archive.writestr(info, _content(source))


def _write_tar(files: Mapping[str, Path | bytes], target: Path) -> None:
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, source in files.items():
            content = _content(source)
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), _MODE, 0
            archive.addfile(info, io.BytesIO(content))


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()

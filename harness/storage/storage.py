"""Files and folders on a disk of this machine, or in any object store that fsspec opens.

A store takes an object whole or not at all, so a single write there does what needs a temporary
name, a flush and a rename on a disk. Listings are never cached, as another machine may change them.
Keys, endpoints and regions come from the environment, as the client of each store reads them; none
of them is in a command or a record.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, cast
from uuid import uuid4

from harness.errors import UsageError

_SCHEME = re.compile(r"[a-z][a-z0-9+]+://")
_TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
"""Answers of S3 and the like where an object exists, or is just being written."""

_UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError")
_KEYLESS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError")
_SAID = 300
"""Characters of a client's message that ours repeats."""


def place(spec: str | Path) -> Path:
    """Return a path of this machine, or what behaves like one where it begins with `scheme://`.

    Raises
    ------
    UsageError
        Where no installed library knows the scheme, or nothing follows it.
    """
    if isinstance(spec, Path) or not _SCHEME.match(str(spec)):
        return Path(spec)
    if spec.startswith("file://"):
        return Path(spec.removeprefix("file://"))
    scheme, _, rest = spec.partition("://")
    if not rest.strip("/"):
        raise UsageError("names no place in the store", spec, f"write {scheme}://BUCKET/…")
    try:
        from upath import UPath

        path = UPath(spec.rstrip("/"), use_listings_cache=False)
        _ = path.fs  # which looks for the client
    except ImportError as fault:
        raise UsageError(
            f"nothing installed reads {scheme}://",
            spec,
            "pip install 'fake-audio-harness[cluster]', or the fsspec client of that store",
        ) from fault
    except ValueError as fault:
        raise UsageError(f"cannot be opened: {fault}", spec, "check the address") from fault
    return cast(Path, path)


def disk(spec: str) -> Path:
    """Return a path of this machine, for what cannot be written to a store.

    Raises
    ------
    UsageError
        Where it names a store.
    """
    path = place(spec)
    if is_remote(path):
        raise UsageError("is in a store", spec, "name a place on a disk of this machine")
    return path


def is_remote(path: object) -> bool:
    """Return whether a path lies in a store and not on a disk of this machine."""
    return hasattr(path, "fs") and not isinstance(path, Path)


@contextmanager
def answering(path: Path, *expected: type[Exception]) -> Generator[None]:
    """Turn any error of a store's client into a UsageError; a disk's errors stay what they are.

    `expected` are errors that the caller handles.
    """
    try:
        yield
    except (UsageError, *expected):
        raise
    except Exception as fault:  # every client has errors of its own
        if not is_remote(path):
            raise
        raise refused(fault, str(path)) from fault


def refused(fault: BaseException, where: str) -> UsageError:
    """Return an error of a store's client as one line."""
    kind = type(fault).__name__
    if isinstance(fault, FileNotFoundError):
        return UsageError("does not exist", where, "check the address")
    if isinstance(fault, PermissionError):
        what, fix = "the store refuses access", "check the keys in the environment"
    elif kind in _KEYLESS:
        what, fix = "no keys for the store", "set them as its client reads them (AWS_…)"
    elif kind in _UNREACHABLE or isinstance(fault, (ConnectionError, TimeoutError)):
        what, fix = "the store cannot be reached", "check the network and the endpoint"
    else:
        what, fix = "the store cannot be used", "check the address, the keys and the endpoint"
    reason = " ".join(str(fault).split())[:_SAID]
    return UsageError(f"{what}: {reason or kind}", where, fix)


def exists(path: Path) -> bool:
    """Whether a file or a folder exists."""
    with answering(path):
        return path.exists()


def is_folder(path: Path) -> bool:
    """Whether it is a directory, or in a store the beginning of names."""
    with answering(path):
        return path.is_dir()


def names(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none where there is no such folder."""
    absent = FileNotFoundError, NotADirectoryError
    with suppress(*absent), answering(folder, *absent):
        if not is_remote(folder):
            return sorted(entry.name for entry in folder.iterdir())
        system, root = _opened(folder)
        paths: list[str] = system.ls(root, detail=False)
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths if path != f"{root}/")
    return []


def below(folder: Path) -> list[str]:
    """Return the path of every file below a folder of a store, sorted; in one listing."""
    with answering(folder):
        system, root = _opened(folder)
        paths: list[str] = system.find(root)
    start = len(root) + 1
    return sorted(name[start:] for name in paths if not name.endswith("/") and name[start:])


def read(path: Path) -> bytes:
    """Return all bytes of a file; FileNotFoundError where it does not exist."""
    if not is_remote(path):
        return path.read_bytes()
    with answering(path, FileNotFoundError):
        system, name = _opened(path)
        return system.cat_file(name)


def contents(path: Path) -> bytes:
    """Return all bytes of a file of this machine.

    Raises
    ------
    OSError
        Where it cannot be read, or is a device: `/dev/zero` never ends.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.EINVAL, "Is a device and not a file", str(path))
        return file.read()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part."""
    content = content.encode() if isinstance(content, str) else content
    if is_remote(path):
        with answering(path):
            system, name = _opened(path)
            system.pipe_file(name, content)
        return
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield the name of a temporary file, which replaces `path` once it is written.

    Raises
    ------
    OSError
        With the name `path`, whichever of the two it was about.
    """
    temporary = path.with_name(f"{path.name[:40]}.{uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as fault:
        if fault.errno is None:
            raise
        raise OSError(fault.errno, fault.strerror, str(path)) from fault
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet, whole or not at all.

    A store checks that itself, so of two writers one is refused. Where its answer is lost, the
    client asks again, and the object that exists may be this writer's own.

    Raises
    ------
    FileExistsError
        Where it was written before.
    """
    if is_remote(path):
        with answering(path, FileExistsError):
            try:
                system, name = _opened(path)
                system.pipe_file(name, content, mode="create")
            except OSError as fault:
                if not isinstance(fault, FileExistsError) and _code(fault) in _TAKEN:
                    raise FileExistsError(str(path)) from fault
                raise
        return
    if path.exists():
        raise FileExistsError(path)
    write_whole(path, content)
    _sync(path.parent)


def keeps_first(path: Path) -> bool:
    """Whether a store refuses to replace an object when asked to; tried with an empty one."""
    write_whole(path, b"")
    try:
        write_new(path, b"")
    except FileExistsError:
        return True
    return False


def rename(path: Path, name: str) -> Path:
    """Rename a file within its folder; in a store by a copy, which is written first."""
    target = path.with_name(name)
    if not is_remote(path):
        return path.rename(target)
    write_whole(target, read(path))
    remove(path)
    return target


def remove(path: Path) -> None:
    """Remove a file, if it exists."""
    with answering(path):
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and its parents; a store needs none, and a bucket is never made."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def clear(folder: Path) -> None:
    """Make a folder empty."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return
    with answering(folder):
        system, root = _opened(folder)
        paths = system.find(root)
        if paths:
            system.rm(paths)


@contextmanager
def local_copy(path: Path) -> Generator[Path]:
    """Yield a file or a folder of a disk as it is, or a temporary copy of one in a store.

    Raises
    ------
    UsageError
        Where it does not exist, or a name in it leads out of it.
    """
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="harness-copy-") as place:
        copy = Path(place) / path.name
        inside = below(path)
        for name in inside:
            if ".." in PurePosixPath(name).parts or name.startswith("/"):
                raise UsageError(f"{name!r} leads out of it", str(path), "rename it")
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(read(path / name))
        if not inside:
            try:
                copy.write_bytes(read(path))
            except FileNotFoundError as fault:
                raise UsageError("does not exist", str(path), "check the address") from fault
        yield copy


def _opened(path: Path) -> tuple[Any, str]:
    """Return the client of a store, and the path as it takes it."""
    store: Any = path
    return store.fs, store.path.rstrip("/")


def _code(fault: OSError) -> str:
    """Return the error code of S3 and its like; empty where there is none."""
    answer: Any = getattr(fault.__cause__, "response", None)
    return str(answer["Error"].get("Code", "")) if answer else ""


def _sync(folder: Path) -> None:
    """Flush a rename to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Where runs and recordings lie: disks of this machine, or any store that fsspec opens.

A store has objects and no folders, and takes an object whole or not at all, so what a disk needs a
temporary name, a flush and a rename for is a single write there. What is listed is asked for each
time: nothing is remembered that another machine may have changed. Keys, endpoints and regions come
from the environment, as the client of each store reads them: nothing of them is in a command or a
record.
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
"""What stores that speak as S3 does say where an object is there, or is just being written."""

_UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError")
_KEYLESS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError")
_SAID = 300
"""Characters of a client's own words that a message repeats."""


def place(spec: str | Path) -> Path:
    """A path of this machine, or what behaves like one where it begins with `scheme://`.

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

        found = UPath(spec.rstrip("/"), use_listings_cache=False)
        _ = found.fs  # which looks for the client
    except ImportError as fault:
        raise UsageError(
            f"nothing installed reads {scheme}://",
            spec,
            "pip install 'fake-audio-harness[cluster]', or the fsspec client of that store",
        ) from fault
    except ValueError as fault:
        raise UsageError(f"cannot be opened: {fault}", spec, "check the address") from fault
    return cast(Path, found)


def disk(spec: str) -> Path:
    """A path of this machine, for what cannot be written to a store.

    Raises
    ------
    UsageError
        Where it names a store.
    """
    found = place(spec)
    if is_remote(found):
        raise UsageError("is in a store", spec, "name a place on a disk of this machine")
    return found


def is_remote(path: object) -> bool:
    """Whether it lies in a store and not on a disk of this machine."""
    return hasattr(path, "fs") and not isinstance(path, Path)


@contextmanager
def answering(path: Path, *expected: type[Exception]) -> Generator[None]:
    """Tell in one line what a store cannot or will not do; a disk's errors stay what they are.

    Parameters
    ----------
    expected
        Errors that the caller has an answer to.

    Raises
    ------
    UsageError
        For any other error, whichever class the client of the store has for it.
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
    """In one line, what the client of a store says that it cannot or will not do."""
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
    said = " ".join(str(fault).split())[:_SAID]
    return UsageError(f"{what}: {said or kind}", where, fix)


def exists(path: Path) -> bool:
    """Whether a file or a folder is there."""
    with answering(path):
        return path.exists()


def is_folder(path: Path) -> bool:
    """Whether it is a directory, or in a store the beginning of names."""
    with answering(path):
        return path.is_dir()


def names(folder: Path) -> list[str]:
    """Names of what is in a folder, sorted; none where there is no such folder."""
    absent = FileNotFoundError, NotADirectoryError
    with suppress(*absent), answering(folder, *absent):
        if not is_remote(folder):
            return sorted(entry.name for entry in folder.iterdir())
        system, root = _opened(folder)
        found: list[str] = system.ls(root, detail=False)
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found if name != f"{root}/")
    return []


def below(folder: Path) -> list[str]:
    """Every file below a folder of a store, by its path from there, sorted; in one listing."""
    with answering(folder):
        system, root = _opened(folder)
        found: list[str] = system.find(root)
    start = len(root) + 1
    return sorted(name[start:] for name in found if not name.endswith("/") and name[start:])


def read(path: Path) -> bytes:
    """All of a file.

    Raises
    ------
    FileNotFoundError
        Where it is not there.
    """
    if not is_remote(path):
        return path.read_bytes()
    with answering(path, FileNotFoundError):
        system, name = _opened(path)
        return system.cat_file(name)


def contents(path: Path) -> bytes:
    """All of a file of this machine; a device such as `/dev/zero`, which never ends, is refused.

    Raises
    ------
    OSError
        Where it cannot be read, or is a device.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.EINVAL, "Is a device and no file", str(path))
        return file.read()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
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
    """The name of a new file beside another, whose place it takes once it is written.

    Raises
    ------
    OSError
        That names `path`, whichever of the two it was about.
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
    """Write a file that is not there yet, whole or not at all.

    In a store the condition is the store's own, so of two writers one is refused. Where an answer
    was lost on its way, the client asks again, and the one that is refused may be this one's own.

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
    """Whether a store refuses to write what is there already; tried with an empty object."""
    write_whole(path, b"")
    try:
        write_new(path, b"")
    except FileExistsError:
        return True
    return False


def rename(path: Path, name: str) -> Path:
    """Call a file otherwise in its folder; in a store by a copy, which comes first."""
    target = path.with_name(name)
    if not is_remote(path):
        return path.rename(target)
    write_whole(target, read(path))
    remove(path)
    return target


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with answering(path):
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; a store needs none, and a bucket is never made."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def clear(folder: Path) -> None:
    """Make a folder that is empty, whatever was in it."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return
    with answering(folder):
        system, root = _opened(folder)
        found = system.find(root)
        if found:
            system.rm(found)


@contextmanager
def local_copy(path: Path) -> Generator[Path]:
    """A file or a folder where it lies, if that is a disk; else a copy of it for the meantime.

    Raises
    ------
    UsageError
        Where there is no such file or folder, or a name in it leads out of it.
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
    """The client of a store, and the path as it takes it."""
    store: Any = path
    return store.fs, store.path.rstrip("/")


def _code(fault: OSError) -> str:
    """What a store that speaks as S3 does calls an error; empty where it does not say."""
    answer: Any = getattr(fault.__cause__, "response", None)
    return str(answer["Error"].get("Code", "")) if answer else ""


def _sync(folder: Path) -> None:
    """Have the rename itself on the disk, where the system can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Where runs and recordings lie: disks of this machine, or any store that fsspec opens.

A store takes an object whole or not at all, so what a disk needs a temporary name, a flush and a
rename for is a single write there. Keys, endpoints and regions come from the environment, as the
client of each store reads them: nothing of them is in a command or a record.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, cast

from harness.errors import UsageError

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://")


def place(spec: str | Path) -> Path:
    """A path of this machine, or what behaves like one where it begins with `scheme://`.

    Raises
    ------
    UsageError
        Where no installed library knows the scheme.
    """
    if isinstance(spec, Path) or not _SCHEME.match(str(spec)):
        return Path(spec)
    if spec.startswith("file://"):
        return Path(spec.removeprefix("file://"))
    try:
        from upath import UPath

        found = UPath(spec)
        _ = found.fs  # which looks for the client
    except ImportError as fault:
        raise UsageError(
            f"nothing installed reads {spec.partition(':')[0]}://",
            spec,
            "pip install 'fake-audio-harness[cluster]', or the fsspec client of that store",
        ) from fault
    except ValueError as fault:
        raise UsageError(f"cannot be opened: {fault}", spec, "check the address") from fault
    return cast(Path, found)


def is_remote(path: object) -> bool:
    """Whether it lies in a store and not on a disk of this machine."""
    return hasattr(path, "fs") and not isinstance(path, Path)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    if is_remote(path):
        path.write_bytes(content)
        return
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all.

    In a store the condition is the store's own, so of two writers one is refused.

    Raises
    ------
    FileExistsError
        Where another has written it.
    """
    if is_remote(path):
        store: Any = path
        store.fs.pipe_file(store.path, content, mode="create")
        return
    if path.exists():
        raise FileExistsError(path)
    write_whole(path, content)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the rename itself on the disk, where the system can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

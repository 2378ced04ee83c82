"""Files that the user names to be written: what exists stays, unless --force is given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from harness.errors import UsageError
from harness.storage import storage


def refuse_taken(target: Path, inputs: Iterable[str | Path] = (), *, force: bool = False) -> None:
    """Refuse to replace what exists; even `force` replaces nothing that a command reads.

    Parameters
    ----------
    inputs
        Files and folders that the command reads, or the specs that name them. A file is known by
        any of its names, such as a link to it.

    Raises
    ------
    UsageError
        Where `target` is a folder, an input, part of a run, or exists without `force`.
    OSError
        Where that cannot be known, as of a name that is too long.
    """
    if storage.is_remote(target):
        if not storage.exists(target):
            return
    else:
        try:
            target.lstat()
        except (FileNotFoundError, NotADirectoryError, ValueError):  # a ValueError: a zero byte
            return
        if target.is_dir():
            raise UsageError("is a directory", str(target), "name a file")
        if _in_run(target) or any(_reads(spec, target) for spec in inputs):
            what = "is read by this command or part of a run"
            raise UsageError(what, str(target), "name a new file")
    if not force:
        raise UsageError("exists already", str(target), "name a new file, or give --force")


def refuse_unwritable(target: Path) -> None:
    """Refuse a file on a disk whose folder is missing or closed, before hours of work for it.

    Raises
    ------
    UsageError
        Where a new file cannot be made in its folder.
    """
    folder = target.absolute().parent
    if not folder.is_dir():
        raise UsageError("its folder does not exist", str(target), "make the folder first")
    if not os.access(folder, os.W_OK):
        raise UsageError("its folder cannot be written to", str(target), "name another file")


def _in_run(target: Path) -> bool:
    """Whether a file lies in a run directory, where only the run's own commands renew files."""
    return any((folder / "run.json").exists() for folder in target.resolve().parents)


def _reads(spec: str | Path, target: Path) -> bool:
    """Whether a spec names the target, or a folder that it lies in."""
    for name in {str(spec), str(spec).partition(":")[2].partition("?")[0]} - {""}:
        path = Path(name)
        try:
            if path.is_dir() and target.resolve().is_relative_to(path.resolve()):
                return True
            if path.samefile(target):
                return True
        except (OSError, ValueError):  # it does not exist, or is not a path at all
            continue
    return False

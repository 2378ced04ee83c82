"""Files that the user names to be written: what exists stays, unless --force is given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.errors import UsageError
from harness.storage import storage


def refuse_taken(target: Path, inputs: Iterable[str | Path] = (), *, force: bool = False) -> None:
    """Refuse to write over what exists; what a command reads is not written over even by force.

    Parameters
    ----------
    inputs
        Files and folders that the command reads, or the specs that name them. A file is known by
        any of its names, such as a link to it.
    force
        Whether the user agreed that `target` is replaced.

    Raises
    ------
    UsageError
        Where `target` is a folder, an input, part of a run, or exists without `force`.
    OSError
        Where that cannot be known, as of a name that is too long.
    """
    if storage.is_remote(target):
        if storage.exists(target) and not force:
            raise _taken(target)
        return
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a ValueError: a zero byte
        return
    if target.is_dir():
        raise UsageError("is a directory", str(target), "name a file")
    if _in_run(target) or any(_reads(each, target) for each in inputs):
        raise UsageError("is read by this command or part of a run", str(target), "name a new file")
    if not force:
        raise _taken(target)


def _taken(target: Path) -> UsageError:
    return UsageError("exists already", str(target), "name a new file, or give --force")


def _in_run(target: Path) -> bool:
    """Whether it lies in a run directory, where only the run's own commands renew their files."""
    return any((folder / "run.json").exists() for folder in target.resolve().parents)


def _reads(spec: str | Path, target: Path) -> bool:
    """Whether what is read is the target, or a folder that it lies in."""
    for name in {str(spec), str(spec).partition(":")[2].partition("?")[0]} - {""}:
        path = Path(name)
        try:
            if path.is_dir():
                found = target.resolve().is_relative_to(path.resolve())
            else:
                found = path.samefile(target)
        except (OSError, ValueError):  # it is not there, or no path at all
            continue
        if found:
            return True
    return False

"""A folder of recordings that a perturbation draws from: background noises, impulse responses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo

from harness.audio.encoded import content_of
from harness.audio.formats import is_audio
from harness.audio.wave import Wave, load, resample
from harness.errors import ClipError, ClipRejected
from harness.seed import digest


class Folder(str):
    """The name of a folder as it was written, and where that is.

    As a value it is its name alone, so that what is drawn from it is drawn alike wherever it lies.
    """

    path: Path

    def __new__(cls, name: str, path: Path | None = None) -> Folder:
        made = super().__new__(cls, name)
        made.path = Path(name) if path is None else path
        return made


def _placed(name: str, info: ValidationInfo) -> Folder:
    """The folder, relative to the suite file that names it, where the context says which."""
    context: dict[str, Any] = info.context or {}
    root: Path = context.get("root", Path())
    found = Folder(name, root / Path(name).expanduser())
    if not found.path.is_dir() and Path(name).is_dir():
        written = os.path.relpath(name, root)
        raise ValueError(f"no folder {found.path}: relative to the suite file it is {written}")
    return found


SoundFolder = Annotated[str, AfterValidator(_placed)]
"""A folder of recordings, as a field of a perturbation."""


def place_of(folder: str) -> Path:
    """Where a folder is."""
    return folder.path if isinstance(folder, Folder) else Path(folder)


def sound_files(folder: str) -> tuple[Path, ...]:
    """Every audio file below the folder, ordered by its path within it.

    Raises
    ------
    ValueError
        Where there is no such folder, or nothing in it: a pydantic validator passes this on.
    """
    return _sound_files(place_of(folder))


@lru_cache(maxsize=16)
def _sound_files(root: Path) -> tuple[Path, ...]:
    if not root.is_dir():
        raise ValueError(f"no folder {root}")
    found = [path for path in root.rglob("*") if is_audio(path)]
    if not found:
        raise ValueError(f"no audio file in {root}")
    return tuple(sorted(found, key=lambda path: path.relative_to(root).as_posix()))


def contents_digest(paths: Iterable[Path]) -> str:
    """Digest of the bytes of files in their order; one that cannot be read counts as that.

    Within a process a file is read again only where its size or time of change is another.
    """
    return digest([_content(path, _stamp(path)) for path in paths])


@lru_cache(maxsize=2**16)
def _content(path: Path, _: tuple[int, int, int] | None) -> str | None:
    found = content_of(path)
    return None if found is None else found.digest


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns


@lru_cache(maxsize=4)
def load_at(path: Path, rate_hz: int) -> Wave:
    """The file at another rate.

    Raises
    ------
    ClipError
        Where it cannot be read: the fault is not the clip's.
    """
    try:
        wave = resample(load(path), rate_hz)
    except ClipRejected as fault:
        raise ClipError(f"{path.name} {fault}") from fault
    if not wave.samples.any():
        raise ClipError(f"{path.name} is silent")
    return wave

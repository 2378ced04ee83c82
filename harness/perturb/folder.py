"""A folder of recordings that a perturbation draws from: background noises, impulse responses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ValidationInfo

from harness.audio.encoded import content_of
from harness.audio.formats import is_audio
from harness.audio.wave import Wave, load, resample
from harness.errors import ClipError, ClipRejected
from harness.seed import digest


class Folder(str):
    """The name of a folder as written, with its path.

    As a value it is the name alone, so that what is drawn does not depend on where it lies.
    """

    path: Path

    def __new__(cls, name: str, path: Path | None = None) -> Folder:
        folder = super().__new__(cls, name)
        folder.path = Path(name) if path is None else path
        return folder


def _placed(name: str, info: ValidationInfo) -> Folder:
    """The folder, relative to the suite file that names it, where the context has its root."""
    context: dict[str, Any] = info.context or {}
    root: Path = context.get("root", Path())
    folder = Folder(name, root / Path(name).expanduser())
    if not folder.path.is_dir() and Path(name).is_dir():
        written = os.path.relpath(name, root)
        raise ValueError(f"no folder {folder.path}: relative to the suite file it is {written}")
    return folder


SoundFolder = Annotated[str, AfterValidator(_placed)]
"""A folder of recordings, as a field of a perturbation."""


def _path(folder: str) -> Path:
    return folder.path if isinstance(folder, Folder) else Path(folder)


def short_name(folder: str) -> str:
    """Last part of the folder's path, without blanks, for the names of conditions."""
    return "-".join(_path(folder).resolve().name.split())


def sound_files(folder: str) -> tuple[Path, ...]:
    """Every audio file below the folder, ordered by its path within it.

    Raises
    ------
    ValueError
        Where there is no such folder, or no audio in it; pydantic validators pass this on.
    """
    return _sound_files(_path(folder))


@lru_cache(maxsize=16)
def _sound_files(root: Path) -> tuple[Path, ...]:
    if not root.is_dir():
        raise ValueError(f"no folder {root}")
    files = [path for path in root.rglob("*") if is_audio(path)]
    if not files:
        raise ValueError(f"no audio file in {root}")
    return tuple(sorted(files, key=lambda path: path.relative_to(root).as_posix()))


def draw_file(rng: np.random.Generator, files: tuple[Path, ...]) -> Path:
    """Draw one of the files, all equally likely."""
    return files[rng.integers(len(files))]


def contents_digest(paths: Iterable[Path]) -> str:
    """Digest of the contents of files in their order; unreadable files count as such.

    Within a process a file is read again only when its inode, size or time of change differs.
    """
    return digest([_content(path, _stamp(path)) for path in paths])


@lru_cache(maxsize=2**16)
def _content(path: Path, _: tuple[int, int, int] | None) -> str | None:
    content = content_of(path)
    return None if content is None else content.digest


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


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

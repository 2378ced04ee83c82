"""A folder of recordings that a perturbation draws from: background noises, impulse responses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from harness.audio import Wave, load, resample
from harness.errors import ClipError, ClipRejected
from harness.suffix import is_audio


@lru_cache(maxsize=16)
def sound_files(folder: str) -> tuple[Path, ...]:
    """Every audio file below the folder, ordered by its path within it.

    Raises
    ------
    ValueError
        Where there is no such folder, or nothing in it: a pydantic validator passes this on.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"no folder {folder}")
    found = [path for path in root.rglob("*") if is_audio(path)]
    if not found:
        raise ValueError(f"no audio file in {folder}")
    return tuple(sorted(found, key=lambda path: path.relative_to(root).as_posix()))


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

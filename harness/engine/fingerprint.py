"""What prepared audio is a function of, as one key: the same key, the same bits.

In it are the bytes of the clip and its id (from which its randomness is drawn), the chain of the
condition, the suite's seed, what detectors hear (rates and how long), the bytes of whatever other
recordings a condition draws from, and everything that computes: this code, its packages and the
kind of processor. Nothing else is: no model, suite, name of a condition, order or number of
workers.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import RLock

from harness import __version__, provenance
from harness.condition import Condition
from harness.data.clip import Clip
from harness.engine.prepare import Recipe
from harness.recording import Encoded
from harness.seed import canonical

_LARGEST_BYTES = 2**30
"""Of a file that is read to know its content; a larger one is worth more than its key."""

_MAKERS = (
    *("activity.py", "audio.py", "expectation.py", "perturb", "seed.py"),
    *("engine/cache.py", "engine/prepare.py"),
)
"""The code that makes, measures and packs audio, below the package."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Content:
    """The bytes of a recording, and by what a file is seen to be still the one that was read."""

    digest: str
    path: Path | None
    stamp: Stamp | None

    @property
    def holds(self) -> bool:
        """Whether it has not been replaced or written to since; costs no reading."""
        try:
            return self.path is None or _stamp(self.path.stat()) == self.stamp
        except OSError:
            return False


@dataclass(frozen=True)
class Fingerprint:
    """The key of a row, and the contents that went into it."""

    key: bytes
    contents: tuple[Content, ...]

    @property
    def holds(self) -> bool:
        """Whether all of them are what they were."""
        return all(content.holds for content in self.contents)


@dataclass(frozen=True)
class _Pool:
    """All from which companions are chosen; no digest where the source fails to give them."""

    digest: str = ""
    contents: tuple[Content, ...] = ()


class Fingerprinter:
    """Gives the rows of one recipe their keys; safe in several threads.

    Recordings that many clips draw from are read once: a run hears them as they were then.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        heard = [[rate_hz, recipe.longest.get(rate_hz)] for rate_hz in recipe.rates_hz]
        self._common = _hash(canonical([_surroundings(), recipe.seed, heard])).hex()
        self._lock = RLock()
        self._read: dict[Path, Content | None] = {}
        self._pool: _Pool | None = None

    def of(self, clip: Clip, content: Content, condition: Condition) -> Fingerprint | None:
        """The row of a clip under a condition; None where what it draws from cannot be read."""
        parts: list[object] = [self._common, clip.clip_id, content.digest, condition.digest]
        contents = [content]
        with self._lock:
            if condition.recordings:
                read = [self._once(path) for path in condition.recordings]
                found = [each for each in read if each is not None]
                if len(found) < len(read):
                    return None
                parts.append([each.digest for each in found])
                contents += found
            if condition.hears_others:
                if self._pool is None:
                    self._pool = _pool(self._recipe)
                if not self._pool.digest:
                    return None
                parts.append([clip.group, self._pool.digest])
                contents += self._pool.contents
        return Fingerprint(_hash(canonical(parts)), tuple(contents))

    def _once(self, path: Path) -> Content | None:
        if path not in self._read:
            self._read[path] = content_of(path)
        return self._read[path]


def _pool(recipe: Recipe) -> _Pool:
    try:
        clips = recipe.companions.clips
    except Exception:  # whatever a source fails with is told by the rows that need it
        return _Pool()
    if not all(isinstance(clip.audio, bytes | Path) for clip in clips):
        return _Pool()
    read = [content_of(clip.audio) for clip in clips]
    listed = [
        [clip.clip_id, clip.label, clip.group, each and each.digest]  # an unreadable one is no less
        for clip, each in zip(clips, read, strict=True)
    ]
    return _Pool(_hash(canonical(listed)).hex(), tuple(each for each in read if each))


def content_of(audio: Encoded) -> Content | None:
    """Content of a recording; None where it is no regular file, too large or cannot be read.

    What lies elsewhere has none before it is at hand: nothing would tell that it was replaced.
    """
    if isinstance(audio, bytes):
        return Content(_hash(audio).hex(), None, None)
    if not isinstance(audio, Path):
        return None
    try:
        about = audio.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_BYTES:
            return None
        with audio.open("rb", buffering=0) as file:
            before = _stamp(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, _blake2b).hexdigest()
    except (OSError, ValueError):  # a name with a NUL is a ValueError
        return None
    return Content(digest, audio, before)


def _stamp(about: os.stat_result) -> Stamp:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _blake2b() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


@cache
def _surroundings() -> list[object]:
    """Everything that computes; no version says that code was edited, so its text is in it."""
    import torch

    return [
        __version__,
        _text(Path(__file__).parents[1]),
        provenance.audio_packages(),
        [platform.system(), platform.machine()],
        torch.backends.cpu.get_cpu_capability(),
    ]


def _text(package: Path) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for path in _files(package):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _files(package: Path) -> Iterable[Path]:
    for name in _MAKERS:
        place = package / name
        yield from sorted(place.glob("*.py")) if place.is_dir() else [place]

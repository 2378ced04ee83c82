"""What prepared audio is a function of, as one key: the same key, the same bits.

In it are the bytes of the clip and its id (from which its randomness is drawn), the chain of the
condition, the suite's seed, what detectors hear (rates and how long), the bytes of whatever other
recordings a condition draws from, and everything that computes: this code, its packages and the
kind of processor. Nothing else is: no model, suite, name of a condition, order or number of
workers.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import RLock

from harness.audio.encoded import Content, content_of
from harness.data.clip import Clip
from harness.engine import provenance
from harness.engine.prepare import Recipe
from harness.seed import canonical
from harness.suite.condition import Condition
from harness.version import __version__

LARGEST_BYTES = 2**30
"""Of a file that is read to know its content; a larger one is worth more than its key."""

_MAKERS = (
    *("audio", "perturb", "seed.py", "terms.py", "suite/condition.py"),
    *("data/clip.py", "data/clip_list.py", "data/subset.py", "results/expectation.py"),
    *("engine/cache.py", "engine/cache_key.py", "engine/prepare.py"),
)
"""The code that makes, measures and packs audio, and that chooses what is heard in it."""


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
        self._common = _hash(
            canonical([_surroundings(), recipe.seed, heard, recipe.channels])
        ).hex()
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
            self._read[path] = content_of(path, LARGEST_BYTES)
        return self._read[path]


def _pool(recipe: Recipe) -> _Pool:
    try:
        clips = recipe.companions.clips
    except Exception:  # whatever a source fails with is told by the rows that need it
        return _Pool()
    if not all(isinstance(clip.audio, bytes | Path) for clip in clips):
        return _Pool()
    read = [content_of(clip.audio, LARGEST_BYTES) for clip in clips]
    listed = [
        [clip.clip_id, clip.label, clip.group, each and each.digest]  # an unreadable one is no less
        for clip, each in zip(clips, read, strict=True)
    ]
    return _Pool(_hash(canonical(listed)).hex(), tuple(each for each in read if each))


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

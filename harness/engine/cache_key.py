"""The cache key of prepared audio: rows with the same key have the same samples.

It covers the bytes of the clip and its id (which seeds its randomness), the chain of the condition,
the suite's seed, the detectors' sample rates and longest inputs, the bytes of other recordings that
the condition draws from, and what computes: this code, its packages and the kind of processor. It
does not depend on the model, the suite, the condition's name, the order or the number of workers.
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
"""Largest file that is read for its digest; rows of larger ones are not cached."""

_MAKERS = (
    *("audio", "perturb", "seed.py", "terms.py", "suite/condition.py"),
    *("data/clip.py", "data/clip_list.py", "data/subset.py", "results/clip_facts.py"),
    "results/expectation.py",
    *("engine/cache.py", "engine/cache_key.py", "engine/prepare.py"),
)
"""The code that makes, measures and packs audio, and that chooses companions."""


@dataclass(frozen=True)
class CacheKey:
    """The key of a row, and the recordings that it covers."""

    key: bytes
    contents: tuple[Content, ...]

    @property
    def holds(self) -> bool:
        """Whether no recording has changed since."""
        return all(content.holds for content in self.contents)


@dataclass(frozen=True)
class _Pool:
    """The recordings that companions are chosen from; no digest where they cannot be read."""

    digest: str = ""
    contents: tuple[Content, ...] = ()


class CacheKeys:
    """Computes the keys of one recipe's rows; thread-safe.

    Recordings that many clips draw from are read once.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        inputs = [[rate_hz, recipe.longest.get(rate_hz)] for rate_hz in recipe.rates_hz]
        self._common = _hash(
            canonical([_surroundings(), recipe.seed, inputs, recipe.channels])
        ).hex()
        self._lock = RLock()
        self._read: dict[Path, Content | None] = {}
        self._pool: _Pool | None = None

    def of(self, clip: Clip, content: Content, condition: Condition) -> CacheKey | None:
        """Return the key of a row; None where recordings that it draws from are unreadable."""
        parts: list[object] = [self._common, clip.clip_id, content.digest, condition.digest]
        contents = [content]
        with self._lock:
            if condition.recordings:
                read = [self._once(path) for path in condition.recordings]
                recordings = [content for content in read if content is not None]
                if len(recordings) < len(read):
                    return None
                parts.append([content.digest for content in recordings])
                contents += recordings
            if condition.hears_others:
                if self._pool is None:
                    self._pool = _pool(self._recipe)
                if not self._pool.digest:
                    return None
                parts.append([clip.group, self._pool.digest])
                contents += self._pool.contents
        return CacheKey(_hash(canonical(parts)), tuple(contents))

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
    # A clip that cannot be read is listed too.
    listed = [
        [clip.clip_id, clip.label, clip.group, content and content.digest]
        for clip, content in zip(clips, read, strict=True)
    ]
    return _Pool(_hash(canonical(listed)).hex(), tuple(content for content in read if content))


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


@cache
def _surroundings() -> list[object]:
    """Return what computes: versions, processor, and the text of the code, which may be edited."""
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

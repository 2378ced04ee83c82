"""A seeded part of a source: the clips of a limited run, and the companions of a clip."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.data.clip import Clip, Source
from harness.data.clip_list import Indexed, clips_digest, indexed
from harness.errors import UsageError
from harness.seed import generator


def limited(source: Source, limit: int, seed: int) -> Source:
    """Return at most `limit` clips, in the source's order, the same ones for the same seed.

    Which ones does not depend on the source's order, so that a list of the same clips that is
    sorted another way gives the same audio; the same holds for companions.

    Stratified by label and, within a label, by generator: each stratum gets its proportional share
    (largest remainder), and at least one clip where the limit has room for one of each.

    Raises
    ------
    UsageError
        Where the limit leaves no room for both classes.
    """
    if limit < 2:
        raise UsageError(f"{limit} clips cannot show both classes", "--limit", "take 2 or more")
    whole = indexed(source)
    if limit >= len(whole):
        return source
    positions = stratified(whole.clips, limit, seed)
    chosen = [whole.clips[position] for position in positions]
    generators = {clip.generator for clip in whole.clips} - {""}
    absent = sorted(generators - {clip.generator for clip in chosen})
    without = ""
    if absent:
        without = f"no clip of {len(absent)} of {len(generators)} generators, such as {absent[0]}; "
    note = (
        f"{limit} of {len(whole)} clips, stratified by label and generator, seed {seed}; {without}"
        f"digest of the whole {source.origin.digest}"
    )
    notes = (*source.origin.notes, note)
    return whole.pick(positions, replace(source.origin, digest=clips_digest(chosen), notes=notes))


def stratified(clips: Sequence[Clip], limit: int, seed: int) -> list[int]:
    """Return sorted positions of the clips to take, at least one of each label."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for position in _by_id(clips):
        by_label[clips[position].label].append(position)
    chosen: list[int] = []
    for label, share in _allocated(by_label, sorted(by_label), limit):
        strata: dict[str, list[int]] = defaultdict(list)
        for position in by_label[label]:
            strata[clips[position].generator].append(position)
        # Where there are more strata than places, the order decides: it must not be the alphabet's.
        names = sorted(strata)
        names = [names[i] for i in generator("limit", seed, label).permutation(len(names))]
        for name, count in _allocated(strata, names, share):
            order = generator("limit", seed, label, name).permutation(len(strata[name]))
            chosen += [strata[name][i] for i in order[:count]]
    return sorted(chosen)


def _allocated(
    strata: dict[str, list[int]], names: Sequence[str], limit: int
) -> list[tuple[str, int]]:
    """Return the number of places of each stratum, in the order of `names`."""
    return list(zip(names, allocate([len(strata[name]) for name in names], limit), strict=True))


def allocate(sizes: Sequence[int], limit: int) -> list[int]:
    """Divide places among strata: proportionally, by largest remainder.

    A stratum whose share is under one place gets one, where there is room for one each, and the
    others share what is left. No stratum gets more places than members; ties go to the earlier one.
    """
    limit = min(limit, sum(sizes))
    shares = [0] * len(sizes)
    sharing = [place for place, size in enumerate(sizes) if size]
    if limit >= len(sharing):
        while small := [
            place
            for place in sharing
            if limit * sizes[place] < sum(sizes[other] for other in sharing)
        ]:
            for place in small:
                shares[place] = 1
            limit -= len(small)
            sharing = [place for place in sharing if place not in small]
    total = sum(sizes[place] for place in sharing)
    for place in sharing:
        shares[place] = limit * sizes[place] // total
    rest = limit - sum(shares[place] for place in sharing)
    by_remainder = sorted(sharing, key=lambda place: -(limit * sizes[place] % total))
    for place in by_remainder[:rest]:
        shares[place] += 1
    return shares


class CompanionPool:
    """Other recordings of the same source, for babble: real ones first, never of a clip's group.

    The pool is drawn from the whole source, before any limit, so a limited run uses the same
    companions. Audio is fetched when the first companion is used. Picklable.

    Parameters
    ----------
    size
        Clips in the pool. At most a quarter of them are of one group, so that a clip of that group
        finds others too.
    seed
        Draws the clips; where audio comes over a network the first that fit are taken.
    """

    def __init__(self, source: Source, size: int = 64, seed: int = 0) -> None:
        whole = indexed(source)
        self._source = whole.pick(_pool(whole, size, seed), source.origin)
        self._clips: tuple[Clip, ...] | None = None

    @property
    def clips(self) -> tuple[Clip, ...]:
        if self._clips is None:
            self._clips = tuple(sorted(self._source, key=lambda clip: clip.clip_id))
        return self._clips

    def choose(self, clip: Clip, rng: np.random.Generator, count: int) -> list[Clip]:
        """Draw up to `count` clips of other groups; fakes only where real ones do not suffice."""
        others = [other for other in self.clips if other.group != clip.group]
        chosen: list[Clip] = []
        for label in ("real", "fake"):
            candidates = [other for other in others if other.label == label]
            more = min(count - len(chosen), len(candidates))
            chosen += [candidates[i] for i in rng.permutation(len(candidates))[:more]]
        return chosen


def _pool(whole: Indexed, size: int, seed: int) -> list[int]:
    clips = whole.clips
    order: Sequence[int] = range(len(clips))
    if not whole.remote:
        by_id = _by_id(clips)
        order = [by_id[place] for place in generator("companions", seed).permutation(len(clips))]
    most = max(1, size // 4)
    of_group: Counter[str] = Counter()
    pool: list[int] = []
    for label in ("real", "fake"):
        for position in order:
            clip = clips[position]
            if len(pool) < size and clip.label == label and of_group[clip.group] < most:
                of_group[clip.group] += 1
                pool.append(position)
    return sorted(pool)


def _by_id(clips: Sequence[Clip]) -> list[int]:
    """Return positions in order of the clips' ids, which does not depend on the source's order."""
    return sorted(range(len(clips)), key=lambda position: clips[position].clip_id)

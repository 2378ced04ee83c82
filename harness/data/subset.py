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
    """At most `limit` clips, in the source's order, the same ones for the same seed.

    Which ones does not depend on the source's order, here and in the pool of companions, so that a
    list of the same clips that is sorted another way gives the same audio.

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
    generators = {clip.generator for clip in whole.clips}
    absent = sorted(generators - {clip.generator for clip in chosen} - {""})
    left = ""
    if absent:
        known = len(generators - {""})
        left = f"no clip of {len(absent)} of {known} generators, such as {absent[0]}; "
    note = (
        f"{limit} of {len(whole)} clips, stratified by label and generator, seed {seed}; {left}"
        f"digest of the whole {source.origin.digest}"
    )
    origin = replace(
        source.origin,
        digest=clips_digest(chosen),
        notes=(*source.origin.notes, note),
    )
    return whole.pick(positions, origin)


def stratified(clips: Sequence[Clip], limit: int, seed: int) -> list[int]:
    """Sorted positions of the clips to take, at least one of each label."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for position in _by_id(clips):
        by_label[clips[position].label].append(position)
    labels = sorted(by_label)
    chosen: list[int] = []
    for label, share in zip(
        labels, allocate([len(by_label[label]) for label in labels], limit), strict=True
    ):
        strata: dict[str, list[int]] = defaultdict(list)
        for position in by_label[label]:
            strata[clips[position].generator].append(position)
        # Where there are more strata than places, the order decides: it must not be the alphabet's.
        names = sorted(strata)
        names = [names[i] for i in generator("limit", seed, label).permutation(len(names))]
        for name, count in zip(
            names, allocate([len(strata[name]) for name in names], share), strict=True
        ):
            order = generator("limit", seed, label, name).permutation(len(strata[name]))
            chosen += [strata[name][i] for i in order[:count]]
    return sorted(chosen)


def allocate(sizes: Sequence[int], limit: int) -> list[int]:
    """Places for each stratum: proportional by largest remainder, one each where there is room.

    A stratum whose share is under one place gets one, and the others share what is left in
    proportion. Never more places than a stratum has members; ties go to the earlier stratum.
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

    The pool is drawn from the whole source, so a limited run hears the same companions. Its audio
    is fetched when the first companion is asked for. Picklable.

    Parameters
    ----------
    source
        The whole source, before any limit.
    size
        Clips in the pool. At most a quarter of them are of one group, so that a clip of that group
        finds others too.
    seed
        Which clips are drawn; where audio comes over a network the first that fit are taken.
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
        """Up to `count` clips of other groups; fakes only where real ones do not suffice."""
        others = [other for other in self.clips if other.group != clip.group]
        chosen: list[Clip] = []
        for label in ("real", "fake"):
            candidates = [other for other in others if other.label == label]
            wanted = min(count - len(chosen), len(candidates))
            chosen += [candidates[i] for i in rng.permutation(len(candidates))[:wanted]]
        return chosen


def _pool(whole: Indexed, size: int, seed: int) -> list[int]:
    clips = whole.clips
    if whole.remote:
        order: Sequence[int] = range(len(clips))
    else:
        by_id = _by_id(clips)
        drawn = generator("companions", seed).permutation(len(clips))
        order = [by_id[place] for place in drawn]
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
    """Positions in order of the clips' ids, which is the same however the source is sorted."""
    return sorted(range(len(clips)), key=lambda position: clips[position].clip_id)

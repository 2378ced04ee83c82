"""Ranks of several detectors on the same clips: which are really apart.

Conventions: m detectors, the best has rank 1; a rank is 1 plus the number of detectors that are
better, so that equals share one. Draws are those of a bootstrap over groups, the same for all
detectors: what is hard for all cancels in their differences.

Ranks are not resampled. A bootstrap of ranks is not valid where detectors are nearly equal, which
is where one asks: of two equal ones it finds one ahead too often, and its intervals miss the rank.
Instead all differences are tested together, by the largest studentised one (a two-sided test of
every pair), step by step: pairs that are apart are taken out, and the bound for the others falls.
The rank of a detector then lies between 1 plus those surely better and m less those surely worse.
With 95 % certainty this holds for all ranks of a table at once.

The bootstrap takes standard errors for known, which few groups do not give. So in every draw the
errors are drawn too, all together, as the covariance of so many normal groups has them (Wishart):
for two detectors this is Student's t. Groups of unlike sizes count as the fewer equal ones that
they are worth (`harness.metrics.uncertainty`). Where fewer than `FEWEST_DIFFERING` groups show any
difference of a pair, its two cannot be told apart, as in `harness.metrics.significance`.

Mogstad, Romano, Shaikh & Wilhelm, "Inference for ranks with applications to mobility across
neighbourhoods and academic achievement across countries", Review of Economic Studies 91, 2024,
sections 3 and 4; letters: Piepho, "An algorithm for a letter-based representation of all-pairwise
comparisons", Journal of Computational and Graphical Statistics 13, 2004.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics.bootstrap import ClipSet
from harness.metrics.classification import Array
from harness.metrics.intervals import LEVEL, bootstrap_spread
from harness.metrics.significance import FEWEST_DIFFERING, placement
from harness.metrics.uncertainty import Clusters, spread_over_groups

Count = NDArray[np.intp]
Flags = NDArray[np.bool_]

_SAME = 1e-12
_MANY_GROUPS = 300
"""Fewest groups for which the normal distribution stands in for t."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of m detectors.

    Parameters
    ----------
    rank, best, worst
        As measured, and the bounds; shape (m,).
    ahead
        `ahead[i, j]`: i is surely better than j; shape (m, m).
    letters
        Detectors that share a letter are not told apart; `a` is in the first group.
    """

    rank: Count
    best: Count
    worst: Count
    ahead: Flags
    letters: list[str]


def rank(
    values: ArrayLike,
    draws: ArrayLike,
    groups: int,
    differing: ArrayLike,
    better: Literal["higher", "lower"] = "higher",
    level: float = LEVEL,
    *,
    clusters: Clusters | None = None,
) -> Ranks:
    """Rank detectors by a figure of the same clips.

    Parameters
    ----------
    values
        Shape (m,), without NaN.
    draws
        Shape (m, resamples); a draw that is NaN for any detector counts for none.
    groups
        That the figure is of.
    differing
        Groups in which two detectors differ at all, shape (m, m).
    clusters
        Of the figure; without, the groups are of like sizes.
    """
    clusters = Clusters.equal(groups) if clusters is None else clusters
    sign = 1.0 if better == "higher" else -1.0
    value = sign * np.asarray(values, dtype=np.float64)
    if np.isnan(value).any():
        raise ValueError("a detector without a value has no rank")
    drawn = sign * np.asarray(draws, dtype=np.float64)
    # The errors that are drawn are of no order of the detectors but this.
    order = np.lexsort((np.nansum(drawn, axis=1), value))
    back = np.ix_(np.argsort(order), np.argsort(order))
    gap = value[:, None] - value
    inside = np.ix_(order, order)
    support = groups, clusters, np.asarray(differing)[inside]
    sorted_ahead = _ahead(gap[inside], drawn[order], *support, level)
    ahead = sorted_ahead[back]
    above = gap > _SAME
    order = np.argsort(-value, kind="stable")
    return Ranks(
        rank=1 + above.sum(axis=0),
        best=1 + ahead.sum(axis=0),
        worst=len(value) - ahead.sum(axis=1),
        ahead=ahead,
        letters=_letters(ahead, order),
    )


def differing_groups(cells: Sequence[ClipSet], groups: int, *, ranking: bool) -> Count:
    """Count the groups in which each two of m detectors differ, for one figure of the same clips.

    Parameters
    ----------
    cells
        Of the same clips; for a figure of ranking in the same order within each class.
    groups
        How many groups the run has.
    ranking
        Whether the figure is of the order of the scores; else of decisions.

    Returns
    -------
    array
        Shape (m, m), symmetric, 0 on the diagonal.
    """
    counts = np.zeros((len(cells), len(cells)), dtype=np.intp)
    traces = [_placed(cell) if ranking else _decided(cell, groups) for cell in cells]
    for first, (values, group) in enumerate(traces):
        for second in range(first):
            moved = np.abs(values - traces[second][0]) > _SAME
            counts[first, second] = counts[second, first] = len(np.unique(group[moved]))
    return counts


def _placed(cell: ClipSet) -> tuple[Array, Count]:
    """Return the placement of each clip among the other class, and the clip's group."""
    placed = np.concatenate(placement(cell.real, cell.fake))
    return placed, np.concatenate([cell.real_group, cell.fake_group])


def _decided(cell: ClipSet, groups: int) -> tuple[Array, Count]:
    """Count the decisions of each kind in each group; return them with the group of every count."""
    counted = [
        np.bincount(clip_groups, minlength=groups) for clip_groups in cell.counted().values()
    ]
    return np.concatenate(counted).astype(np.float64), np.tile(np.arange(groups), len(counted))


def _ahead(
    gap: Array, draws: Array, groups: int, clusters: Clusters, differing: Count, level: float
) -> Flags:
    """Pairs that are surely apart, by stepping down."""
    known = ~np.isnan(draws).any(axis=0)
    ahead = np.zeros(gap.shape, dtype=bool)
    if groups < FEWEST_DIFFERING or known.sum() < 2:
        return ahead
    apart = draws[:, None, :] - draws[None, :, :]
    spread = spread_over_groups(
        apart.reshape(gap.size, -1), np.full(gap.size, groups), [clusters] * gap.size
    )
    apart, draws, error = apart[:, :, known], draws[:, known], spread.error.reshape(gap.shape)
    varies = error > _SAME
    freedom = np.min(spread.freedom, where=varies.ravel(), initial=np.inf)
    # Draws spread less than the error by what large groups pull.
    wider = np.divide(error, bootstrap_spread(apart), out=np.ones(gap.shape), where=varies)
    scale = np.where(varies, error / wider, 1.0)[:, :, None]
    scale = scale * _error_ratio(draws, freedom, varies)
    centred = (apart - gap[:, :, None]) / scale
    left = (differing >= FEWEST_DIFFERING) & ~np.eye(len(gap), dtype=bool)
    while left.any():
        bound = np.quantile(np.max(centred[left], axis=0), level)
        newly_ahead = left & (gap > np.maximum(bound * error, _SAME))
        if not newly_ahead.any():
            break
        ahead |= newly_ahead
        left &= ~newly_ahead
    return ahead


def _error_ratio(draws: Array, freedom: float, varies: Flags) -> Array:
    """Standard errors of differences as other samples of groups would give them, over the true.

    Returns
    -------
    array
        Shape (m, m, resamples); 1 where groups are many, and of pairs that do not vary.
    """
    many, resamples = draws.shape
    if freedom > _MANY_GROUPS:
        return np.ones((many, many, resamples))
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(draws)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng, size = np.random.default_rng(0), max(1, round(freedom))
    ratio = np.empty((many, many, resamples))
    true = _variance_apart(root @ root.T)
    for draw in range(resamples):
        sample = root @ rng.normal(size=(many, size))
        drawn = _variance_apart(sample @ sample.T / size)
        ratio[:, :, draw] = np.divide(drawn, true, out=np.ones_like(true), where=varies)
    return np.sqrt(ratio)


def _variance_apart(covariance: Array) -> Array:
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own - 2 * covariance, 0.0)


def _letters(ahead: Flags, order: Count) -> list[str]:
    """Letters such that two detectors share one exactly where neither is ahead (insert, absorb)."""
    many = len(order)
    groups = [frozenset(range(many))] if many else []
    for detector in range(many):
        for other in np.flatnonzero(ahead[detector]).tolist():
            split: list[frozenset[int]] = []
            for group in groups:
                both = detector in group and other in group
                split += [group - {detector}, group - {other}] if both else [group]
            unique = list(dict.fromkeys(split))
            groups = [group for group in unique if not any(group < larger for larger in unique)]
    place = {int(index): at for at, index in enumerate(order)}
    groups.sort(key=lambda group: sorted(place[member] for member in group))
    return [
        " ".join(_letter(at) for at, group in enumerate(groups) if detector in group)
        for detector in range(many)
    ]


def _letter(number: int) -> str:
    """Letters from a to z, then aa, ab and so on."""
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text

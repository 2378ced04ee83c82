"""Clips on which two runs come to other verdicts, and which way.

Conventions: a clip flips where it has a score in both runs, one of them right and the other wrong,
each at its own threshold. Clips without a score on either side are no flips: coverage
tells of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.compare.pairing import Couple, Pairing
from harness.metrics.classification import outcome_of
from harness.summary.cells import Rows

Verdicts = NDArray[np.bool_]

HEARD = 24
"""Flips of a model that a report lets hear: as many as there is room for beside its mistakes."""


@dataclass(frozen=True)
class Flip:
    """A clip whose verdict `turned` right or wrong from the baseline to the run."""

    model: str
    condition: str
    clip_id: str
    label: str
    generator: str
    turned: Literal["right", "wrong"]
    score: float
    baseline_score: float


@dataclass(frozen=True)
class FlipCount:
    """Flips of a condition, in all or of one generator's fakes, out of the clips of both.

    `generator` is `*` for all clips; clips without one, such as real ones, have the empty name.
    """

    model: str
    condition: str
    generator: str
    right: int
    wrong: int
    clips: int


def verdicts(pairing: Pairing, rows: Rows) -> Verdicts:
    """Whether each row is decided right, where the policy has it decided at all."""
    grid = pairing.both
    right = (grid.score[rows] >= grid.bar[rows]) == grid.fake[rows]
    real, fake = (outcome_of(label, grid.policy) == good for label, good in _GOOD)
    return np.where(grid.ok[rows], right, np.where(grid.fake[rows], fake, real))


_GOOD: tuple[tuple[Literal["real", "fake"], str], ...] = (("real", "tn"), ("fake", "tp"))


def flips(pairing: Pairing, model: str, condition: str, couple: Couple) -> Iterator[Flip]:
    """The flips among clips that both scored, those that turned wrong first, by the score's move.

    Parameters
    ----------
    couple
        Of figures of ranking, which are of the scored clips whatever the policy.
    """
    grid, table = pairing.both, pairing.table
    one, other = couple.run_rows, couple.baseline_rows
    right, before = verdicts(pairing, one), verdicts(pairing, other)
    turned = np.flatnonzero(right != before)
    move = np.abs(grid.score[one] - grid.score[other])
    order = np.lexsort((grid.clip[one][turned], -move[turned], right[turned]))
    columns: Any = table[["clip_id", "label", "generator"]].iloc[one[turned[order]]]
    for place, (clip_id, label, generator) in zip(
        turned[order].tolist(), columns.fillna("").to_numpy().tolist(), strict=True
    ):
        yield Flip(
            model,
            condition,
            clip_id,
            label,
            generator,
            "right" if right[place] else "wrong",
            float(grid.score[one[place]]),
            float(grid.score[other[place]]),
        )


def flip_counts(
    pairing: Pairing, model: str, condition: str, couple: Couple, flipped: Sequence[Flip]
) -> list[FlipCount]:
    """Counts of all clips and of every generator, also of those without a flip."""
    names: Any = pairing.table["generator"].iloc[couple.run_rows].fillna("")
    clips = Counter(names.tolist())
    turned = Counter((flip.generator, flip.turned) for flip in flipped)
    ways = Counter(flip.turned for flip in flipped)
    return [
        FlipCount(model, condition, "*", ways["right"], ways["wrong"], len(couple.run_rows)),
        *(
            FlipCount(
                model, condition, name, turned[name, "right"], turned[name, "wrong"], clips[name]
            )
            for name in sorted(clips)
        ),
    ]


def hearable(flipped: Sequence[Flip], most: int = HEARD) -> list[Flip]:
    """The flips of each model that tell a listener most, at most so many of each.

    Those that turned wrong come before those that turned right. Among these the condition that has
    had fewest comes next, and of its flips one of a clip that was heard least, then the one whose
    score moved most: so they are of many conditions and of many clips.
    """
    chosen: list[Flip] = []
    for model in dict.fromkeys(flip.model for flip in flipped):
        left = [flip for flip in flipped if flip.model == model]
        conditions, clips = Counter[str](), Counter[str]()
        for _ in range(min(most, len(left))):
            ranks = [_rank(flip, conditions, clips) for flip in left]
            flip = left.pop(ranks.index(min(ranks)))
            conditions[flip.condition] += 1
            clips[flip.clip_id] += 1
            chosen.append(flip)
    return chosen


def _rank(
    flip: Flip, conditions: Counter[str], clips: Counter[str]
) -> tuple[bool, int, int, float]:
    move = abs(flip.score - flip.baseline_score)
    return flip.turned == "right", conditions[flip.condition], clips[flip.clip_id], -move

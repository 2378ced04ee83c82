"""Clips that one run decides right and the other wrong.

Conventions: a clip flips where both runs scored it and exactly one decided it right, each at its
own threshold. Clips without a score in either run never flip; coverage accounts for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.compare.pairing import PairedCells, Pairing
from harness.metrics.classification import outcome_of
from harness.summary.cells import Grid, Rows

AUDIBLE = 24
"""Flips of a model whose audio a report includes, beside its mistakes."""


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
    """Flips of a condition out of the clips of both runs, in all or of one generator.

    `generator` is `*` for all clips and empty for clips without one, such as real clips.
    """

    model: str
    condition: str
    generator: str
    right: int
    wrong: int
    clips: int


def is_right(grid: Grid, rows: Rows) -> NDArray[np.bool_]:
    """Whether each row is decided right; rows without a score as the policy decides them."""
    right = (grid.score[rows] >= grid.bar[rows]) == grid.fake[rows]
    real = outcome_of("real", grid.policy) == "tn"
    fake = outcome_of("fake", grid.policy) == "tp"
    return np.where(grid.ok[rows], right, np.where(grid.fake[rows], fake, real))


def flips(pairing: Pairing, model: str, condition: str, scored: PairedCells) -> Iterator[Flip]:
    """The flips among clips that both runs scored: turned wrong first, then by change of score."""
    grid, table = pairing.both, pairing.table
    run_rows, baseline_rows = scored.rows
    right, before = is_right(grid, run_rows), is_right(grid, baseline_rows)
    turned = np.flatnonzero(right != before)
    move = np.abs(grid.score[run_rows] - grid.score[baseline_rows])
    order = np.lexsort((grid.clip[run_rows][turned], -move[turned], right[turned]))
    columns: Any = table[["clip_id", "label", "generator"]].iloc[run_rows[turned[order]]]
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
            float(grid.score[run_rows[place]]),
            float(grid.score[baseline_rows[place]]),
        )


def flip_counts(
    pairing: Pairing, model: str, condition: str, scored: PairedCells, flipped: Sequence[Flip]
) -> list[FlipCount]:
    """Counts of all clips, then of every generator, including those without a flip."""
    names: Any = pairing.table["generator"].iloc[scored.run_rows].fillna("")
    clips = Counter(names.tolist())
    turned = Counter((flip.generator, flip.turned) for flip in flipped)
    ways = Counter(flip.turned for flip in flipped)
    return [
        FlipCount(model, condition, "*", ways["right"], ways["wrong"], len(scored.run_rows)),
        *(
            FlipCount(
                model, condition, name, turned[name, "right"], turned[name, "wrong"], clips[name]
            )
            for name in sorted(clips)
        ),
    ]


def worth_hearing(flipped: Sequence[Flip], most: int = AUDIBLE) -> list[Flip]:
    """Choose up to `most` flips of each model, spread over conditions and clips.

    Flips that turned wrong come first. Within these the condition chosen least often comes next,
    then the clip chosen least often, then the largest change of score.
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

"""What a comparison with a baseline shows of one model: sentences, tables and turned clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.comparison_text import gain, sentences, shown
from harness.report.formatting import (
    MISSING,
    figure,
    interval,
    probability,
    signed,
)
from harness.report.glossary import Term, term
from harness.report.lookup import Index
from harness.terms import POOLED

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.difference import Difference
    from harness.compare.flips import Flip, FlipCount

LEADING = ("accuracy", "eer", "auc")
MOST_FLIPS = 200
_STATUSES = ("missing", "not comparable", "no data", "new")
_TESTS = {"mcnemar": "McNemar", "delong": "DeLong"}


@dataclass(frozen=True)
class Cell:
    """One figure in both runs; only `status` where it was not compared.

    Parameters
    ----------
    both
        `0.827, was 0.950`.
    chance
        Adjusted p-value, and that of the test over clips.
    smallest
        The smallest difference that would have been seen.
    mark
        Class of the cell: whether the difference is shown, and whether it is for the worse.
    """

    status: str
    text: str
    between: str
    both: str
    chance: str
    smallest: str
    n: int
    sort: str
    mark: str


@dataclass(frozen=True)
class Line:
    """The cells of a condition, one a metric; `n` and `groups` are those of most of them."""

    name: str
    words: str
    n: int
    groups: int
    cells: list[Cell]


@dataclass(frozen=True)
class Matrix:
    """A table with a line for each condition."""

    terms: list[Term]
    lines: list[Line]


@dataclass(frozen=True)
class Barred:
    """Figures of a condition that were not compared for the same reason."""

    status: str
    name: str
    words: str
    reason: str
    figures: str


@dataclass(frozen=True)
class Turned:
    """Flips of a generator's clips over all conditions, out of so many rows of both runs."""

    name: str
    right: int
    wrong: int
    rows: int


@dataclass(frozen=True)
class Against:
    """One model against the baseline.

    Parameters
    ----------
    named
        What the baseline calls the model, where that is another name.
    gone
        Models that only the baseline has: no panel tells of them.
    flips
        Those shown, wrong ones first; there are `flipped` in all.
    """

    named: str
    gone: list[str]
    sentences: list[str]
    notes: list[str]
    barred: list[Barred]
    leading: Matrix
    others: Matrix
    counts: list[FlipCount]
    unflipped: int
    generators: list[Turned]
    flips: list[Flip]
    flipped: int


def against(index: Index, model: str, comparison: Comparison, told: Sequence[str] = ()) -> Against:
    """Put together what is shown of a model; `told` are the notes that stand elsewhere."""
    cells = [cell for cell in comparison.cells if cell.model == model]
    counts = [
        each for each in comparison.flip_counts if each.model == model and each.generator == "*"
    ]
    turned = [each for each in counts if each.right or each.wrong]
    flips = [flip for flip in comparison.flips if flip.model == model]
    others = [m for m in dict.fromkeys(cell.metric for cell in cells) if m not in LEADING]
    named = next((match.baseline for match in comparison.models if match.run == model), "")
    return Against(
        named=named if named != model else "",
        gone=[match.baseline for match in comparison.models if not match.run],
        sentences=sentences(index, model, comparison, cells),
        notes=[note for note in comparison.notes if note not in told],
        barred=_barred(index, cells),
        leading=_matrix(index, cells, LEADING),
        others=_matrix(index, cells, others),
        counts=sorted(turned, key=lambda each: (-each.wrong, -each.right)),
        unflipped=len(counts) - len(turned),
        generators=_generators([each for each in comparison.flip_counts if each.model == model]),
        flips=sorted(flips, key=_by_harm)[:MOST_FLIPS],
        flipped=len(flips),
    )


def _generators(counts: Sequence[FlipCount]) -> list[Turned]:
    """By generator, most that turned wrong first; clips without one last."""
    made = [
        Turned(
            name,
            sum(each.right for each in own),
            sum(each.wrong for each in own),
            sum(each.clips for each in own),
        )
        for name in dict.fromkeys(each.generator for each in counts)
        if name != POOLED
        for own in [[each for each in counts if each.generator == name]]
    ]
    return sorted(made, key=lambda each: (not each.name, -each.wrong, -each.right, each.name))


def _by_harm(flip: Flip) -> tuple[bool, float]:
    return flip.turned == "right", -abs(flip.score - flip.baseline_score)


def _barred(index: Index, cells: Sequence[Difference]) -> list[Barred]:
    """What was not compared, by condition, status and reason; what is missing first."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for cell in sorted(cells, key=lambda cell: cell.metric not in LEADING):
        if cell.status != "compared":
            found.setdefault((cell.status, cell.condition, cell.reason), []).append(cell)
    made = [
        Barred(status, name, index.words(name), reason, ", ".join(map(_stood, each)))
        for (status, name, reason), each in found.items()
    ]
    return sorted(made, key=lambda each: _STATUSES.index(each.status))


def _stood(cell: Difference) -> str:
    """`Accuracy (0.827, was 0.950)`, or what there is of it."""
    known = [figure(cell.value)] if math.isfinite(cell.value) else []
    known += [f"was {figure(cell.baseline)}"] if math.isfinite(cell.baseline) else []
    title = term(cell.metric).title
    return f"{title} ({', '.join(known)})" if known else title


def _matrix(index: Index, cells: Sequence[Difference], metrics: Sequence[str]) -> Matrix:
    """A line for each condition, the largest loss of the first metric first."""
    by_condition: dict[str, dict[str, Difference]] = {}
    for cell in cells:
        if cell.metric in metrics:
            by_condition.setdefault(cell.condition, {})[cell.metric] = cell
    lines: list[tuple[float, Line]] = []
    for name, found in by_condition.items():
        if all(cell.status != "compared" for cell in found.values()):
            continue
        n, groups = max((cell.n, cell.groups) for cell in found.values())
        line = Line(
            name, index.words(name), n, groups, [_cell(found.get(metric)) for metric in metrics]
        )
        lines.append((gain(found.get(metrics[0])), line))
    terms = [term(metric) for metric in metrics]
    return Matrix(terms, [line for _, line in sorted(lines, key=lambda each: each[0])])


def _cell(cell: Difference | None) -> Cell:
    if cell is None or cell.status != "compared":
        return Cell(cell.status if cell else MISSING, "", "", "", "", "", 0, "", "barred")
    known = math.isfinite(cell.p_holm)
    chance = [f"p {probability(cell.p_holm)}"] if known else []
    if cell.test:
        chance.append(f"{_TESTS[cell.test]} {_probability(cell.p_clips)}")
    mark = ("sure v-below" if gain(cell) < 0 else "sure") if shown(cell) else ""
    return Cell(
        "",
        signed(cell.difference),
        interval(cell.low, cell.high),
        f"{figure(cell.value)}, was {figure(cell.baseline)}",
        ", ".join(chance),
        figure(cell.smallest) if math.isfinite(cell.smallest) else "",
        cell.n,
        f"{cell.difference:.6g}" if math.isfinite(cell.difference) else "",
        mark,
    )


def _probability(value: float) -> str:
    return probability(value) if math.isfinite(value) else figure(value)

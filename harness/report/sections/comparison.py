"""Compared with a baseline: sentences, differences, and the clips that changed verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from harness.report import comparison_text
from harness.report.comparison_text import gain, is_shown
from harness.report.formatting import count, figure, probability, signed
from harness.report.glossary import term
from harness.report.lookup import Index
from harness.report.section import Content
from harness.report.table import (
    Cell,
    Column,
    Interval,
    Table,
    clips,
    count_cell,
    difference_cell,
    number,
    sort_key,
)
from harness.report.view import ModelView
from harness.terms import POOLED

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.difference import Difference
    from harness.compare.flips import Flip, FlipCount

LEADING = ("accuracy", "eer", "auc")
MOST_FLIPS = 200
_STATUSES = ("missing", "not comparable", "no data", "new")
_TESTS = {"mcnemar": "McNemar", "delong": "DeLong"}


def build(view: ModelView) -> Content | None:
    comparison, gate = view.run.comparison, view.run.gate
    if comparison is None:
        return None
    index, model = view.index, view.name
    cells = [cell for cell in comparison.cells if cell.model == model]
    others = [m for m in dict.fromkeys(cell.metric for cell in cells) if m not in LEADING]
    match = next((match.baseline for match in comparison.models if match.run == model), model)
    gate_notes = [] if gate is None else gate.notes
    return {
        "named": match if match != model else "",
        "gone": [match.baseline for match in comparison.models if not match.run],
        "sentences": comparison_text.sentences(index, model, comparison, cells),
        "notes": [note for note in comparison.notes if note not in gate_notes],
        "not_compared": _not_compared(view, cells),
        "family": comparison.family,
        "leading": _differences(view, "differences", "Accuracy, EER and AUC.", cells, LEADING),
        "others": _differences(view, "other-differences", "Other figures.", cells, others),
        **_changed(view, comparison),
    }


def _changed(view: ModelView, comparison: Comparison) -> Content:
    """Return the content about clips whose verdict changed."""
    own = [flips for flips in comparison.flip_counts if flips.model == view.name]
    by_condition = [flips for flips in own if flips.generator == POOLED]
    changed = [flips for flips in by_condition if flips.right or flips.wrong]
    flips = [flip for flip in comparison.flips if flip.model == view.name]
    examples = [
        (example, view.run.flips[example.key], view.run.anchors[example.key])
        for example in view.run.examples
        if example.model == view.name
        and example.key in view.run.flips
        and example.key not in view.run.mistakes
    ]
    return {
        "flipped": len(flips),
        "unchanged": len(by_condition) - len(changed),
        "by_condition": _by_condition(view, changed),
        "by_generator": _by_generator(view, own),
        "examples": examples,
        "playable": any(key[0] == view.name for key in view.run.anchors),
        "flips": _flips(view, flips),
    }


class _NotCompared(NamedTuple):
    """Figures of a condition that were not compared for the same reason."""

    status: str
    condition: str
    reason: str
    cells: list[Difference]


def _not_compared(view: ModelView, cells: Sequence[Difference]) -> Table[_NotCompared]:
    """Figures that were not compared, by condition, status and reason; missing ones first."""
    groups: dict[tuple[str, str, str], list[Difference]] = {}
    for cell in sorted(cells, key=lambda cell: cell.metric not in LEADING):
        if cell.status != "compared":
            groups.setdefault((cell.status, cell.condition, cell.reason), []).append(cell)
    barred = [_NotCompared(*key, group) for key, group in groups.items()]
    return Table(
        view.anchor("not-compared"),
        "What was not compared",
        "Figures that only one of the runs has, or that cannot be compared. Values are each run’s "
        "own.",
        sorted(barred, key=lambda group: _STATUSES.index(group.status)),
        [
            Column("Condition", lambda group: _condition(view.index, group.condition)),
            Column(
                "Status",
                lambda group: Cell(group.status, mark="" if group.status == "new" else "v-below"),
                "status",
            ),
            Column("Reason", lambda group: group.reason, "said"),
            Column("Figures", lambda group: ", ".join(map(_own_values, group.cells)), "said"),
        ],
    )


def _condition(index: Index, name: str) -> Cell:
    words = index.words(name)
    return Cell(words, (name,) if words != name else ())


def _own_values(cell: Difference) -> str:
    """Return `Accuracy (0.827, was 0.950)`, or as much of it as is known."""
    known = [figure(cell.value)] if math.isfinite(cell.value) else []
    known += [f"was {figure(cell.baseline)}"] if math.isfinite(cell.baseline) else []
    title = term(cell.metric).title
    return f"{title} ({', '.join(known)})" if known else title


def _differences(
    view: ModelView,
    name: str,
    caption: str,
    cells: Sequence[Difference],
    metrics: Sequence[str],
) -> Table[str]:
    """Return a row for each condition, the largest loss of the first metric first."""
    by_condition: dict[str, dict[str, Difference]] = {}
    for cell in cells:
        if cell.metric in metrics:
            by_condition.setdefault(cell.condition, {})[cell.metric] = cell
    compared = {
        condition: own
        for condition, own in by_condition.items()
        if any(cell.status == "compared" for cell in own.values())
    }

    def n(condition: str) -> Cell:
        clips, groups = max((cell.n, cell.groups) for cell in compared[condition].values())
        return count_cell(clips, f"{count(groups)} groups")

    def column(metric: str) -> Column[str]:
        def cell(condition: str) -> Cell:
            own = compared[condition]
            return _difference(own.get(metric), max(cell.n for cell in own.values()))

        return number(f"Δ {term(metric).title}", cell, term(metric).meaning)

    return Table(
        view.anchor(name),
        caption,
        caption,
        sorted(compared, key=lambda condition: gain(compared[condition].get(metrics[0]))),
        [
            Column("Condition", lambda condition: Cell(view.index.words(condition), (condition,))),
            *map(column, metrics),
            number("Clips", n),
        ],
        filter="conditions",
        style="sortable full tall against",
    )


def _difference(cell: Difference | None, n: int) -> Cell:
    if cell is None or cell.status != "compared":
        return Cell(cell.status, sort="", mark="barred") if cell else Cell(sort="")
    p = [f"p {probability(cell.p_holm)}"] if math.isfinite(cell.p_holm) else []
    if cell.test:
        p.append(f"{_TESTS[cell.test]} {probability(cell.p_clips)}")
    smallest = f"smallest detectable difference {figure(cell.smallest)}"
    return difference_cell(
        Interval(cell.difference, cell.low, cell.high),
        f"{figure(cell.value)}, was {figure(cell.baseline)}",
        ", ".join(p),
        smallest if math.isfinite(cell.smallest) else "",
        clips(cell.n, n),
        mark=("sure v-below" if gain(cell) < 0 else "sure") if is_shown(cell) else "",
    )


def _by_condition(view: ModelView, counts: Sequence[FlipCount]) -> Table[FlipCount]:
    return Table(
        view.anchor("changed"),
        "Clips that changed verdict, by condition",
        "By condition, most that turned wrong first.",
        sorted(counts, key=lambda flips: (-flips.wrong, -flips.right)),
        [Column("Condition", lambda flips: view.index.words(flips.condition)), *_turns("Clips")],
    )


def _by_generator(view: ModelView, counts: Sequence[FlipCount]) -> Table[FlipCount]:
    """Return sums over all conditions, clips without a generator last."""
    sums: dict[str, FlipCount] = {}
    for flips in counts:
        if flips.generator != POOLED:
            so_far = sums.get(flips.generator, replace(flips, right=0, wrong=0, clips=0))
            sums[flips.generator] = replace(
                flips,
                condition=POOLED,
                right=so_far.right + flips.right,
                wrong=so_far.wrong + flips.wrong,
                clips=so_far.clips + flips.clips,
            )
    return Table(
        view.anchor("changed-by-generator"),
        "Clips that changed verdict, by generator",
        "By generator, most that turned wrong first.",
        sorted(sums.values(), key=lambda total: (not total.generator, -total.wrong, -total.right)),
        [
            Column(
                "Generator",
                lambda total: total.generator or "none (real clips, some fakes)",
            ),
            *_turns("Clips × conditions"),
        ],
    )


def _turns(clips: str) -> list[Column[FlipCount]]:
    return [
        number("Right → wrong", lambda flips: count_cell(flips.wrong)),
        number("Wrong → right", lambda flips: count_cell(flips.right)),
        number(clips, lambda flips: count_cell(flips.clips)),
    ]


def _flips(view: ModelView, flips: Sequence[Flip]) -> Table[Flip]:
    def harm(flip: Flip) -> tuple[bool, float]:
        return flip.turned == "right", -abs(flip.score - flip.baseline_score)

    def clip(flip: Flip) -> Cell:
        key = (flip.model, flip.condition, flip.clip_id)
        return Cell(flip.clip_id, target=view.run.anchors.get(key, ""))

    def score(value: float) -> Cell:
        return Cell(signed(value, 2), sort=sort_key(value))

    rest = len(flips) - MOST_FLIPS
    more = f" {count(rest)} more are not listed." if rest > 0 else ""
    return Table(
        view.anchor("flips"),
        "Clips that changed verdict",
        f"Those that turned wrong first, by how far the score moved.{more}",
        sorted(flips, key=harm)[:MOST_FLIPS],
        [
            Column("Clip", clip, "id"),
            Column("Condition", lambda flip: view.index.words(flip.condition)),
            Column("Label", lambda flip: flip.label),
            Column(
                "Turned",
                lambda flip: Cell(flip.turned, mark="v-below" if flip.turned == "wrong" else ""),
            ),
            number("Score", lambda flip: score(flip.score)),
            number("Baseline’s", lambda flip: score(flip.baseline_score)),
            Column("Generator", lambda flip: flip.generator),
        ],
    )

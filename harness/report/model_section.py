"""What the page shows of one model: its part of the answer, its tables and its charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.claims.published import Published
from harness.report import chart, narrative, table
from harness.report.chart import Chart
from harness.report.heat import HeatRow, heat_rows
from harness.report.lookup import Index, Loss
from harness.results.figures import FamilyDamage, Hindsight, Mistake, Unscored
from harness.results.record import ConditionRecord, ModelRecord
from harness.terms import CLEAN, POOLED

# A generator makes fakes alone, so that of its clips only recall is to be had.
PARTS = {"length": "accuracy", "generator": "recall", "source": "accuracy"}


@dataclass(frozen=True)
class Answer:
    """The first thing on the page: sentences and the two tables that bear them out.

    Parameters
    ----------
    margin
        Within which a claim counts as met; empty where none was tested.
    positive, other
        The class that the claims are of, and the one that they are not of.
    elsewhere
        Whether the published figures are of other clips.
    """

    measured: str
    claimed: list[str]
    cautions: list[str]
    breaking: list[str]
    claim_scale: table.Scale
    claims: list[table.Claim]
    margin: str
    positive: str
    other: str
    elsewhere: bool
    worst_scale: table.Scale
    worst: list[table.Worst]


@dataclass(frozen=True)
class Small:
    """One of the small multiples: the levels of a series."""

    row: HeatRow
    chart: str


@dataclass(frozen=True)
class Choice:
    """A condition that the reader can put beside clean, and its charts."""

    condition: ConditionRecord
    scores: str
    lengths: str


@dataclass(frozen=True)
class Frozen:
    """What the threshold of a model costs under one condition, by error rates and by cost."""

    condition: ConditionRecord
    rates: Hindsight
    cost: Hindsight


@dataclass(frozen=True)
class Panel:
    """Everything about one model; charts by the key that the page finds them under."""

    number: int
    name: str
    record: ModelRecord | None
    answer: Answer
    heat: list[HeatRow]
    singles: list[HeatRow]
    smalls: list[Small]
    families: list[FamilyDamage]
    family_accuracy: dict[str, table.Cell]
    curved: list[str]
    threshold: str
    frozen: list[Frozen]
    choices: list[Choice]
    chosen: Choice | None
    parts: dict[str, list[table.Part]]
    figures: table.Matrix
    slices: dict[str, table.Matrix]
    unscored: list[Unscored]
    errors: list[Mistake]
    charts: dict[str, Chart]


def panel(index: Index, number: int, published: Published | None) -> Panel:
    """Put together what is shown of the model with this number."""
    model = index.models[number]
    losses = index.losses(model)
    rows = heat_rows(index, model)
    families = [f for f in index.summary.families if f.model == model and f.metric == "accuracy"]
    sweeps = [row for row in rows if len(row.cells) > 1]
    curved = chart.curved(index, model, losses)
    charts = {
        f"roc-{number}": chart.roc(index, model, curved),
        f"det-{number}": chart.det(index, model, curved),
    }
    smalls = _smalls(index, model, number, sweeps, charts)
    choices = _choices(index, model, number, losses, charts)
    other = choices[1].condition.name if len(choices) > 1 else CLEAN
    kinds = [kind for kind in PARTS if index.slices(model, kind)]
    return Panel(
        number=number,
        name=model,
        record=next((m for m in index.record.models if m.name == model), None),
        answer=_answer(index, model, published),
        heat=sweeps,
        singles=[row for row in rows if len(row.cells) == 1],
        smalls=smalls,
        families=sorted(families, key=lambda f: f.value if math.isfinite(f.value) else math.inf),
        family_accuracy={
            f.family: table.figure_cell(index.row(model, POOLED, "accuracy", f"family={f.family}"))
            for f in families
        },
        curved=curved,
        threshold=narrative.threshold_sentence(index, model),
        frozen=_frozen(index, model),
        choices=choices,
        chosen=choices[1] if len(choices) > 1 else None,
        parts={kind: table.parts(index, model, kind, PARTS[kind], other) for kind in kinds},
        figures=table.figures(index, model),
        slices={kind: table.slices(index, model, kind, PARTS[kind]) for kind in kinds},
        unscored=[u for u in index.summary.unscored if u.model == model],
        errors=[m for m in index.summary.mistakes if m.model == model],
        charts=charts,
    )


def _answer(index: Index, model: str, published: Published | None) -> Answer:
    claim_scale, claims = table.claims(index, model)
    worst_scale, worst = table.worst(index, model)
    margins = [each.check.margin for each in claims if math.isfinite(each.check.margin)]
    of_real = any(each.check.metric.endswith("_real") for each in claims)
    return Answer(
        measured=narrative.measured_sentence(index, model),
        claimed=narrative.claim_sentences(index, model, published),
        cautions=narrative.caution_sentences(index, model, published),
        breaking=narrative.breaking_sentences(index, model),
        claim_scale=claim_scale,
        claims=claims,
        margin=f"{margins[0]:g}" if margins else "",
        positive="real" if of_real else "fake",
        other="fake" if of_real else "real",
        elsewhere=published is not None and not narrative.same_test(index.record, published),
        worst_scale=worst_scale,
        worst=worst,
    )


def _frozen(index: Index, model: str) -> list[Frozen]:
    """Every condition with both classes, clean first, then what is hidden most."""
    found = {
        (each.condition, each.metric): each
        for each in index.summary.hindsight
        if each.model == model and math.isfinite(each.hidden)
    }
    lines = [
        Frozen(condition, found[condition.name, "hter"], found[condition.name, "act_dcf"])
        for condition in index.conditions
        if (condition.name, "hter") in found and (condition.name, "act_dcf") in found
    ]
    return sorted(lines, key=lambda line: (line.condition.name != CLEAN, -line.rates.hidden))


def _smalls(
    index: Index,
    model: str,
    number: int,
    rows: Sequence[HeatRow],
    charts: dict[str, Chart],
) -> list[Small]:
    smalls: list[Small] = []
    for place, row in enumerate(rows):
        key = f"sweep-{number}-{place}"
        charts[key] = chart.sweep(index, model, row.conditions)
        smalls.append(Small(row, key))
    return smalls


def _choices(
    index: Index, model: str, number: int, losses: Sequence[Loss], charts: dict[str, Chart]
) -> list[Choice]:
    """Clean first, then every condition from the worst on."""
    clean = [c for c in index.conditions if c.name == CLEAN]
    choices: list[Choice] = []
    for place, condition in enumerate([*clean, *(loss.condition for loss in losses)]):
        choice = Choice(condition, f"scores-{number}-{place}", f"length-{number}-{place}")
        charts[choice.scores] = chart.scores(index, model, condition.name)
        charts[choice.lengths] = chart.levels(index, model, condition.name, "length")
        choices.append(choice)
    return choices

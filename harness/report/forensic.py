"""The forensic page: what a score is worth, and what the run cannot say; finished figures only."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.forensic.likelihood_ratio import SCALE, ratio, verbal
from harness.report.chart import Chart
from harness.report.forensic_chart import KINDS, chart_of, forensic_specifications
from harness.report.formatting import MISSING, count, figure, interval, listed, measured, quantity
from harness.report.page_base import dress, environment
from harness.results.record import RunRecord
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.forensic.abstention import RuleResult, SelectiveRisk
    from harness.forensic.analysis import Forensic
    from harness.forensic.calibrated import RatioQuality
    from harness.forensic.prevalence import PredictiveValue, Prevalence, ThresholdTarget
    from harness.forensic.run_view import ForensicFigure
    from harness.forensic.validated_range import RangePart

_METHODS = {"none": "as they are", "logistic": "logistic", "isotonic": "isotonic", "kde": "KDE"}
_LN10 = math.log(10)


@dataclass(frozen=True)
class Calibration:
    """One condition's line in the table of calibration: before, and by each method."""

    words: str
    condition: str
    by_method: dict[str, RatioQuality]


@dataclass(frozen=True)
class Choice:
    """A condition whose charts can be put beside clean; keys by kind of chart."""

    words: str
    condition: str
    keys: dict[str, str]


@dataclass(frozen=True)
class Row:
    """A line about one condition; a cell is what is read, and what stands below it."""

    words: str
    condition: str
    cells: list[tuple[str, ...]]


@dataclass(frozen=True)
class Sheet:
    """Everything about one model."""

    number: int
    name: str
    answer: list[str]
    silence: list[str]
    calibration: list[Calibration]
    choices: list[Choice]
    precision: list[Row]
    missed: list[Row]
    needed: list[ThresholdTarget]
    selections: list[SelectiveRisk]
    rules: list[RuleResult]
    floors: list[Row]
    bands: list[str]
    envelope: list[Row]
    charts: dict[str, Chart]


def render_forensic(content: Forensic, record: RunRecord) -> str:
    """Write the page of one run."""
    sheets = [_sheet(content, record, number) for number in range(len(content.models))]
    charts = {key: chart for each in sheets for key, chart in each.charts.items()}
    return (
        environment()
        .get_template("forensic.html.j2")
        .render(
            **dress(charts, forensic_specifications()),
            record=record,
            content=content,
            sheets=sheets,
            words=_words(record),
            methods=_METHODS,
            kinds=KINDS,
            scale=[(_times(low), _times(high), told) for low, high, told in SCALE],
            prevalences=list(dict.fromkeys(each.prevalence for each in content.prevalence)),
            wanted=list(dict.fromkeys(h.wanted for s in content.selections for h in s.held)),
            command=shlex.join(record.command),
            one_in=one_in,
            interval=interval,
            told=_told,
            ratio=ratio,
        )
    )


def one_in(share: float) -> str:
    """A prevalence as people say it."""
    return f"1 in {count(round(1 / share))}"


def _words(record: RunRecord) -> dict[str, str]:
    return {each.name: each.words for each in record.suite.conditions}


def _times(value: float) -> str:
    return count(round(value)) if math.isfinite(value) else ""


def _sheet(content: Forensic, record: RunRecord, number: int) -> Sheet:
    model, words = content.models[number], _words(record)
    worth = [each for each in content.worth if each.model == model]
    conditions = list(dict.fromkeys(each.condition for each in worth))
    calibration = [
        Calibration(
            words.get(name, name), name, {w.method: w for w in worth if w.condition == name}
        )
        for name in conditions
    ]
    charts: dict[str, Chart] = {}
    choices = _choices(content, record, number, calibration, charts)
    envelope = next(each for each in content.envelopes if each.model == model)
    bands = list(dict.fromkeys(part.band for part in sorted(envelope.parts, key=_by_length)))
    return Sheet(
        number=number,
        name=model,
        answer=_answer(calibration),
        silence=_silence(content, model, calibration),
        calibration=calibration,
        choices=choices,
        precision=_rates(content, words, model, "precision"),
        missed=_rates(content, words, model, "missed"),
        needed=[e for e in content.needed if (e.model, e.condition) == (model, CLEAN)],
        selections=[each for each in content.selections if each.model == model],
        rules=[each for each in content.rules if each.model == model],
        floors=_floors(content, words, model),
        bands=bands,
        envelope=_envelope(words, conditions, bands, envelope.parts),
        charts=charts,
    )


def _floors(content: Forensic, words: dict[str, str], model: str) -> list[Row]:
    own = [each for each in content.admissible.floors if each.model == model]
    return [
        Row(
            words.get(name, name),
            name,
            [
                ("none" if each.why else quantity(each.seconds, "s"), each.why)
                for each in own
                if each.condition == name
            ],
        )
        for name in dict.fromkeys(each.condition for each in own)
    ]


def _by_length(part: RangePart) -> float:
    return part.seconds[0]


def _choices(
    content: Forensic,
    record: RunRecord,
    number: int,
    calibration: Sequence[Calibration],
    charts: dict[str, Chart],
) -> list[Choice]:
    """Clean, then the condition of each family whose ratios say least, the worst first."""
    families = {each.name: each.family for each in record.suite.conditions}
    known = [c for c in calibration if math.isfinite(_cost(c)) and c.condition != CLEAN]
    chosen = [c for c in calibration if c.condition == CLEAN]
    seen = set[str]()
    for each in sorted(known, key=_cost, reverse=True):
        family = families.get(each.condition, each.condition)
        if family not in seen:
            seen.add(family)
            chosen.append(each)
    choices: list[Choice] = []
    for place, each in enumerate(chosen):
        own = [
            curves
            for curves in content.curves
            if (curves.model, curves.condition) == (content.models[number], each.condition)
        ]
        keys = {kind: f"{kind}-{number}-{place}" for kind in KINDS}
        charts.update({key: chart_of(kind, own, each.words) for kind, key in keys.items()})
        choices.append(Choice(each.words, each.condition, keys))
    return choices


def _cost(line: Calibration) -> float:
    return line.by_method["logistic"].cllr.value


def _answer(calibration: Sequence[Calibration]) -> list[str]:
    """What a score is worth at most, where, and where it is worth nothing."""
    told: list[str] = []
    for each in calibration:
        best = each.by_method["logistic"]
        if each.condition == CLEAN and not best.reason:
            told.append(
                f"On clips as they are, a score supports fake over real by a factor of "
                f"{ratio(best.upper)} at most ({verbal(best.upper)}) and real over fake by "
                f"{ratio(best.lower)} at most ({verbal(best.lower)}), because the run has no more "
                "clips than to show that. Beyond, a higher score is not more evidence."
            )
            told.append(
                f"Such ratios still cost {_told(best.cllr)} bits, where 0 is perfect and 1 says "
                "nothing; the scores as they are, taken for log-likelihood ratios, cost "
                f"{_told(each.by_method['none'].cllr)}."
            )
    rest = [c for c in calibration if c.condition != CLEAN and math.isfinite(_cost(c))]
    useless = [c for c in rest if c.by_method["logistic"].cllr.high >= 1]
    if rest:
        worst = max(rest, key=_cost)
        told.append(
            f"It is worth least under “{worst.words}”: {_told(worst.by_method['logistic'].cllr)} "
            f"bits. Under {count(len(useless))} of {count(len(rest))} conditions it cannot be told "
            "from saying nothing."
        )
    return told


def _silence(content: Forensic, model: str, calibration: Sequence[Calibration]) -> list[str]:
    """What the run cannot say."""
    told = [
        "How likely a recording is to be fake. That takes what is known beside the recording; the "
        "ratios below say how far a score should move that, and leave it to the reader.",
        "Anything about generators, voices, languages or recording ways that its clips have none "
        f"of. Its evidence is of {count(content.groups)} groups of clips.",
    ]
    unknown = sorted(
        {
            each.prevalence
            for each in content.prevalence
            if (each.model, each.condition) == (model, CLEAN) and not each.precision.known
        },
        reverse=True,
    )
    if unknown:
        shares = listed([one_in(each) for each in unknown], "or")
        told.append(
            f"How many of the clips called fake are, where {shares} is fake: too few clips."
        )
    lacking = [c for c in calibration if c.by_method["logistic"].reason]
    if lacking:
        told.append(
            f"What a score is worth under {count(len(lacking))} conditions: no calibration."
        )
    cuts = [s for s in content.admissible.shortest if s.model == model and math.isnan(s.seconds)]
    if cuts:
        rates = listed([f"{each.wanted:g}" for each in cuts], "or")
        told.append(f"From which length on the error is surely at most {rates}: at no tested one.")
    told.append(
        "Anything about damage that comes together, but for the chains that the suite names: a "
        "recording that is short and noisy is like none of the others."
    )
    return told


def _rates(content: Forensic, words: dict[str, str], model: str, name: str) -> list[Row]:
    rows: dict[str, list[Prevalence]] = {}
    for each in content.prevalence:
        if each.model == model:
            rows.setdefault(each.condition, []).append(each)
    return [
        Row(
            words.get(condition, condition),
            condition,
            [_predicted(p.precision if name == "precision" else p.missed) for p in each],
        )
        for condition, each in rows.items()
    ]


def _predicted(one: PredictiveValue) -> tuple[str, ...]:
    if one.known:
        return _share(one.value), f"{_share(one.low)} to {_share(one.high)}"
    if one.low <= 0 and one.high >= 1:
        return "not known", one.why
    return "not known", f"{_share(one.low)} to {_share(one.high)}"


def _share(value: float) -> str:
    """A share that may be tiny, and is never shown as certainty."""
    if not math.isfinite(value):
        return MISSING
    if value >= 0.9995:
        return ">0.999"
    return figure(value) if value >= 0.01 or value == 0 else f"{value:.1g}"


def _envelope(
    words: dict[str, str],
    conditions: Sequence[str],
    bands: Sequence[str],
    parts: Sequence[RangePart],
) -> list[Row]:
    there = {(part.condition, part.band): part for part in parts}
    rows: list[Row] = []
    for name in conditions:
        cells = [there.get((name, band)) for band in bands]
        rows.append(Row(words.get(name, name), name, [_part(each) for each in cells]))
    return rows


def _part(part: RangePart | None) -> tuple[str, ...]:
    if part is None:
        return (MISSING,)
    clips = f"{part.real} + {part.fake} clips"
    if not part.enough:
        return "too few", clips
    return figure(part.hter.value), interval(part.hter.low, part.hter.high), clips


def _told(one: ForensicFigure) -> str:
    """A figure with its interval, for a sentence."""
    return measured(one.value, one.low, one.high)

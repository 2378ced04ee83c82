"""The gate: its verdict, and every requirement with its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.compare.verdict import TIERS, Verdict, ranked
from harness.report.formatting import DIGITS, count, figure, interval, probability, signed
from harness.report.glossary import term
from harness.report.lookup import Index
from harness.report.section import Content
from harness.report.table import Cell, Column, Scale, Strip, Table, number, strips, text_cell
from harness.report.view import RunView
from harness.terms import POOLED


def build(view: RunView) -> Content | None:
    gate = view.gate
    if gate is None:
        return None
    verdicts = ranked(gate.verdicts)
    compared = filter(_compared, verdicts)
    scale = Scale.around(
        [end for verdict in compared for end in (verdict.low, verdict.high)], -0.05, 0.05
    )
    passed = [v for v in verdicts if v.outcome == "PASS" and v.tier != "veto"]
    vetoes = [v for v in verdicts if v.outcome == "PASS" and v.tier == "veto"]
    not_passed = [verdict for verdict in verdicts if verdict.outcome != "PASS"]
    return {
        "gate": gate,
        "scale": scale,
        "open": _table(view.index, "open", "What did not pass, failures first.", not_passed, scale),
        "passed": _table(view.index, "passed", "What passed.", passed, scale),
        "vetoes": _table(view.index, "vetoes", "Vetoes that are not used.", vetoes, scale),
        "tiers": [tally for tally in gate.tiers if tally.tier],
    }


def _table(
    index: Index, name: str, caption: str, verdicts: Sequence[Verdict], scale: Scale
) -> Table[Verdict]:
    def requirement(v: Verdict) -> Cell:
        every = v.condition == POOLED
        condition = "every condition" if every else index.words(v.condition)
        model = v.model if len(index.models) > 1 else ""
        failed = v.word == "FAIL"
        return Cell(
            f"{term(v.metric).title}, {condition}",
            (model, TIERS[v.tier], v.required, "" if failed else v.reason),
            alarm=v.reason if failed else "",
        )

    def word(v: Verdict) -> Cell:
        p = f"p {probability(v.p)}" if math.isfinite(v.p) else ""
        finding = "" if v.finding == v.word else v.finding.lower()
        return text_cell(v.word, finding, p, mark=f"w-{v.word}")

    def strip(v: Verdict) -> Strip | None:
        words = f"difference {signed(v.difference, DIGITS)}, interval {_between(v)}"
        drawn = scale.strip(v.difference, v.low, v.high, words=words)
        return drawn if _compared(v) else None

    def clips(v: Verdict) -> Cell:
        groups = f"{count(v.groups)} groups" if v.groups else ""
        return Cell(count(v.n), (groups,)) if v.n else Cell()

    return Table(
        f"gate-{name}",
        caption,
        caption,
        verdicts,
        [
            Column("Requirement", requirement),
            Column("Verdict", word, "verdict"),
            number(
                "Candidate",
                lambda v: Cell(figure(v.value, DIGITS), ("" if _compared(v) else _between(v),)),
            ),
            number("Baseline", lambda v: figure(v.baseline, DIGITS)),
            strips(strip),
            number(
                "Difference",
                lambda v: Cell(
                    signed(v.difference, DIGITS), (_between(v) if _compared(v) else "",)
                ),
            ),
            number("Clips", clips),
        ],
        style="full tall cards gated",
    )


def _compared(verdict: Verdict) -> bool:
    return math.isfinite(verdict.difference)


def _between(verdict: Verdict) -> str:
    return interval(verdict.low, verdict.high, DIGITS)

"""Calibration: ratios of every condition, before and after, as charts and as a table."""

from __future__ import annotations

from collections.abc import Callable

from harness.forensic.likelihood_ratio import ratio
from harness.report.chart import Chart
from harness.report.forensic_chart import KINDS, chart_of
from harness.report.forensic_sections.view import Calibration, EvidenceView
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, figure_cell, number, number_cell, sort_key
from harness.report.view import Beside
from harness.terms import CLEAN

_METHODS = {"none": "raw", "logistic": "logistic", "isotonic": "isotonic", "kde": "KDE"}


def build(view: EvidenceView) -> Content:
    charts: dict[str, Chart] = {}
    chosen = _chosen(view)
    for place, calibration in enumerate(chosen):
        curves = [c for c in view.own(view.content.curves) if c.condition == calibration.condition]
        for kind in KINDS:
            charts[view.anchor(kind) + f"-{place}"] = chart_of(kind, curves, calibration.words)
    return {
        "kinds": {
            kind: Beside(
                view.anchor(kind),
                [(view.anchor(kind) + f"-{place}", c.words) for place, c in enumerate(chosen)],
            )
            for kind in KINDS
        },
        "titles": KINDS,
        "clean": chosen[0] if chosen else None,
        "charts": charts,
        "worth": _worth(view),
        "decisions": _decisions(view),
    }


def _chosen(view: EvidenceView) -> list[Calibration]:
    """Return clean, then the least informative condition of each family, the worst first."""
    families = {condition.name: condition.family for condition in view.record.suite.conditions}
    known = [row for row in view.calibration if row.known and row.condition != CLEAN]
    worst: dict[str, Calibration] = {}
    for row in sorted(known, key=lambda row: row.best.cllr.value, reverse=True):
        worst.setdefault(families.get(row.condition, row.condition), row)
    return [row for row in view.calibration if row.condition == CLEAN] + list(worst.values())


def _worth(view: EvidenceView) -> Table[Calibration]:
    content = view.content

    def condition(row: Calibration) -> Cell:
        fitted = row.best.fitted_on if content.development else ""
        return Cell(row.words, (row.condition, f"fitted on {fitted}" if fitted else ""))

    def cllr(method: str) -> Callable[[Calibration], Cell]:
        def cell(row: Calibration) -> Cell:
            worth = row.by_method[method]
            return Cell(below=(worth.reason,), sort="") if worth.reason else figure_cell(worth.cllr)

        return cell

    return Table(
        view.anchor("ratios"),
        "Calibration by condition",
        "Cost of the ratios before and after calibration.",
        view.calibration,
        [
            Column("Condition", condition),
            *(number(f"Cllr, {title}", cllr(method)) for method, title in _METHODS.items()),
            number(
                "Cllr min",
                lambda row: figure_cell(row.by_method["none"].cllr_min),
                "The least that any monotone map could reach on these clips.",
            ),
        ],
        filter="conditions",
    )


def _decisions(view: EvidenceView) -> Table[Calibration]:
    def bound(row: Calibration, llr: float) -> Cell:
        return Cell(sort="") if row.best.reason else Cell(ratio(llr), sort=sort_key(abs(llr)))

    cost = view.content.cost
    return Table(
        view.anchor("decisions"),
        "Decisions and bounds by condition",
        "Detection cost of the calibrated ratios; largest ratios for fake and for real that "
        "the groups support (logistic).",
        view.calibration,
        [
            view.condition(lambda row: row.condition),
            number(
                "actDCF",
                lambda row: figure_cell(row.best.act_dcf),
                f"Cost of deciding at the Bayes threshold (share of fakes {cost.fake_share}, cost "
                f"of a rejected real clip {cost.miss}, of an accepted fake "
                f"{cost.false_acceptance}), logistic.",
            ),
            number("minDCF", lambda row: figure_cell(row.best.min_dcf)),
            number(
                "devPAV",
                lambda row: number_cell(row.best.dev_pav, 2),
                "Mean distance from calibrated ratios in powers of ten, logistic.",
            ),
            number("For fake", lambda row: bound(row, row.best.upper)),
            number("For real", lambda row: bound(row, row.best.lower)),
        ],
        filter="conditions",
    )

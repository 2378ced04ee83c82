"""Terminal output of gates and comparisons: what decides first, the rest counted."""

from __future__ import annotations

from rich.table import Table

from harness.cli.console import stdout
from harness.compare.compare import Comparison
from harness.compare.difference import Difference
from harness.compare.verdict import Gate, Verdict, ranked
from harness.report.formatting import DIGITS, counted, figure, measured, probability

_MOST = 20
_MOST_PLACES = 5


def print_gate(gate: Gate) -> None:
    """Print what fails or is undecided, the verdict, and how it was decided."""
    console = stdout()
    shown = [verdict for verdict in ranked(gate.verdicts) if verdict.outcome != "PASS"]
    if shown:
        several = len({verdict.model for verdict in shown}) > 1
        table = Table("finding")
        table.add_column("condition", no_wrap=True, overflow="fold")
        for name in ("metric", "required", "baseline", "run"):
            table.add_column(name)
        table.add_column("difference", justify="right", no_wrap=True)
        table.add_column("n", justify="right")
        for verdict in shown[:_MOST]:
            place = f"{verdict.model}: {verdict.condition}" if several else verdict.condition
            table.add_row(
                verdict.finding.replace("BY AN ", "BY AN\n"),
                place,
                verdict.metric,
                f"{verdict.required}; {verdict.reason}" if verdict.reason else verdict.required,
                figure(verdict.baseline, DIGITS),
                figure(verdict.value, DIGITS),
                _difference(verdict),
                str(verdict.n),
            )
        console.print(table)
        if len(shown) > _MOST:
            console.print(f"… and {len(shown) - _MOST} more in the report.")
    for tally in gate.tiers:
        if tally.tier and len(gate.tiers) > 2:
            console.print(
                f"{tally.title}: {tally.passed} of {tally.requirements} pass: {tally.finding}"
            )
    console.print(
        f"Gate: {gate.word} ({gate.tally}; policy {gate.policy}, against {gate.baseline})"
    )
    if gate.finding != gate.word:
        console.print(f"{gate.finding}: {gate.in_words}")
    console.print(gate.correction)
    if gate.outlook:
        console.print(gate.outlook)
    for note in gate.notes:
        console.print(f"Note: {note}")


def print_comparison(comparison: Comparison) -> None:
    """Print what cannot be compared, then the significant differences."""
    console = stdout()
    rest = [cell for cell in comparison.cells if cell.status != "compared"]
    for status in dict.fromkeys(cell.status for cell in rest):
        cells = [cell for cell in rest if cell.status == status]
        places = list(dict.fromkeys(f"{cell.condition} ({cell.reason})" for cell in cells))
        listed = "; ".join(places[:_MOST_PLACES]) + ("; …" if len(places) > _MOST_PLACES else "")
        console.print(f"{status}: {counted(len(cells), 'figure')}: {listed}")
    compared = [cell for cell in comparison.cells if cell.status == "compared"]
    sure = sorted((cell for cell in compared if cell.p_holm <= 0.05), key=lambda cell: cell.p_holm)
    clean = [cell for cell in compared if cell.condition == "clean"]
    table = Table("condition", "metric", "baseline", "run")
    for name in ("difference", "p (Holm)", "detectable", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in dict.fromkeys([*clean, *sure[:_MOST]]):
        table.add_row(
            cell.condition,
            cell.metric,
            figure(cell.baseline, DIGITS),
            figure(cell.value, DIGITS),
            _difference(cell),
            probability(cell.p_holm),
            figure(cell.smallest, DIGITS),
            str(cell.n),
        )
    console.print(table)
    if len(sure) > _MOST:
        console.print(f"… and {len(sure) - _MOST} more significant differences.")
    is_are = "is" if len(sure) == 1 else "are"
    console.print(
        f"{len(sure)} of {len(compared)} differences {is_are} significant at 5 % (Holm, one family "
        f"of {comparison.family}); {counted(len(comparison.flips), 'verdict')} changed; the scores "
        f"of {counted(len(comparison.identical), 'condition')} are the same."
    )
    for note in comparison.notes:
        console.print(f"Note: {note}")


def _difference(row: Verdict | Difference) -> str:
    return measured(row.difference, row.low, row.high, DIGITS, sign=True)

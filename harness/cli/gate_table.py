"""The gate and the comparison in a terminal: what decides first, the rest counted."""

from __future__ import annotations

import math

from rich.table import Table

from harness.cli.console import stdout
from harness.compare.compare import Comparison, Difference
from harness.compare.verdict import Gate, Verdict, ranked

_MOST = 20


def print_gate(gate: Gate) -> None:
    """Print the verdict, what fails or is undecided, and how it was decided."""
    console = stdout()
    shown = [verdict for verdict in ranked(gate.verdicts) if verdict.outcome != "PASS"]
    if shown:
        several = len({verdict.model for verdict in shown}) > 1
        table = Table("verdict", "condition", "metric", "required", "baseline", "run")
        table.add_column("difference", justify="right", no_wrap=True)
        table.add_column("n", justify="right")
        for verdict in shown[:_MOST]:
            place = f"{verdict.model}: {verdict.condition}" if several else verdict.condition
            table.add_row(
                verdict.word,
                place,
                verdict.metric,
                f"{verdict.required}; {verdict.reason}" if verdict.reason else verdict.required,
                _figure(verdict.baseline),
                _figure(verdict.value),
                _difference(verdict),
                str(verdict.n),
            )
        console.print(table)
        if len(shown) > _MOST:
            console.print(f"… and {len(shown) - _MOST} more in the report.")
    console.print(
        f"Gate: {gate.word} ({gate.tally}; policy {gate.policy}, against {gate.baseline})"
    )
    console.print(gate.correction)
    for note in gate.notes:
        console.print(f"Note: {note}")


def print_comparison(comparison: Comparison) -> None:
    """Print what cannot be compared, then the differences that are more than chance."""
    console = stdout()
    apart = [cell for cell in comparison.cells if cell.status != "compared"]
    for status in dict.fromkeys(cell.status for cell in apart):
        cells = [cell for cell in apart if cell.status == status]
        places = dict.fromkeys(f"{cell.condition} ({cell.reason})" for cell in cells)
        listed = "; ".join(list(places)[:5]) + ("; …" if len(places) > 5 else "")
        console.print(f"{status}: {len(cells)} figures: {listed}")
    compared = [cell for cell in comparison.cells if cell.status == "compared"]
    sure = sorted((cell for cell in compared if cell.p_holm <= 0.05), key=lambda cell: cell.p_holm)
    clean = [cell for cell in compared if cell.condition == "clean"]
    table = Table("condition", "metric", "baseline", "run")
    for name in ("difference", "p (Holm)", "could have shown", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in dict.fromkeys([*clean, *sure[:_MOST]]):
        table.add_row(
            cell.condition,
            cell.metric,
            _figure(cell.baseline),
            _figure(cell.value),
            _difference(cell),
            _figure(cell.p_holm),
            _figure(cell.smallest),
            str(cell.n),
        )
    console.print(table)
    if len(sure) > _MOST:
        console.print(f"… and {len(sure) - _MOST} more differences beyond chance.")
    same = len(comparison.identical)
    console.print(
        f"{len(sure)} of {len(compared)} differences are more than chance at 5 % (Holm, one family"
        f" of {comparison.family}); {len(comparison.flips)} verdicts changed; {same} conditions"
        " have the same scores."
    )
    for note in comparison.notes:
        console.print(f"Note: {note}")


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _difference(one: Verdict | Difference) -> str:
    if math.isnan(one.difference):
        return "–"
    bounds = "" if math.isnan(one.low) else f" ({one.low:+.4f} to {one.high:+.4f})"
    return f"{one.difference:+.4f}{bounds}"

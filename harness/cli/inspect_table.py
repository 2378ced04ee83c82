"""Terminal output of examined recordings: one as lines, several as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from harness.cli.console import stdout
from harness.forensic.case import Case
from harness.inspect.batch import ExaminedFile
from harness.report.formatting import MISSING, figure, interval, quantity, signed
from harness.results.record import RunRecord

_SYNTHETIC = (
    "The run is of synthetic clips: it supports no statement about a real recording. This only "
    "shows what a report looks like."
)


def print_examined(done: Sequence[ExaminedFile], record: RunRecord, out: Path) -> None:
    """Print the cases and the paths of their pages."""
    console = stdout()
    if record.data.synthetic:
        console.print(_SYNTHETIC, soft_wrap=True)
    if len(done) == 1 and done[0].case is not None:
        for line in _lines(done[0].case):
            console.print(line, soft_wrap=True)
        console.print(f"Page: {done[0].page}", soft_wrap=True)
        return
    table = Table("file", "seconds", "score", "LR (log10)", "95 % interval", "condition or reason")
    for number in (1, 2, 3, 4):
        table.columns[number].justify = "right"
        table.columns[number].no_wrap = True
    for examined in done:
        table.add_row(*_row(examined))
    console.print(table)
    console.print(f"Pages and table: {out}", soft_wrap=True)


def _lines(case: Case) -> list[str]:
    file, weight = case.file, case.weight
    lines = [
        f"{file.name}: {file.seconds:.2f} s, {file.coding}, {file.rate_hz} Hz, "
        f"SHA-256 {file.sha256}",
        *(f"  {note}" for note in file.notes),
        f"Not scored: {case.score_reason}."
        if case.score_reason
        else f"Score {signed(case.score, 2)} over the first {case.heard_s:.2f} s (threshold "
        f"{quantity(case.subject.threshold)})",
    ]
    if weight.refused:
        lines += ["No statement about it:", *(f"  {reason}" for reason in weight.refused)]
    else:
        lines.append(f"{weight.words} 95 % interval in powers of ten {_interval(case)}.")
    return lines


def _interval(case: Case) -> str:
    low, high = (bound / math.log(10) for bound in (case.weight.low, case.weight.high))
    return interval(low, high, 2)


def _row(examined: ExaminedFile) -> tuple[str, ...]:
    row = examined.row
    return (
        row.file,
        figure(row.seconds, 2),
        signed(row.score, 2),
        signed(row.log10_lr, 2),
        interval(row.log10_low, row.log10_high, 2) or MISSING,
        _condition(examined),
    )


def _condition(examined: ExaminedFile) -> str:
    """Return the condition, or the first reason for a refusal."""
    if examined.case is None:
        return examined.row.reason
    refused = examined.case.weight.refused
    if not refused:
        return examined.row.condition
    return refused[0] + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else "")

"""What a person sees in a terminal: progress on stderr, the answer as a short table on stdout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

if TYPE_CHECKING:
    from harness.publish import Outcome
    from harness.summary import HeadlineRow


class Progress:
    """A bar on stderr where that is a terminal; notes go there in any case."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Bar(
            "[progress.description]{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("scoring", total=None)

    def note(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def advance(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()


def print_answer(outcome: Outcome, lines: list[HeadlineRow]) -> None:
    """Print what the report says first: the figures, what breaks them most, what was not scored."""
    console = stdout()
    record = outcome.record
    if record.data.synthetic:
        console.print(
            "The embedded corpus is synthetic: these figures show that the harness works and say "
            "nothing about any published model."
        )
    several = len(record.models) > 1
    table = Table("condition", "metric", "value", "95 % interval", "n", "reported", "damage")
    for number in (2, 3, 4, 5, 6):
        table.columns[number].justify = "right"
        table.columns[number].no_wrap = True
    for line in lines:
        condition = f"{line.model}: {line.condition}" if several else line.condition
        table.add_row(
            condition,
            line.metric,
            _figure(line.value),
            f"{_figure(line.low)} to {_figure(line.high)}" if line.low == line.low else "–",
            str(line.n),
            _figure(line.reported),
            _figure(line.damage, signed=True),
        )
    console.print(table)
    card = outcome.published.model
    mine = all(model.spec.partition("@")[0] == card for model in record.models)
    console.print(
        f"Reported: by the card of {card}, of its own test set"
        f"{'' if mine else ' and of another model than this'}; the report says what that means."
    )
    counts = record.counts
    console.print(
        f"{counts.ok} scored, {counts.rejected} rejected, {counts.error} failed; "
        f"{record.clips_per_second:.1f} scores/s"
    )
    if outcome.shortfalls:
        worst = min(outcome.shortfalls, key=lambda shortfall: shortfall.coverage)
        console.print(
            f"Too little was scored in {len(outcome.shortfalls)} cases (minimum "
            f"{record.suite.min_coverage:.0%}): {worst.condition}, {worst.label}: "
            f"{worst.coverage:.1%} of {worst.rows}. The report gives the reasons."
        )
    console.print(f"Report: {outcome.report}", soft_wrap=True, highlight=False)


def stdout() -> Console:
    """A console as wide as its terminal; what is no terminal gets lines of 120."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = 120
    return console


def _figure(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:+.4f}" if signed else f"{value:.4f}"

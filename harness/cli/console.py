"""What a person sees in a terminal: progress on stderr, the answer as a short table on stdout.

Names and reasons come from files that others made. Whatever they hold is shown as text: no markup,
no escape sequence and no character that reorders a line reaches the terminal.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from harness.errors import printable
from harness.plain_json import json_text

if TYPE_CHECKING:
    from harness.report.publish import Outcome
    from harness.results.figures import ScoreWarning
    from harness.summary.summary import HeadlineRow


MOST_SHORTFALLS = 5


class _Console(Console):
    """Prints text as it is: every string goes through `render_str`, within a table as well."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().render_str("\n".join(map(printable, text.split("\n"))), **options)


@contextmanager
def _answer_alone() -> Generator[None]:
    """Keep stdout for the answer: whatever else prints meanwhile, C code too, does so to stderr."""
    before = sys.stdout
    try:
        answer, aside = os.dup(1), os.dup(2)
    except OSError:  # one of them is closed
        yield
        return
    before.flush()
    os.dup2(2, 1)
    sys.stdout = ours = os.fdopen(aside, "w", buffering=1, errors="backslashreplace")
    try:
        yield
    finally:
        sys.stdout = before
        ours.close()
        ctypes.CDLL(None).fflush(None)  # what C code has printed and not yet written
        os.dup2(answer, 1)
        os.close(answer)


class Progress:
    """A bar on stderr where that is a terminal; notes go there in any case.

    While it is open, what others print to stdout goes to stderr too: a library, a user's detector.
    """

    def __init__(self) -> None:
        self._aside = ExitStack()
        self._console = _Console(stderr=True)
        self._bar = Bar(
            "[progress.description]{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            "{task.fields[pace]}",
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("scoring", total=None, pace="")

    def note(self, line: str) -> None:
        self._console.print(printable(line), soft_wrap=True)

    def advance(self, done: int, total: int, pace: str) -> None:
        self._bar.update(self._task, completed=done, total=total, pace=pace)

    def __enter__(self) -> Progress:
        self._aside.enter_context(_answer_alone())
        self._aside.callback(self._bar.stop)
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._aside.close()


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
            printable(condition),
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
    tally = outcome.summary.tally
    missing = f", {tally.missing} missing" if tally.missing else ""
    console.print(
        f"{tally.ok} scored, {tally.rejected} rejected, {tally.error} failed{missing}; "
        f"{record.clips_per_second:.1f} scores/s"
    )
    for line in _cautions(outcome):
        console.print(printable(line), soft_wrap=True)
    console.print(printable(f"Report: {outcome.report}"), soft_wrap=True)


def print_warnings(warnings: Sequence[ScoreWarning], *, stderr: bool = False) -> None:
    """Print, before any figure, which models' scores are probably not what they are taken for."""
    console = _Console(stderr=True) if stderr else stdout()
    for warning in warnings:
        console.print(printable(f"Warning: {warning.line}"), soft_wrap=True)


def _cautions(outcome: Outcome) -> list[str]:
    """What is missing or scored too seldom, what no score counts as, how recordings were read."""
    from harness.report.narrative import (
        POLICIES,
        missing_sentence,
        notes_sentence,
        shortfall_sentence,
    )

    summary, suite = outcome.summary, outcome.record.suite
    lines = [missing_sentence(outcome.record, summary.tally)]
    if short := summary.shortfalls:
        lines.append(
            f"Too little was scored in {len(short)} case{'s' if len(short) > 1 else ''} (minimum "
            f"{100 * suite.min_coverage:g}%):"
        )
        lines += [
            f"  {shortfall_sentence(each, each.condition, suite.min_coverage)}"
            for each in short[:MOST_SHORTFALLS]
        ]
        if len(short) > MOST_SHORTFALLS:
            lines.append(f"  and {len(short) - MOST_SHORTFALLS} more; the report has them.")
    if summary.policy != "excluded":
        lines.append(POLICIES[summary.policy])
    if noted := notes_sentence(summary.audio_notes):
        lines.append(f"Not every recording was heard as it is. {noted}")
    return [line for line in lines if line]


def stdout() -> Console:
    """A console as wide as its terminal; what is no terminal gets lines of 120."""
    console = _Console()
    if not console.is_terminal:
        console.width = 120
    return console


def print_json(content: Any) -> None:
    """Print content as JSON in plain ASCII, NaN, which JSON has no word for, as null.

    Names may hold what no encoding has, or what a terminal takes for a command.
    """
    typer.echo(json_text(content), nl=False)


def _figure(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:+.4f}" if signed else f"{value:.4f}"

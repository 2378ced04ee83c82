"""Output in a terminal: progress on stderr, results as short tables on stdout.

Names and reasons come from files of others. They are shown as text: no markup, no escape sequence
and no character that reorders a line reaches the terminal.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from harness.errors import printable
from harness.plain_json import json_text
from harness.report.formatting import DIGITS, MISSING, counted, figure, interval, signed

if TYPE_CHECKING:
    from harness.report.publish import Outcome
    from harness.report.section import Section, View
    from harness.report.table import Table as PageTable
    from harness.results.figures import ScoreWarning
    from harness.summary.summary import HeadlineRow


MOST_SHORTFALLS = 5
_WIDEST_TEXT = 24
"""Characters that a column of text is left in any case; what is longer is wrapped."""


class _Console(Console):
    """A console that prints every string as plain text, in tables as well."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().render_str("\n".join(map(printable, text.split("\n"))), **options)


def stdout() -> Console:
    """Return a console as wide as its terminal, or 120 columns without one."""
    console = _Console()
    if not console.is_terminal:
        console.width = 120
    return console


def complain(line: str) -> None:
    """Print a line to stderr, under the name of the program."""
    print(f"harness: {printable(line)}", file=sys.stderr)  # noqa: T201


def print_json(content: Any) -> None:
    """Print content as strict JSON in ASCII (`harness.plain_json`)."""
    typer.echo(json_text(content), nl=False)


def figure_table(*head: str, left: int = 1, no_wrap: bool = False) -> Table:
    """Return a table whose columns after the first `left` ones are aligned to the right."""
    table = Table(*head)
    for column in table.columns[left:]:
        column.justify, column.no_wrap = "right", no_wrap
    return table


def print_sections(sections: Sequence[Section[View]], view: View, below: int = 9) -> None:
    """Print what sections of a page say, without their charts.

    Parameters
    ----------
    below
        Most lines in small type that a cell of a table has; folded tables have none.
    """
    for section in sections:
        content = section.build(view) or {}
        tables = [(table, below) for table in content.get("tables", ())]
        tables += [(table, 0) for table in content.get("folded", ())]
        before = [*content.get("lead", ()), *content.get("text", ())]
        after = [*content.get("points", ()), *content.get("notes", ())]
        if tables or before or after:
            stdout().print(f"\n{section.title}", style="bold")
        _say(*before)
        for table, most in tables:
            _say(table.caption)
            _print_table(table, most)
        _say(*after)


def _print_table(table: PageTable[Any], below: int) -> None:
    """Print a table; one that is too wide goes on below, with its first column repeated."""
    console, columns = stdout(), table.text_columns
    rows = [[column.cell_of(item).lines[: below + 1] for column in columns] for item in table.items]
    shown = [["\n".join(map(printable, lines)) for lines in row] for row in rows]
    head = [column.title for column in columns]
    for part in _parts(list(zip(head, *shown, strict=True)), console.width):
        grid = Table()
        for place in part:
            if "num" in columns[place].mark:
                grid.add_column(head[place], justify="right", no_wrap=True)
            else:
                grid.add_column(head[place], overflow="fold")
        for row in shown:
            grid.add_row(*(row[place] for place in part))
        console.print(grid)


def _parts(columns: Sequence[Sequence[str]], room: int) -> Iterator[list[int]]:
    """Yield the columns of each part of a table; text in them can be wrapped, within limits."""
    widths = [
        max(cell_len(line) for cell in cells for line in cell.split("\n")) for cells in columns
    ]
    part = [0]
    for place in range(1, len(columns)):
        taken = sum(min(widths[at], _WIDEST_TEXT) + 3 for at in (*part, place)) + 1
        if taken > room and len(part) > 1:
            yield part
            part = [0]
        part.append(place)
    yield part


def _say(*lines: str) -> None:
    """Print lines whose ends are left to the terminal."""
    console = stdout()
    for line in lines:
        console.print(printable(line), soft_wrap=True)


def print_pairs(content: dict[str, str]) -> None:
    """Print names and values as a table of two columns."""
    table = Table(show_header=False)
    for pair in content.items():
        table.add_row(*pair)
    stdout().print(table)


@contextmanager
def _stdout_to_stderr() -> Generator[None]:
    """Redirect stdout to stderr, for C code as well."""
    python_stdout = sys.stdout
    try:
        saved, copy = os.dup(1), os.dup(2)
    except OSError:  # one of them is closed
        yield
        return
    python_stdout.flush()
    os.dup2(2, 1)
    sys.stdout = redirected = os.fdopen(copy, "w", buffering=1, errors="backslashreplace")
    try:
        yield
    finally:
        sys.stdout = python_stdout
        redirected.close()
        ctypes.CDLL(None).fflush(None)  # what C code has printed and not yet written
        os.dup2(saved, 1)
        os.close(saved)


class Progress:
    """Notes on stderr, with a progress bar where stderr is a terminal.

    While it is open, whatever libraries and detectors print to stdout goes to stderr too.
    """

    def __init__(self) -> None:
        self._redirection = ExitStack()
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
        self._redirection.enter_context(_stdout_to_stderr())
        self._redirection.callback(self._bar.stop)
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._redirection.close()


def print_warnings(warnings: Sequence[ScoreWarning], *, stderr: bool = False) -> None:
    """Print a warning for each model whose scores are probably not log-odds of fake."""
    console = _Console(stderr=True) if stderr else stdout()
    for warning in warnings:
        console.print(printable(f"Warning: {warning.line}"), soft_wrap=True)


def print_answer(outcome: Outcome, lines: list[HeadlineRow]) -> None:
    """Print the headline figures, the most harmful conditions, and what was not scored."""
    console = stdout()
    record, tally = outcome.record, outcome.summary.tally
    if record.data.synthetic:
        console.print(
            "The embedded corpus is synthetic: these figures show that the harness works and say "
            "nothing about any published model."
        )
    several = len(record.models) > 1
    table = figure_table(
        "condition",
        "metric",
        "value",
        "95 % interval",
        "n",
        "reported",
        "damage",
        left=2,
        no_wrap=True,
    )
    for line in lines:
        condition = f"{line.model}: {line.condition}" if several else line.condition
        table.add_row(
            printable(condition),
            line.metric,
            figure(line.value, DIGITS),
            interval(line.low, line.high, DIGITS) or MISSING,
            str(line.n),
            figure(line.reported, DIGITS),
            signed(line.damage, DIGITS),
        )
    console.print(table)
    card = outcome.published.model
    same_model = all(model.spec.partition("@")[0] == card for model in record.models)
    console.print(
        f"Reported: by the card of {card}, on its own test set"
        f"{'' if same_model else ' and for another model'}; the report says what that means."
    )
    missing = f", {tally.missing} missing" if tally.missing else ""
    console.print(
        f"{tally.ok} scored, {tally.rejected} rejected, {tally.error} failed{missing}; "
        f"{record.clips_per_second:.1f} scores/s"
    )
    _say(*_cautions(outcome), f"Report: {outcome.report}")


def _cautions(outcome: Outcome) -> list[str]:
    """Return what is missing or rarely scored, the policy for it, and notes on recordings."""
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
            f"Too little was scored in {counted(len(short), 'case')} (minimum "
            f"{100 * suite.min_coverage:g}%):"
        )
        lines += [
            f"  {shortfall_sentence(shortfall, shortfall.condition, suite.min_coverage)}"
            for shortfall in short[:MOST_SHORTFALLS]
        ]
        if len(short) > MOST_SHORTFALLS:
            lines.append(f"  and {len(short) - MOST_SHORTFALLS} more; the report has them.")
    if summary.policy != "excluded":
        lines.append(POLICIES[summary.policy])
    if notes := notes_sentence(summary.audio_notes):
        lines.append(f"Some recordings were not read as they are. {notes}")
    return [line for line in lines if line]

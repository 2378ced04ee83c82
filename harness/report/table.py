"""Tables of pages, terminal and Markdown: items, and columns that make a cell of each item.

`tables.html.j2` draws them on a page. A cell knows what is read, what stands below it in small type
and what it is sorted by; its column knows how it is aligned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from harness.report.formatting import MISSING, count, figure, interval, signed

Item = TypeVar("Item")


@dataclass(frozen=True)
class Strip:
    """An interval drawn to scale: positions in percent of the width, None where missing."""

    low: float | None
    high: float | None
    value: float | None
    mark: float | None = None
    zero: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Scale:
    """The values at the ends of a strip."""

    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float, step: float = 0.05) -> Scale:
        """Return the scale from `start` to `end`, widened to hold every finite value."""
        finite = [value for value in values if math.isfinite(value)]
        first = math.floor(min([start, *finite]) / step) * step
        last = math.ceil(max([end, *finite]) / step) * step
        return cls(round(first, 6), round(last, 6))

    def strip(
        self, value: float, low: float, high: float, mark: float = math.nan, words: str = ""
    ) -> Strip:
        return Strip(
            self._place(low),
            self._place(high),
            self._place(value),
            self._place(mark),
            self._place(0.0) if self.start < 0 else None,
            words,
        )

    def _place(self, value: float) -> float | None:
        if not math.isfinite(value):
            return None
        share = (value - self.start) / (self.end - self.start)
        return round(100 * min(max(share, 0.0), 1.0), 2)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    below
        Lines in small type; empty ones are left out.
    alarm
        A last line in small type and in red.
    sort
        What it is sorted by, empty where missing; None sorts by `text`.
    mark
        Classes of the style sheet, beside those of the column.
    hint
        Shown on demand.
    strip
        Drawn instead of `text`.
    target
        Where on the page its clip can be played.
    """

    text: str = MISSING
    below: Sequence[str] = ()
    sort: str | None = None
    mark: str = ""
    hint: str = ""
    alarm: str = ""
    strip: Strip | None = None
    target: str = ""

    @property
    def lines(self) -> list[str]:
        """The cell as text: what is read, and below it the alarm and what stands in small type."""
        return [self.text, *(line for line in (self.alarm, *self.below) if line)]


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A column: its title and the function that makes an item's cell.

    Parameters
    ----------
    mark
        Classes of all its cells: `num`, `wide`, `opt` (left out on a phone), `id`.
    meaning
        Shown on demand.
    """

    title: str
    cell: Callable[[Item], Cell | str]
    mark: str = ""
    meaning: str = ""

    def cell_of(self, item: Item) -> Cell:
        cell = self.cell(item)
        return cell if isinstance(cell, Cell) else text_cell(cell)


@dataclass(frozen=True)
class Table(Generic[Item]):
    """A table of a page, with a row for each item; the first column has the heads of the rows.

    Parameters
    ----------
    name
        Its anchor.
    label, caption
        A few words on what it is, for those who cannot see it; and what has to be known to read it.
    filter
        What the rows are, where the reader can filter them.
    style
        Classes: `sortable`, `full` (as wide as its columns), `tall` (scrolls within itself), and
        `cards` (on a phone every row is a card).
    faint
        Which items are shown in grey.
    """

    name: str
    label: str
    caption: str
    items: Sequence[Item]
    columns: Sequence[Column[Item]]
    filter: str = ""
    style: str = "sortable full tall"
    faint: Callable[[Item], bool] = lambda _: False

    @property
    def text_columns(self) -> list[Column[Item]]:
        """The columns that can be read as text: all but drawn intervals."""
        return [column for column in self.columns if "wide" not in column.mark]

    @property
    def rows(self) -> Iterator[Row]:
        for item in self.items:
            yield Row([column.cell_of(item) for column in self.columns], self.faint(item))


class Row(NamedTuple):
    """The cells of a row, the first of which is its head."""

    cells: list[Cell]
    faint: bool


class Interval(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


class HasInterval(Protocol):
    """A figure with its interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def number(
    title: str, cell: Callable[[Item], Cell | str], meaning: str = "", mark: str = ""
) -> Column[Item]:
    """Return a column of numbers."""
    return Column(title, cell, f"num {mark}".rstrip(), meaning)


def strips(cell: Callable[[Item], Strip | None], mark: str = "") -> Column[Item]:
    """Return a column of intervals drawn to scale."""

    def drawn(item: Item) -> Cell:
        strip = cell(item)
        return Cell("") if strip is None else Cell(strip=strip)

    return Column("Interval", drawn, f"wide {mark}".rstrip())


def sort_key(value: float) -> str:
    """Return the sort key of a number; empty where it is missing, so that it comes last."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def figure_cell(row: HasInterval, *below: str, digits: int = 3, mark: str = "") -> Cell:
    """Return the cell of a figure, with its interval and further lines below it."""
    lines = (interval(row.low, row.high, digits), *below)
    return Cell(figure(row.value, digits), lines, sort_key(row.value), mark)


def difference_cell(row: HasInterval, *below: str, digits: int = 3, mark: str = "") -> Cell:
    """Return the cell of a signed difference, with its interval and further lines below it."""
    lines = (interval(row.low, row.high, digits), *below)
    return Cell(signed(row.value, digits), lines, sort_key(row.value), mark)


def number_cell(value: float, digits: int = 3, *below: str) -> Cell:
    """Return the cell of a number without an interval."""
    return Cell(figure(value, digits), below, sort_key(value))


def count_cell(value: int, *below: str) -> Cell:
    """Return the cell of a count."""
    return Cell(count(value), below, str(value))


def text_cell(text: str, *below: str, mark: str = "") -> Cell:
    """Return the cell of a text; an empty one is missing."""
    return Cell(text or MISSING, below, None, mark)


def clips(n: int, others: int = -1) -> str:
    """Return `n 180`; empty where the row says the same n elsewhere."""
    return "" if n == others else f"n {count(n)}"

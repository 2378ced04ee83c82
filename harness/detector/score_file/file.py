"""The cells of a score file as text, whatever separates them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import UsageError

_SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma"}
"""The first of these in the first line separates cells; without any of them, blanks do."""


class ScoreTable(NamedTuple):
    """Rows of equal length.

    Parameters
    ----------
    separator
        `tab`, `semicolon`, `comma`, `blanks` or `Parquet`.
    header
        Names of the columns; empty if the file has none.
    lines
        The line of the file on which each row is; for Parquet the row's number, from 1.
    """

    separator: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    @property
    def width(self) -> int:
        return len(self.header or self.rows[0])

    def column(self, place: int) -> list[str]:
        return [cells[place] for cells in self.rows]


def read_table(content: bytes, spec: str, missing: Sequence[str]) -> ScoreTable:
    """Split a file into cells; a first line without any number is a header.

    Parameters
    ----------
    missing
        Words that stand for a missing number.

    Raises UsageError if it is neither text nor Parquet, is empty, or its rows differ in length.
    """
    if content.startswith(b"PAR1"):
        table = _read_parquet(content, spec)
    else:
        table = _read_text(content, spec, missing)
    if not table.rows:
        raise UsageError("has no scores", spec, "give a table of scores")
    return table


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number; NaN and infinity count as well."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # allowed in Python's numbers


def _read_text(content: bytes, spec: str, missing: Sequence[str]) -> ScoreTable:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UsageError("is neither UTF-8 text nor Parquet", spec, "save it as UTF-8") from fault
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in _SEPARATORS if mark in first_line), None)
    numbered = _split(text, mark, spec)
    lines, rows = [line for line, _ in numbered], [cells for _, cells in numbered]
    for line, cells in numbered:
        if len(cells) != len(rows[0]):
            raise UsageError(
                f"{len(cells)} cells where there were {len(rows[0])}",
                f"{spec}, line {line}",
                "give every line the same columns",
            )
    separator = _SEPARATORS[mark] if mark else "blanks"
    if not rows or any(is_number(cell) or cell in missing for cell in rows[0]):
        return ScoreTable(separator, (), rows, lines)
    return ScoreTable(separator, tuple(rows[0]), rows[1:], lines[1:])


def _split(text: str, mark: str | None, spec: str) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that is not blank, with the line's number."""
    if mark is None:
        split = [(line, cells.split()) for line, cells in enumerate(text.splitlines(), start=1)]
        return [(line, cells) for line, cells in split if cells]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    try:
        stripped = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as fault:
        where = f"{spec}, line {reader.line_num}"
        raise UsageError(f"cannot be read: {fault}", where, "check the quotes") from fault
    return [(line, cells) for line, cells in stripped if any(cells)]


def _read_parquet(content: bytes, spec: str) -> ScoreTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as fault:
        raise UsageError("is damaged Parquet", spec, "write it again") from fault
    columns = [
        ["" if cell is None else str(cell).strip() for cell in column.to_pylist()]
        for column in table.columns
    ]
    rows = list(zip(*columns, strict=True))
    header = tuple(str(name) for name in table.column_names)
    return ScoreTable("Parquet", header, rows, range(1, len(rows) + 1))

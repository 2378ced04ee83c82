"""The cells of a score file as text, whatever separates them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import UsageError

_SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma"}
"""The first that is in the first line separates its cells; where none is, blanks do."""


class Sheet(NamedTuple):
    """Rows of equal length.

    Parameters
    ----------
    separator
        `tab`, `semicolon`, `comma`, `blanks`, or `Parquet`.
    header
        Names of the columns, None where the file has none.
    lines
        On which line of the file each row is; for Parquet its number, from 1.
    """

    separator: str
    header: tuple[str, ...] | None
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    @property
    def width(self) -> int:
        return len(self.header if self.header is not None else self.rows[0])

    def column(self, place: int) -> list[str]:
        return [cells[place] for cells in self.rows]


def read_sheet(content: bytes, spec: str, missing: Sequence[str]) -> Sheet:
    """Take a file to cells; a first line without any number is a header.

    Parameters
    ----------
    missing
        What stands for a number that is not there.

    Raises
    ------
    UsageError
        Where it is neither text nor Parquet, is empty, or its rows are not of equal length.
    """
    if content.startswith(b"PAR1"):
        return _read_parquet(content, spec)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UsageError("is neither text nor Parquet", spec, "give a table of scores") from fault
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in _SEPARATORS if mark in first), None)
    lines, rows = _split(text, mark, spec)
    if not rows:
        raise UsageError("has no scores", spec, "give a table of scores")
    for line, cells in zip(lines, rows, strict=True):
        if len(cells) != len(rows[0]):
            raise UsageError(
                f"{len(cells)} cells where there were {len(rows[0])}",
                f"{spec}, line {line}",
                "give every line the same columns",
            )
    separator = _SEPARATORS[mark] if mark else "blanks"
    if any(is_number(cell) or cell in missing for cell in rows[0]):
        return Sheet(separator, None, rows, lines)
    if len(rows) == 1:
        raise UsageError("has no scores", spec, "give a table of scores")
    return Sheet(separator, tuple(rows[0]), rows[1:], lines[1:])


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number; also one that is infinite or none."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python's numbers may have


def _split(text: str, mark: str | None, spec: str) -> tuple[list[int], list[list[str]]]:
    if mark is None:
        lines = [(line, cells.split()) for line, cells in enumerate(text.splitlines(), start=1)]
        found = [(line, cells) for line, cells in lines if cells]
        return [line for line, _ in found], [cells for _, cells in found]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    lines_read: list[int] = []
    rows: list[list[str]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines_read.append(reader.line_num)
                rows.append([cell.strip() for cell in cells])
    except csv.Error as fault:
        where = f"{spec}, line {reader.line_num}"
        raise UsageError(f"cannot be read: {fault}", where, "check the quotes") from fault
    return lines_read, rows


def _read_parquet(content: bytes, spec: str) -> Sheet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as fault:
        raise UsageError("is damaged Parquet", spec, "write it again") from fault
    header = tuple(str(name) for name in table.column_names)
    columns = [
        ["" if cell is None else str(cell).strip() for cell in table.column(place).to_pylist()]
        for place in range(len(header))
    ]
    rows = list(zip(*columns, strict=True))
    if not rows:
        raise UsageError("has no scores", spec, "give a table of scores")
    return Sheet("Parquet", header, rows, range(1, len(rows) + 1))

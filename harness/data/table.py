"""Rows of a manifest as text, from CSV, TSV, JSON lines and Parquet; no type is inferred."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.hub_column import states_labels
from harness.data.missing import cell_text
from harness.errors import UsageError

REQUIRED = ("path", "label")
ROLES = ("speaker", "generator", "source", "group")
OPTIONAL = ("clip_id", *ROLES)
SHOWN = 120
"""Characters of a cell or a header that a message repeats."""


class Row(NamedTuple):
    """One record as read: where it stands (`line 7`, `row 7`) and its cells as text."""

    place: str
    cells: dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The records of a manifest, with `path` and `label` in each.

    Raises
    ------
    UsageError
        Where the file cannot be read as what its suffix says, or a required column is missing.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"no manifest has the suffix {path.suffix!r}", str(path), f"use {', '.join(READERS)}"
        )
    try:
        rows = [Row(place, _texts(cells)) for place, cells in reader(path)]
    except (csv.Error, OSError, ValueError, RecursionError) as fault:
        raise UsageError(
            f"cannot be read as {path.suffix[1:]}: {str(fault)[:SHOWN]}",
            str(path),
            "check the file",
        ) from fault
    if not rows:
        raise UsageError("lists no clips", str(path), "add a row for each recording")
    for place, cells in rows:
        if wrong := [name for name, cell in cells.items() if not _is_text(cell)]:
            raise UsageError(
                f"{wrong[0]} holds what is no text: {cells[wrong[0]][:SHOWN]!r}",
                f"{path}, {place}",
                "check the file",
            )
        for column in REQUIRED:
            if column not in cells:
                raise UsageError(
                    f"no column {column!r} but {', '.join(cells) or 'none at all'}",
                    f"{path}, {place}",
                    "name the columns path,label",
                )
    return rows


def _read_csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = next(reader, [])
        if missing := [column for column in REQUIRED if column not in map(_column, header)]:
            seen = ", ".join(header)[:SHOWN] or "none at all"
            other = next((one for one in ",;\t|" if one != delimiter and one in seen), None)
            raise UsageError(
                f"no column {missing[0]!r} but {seen}",
                f"{path}, line 1",
                f"separate columns by {delimiter!r} and not by {other!r}"
                if other
                else "name the columns path,label",
            )
        _refuse_twice(header, f"{path}, line 1")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise UsageError(
                    f"{len(fields)} fields under a header of {len(header)}",
                    f"{path}, line {reader.line_num}",
                    "quote the fields that hold a delimiter",
                )
            yield f"line {reader.line_num}", dict(zip(header, fields, strict=True))


def _refuse_twice(names: Sequence[str], where: str) -> None:
    """Of two columns of one name, one would win unsaid; case makes no difference."""
    columns = [_column(name) for name in names]
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise UsageError(f"the column {twice[0]!r} is there twice", where, "take one out")


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(
                    line,
                    object_pairs_hook=_Pairs,
                    parse_int=str,
                    parse_float=str,
                )
            except json.JSONDecodeError as fault:
                raise UsageError(
                    f"not JSON: {fault.msg}", f"{path}, line {number}", "write one object a line"
                ) from fault
            if not isinstance(record, _Pairs):
                raise UsageError(
                    "not an object", f"{path}, line {number}", 'write {"path": …, "label": …}'
                )
            _refuse_twice([name for name, _ in record], f"{path}, line {number}")
            yield f"line {number}", dict(record)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, whose keys may be there twice."""


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        file = pq.ParquetFile(opened)
        yield from _read_table(path, file)


def _read_table(path: Path, file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names: list[str] = file.schema_arrow.names
    _refuse_twice(names, str(path))
    known = [name for name in names if _column(name) in (*REQUIRED, *OPTIONAL)]
    for column in REQUIRED:
        if column not in map(_column, known):
            raise UsageError(
                f"no column {column!r} but {', '.join(names)}",
                str(path),
                "name the columns path,label",
            )
    known += [name for name in names if states_labels(_column(name)) and name not in known]
    unread = dict.fromkeys((name for name in names if name not in known), "")
    for number, record in enumerate(file.read(columns=known).to_pylist(), start=1):
        yield f"row {number}", record | unread


READERS: dict[str, Callable[[Path], Iterator[tuple[str, dict[str, Any]]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}


def _column(name: str) -> str:
    return name.strip().casefold()


def _is_text(cell: str) -> bool:
    """No NUL, which no path has, and no half of a character, which no table can hold."""
    return "\0" not in cell and not any("\ud800" <= one <= "\udfff" for one in cell)


def _texts(cells: dict[str, Any]) -> dict[str, str]:
    return {_column(name): cell_text(value) for name, value in cells.items()}

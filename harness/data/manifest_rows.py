"""Rows of a manifest as text, from CSV, TSV, JSON lines and Parquet; no type is inferred."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.missing import cell_text
from harness.errors import UsageError
from harness.results.clip_facts import NAMES

REQUIRED = ("path", "label")
KNOWN = (*REQUIRED, "clip_id", *NAMES)
SHOWN = 120
"""Characters of a cell or a header that a message repeats."""

_NAME_THEM = "name the columns path,label"


class ManifestRow(NamedTuple):
    """One record: where it stands (`line 7`, `row 7`), and its cells as text by column."""

    place: str
    cells: dict[str, str]


def read_rows(path: Path) -> list[ManifestRow]:
    """Return the records of a manifest, with `path` and `label` in each.

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
        rows = [ManifestRow(place, _texts(cells)) for place, cells in reader(path)]
    except (csv.Error, OSError, ValueError, RecursionError) as fault:
        raise UsageError(
            f"cannot be read as {path.suffix[1:]}: {str(fault)[:SHOWN]}",
            str(path),
            "check the file",
        ) from fault
    if not rows:
        raise UsageError("lists no clips", str(path), "add a row for each recording")
    for place, cells in rows:
        where = f"{path}, {place}"
        if wrong := [name for name, cell in cells.items() if not _is_text(cell)]:
            shown = repr(cells[wrong[0]][:SHOWN])
            raise UsageError(f"{wrong[0]} is not text: {shown}", where, "check the file")
        _require(cells, where)
    return rows


def _require(names: Sequence[str] | dict[str, str], where: str) -> None:
    for column in REQUIRED:
        if column not in map(_column, names):
            seen = ", ".join(names)[:SHOWN] or "none at all"
            raise UsageError(f"no column {column!r} but {seen}", where, _NAME_THEM)


def _refuse_twice(names: Sequence[str], where: str) -> None:
    """Refuse two columns of one name, of which one would win silently; case is ignored."""
    columns: dict[str, list[str]] = {}
    for name in names:
        columns.setdefault(_column(name), []).append(name.strip())
    for same in columns.values():
        if len(same) > 1 and all(same):
            spellings = " and ".join(map(repr, dict.fromkeys(same)))
            if len(set(same)) == 1:
                raise UsageError(f"the column {spellings} is there twice", where, "take one out")
            what = f"the columns {spellings} differ by case only, which is ignored"
            raise UsageError(what, where, "rename one, or take it out")


def _read_csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = next(reader, [])
        _check_header(header, delimiter, f"{path}, line 1")
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


def _check_header(header: Sequence[str], delimiter: str, where: str) -> None:
    try:
        _require(header, where)
    except UsageError as fault:
        seen = ", ".join(header)[:SHOWN]
        other = next((char for char in ",;\t|" if char != delimiter and char in seen), None)
        if other is None:
            raise
        fix = f"separate columns by {delimiter!r} and not by {other!r}"
        raise UsageError(fault.what, where, fix) from None
    _refuse_twice(header, where)


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                record = json.loads(line, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
            except json.JSONDecodeError as fault:
                raise UsageError(f"not JSON: {fault.msg}", where, "write one object a line") from (
                    fault
                )
            if not isinstance(record, _Pairs):
                raise UsageError("not an object", where, 'write {"path": …, "label": …}')
            _refuse_twice([name for name, _ in record], where)
            yield f"line {number}", dict(record)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, whose keys may be there twice."""


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        file = pq.ParquetFile(opened)
        schema = file.schema_arrow
        _refuse_twice(schema.names, str(path))
        _require(schema.names, str(path))
        # Whatever else a table holds, such as audio, need not be read.
        heavy = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
        read = [
            field.name
            for field in schema
            if _column(field.name) in KNOWN or not any(kind(field.type) for kind in heavy)
        ]
        blank = dict.fromkeys((name for name in schema.names if name not in read), "")
        for number, record in enumerate(file.read(columns=read).to_pylist(), start=1):
            yield f"row {number}", record | blank


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
    """Whether a cell has no NUL, which no path has, and no surrogate, which no table can hold."""
    return "\0" not in cell and not any("\ud800" <= char <= "\udfff" for char in cell)


def _texts(cells: dict[str, Any]) -> dict[str, str]:
    """Return the cells as text by column; lists and objects in further columns as empty."""
    return {
        column: "" if isinstance(value, list) and column not in KNOWN else cell_text(value)
        for name, value in cells.items()
        for column in [_column(name)]
    }

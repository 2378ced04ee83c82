"""A table of recordings: CSV, TSV, JSON lines or Parquet with the columns `path` and `label`.

Optional columns are `clip_id, speaker, generator, source, group`; others are ignored and noted.
Paths are relative to the manifest's folder and stay inside it, also in a store. A recording that
is missing is no fault of the manifest: it becomes a rejected row when it is read.
"""

from __future__ import annotations

import csv
import json
import os
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.clip import Clip, Label, Origin
from harness.data.listing import Listing, checked
from harness.data.store import StorePath, Tree, answering, as_path, in_store, joined, listed, told
from harness.errors import UsageError
from harness.recording import Encoded
from harness.vocabulary import ACCEPTED, canonical_label, refusal

REQUIRED = ("path", "label")
OPTIONAL = ("clip_id", "speaker", "generator", "source", "group")
_SHOWN = 120
"""Characters of a cell or a header that a message repeats."""


_Locate = Callable[[str], tuple[str, Encoded] | None]
"""What a cell `path` names: its path below the manifest's folder, and how to read it."""


class Row(NamedTuple):
    """One record as read: where it stands (`line 7`, `row 7`) and its cells as text."""

    place: str
    cells: dict[str, str]


def open_manifest(rest: str, spec: str) -> Listing:
    """The clips that the manifest file `rest` lists, in its order."""
    if in_store(rest):
        with answering(spec):
            found = listed(rest)
            if not found.is_file():
                raise UsageError(f"{rest} does not exist", spec, "check the path")
            return read_manifest(as_path(found), spec)
    path = Path(rest).expanduser()
    if not os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
        found = "is not a file" if os.path.exists(path) else "does not exist"
        raise UsageError(f"{rest or 'its path'} {found}", spec, "check the path")
    return read_manifest(path, spec)


def read_manifest(path: Path, spec: str) -> Listing:
    """The clips that a manifest lists which is there."""
    rows = read_rows(path)
    _check_labels(path, rows)
    folder, locate, notes = _in_store(path, rows) if isinstance(path, StorePath) else _on_disk(path)
    clips: list[Clip] = []
    first: dict[str, str] = {}
    for place, cells in rows:
        clip = _clip(cells, locate, where=f"{path}, {place}")
        if clip.clip_id in first:
            raise UsageError(
                f"clip_id {clip.clip_id!r} was used in {first[clip.clip_id]} already",
                f"{path}, {place}",
                "make the ids unique",
            )
        first[clip.clip_id] = place
        clips.append(clip)
    name = folder if path.stem == "manifest" else path.stem
    origin = Origin(spec, "manifest", name, "", notes=(*notes, *_notes(rows)))
    return Listing(checked(origin, clips), tuple(clips))


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
            f"cannot be read as {path.suffix[1:]}: {str(fault)[:_SHOWN]}",
            str(path),
            "check the file",
        ) from fault
    if not rows:
        raise UsageError("lists no clips", str(path), "add a row for each recording")
    for place, cells in rows:
        if wrong := [name for name, cell in cells.items() if not _is_text(cell)]:
            raise UsageError(
                f"{wrong[0]} holds what is no text: {cells[wrong[0]][:_SHOWN]!r}",
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
            seen = ", ".join(header)[:_SHOWN] or "none at all"
            raise UsageError(
                f"no column {missing[0]!r} but {seen}",
                f"{path}, line 1",
                "name the columns path,label",
            )
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise UsageError(
                f"the column {twice[0]!r} is there twice", f"{path}, line 1", "take one out"
            )
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


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as fault:
                raise UsageError(
                    f"not JSON: {fault.msg}", f"{path}, line {number}", "write one object a line"
                ) from fault
            if not isinstance(record, dict):
                raise UsageError(
                    "not an object", f"{path}, line {number}", 'write {"path": …, "label": …}'
                )
            yield f"line {number}", record


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        file = pq.ParquetFile(opened)
        yield from _read_table(path, file)


def _read_table(path: Path, file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names: list[str] = file.schema_arrow.names
    known = [name for name in names if _column(name) in (*REQUIRED, *OPTIONAL)]
    for column in REQUIRED:
        if column not in map(_column, known):
            raise UsageError(
                f"no column {column!r} but {', '.join(names)}",
                str(path),
                "name the columns path,label",
            )
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
    return {
        _column(name): "" if value is None else str(value).strip() for name, value in cells.items()
    }


def _check_labels(path: Path, rows: list[Row]) -> None:
    """Refuse every label that names no class, all of those seen in one message."""
    labels = {cells["label"] for _, cells in rows}
    unknown = sorted(label for label in labels if canonical_label(label) is None)
    if not unknown:
        return
    place, cells = next(row for row in rows if row.cells["label"] in unknown)
    seen = ", ".join(repr(label[:_SHOWN]) for label in sorted(labels)[:6])
    raise UsageError(
        f"{refusal(cells['label'][:_SHOWN])}; labels seen: {seen}",
        f"{path}, {place}",
        f"write {ACCEPTED}",
    )


def _on_disk(path: Path) -> tuple[str, _Locate, list[str]]:
    root = Path(os.path.abspath(path.parent))
    inside = Path(os.path.realpath(root))

    def locate(text: str) -> tuple[str, Encoded] | None:
        audio = Path(os.path.normpath(root / text))
        outside = not audio.is_relative_to(root)
        if outside or not Path(os.path.realpath(audio)).is_relative_to(inside):
            return None
        return audio.relative_to(root).as_posix(), audio

    return root.name, locate, []


def _in_store(path: StorePath, rows: list[Row]) -> tuple[str, _Locate, list[str]]:
    """The same in a store, where what the manifest names is listed once for its sizes.

    Who may read the recordings need not be allowed to list them.
    """
    root = str(path).rpartition("/")[0]
    named = [joined(root, cells["path"]) for _, cells in rows]
    tree, notes = path.tree, list[str]()
    if len(tree.files) == 1:  # itself
        folders = {posixpath.dirname(below) for below in named if below}
        try:
            tree = listed(root, posixpath.commonpath(folders) if folders else "").tree
        except Exception as fault:  # every client has errors of its own
            tree, notes = Tree(root, {}), [f"{root} cannot be listed: {told(fault)}"]

    def locate(text: str) -> tuple[str, Encoded] | None:
        below = joined(root, text)
        return (below, StorePath(below, tree).stored) if below else None

    return root.rpartition("/")[2], locate, notes


def _clip(cells: dict[str, str], locate: _Locate, where: str) -> Clip:
    if not cells["path"]:
        raise UsageError("the path is empty", where, "name a recording")
    found = locate(cells["path"])
    if found is None:
        raise UsageError(
            f"{cells['path']} leads out of the manifest's folder",
            where,
            "move the manifest above its recordings",
        )
    below, audio = found
    label: Label | None = canonical_label(cells["label"])
    if label is None:  # refused by _check_labels
        raise AssertionError(cells["label"])
    return Clip(
        clip_id=cells.get("clip_id") or below,
        label=label,
        audio=audio,
        generator=cells.get("generator", "") if label == "fake" else "",
        source=cells.get("source", ""),
        speaker=cells.get("speaker", ""),
        group=cells.get("group", ""),
    )


def _notes(rows: list[Row]) -> tuple[str, ...]:
    words = sorted({cells["label"] for _, cells in rows} - {"real", "fake"})
    notes = [f"label {word!r} read as {canonical_label(word)}" for word in words]
    ignored = sorted({name for _, cells in rows for name in cells} - {*REQUIRED, *OPTIONAL})
    if ignored:
        notes.append(f"columns ignored: {', '.join(ignored)}")
    return tuple(notes)

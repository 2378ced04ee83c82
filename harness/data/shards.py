"""Recordings that lie in the rows of Parquet files, as `datasets` and others write them.

The audio is a column of bytes, or of structs that have them as `bytes`, possibly beside a `path`;
columns of labels are found by the rules of `harness.data.hub_column`, read first and alone. A
clip's id is what a column `clip_id` says, else the path of its audio where every row has one of its
own, else the file and the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from harness.audio.formats import is_hidden
from harness.data.class_names import SPLITS
from harness.data.clip import Clip, Label, Origin
from harness.data.clip_list import Listing, checked, name_below
from harness.data.folder import directory, walk
from harness.data.hub_column import (
    ColumnChoice,
    DataColumn,
    audio_column,
    choose_label,
    column_notes,
    fact_columns,
    label_candidates,
    parsed,
    read_facts,
)
from harness.data.hub_split import choose_split
from harness.data.leftover import skipped
from harness.data.missing import OptionalCells
from harness.data.parquet_row import GROUPS_KEPT, ShardCell, parquet_file, version_of
from harness.data.store import StorePath, answering, as_path, in_store, listed, told
from harness.errors import UsageError

_SPEC = re.compile(r"(?P<place>[^?]*?)(?::(?P<split>[^:/?]+))?(?:\?(?P<options>.*))?")
_OPTIONS = ("audio", "label", "fake")
_NUMBERED = re.compile(r"(.+)-\d+-of-\d+")
_PATHS = ("path", "file_name", "filename", "file")
_MEMORY = GROUPS_KEPT + 3
"""Row groups in memory at most: those that are kept, and one as stored, unpacked and as cells."""
_READERS = 8
"""Files whose labels are read at once: in a store that is waiting and no work."""


class ShardsAddress(NamedTuple):
    """What `shards:DIR[:SPLIT][?label=…,fake=…]` says, piece by piece."""

    place: str
    split: str | None
    wanted: ColumnChoice

    @classmethod
    def parse(cls, rest: str, spec: str) -> ShardsAddress:
        found, options = parsed(_SPEC, _OPTIONS, rest, spec, "shards:DIR[:split]")
        wanted = ColumnChoice.of(options)
        return cls(found["place"], found["split"], wanted)


class _Plan(NamedTuple):
    """Which columns of every file are read, and as what."""

    columns: tuple[DataColumn, ...]
    audio: DataColumn
    leaf: str
    named: str
    """DataColumn of the path of the audio; empty where there is none."""
    labels: tuple[DataColumn, ...]
    facts: dict[str, DataColumn]
    clip_id: DataColumn | None

    @property
    def read(self) -> list[str]:
        others = [*self.labels, *self.facts.values(), *filter(None, [self.clip_id])]
        return sorted({column.name for column in others} | set(filter(None, [self.named])))


class _Sheet(NamedTuple):
    """What is read of one file before any audio is."""

    rows: list[dict[str, Any]]
    groups: list[int]
    largest_bytes: int
    version: str


def open_shards(rest: str, spec: str) -> Listing:
    """The clips of the Parquet files below a directory, or of one file, in their order.

    Raises
    ------
    UsageError
        Where one cannot be read, they differ in their columns, or these do not say plainly which
        clips are fake.
    """
    address = ShardsAddress.parse(rest, spec)
    if address.place.lower().endswith(".parquet"):
        path = _file(address.place, spec)
        return read_shards([path], path.parent, spec, address.wanted)
    return read_directory(directory(address.place, spec), spec, address.split, address.wanted)


def read_directory(
    root: Path, spec: str, split: str | None = None, wanted: ColumnChoice | None = None
) -> Listing:
    """The clips of the Parquet files of one split below a directory that is there."""
    found: dict[str, list[Path]] = {}
    left: list[str] = []
    for path in sorted(walk(root)):
        below = name_below(path, root)
        if is_shard(path) and not is_hidden(below):
            found.setdefault(_split(below), []).append(path)
        else:
            left.append(below)
    if not found:
        raise UsageError("no .parquet file in it", spec, "check the path")
    notes = skipped(left)
    name = next(iter(found))
    if len(found) > 1 or split is not None:
        where = "shards:" + spec.removeprefix("shards:").partition("?")[0]
        name, note = choose_split(sorted(found), split, where)
        notes = [note, *notes]
    return read_shards(found[name], root, spec, wanted, notes)


def _file(place: str, spec: str) -> Path:
    if in_store(place):
        with answering(spec):
            path = as_path(listed(place))
    else:
        path = Path(place).expanduser()
    if not path.is_file():
        raise UsageError(f"{place} is not a file", spec, "check the path")
    return path


def is_shard(path: Path) -> bool:
    """Judged by the name."""
    return path.suffix.lower() == ".parquet" and not path.name.startswith((".", "_"))


def holds_audio(path: Path) -> bool:
    """Whether a Parquet file has a column of audio; one that cannot be read has none."""
    try:
        file = parquet_file(str(path))
    except Exception:  # told by what reads it as a manifest
        return False
    return any(column.type == "audio" for column in _columns(file.schema_arrow))


def read_shards(
    paths: Sequence[Path],
    root: Path,
    spec: str,
    wanted: ColumnChoice | None = None,
    notes: Sequence[str] = (),
) -> Listing:
    """The clips in the rows of these files."""
    where = spec if spec.startswith("shards:") else f"shards:{spec}"
    wanted = wanted or ColumnChoice()
    with _readable(paths[0]):
        plan = _plan(parquet_file(str(paths[0])).schema_arrow, wanted, where)
    with ThreadPoolExecutor(min(_READERS, len(paths))) as threads:
        sheets = list(threads.map(lambda path: _sheet(path, plan, paths[0]), paths))
    rows = [row for sheet in sheets for row in sheet.rows]
    values = {column.name: [row[column.name] for row in rows] for column in plan.labels}
    label, labels = choose_label(plan.labels, values, wanted, where)
    ids, said = _ids(paths, root, plan, sheets)
    cells = (
        # By its whole name: it is read later, when a detector may have changed directory.
        ShardCell(
            str(path if isinstance(path, StorePath) else path.absolute()),
            plan.leaf,
            group,
            row,
            sheet.version,
        )
        for path, sheet in zip(paths, sheets, strict=True)
        for group, count in enumerate(sheet.groups)
        for row in range(count)
    )
    optional = OptionalCells()
    clips = [_clip(plan, optional, *about) for about in zip(ids, labels, rows, cells, strict=True)]
    largest_mb = max(sheet.largest_bytes for sheet in sheets) / 1e6
    notes = [
        *notes,
        *column_notes(plan.columns, plan.audio, plan.labels, label, values[label.name]),
        *optional.notes,
        said,
        f"{len(paths)} files; the largest row group has {largest_mb:.3g} MB of audio, and a reader "
        f"takes up to {_MEMORY} times that",
    ]
    origin = Origin(spec, "shards", root.resolve().name, "", notes=tuple(notes))
    return Listing(checked(origin, clips), tuple(clips), remote=True)


def _plan(schema: Any, wanted: ColumnChoice, where: str) -> _Plan:
    columns = _columns(schema)
    audio = audio_column(columns, wanted, where)
    stored = schema.field(audio.name).type
    struct = _is_struct(stored)
    by_name = {column.name.casefold(): column for column in columns if column.type == "text"}
    ids = [column for column in columns if column.name.casefold() == "clip_id"]
    inside = struct and stored.get_field_index("path") >= 0
    beside = next((by_name[name] for name in _PATHS if name in by_name), None)
    labels = label_candidates(columns, wanted, where)
    return _Plan(
        columns=tuple(columns),
        audio=audio,
        leaf=f"{audio.name}.bytes" if struct else audio.name,
        named=f"{audio.name}.path" if inside else beside.name if beside else "",
        labels=tuple(labels),
        facts=fact_columns(columns, [audio, *labels]),
        clip_id=next((column for column in ids if column.type in ("text", "number")), None),
    )


def _sheet(path: Path, plan: _Plan, first: Path) -> _Sheet:
    with _readable(path):
        version = version_of(str(path)) if isinstance(path, StorePath) else ""
        file = parquet_file(str(path))
        if tuple(_columns(file.schema_arrow)) != plan.columns:
            raise UsageError(
                f"its columns are not those of {first.name}", str(path), "keep other tables apart"
            )
        groups = [file.metadata.row_group(place) for place in range(file.num_row_groups)]
        leaves = [
            group.column(place)
            for group in groups
            for place in range(group.num_columns)
            if group.column(place).path_in_schema == plan.leaf
        ]
        largest = max((leaf.total_uncompressed_size for leaf in leaves), default=0)
        rows: list[dict[str, Any]] = file.read(columns=plan.read).to_pylist()
        return _Sheet(rows, [group.num_rows for group in groups], largest, version)


def _ids(
    paths: Sequence[Path], root: Path, plan: _Plan, sheets: Sequence[_Sheet]
) -> tuple[list[str], str]:
    """The id of every clip, and where it is from."""
    rows = [row for sheet in sheets for row in sheet.rows]
    if plan.clip_id is not None:
        ids = [plan.clip_id.text(row[plan.clip_id.name]) for row in rows]
        if "" in ids:
            raise UsageError(
                f"row {ids.index('') + 1} of {plan.clip_id.name} is empty",
                str(paths[0] if len(paths) == 1 else root),
                "give every clip an id, or take the column out",
            )
        return ids, "clip ids as given"
    names = [_named(row, plan) for row in rows]
    if all(names) and len(set(names)) == len(names):
        return names, f"clip ids from {plan.named}"
    places = [
        f"{name_below(path, root)}/{number}"
        for path, sheet in zip(paths, sheets, strict=True)
        for number in range(len(sheet.rows))
    ]
    ids = [f"{place}/{name}" if name else place for place, name in zip(places, names, strict=True)]
    return ids, "clip ids from the files and rows"


def _named(row: dict[str, Any], plan: _Plan) -> str:
    if not plan.named:
        return ""
    column, _, leaf = plan.named.rpartition(".")
    value = (row[column] or {}).get(leaf) if column in row else row[plan.named]
    return str(value or "").partition("::")[0]


def _clip(
    plan: _Plan,
    cells: OptionalCells,
    clip_id: str,
    label: Label,
    row: dict[str, Any],
    audio: ShardCell,
) -> Clip:
    return Clip.of(clip_id, label, audio, read_facts(plan.facts, row, label, cells))


def _columns(schema: Any) -> list[DataColumn]:
    """The columns with the types that they have, or that `datasets` declares for them."""
    described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = described.get("info", {}).get("features", {})
    return [_column(field, features.get(field.name, {})) for field in schema]


def _column(field: Any, feature: Any) -> DataColumn:
    import pyarrow as pa

    stored = field.type
    if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
        return DataColumn(field.name, "class", tuple(feature.get("names", ())))
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if _is_struct(stored) or pa.types.is_binary(stored) or pa.types.is_large_binary(stored):
        return DataColumn(field.name, "audio")
    if pa.types.is_boolean(stored):
        return DataColumn(field.name, "bool")
    if pa.types.is_integer(stored) or pa.types.is_floating(stored):
        return DataColumn(field.name, "number")
    text = pa.types.is_string(stored) or pa.types.is_large_string(stored)
    return DataColumn(field.name, "text" if text else "other")


def _is_struct(stored: Any) -> bool:
    """Of audio: bytes, possibly with a path."""
    import pyarrow as pa

    if not pa.types.is_struct(stored) or stored.get_field_index("bytes") < 0:
        return False
    inside = stored.field("bytes").type
    return pa.types.is_binary(inside) or pa.types.is_large_binary(inside)


def _split(below: str) -> str:
    """The part of a data set that a file is of, as `datasets` names files; `all` if of none."""
    *folders, name = below.removesuffix(".parquet").split("/")
    if numbered := _NUMBERED.fullmatch(name):
        return numbered[1]
    return next((each for each in (name, *reversed(folders)) if each in SPLITS), "all")


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Tell in one line that a file is no Parquet, or is not to be had."""
    import pyarrow as pa

    with answering(str(path)):
        try:
            yield
        except pa.ArrowInvalid as fault:
            raise UsageError(
                f"cannot be read as Parquet: {told(fault)}", str(path), "write the file again"
            ) from fault

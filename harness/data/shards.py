"""Recordings in the rows of Parquet files, as `datasets` and others write them.

The audio is a column of bytes, or of structs with `bytes` and possibly a `path`; columns of labels
are found by the rules of `harness.data.hub_column`, and read first and alone. A clip's id is its
`clip_id` where there is such a column, else the path of its audio where every row has one of its
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
from harness.data.clip import Clip, Origin
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
from harness.data.store import StorePath, answering, as_path, described, in_store, listed
from harness.errors import UsageError

_SPEC = re.compile(r"(?P<place>[^?]*?)(?::(?P<split>[^:/?]+))?(?:\?(?P<options>.*))?")
_OPTIONS = ("audio", "label", "fake")
_NUMBERED = re.compile(r"(.+)-\d+-of-\d+")
_PATHS = ("path", "file_name", "filename", "file")
_MEMORY = GROUPS_KEPT + 3
"""Most row groups in memory: those that are kept, and one as stored, unpacked and as cells."""
_READERS = 8
"""Files whose labels are read at once, which in a store is mostly waiting."""


class ShardsAddress(NamedTuple):
    """The parts of `shards:DIR[:SPLIT][?label=…,fake=…]`."""

    place: str
    split: str | None
    columns: ColumnChoice

    @classmethod
    def parse(cls, rest: str, spec: str) -> ShardsAddress:
        parts, options = parsed(_SPEC, _OPTIONS, rest, spec, "shards:DIR[:split]")
        return cls(parts["place"], parts["split"], ColumnChoice.of(options))


class _Plan(NamedTuple):
    """Columns to read of every file, by role.

    Parameters
    ----------
    leaf
        Path of the column of bytes.
    named
        Column of the path of the audio; empty where there is none.
    """

    columns: tuple[DataColumn, ...]
    audio: DataColumn
    leaf: str
    named: str
    labels: tuple[DataColumn, ...]
    facts: dict[str, DataColumn]
    clip_id: DataColumn | None

    @property
    def read(self) -> list[str]:
        others = [*self.labels, *self.facts.values(), *filter(None, [self.clip_id])]
        return sorted({column.name for column in others} | set(filter(None, [self.named])))


class _FileRows(NamedTuple):
    """Content of one file without its audio; `groups` are the sizes of its row groups."""

    rows: list[dict[str, Any]]
    groups: list[int]
    largest_bytes: int
    version: str


def open_shards(rest: str, spec: str) -> Listing:
    """Open the clips of the Parquet files below a directory, or of one file, in their order.

    Raises
    ------
    UsageError
        Where one cannot be read, they differ in their columns, or these do not say plainly which
        clips are fake.
    """
    address = ShardsAddress.parse(rest, spec)
    if address.place.lower().endswith(".parquet"):
        path = _file(address.place, spec)
        return read_shards([path], path.parent, spec, address.columns)
    return read_directory(directory(address.place, spec), spec, address.split, address.columns)


def read_directory(
    root: Path, spec: str, split: str | None = None, choice: ColumnChoice | None = None
) -> Listing:
    """Read the clips of the Parquet files of one split below a directory that exists."""
    by_split: dict[str, list[Path]] = {}
    left: list[str] = []
    for path in sorted(walk(root)):
        below = name_below(path, root)
        if is_shard(path) and not is_hidden(below):
            by_split.setdefault(_split(below), []).append(path)
        else:
            left.append(below)
    if not by_split:
        raise UsageError("no .parquet file in it", spec, "check the path")
    notes = skipped(left)
    name = next(iter(by_split))
    if len(by_split) > 1 or split is not None:
        where = "shards:" + spec.removeprefix("shards:").partition("?")[0]
        name, note = choose_split(sorted(by_split), split, where)
        notes = [note, *notes]
    return read_shards(by_split[name], root, spec, choice, notes)


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
    """Whether the name is that of a shard."""
    return path.suffix.lower() == ".parquet" and not path.name.startswith((".", "_"))


def holds_audio(path: Path) -> bool:
    """Whether a Parquet file has a column of audio; one that cannot be read has none."""
    try:
        file = parquet_file(str(path))
    except Exception:  # reported by what reads it as a manifest
        return False
    return any(column.type == "audio" for column in columns_of(file.schema_arrow))


def read_shards(
    paths: Sequence[Path],
    root: Path,
    spec: str,
    choice: ColumnChoice | None = None,
    notes: Sequence[str] = (),
) -> Listing:
    """Read the clips in the rows of these files."""
    where = spec if spec.startswith("shards:") else f"shards:{spec}"
    choice = choice or ColumnChoice()
    with _readable(paths[0]):
        plan = _plan(parquet_file(str(paths[0])).schema_arrow, choice, where)
    with ThreadPoolExecutor(min(_READERS, len(paths))) as threads:
        files = list(threads.map(lambda path: _file_rows(path, plan, paths[0]), paths))
    rows = [row for file in files for row in file.rows]
    values = {column.name: [row[column.name] for row in rows] for column in plan.labels}
    label_column, labels = choose_label(plan.labels, values, choice, where)
    ids, id_note = _ids(paths, root, plan, files)
    cells = (
        # An absolute path: it is read later, when a detector may have changed directory.
        ShardCell(
            str(path if isinstance(path, StorePath) else path.absolute()),
            plan.leaf,
            group,
            row,
            file.version,
        )
        for path, file in zip(paths, files, strict=True)
        for group, count in enumerate(file.groups)
        for row in range(count)
    )
    optional = OptionalCells()
    clips = tuple(
        Clip.of(clip_id, label, cell, read_facts(plan.facts, row, label, optional))
        for clip_id, label, row, cell in zip(ids, labels, rows, cells, strict=True)
    )
    largest_mb = max(file.largest_bytes for file in files) / 1e6
    label_values = values[label_column.name]
    notes = (
        *notes,
        *column_notes(plan.columns, plan.audio, plan.labels, label_column, label_values),
        *optional.notes,
        id_note,
        f"{len(paths)} files; the largest row group has {largest_mb:.3g} MB of audio, and a reader "
        f"takes up to {_MEMORY} times that",
    )
    origin = Origin(spec, "shards", root.resolve().name, "", notes=notes)
    return Listing(checked(origin, clips), clips, remote=True)


def _plan(schema: Any, choice: ColumnChoice, where: str) -> _Plan:
    columns = columns_of(schema)
    audio = audio_column(columns, choice, where)
    stored = schema.field(audio.name).type
    struct = _is_audio_struct(stored)
    by_name = {column.name.casefold(): column for column in columns if column.type == "text"}
    ids = [column for column in columns if column.name.casefold() == "clip_id"]
    inside = struct and stored.get_field_index("path") >= 0
    beside = next((by_name[name].name for name in _PATHS if name in by_name), "")
    labels = label_candidates(columns, choice, where)
    return _Plan(
        columns=tuple(columns),
        audio=audio,
        leaf=f"{audio.name}.bytes" if struct else audio.name,
        named=f"{audio.name}.path" if inside else beside,
        labels=tuple(labels),
        facts=fact_columns(columns, [audio, *labels]),
        clip_id=next((column for column in ids if column.type in ("text", "number")), None),
    )


def _file_rows(path: Path, plan: _Plan, first: Path) -> _FileRows:
    with _readable(path):
        version = version_of(str(path)) if isinstance(path, StorePath) else ""
        file = parquet_file(str(path))
        if tuple(columns_of(file.schema_arrow)) != plan.columns:
            raise UsageError(
                f"its columns are not those of {first.name}", str(path), "keep other tables apart"
            )
        groups = [file.metadata.row_group(place) for place in range(file.num_row_groups)]
        sizes = [
            group.column(place).total_uncompressed_size
            for group in groups
            for place in range(group.num_columns)
            if group.column(place).path_in_schema == plan.leaf
        ]
        rows: list[dict[str, Any]] = file.read(columns=plan.read).to_pylist()
        return _FileRows(rows, [group.num_rows for group in groups], max(sizes, default=0), version)


def _ids(
    paths: Sequence[Path], root: Path, plan: _Plan, files: Sequence[_FileRows]
) -> tuple[list[str], str]:
    """Return the id of every clip, and a note on where it is from."""
    rows = [row for file in files for row in file.rows]
    if plan.clip_id is not None:
        ids = [plan.clip_id.text(row[plan.clip_id.name]) for row in rows]
        if "" in ids:
            raise UsageError(
                f"row {ids.index('') + 1} of {plan.clip_id.name} is empty",
                str(paths[0] if len(paths) == 1 else root),
                "give every clip an id, or take the column out",
            )
        return ids, "clip ids as given"
    names = [_audio_name(row, plan) for row in rows]
    if all(names) and len(set(names)) == len(names):
        return names, f"clip ids from {plan.named}"
    places = [
        f"{name_below(path, root)}/{number}"
        for path, file in zip(paths, files, strict=True)
        for number in range(len(file.rows))
    ]
    ids = [f"{place}/{name}" if name else place for place, name in zip(places, names, strict=True)]
    return ids, "clip ids from the files and rows"


def _audio_name(row: dict[str, Any], plan: _Plan) -> str:
    if not plan.named:
        return ""
    column, _, leaf = plan.named.rpartition(".")
    value = (row[column] or {}).get(leaf) if column in row else row[plan.named]
    return str(value or "").partition("::")[0]


def columns_of(schema: Any) -> list[DataColumn]:
    """Return the columns of an Arrow schema, with the types that `datasets` declares if it does."""
    described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = described.get("info", {}).get("features", {})
    return [_column(field, features.get(field.name, {})) for field in schema]


def _column(field: Any, feature: Any) -> DataColumn:
    import pyarrow as pa

    stored = field.type
    declared = feature.get("_type") if isinstance(feature, dict) else None
    if declared == "ClassLabel":
        return DataColumn(field.name, "class", tuple(feature.get("names", ())))
    if declared == "Image":  # stored like audio
        return DataColumn(field.name, "other")
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if _is_audio_struct(stored) or _is_bytes(stored):
        return DataColumn(field.name, "audio")
    if pa.types.is_boolean(stored):
        return DataColumn(field.name, "bool")
    if pa.types.is_integer(stored) or pa.types.is_floating(stored):
        return DataColumn(field.name, "number")
    text = pa.types.is_string(stored) or pa.types.is_large_string(stored)
    return DataColumn(field.name, "text" if text else "other")


def _is_audio_struct(stored: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_struct(stored) or stored.get_field_index("bytes") < 0:
        return False
    return _is_bytes(stored.field("bytes").type)


def _is_bytes(stored: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(stored) or pa.types.is_large_binary(stored)


def _split(below: str) -> str:
    """Return the split of a file, as `datasets` names files; `all` where it has none."""
    *folders, name = below.removesuffix(".parquet").split("/")
    if numbered := _NUMBERED.fullmatch(name):
        return numbered[1]
    return next((part for part in (name, *reversed(folders)) if part in SPLITS), "all")


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Turn errors of a file that cannot be read as Parquet into a UsageError."""
    import pyarrow as pa

    with answering(str(path)):
        try:
            yield
        except pa.ArrowInvalid as fault:
            raise UsageError(
                f"cannot be read as Parquet: {described(fault)}", str(path), "write the file again"
            ) from fault

"""The columns of the scores table, and the steps that bring an older table up to them."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from harness.results.clip_facts import COLUMNS, EXTRA, FACTS

KEY = ("clip_id", "condition", "model")
_VERSION_FIELD = "scores_version"


RECORDING = ("audio_digest", "decoder", "audio_notes")
"""Columns of what was read of the recording."""


def _with(table: pa.Table, *names: str) -> pa.Table:
    """Return the table with more columns of text, all empty: unknown."""
    for name in names:
        table = table.append_column(name, pa.repeat("", table.num_rows))
    return table


UPGRADES: dict[int, Callable[[pa.Table], pa.Table]] = {
    2: lambda table: _with(table, *RECORDING),
    3: lambda table: _with(table, EXTRA),
}
"""The step to each version from the one before; a fact adds its column at the version it names."""

VERSION = max(*UPGRADES, *(fact.since for fact in FACTS))

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("model", pa.string()),
        ("condition", pa.string()),
        ("family", pa.string()),
        ("severity", pa.float64()),  # 0 for clean, then 1, 2, ... from mild to severe in a sweep
        ("label", pa.string()),  # real | fake
        *((name, pa.string()) for name in COLUMNS),
        ("seconds", pa.float64()),  # of the audio that was scored
        ("status", pa.string()),  # ok | rejected | error
        ("reason", pa.string()),  # empty where ok
        ("score", pa.float64()),  # log-odds of fake; NaN where not ok
        ("logit_fake", pa.float64()),
        ("logit_real", pa.float64()),
        ("snr_db", pa.float64()),  # measured; NaN where no noise was added
        ("bandwidth_hz", pa.float64()),  # measured on the audio that was scored
        ("delay_samples", pa.float64()),  # against the clean clip, at the rate that was scored
        ("changed", pa.bool_()),  # whether the scored samples differ from the clean ones
        ("audio_digest", pa.string()),  # of the encoded recording; empty where not known
        ("decoder", pa.string()),  # empty where none could read the recording
        ("audio_notes", pa.string()),  # doubts about how it was read
    ],
    metadata={_VERSION_FIELD: str(VERSION)},
)


class NewerTable(Exception):
    """A table of a later version."""


def upgraded(table: pa.Table) -> pa.Table:
    """Return a table of this or an earlier version with the columns of `SCHEMA`.

    Raises
    ------
    NewerTable
        Where a newer harness wrote it.
    ValueError
        Where it is not a scores table.
    """
    metadata = table.schema.metadata or {}
    if _VERSION_FIELD.encode() not in metadata:
        raise ValueError("it does not state its version")
    version = int(metadata[_VERSION_FIELD.encode()])
    if version > VERSION:
        raise NewerTable(f"scores of version {version}, this harness reads up to {VERSION}")
    if version < 1:
        raise ValueError(f"there is no version {version}")
    if int(metadata.get(b"rows", table.num_rows)) != table.num_rows:
        raise ValueError(f"it has {table.num_rows} rows instead of {metadata[b'rows']!r}")
    for later in range(version + 1, VERSION + 1):
        if later in UPGRADES:
            table = UPGRADES[later](table)
        table = _with(table, *(fact.name for fact in FACTS if fact.since == later))
    if sorted(table.column_names) != sorted(SCHEMA.names):
        raise ValueError("its columns are not those of the scores table")
    table = table.select(SCHEMA.names)
    if not table.schema.equals(SCHEMA):
        raise ValueError("its columns are not of the types of the scores table")
    return table.replace_schema_metadata(SCHEMA.metadata)

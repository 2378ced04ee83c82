"""Runs made by hand, written as the engine writes them."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa

from harness.results.record import write_record
from harness.results.run_folder import RunFolder
from harness.results.scores import SCHEMA, ScoresWriter


def write_run(run: RunFolder, folder: Path) -> Path:
    """Write the record and the table of a run; columns that it lacks are unknown."""
    rows = run.table.to_dict("records")
    empty = {
        field.name: {pa.string(): "", pa.bool_(): False}.get(field.type, math.nan)
        for field in SCHEMA
        if field.name not in run.table.columns
    }
    with ScoresWriter(folder) as writer:
        writer.append(
            [{**empty, **{str(key): value for key, value in row.items()}} for row in rows]
        )
    write_record(run.record, folder)
    return folder

"""Records, scores tables and run directories made by hand, for every test that needs a run.

Fields and columns come from the record's models and the table's schema: one that is added there
needs no edit here, and is empty until a test sets it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from harness.results.record import (
    ConditionRecord,
    CountRecord,
    DataRecord,
    MachineRecord,
    ModelRecord,
    RunRecord,
    SuiteRecord,
    write_record,
)
from harness.results.run_folder import RunFolder
from harness.results.scores import SCHEMA, Row, ScoresWriter

Changes = Mapping[str, Any]
Model = TypeVar("Model", bound=BaseModel)

_EMPTY_COLUMN: dict[pa.DataType, object] = {
    pa.string(): "",
    pa.float64(): math.nan,
    pa.bool_(): False,
}


def build(model: type[Model], **changes: Any) -> Model:
    """Build a record whose required fields are empty unless they are given."""
    required = {
        name: _empty(field.annotation)
        for name, field in model.model_fields.items()
        if field.is_required() and name not in changes
    }
    return model(**required, **changes)


def _empty(annotation: Any) -> Any:
    """Return None where a field may be None, else the empty value of its (first) type."""
    kind, options = get_origin(annotation), get_args(annotation)
    if kind is Literal:
        return options[0]
    if kind in (Union, UnionType):
        return None if NoneType in options else _empty(options[0])
    return (kind or annotation)()


def condition_record(name: str, **changes: Any) -> ConditionRecord:
    """Build a condition of the family and series in its name: `family:variant@value`."""
    series = name.split("@")[0]
    defaults = {
        "family": series.split(":")[0],
        "series": series,
        "severity": 0.0 if name == "clean" else 1.0,
        "words": name,
    }
    return build(ConditionRecord, name=name, **(defaults | changes))


def model_record(name: str, **changes: Any) -> ModelRecord:
    made = {"name": name, "spec": name, "kind": "hf", "rate_hz": 16000, "parameters": 1000}
    return build(ModelRecord, **(made | changes))


def machine_record(**changes: Any) -> MachineRecord:
    """Build a machine with one worker and one thread on the CPU."""
    defaults = {"device": "cpu", "precision": "float32"}
    defaults |= dict.fromkeys(("batch_size", "workers", "threads"), 1)
    return build(MachineRecord, **(defaults | changes))


def run_record(
    conditions: Sequence[ConditionRecord],
    models: Sequence[ModelRecord],
    suite: Changes | None = None,
    data: Changes | None = None,
    machine: Changes | None = None,
    **changes: Any,
) -> RunRecord:
    """Build a finished run; `suite`, `data` and `machine` change fields of those parts."""
    suite = {"name": "test", "seed": 1, "min_coverage": 0.9} | dict(suite or {})
    defaults = {"harness_version": "0", "finished": "", "seconds": 1.0, "clips_per_second": 1.0}
    parts = {
        "suite": build(SuiteRecord, conditions=list(conditions), **suite),
        "data": build(DataRecord, **({"kind": "folder"} | dict(data or {}))),
        "machine": machine_record(**(machine or {})),
        "counts": CountRecord(),
    }
    return build(RunRecord, models=list(models), **(parts | defaults | changes))


def score_row(
    clip_id: str, condition: str = "clean", score: float | None = 1.0, **changes: Any
) -> dict[str, Any]:
    """Build a row of the scores table; without a score its clip was rejected as too short.

    A clip whose name begins with `f` is fake, and every clip is a group of its own.
    """
    scored = score is not None
    return {field.name: _EMPTY_COLUMN[field.type] for field in SCHEMA} | {
        "clip_id": clip_id,
        "model": "owner/model",
        "condition": condition,
        "family": condition.split(":")[0].split("@")[0],
        "severity": 0.0 if condition == "clean" else 1.0,
        "label": "fake" if clip_id.startswith("f") else "real",
        "group": clip_id,
        "seconds": 1.0 if scored else math.nan,
        "status": "ok" if scored else "rejected",
        "reason": "" if scored else "too short",
        "score": score if scored else math.nan,
        **changes,
    }


def scores_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table with the columns and types of one that was read."""
    return pa.Table.from_pylist(list(rows), SCHEMA).to_pandas()


def write_run(run: RunFolder, folder: Path) -> Path:
    """Write the record and the table of a run."""
    with ScoresWriter(folder) as writer:
        writer.append(run.table.to_dict("records"))
    write_record(run.record, folder)
    return folder

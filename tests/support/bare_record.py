"""The record of a run of which nothing is known yet; every test changes the fields it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.results.record import (
    ConditionRecord,
    CountRecord,
    DataRecord,
    MachineRecord,
    ModelRecord,
    RunRecord,
    SuiteRecord,
)

Changes = Mapping[str, Any]

SUITE: Changes = {
    "name": "test",
    "description": "",
    "digest": "",
    "seed": 1,
    "threshold": 0.0,
    "min_coverage": 0.9,
}
DATA: Changes = {
    "spec": "",
    "kind": "folder",
    "name": "",
    "digest": "",
    "synthetic": False,
    "revision": "",
    "notes": [],
    "clips": 0,
    "real": 0,
    "fake": 0,
    "limit": None,
    "limit_seed": None,
}
MACHINE: Changes = {
    "platform": "",
    "python": "",
    "packages": {},
    "device": "cpu",
    "precision": "float32",
    "batch_size": 1,
    "workers": 1,
    "threads": 1,
}
RUN: Changes = {
    "harness_version": "0",
    "git_revision": "",
    "git_dirty": None,
    "command": [],
    "started": "",
    "finished": "",
    "seconds": 1.0,
    "clips_per_second": 1.0,
}


def bare_condition(name: str, **changes: Any) -> ConditionRecord:
    """A condition of the family and series that its name says; no axis, no chain."""
    series = name.split("@")[0]
    made = {
        "name": name,
        "family": series.split(":")[0],
        "series": series,
        "severity": 0.0 if name == "clean" else 1.0,
        "axis": None,
        "words": name,
        "chain": [],
        "digest": "",
    }
    return ConditionRecord(**(made | changes))


def bare_model(name: str, **changes: Any) -> ModelRecord:
    return ModelRecord(**({"name": name, "spec": name, "kind": "hf"} | changes))


def bare_record(
    conditions: Sequence[ConditionRecord],
    models: Sequence[ModelRecord],
    suite: Changes | None = None,
    data: Changes | None = None,
    machine: Changes | None = None,
    **changes: Any,
) -> RunRecord:
    """A record with these changes of its own fields and of those of its parts."""
    parts = {
        "suite": SuiteRecord(**{**SUITE, "conditions": list(conditions), **(suite or {})}),
        "data": DataRecord(**{**DATA, **(data or {})}),
        "machine": MachineRecord(**{**MACHINE, **(machine or {})}),
        "counts": CountRecord(),
    }
    return RunRecord(**{**RUN, "models": list(models), **parts, **changes})

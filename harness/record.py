"""What a run was: everything that a reader needs to trust its table or to repeat it.

Kept as `run.json` in the run directory. A record of a newer version is refused; one of an older
version is upgraded step by step (there is one version so far).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import UsageError

VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AxisRecord(_Frozen):
    """The swept quantity of a condition: `field`, its unit, its value, and which way is worse."""

    field: str
    unit: str
    value: float
    worse: Literal["lower", "higher"]


class ConditionRecord(_Frozen):
    """A condition as it ran; `chain` holds the perturbations as their values, in order."""

    name: str
    family: str
    series: str
    severity: float
    axis: AxisRecord | None
    words: str
    chain: list[dict[str, Any]]
    digest: str


class SuiteRecord(_Frozen):
    """The suite as it was read, includes resolved and sweeps spread out."""

    name: str
    description: str
    digest: str
    seed: int
    threshold: float
    min_coverage: float
    conditions: list[ConditionRecord]


class DataRecord(_Frozen):
    """The data source: what `Origin` says, and what was taken from it."""

    spec: str
    kind: str
    name: str
    digest: str
    synthetic: bool
    revision: str
    notes: list[str]
    clips: int
    real: int
    fake: int
    limit: int | None
    limit_seed: int | None


class ModelRecord(_Frozen):
    """A detector as it was loaded; what does not apply to its kind is empty or None."""

    name: str
    spec: str
    kind: str
    revision: str = ""
    digest: str = ""
    architecture: str = ""
    parameters: int | None = None
    labels: dict[str, str] = {}
    fake_label: str = ""
    rate_hz: int | None = None
    synthetic: bool = False
    notes: list[str] = []


class MachineRecord(_Frozen):
    """Where it ran and with which versions."""

    platform: str
    python: str
    packages: dict[str, str]
    device: str
    precision: str
    batch_size: int
    workers: int
    threads: int


class CountRecord(_Frozen):
    """Rows of the table by status."""

    ok: int = 0
    rejected: int = 0
    error: int = 0


class RunRecord(_Frozen):
    """The whole of `run.json`."""

    version: int = VERSION
    harness_version: str
    git_revision: str
    git_dirty: bool | None
    command: list[str]
    started: str
    finished: str | None
    seconds: float
    clips_per_second: float
    suite: SuiteRecord
    data: DataRecord
    models: list[ModelRecord]
    machine: MachineRecord
    counts: CountRecord


def write_record(record: RunRecord, run: Path) -> None:
    """Write `run.json`, whole or not at all."""
    write_whole(run / "run.json", record.model_dump_json(indent=1) + "\n")


def read_record(run: Path) -> RunRecord:
    """Read `run.json` of a run directory.

    Raises
    ------
    UsageError
        Where there is none, it is damaged, or it is of a newer version.
    """
    path = run / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["version"]
        if version > VERSION:
            raise UsageError(
                f"a record of version {version}, this harness reads up to {VERSION}",
                str(path),
                "use a newer harness",
            )
        return RunRecord.model_validate(content)
    except FileNotFoundError as fault:
        raise UsageError("not a run directory", str(run), "it has no run.json") from fault
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as fault:
        raise UsageError("a damaged record", str(path), "run again") from fault


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

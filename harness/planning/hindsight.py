"""A plan held against what the run took, stage by stage.

A run keeps processor seconds of preparing, as the plan has them. Of a detector on processors it has
the clock's seconds: where it shares them with the workers these are longer than what it computes.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from harness.errors import UsageError
from harness.planning.forecast import Layout, Stage, duration, exactly
from harness.planning.prospect import (
    HAND_OVER,
    READ,
    TAKE,
    VERSION,
    WRITE,
    Hindsight,
    Plan,
    StageHindsight,
)
from harness.results.record import RunRecord, read_record
from harness.results.scores import shards
from harness.storage.storage import contents
from harness.suite.suite import load_suite

_FIX = "plan what it ran"
WHOLE = "everything"
START = "start and check"

_FIRST_ROWS = 64
"""Of the self-check and the calibration, which a run finds again in the cache."""


def read_plan(path: Path) -> Plan:
    """Read a plan that `harness plan --out` wrote.

    Raises
    ------
    UsageError
        Where there is none, it is none, or it is of another version.
    """
    try:
        content = json.loads(contents(path).decode())
        version = content["version"]
        if version != VERSION:
            raise UsageError(f"a plan of version {version}", str(path), "plan again")
        return Plan.model_validate(content)
    except OSError as fault:
        raise UsageError(
            f"cannot be read: {fault.strerror or fault}", str(path), "name a plan"
        ) from fault
    except (ValueError, KeyError, TypeError, ValidationError) as fault:
        raise UsageError("not a plan", str(path), "make one with harness plan --out") from fault


def refuse_other_suite(run: Path, suite: str) -> None:
    """Raise UsageError where a run is of another suite, before anything is measured."""
    if read_record(run).suite.digest != load_suite(suite).digest:
        raise UsageError(f"a run of another suite than {suite}", str(run), _FIX)


def compare(plan: Plan, run: Path) -> Hindsight:
    """What was planned and what the run took.

    Raises
    ------
    UsageError
        Where the run is of another suite, other data or other models, or has not finished.
    """
    record = read_record(run)
    _refuse_other(plan, record, run)
    preparing, scoring = Counter[str](), Counter[str]()
    for part in record.parts:
        preparing.update(part.preparing_seconds)
        scoring.update(part.scoring_seconds)
    took = {**preparing, **{name: scoring[name] for name in ("features", "forward", WRITE)}}
    took |= dict.fromkeys((READ, TAKE, HAND_OVER), math.nan)
    planned = _by_stage(plan)
    stages = [
        _stage(name, planned.get(name, 0.0), took.get(name, 0.0))
        for name in dict.fromkeys([*planned, *took])
        if planned.get(name) or took.get(name, 0.0) > 0
    ]
    stages.append(_stage(START, plan.start_seconds, scoring["check"]))
    stages.append(_stage(WHOLE, _whole_seconds(plan, record), record.seconds))
    counts = record.counts
    return Hindsight(
        run=str(run),
        stages=stages,
        scorings=counts.ok + counts.rejected + counts.error,
        written_bytes=sum(path.stat().st_size for path in shards(run)),
        notes=_notes(plan, record),
    )


def _refuse_other(plan: Plan, record: RunRecord, run: Path) -> None:
    data = record.data
    models = [(model.name, model.digest) for model in record.models]
    for what, planned, ran in (
        ("another suite", plan.suite_digest, record.suite.digest),
        (
            "other data",
            (plan.data_digest, plan.limit, plan.limit_seed),
            (data.digest, data.limit, data.limit_seed),
        ),
        ("other models", [(model.name, model.digest) for model in plan.models], models),
    ):
        if planned != ran:
            raise UsageError(f"a run of {what} than planned", str(run), _FIX)
    if record.finished is None:
        raise UsageError("has not finished", str(run), "let it finish first")


def _by_stage(plan: Plan) -> Mapping[str, float]:
    """Planned seconds under the names that a run has: detectors together."""
    planned: dict[str, float] = {}
    for stage in plan.stages:
        name = stage.name.partition(" of ")[0]
        planned[name] = planned.get(name, 0.0) + stage.seconds.value
    return planned


def _stage(name: str, planned: float, took: float) -> StageHindsight:
    return StageHindsight(
        name=name, planned=planned, took=took, ratio=took / planned if planned else math.nan
    )


def _whole_seconds(plan: Plan, record: RunRecord) -> float:
    """As planned for as many workers as the run had, on the machine that was planned on."""
    workers = record.machine.workers
    stages = [
        Stage(stage.name, stage.resource, exactly(stage.seconds.value), stage.basis)
        for stage in plan.stages
    ]
    processors = plan.processors if plan.machine.engine == "local" else workers
    # Without a worker preparing and scoring take turns in one process.
    layout = Layout(max(1, workers), processors if workers else 1, plan.here.gpus)
    return duration(stages, layout, plan.start_seconds).seconds.value


def _notes(plan: Plan, record: RunRecord) -> list[str]:
    """What makes both differ for another reason than the plan's figures."""
    here, there = plan.machine, record.machine
    lines: list[str] = []
    for what, planned, ran in (
        ("platform", here.platform, there.platform),
        ("device", here.device, there.device),
        ("precision", here.precision, there.precision),
        ("engine", here.engine, there.engine.partition(":")[0]),
        ("batch size", here.batch_size, there.batch_size),
    ):
        if planned != ran:
            lines.append(f"{what}: planned {planned}, the run had {ran}")
    hits = sum(part.cache_hits for part in record.parts)
    if hits > _FIRST_ROWS:
        lines.append(f"{hits} rows of the run were prepared before, which no plan counts on")
    if any(part.ended != "finished" for part in record.parts):
        lines.append("the run was interrupted; time spent in killed parts is not included")
    return lines

"""Comparison of a plan with the time that the run took, stage by stage.

A run records processor seconds of preparing, as the plan has them. Of a detector on processors it
records the clock's seconds, which are longer where workers share the processors with it.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

from pydantic import ValidationError

from harness.errors import UsageError
from harness.planning.estimate import (
    READ,
    WRITE,
    Number,
    PlanModel,
    busy_seconds,
)
from harness.planning.plan import VERSION, Plan
from harness.planning.sample import HAND_OVER, TAKE
from harness.results.record import RunRecord, read_record
from harness.results.scores import shards
from harness.storage.storage import contents
from harness.suite.suite import load_suite

_FIX = "plan what it ran"
_START_ROWS = 64
"""Rows of the self-check and the calibration, which a run finds again in the cache."""


class StageCheck(PlanModel):
    """Seconds planned and taken, and `took / planned`; NaN where a run does not record them."""

    name: str
    planned: Number
    took: Number
    ratio: Number


class PlanCheck(PlanModel):
    """A plan beside a run that followed it."""

    run: str
    stages: list[StageCheck]
    scorings: int
    written_bytes: int
    notes: list[str]


def read_plan(path: Path) -> Plan:
    """Read a plan that `harness plan --out` wrote.

    Raises
    ------
    UsageError
        Where it cannot be read, is no plan, or is of another version.
    """
    try:
        content = json.loads(contents(path).decode())
        if content["version"] != VERSION:
            raise UsageError(f"a plan of version {content['version']}", str(path), "plan again")
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


def check(plan: Plan, run: Path) -> PlanCheck:
    """Compare a plan with a run.

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
    planned: defaultdict[str, float] = defaultdict(float)
    for stage in plan.stages:
        planned[stage.name.partition(" of ")[0]] += stage.seconds.value  # of all detectors
    stages = [
        _stage(name, planned[name], took.get(name, 0.0))
        for name in dict.fromkeys([*planned, *took])
        if planned[name] or took.get(name, 0.0) > 0
    ]
    stages.append(_stage("start and check", plan.start_seconds, scoring["check"]))
    stages.append(_stage("everything", _planned_seconds(plan, record), record.seconds))
    counts = record.counts
    return PlanCheck(
        run=str(run),
        stages=stages,
        scorings=counts.ok + counts.rejected + counts.error,
        written_bytes=sum(path.stat().st_size for path in shards(run)),
        notes=_notes(plan, record),
    )


def _refuse_other(plan: Plan, record: RunRecord, run: Path) -> None:
    data = record.data
    models = [
        [(model.name, model.digest) for model in content.models] for content in (plan, record)
    ]
    for what, planned, ran in (
        ("another suite", plan.suite_digest, record.suite.digest),
        (
            "other data",
            (plan.data_digest, plan.limit, plan.limit_seed),
            (data.digest, data.limit, data.limit_seed),
        ),
        ("other models", *models),
    ):
        if planned != ran:
            raise UsageError(f"a run of {what} than planned", str(run), _FIX)
    if record.finished is None:
        raise UsageError("has not finished", str(run), "let it finish first")


def _stage(name: str, planned: float, took: float) -> StageCheck:
    ratio = took / planned if planned else math.nan
    return StageCheck(name=name, planned=planned, took=took, ratio=ratio)


def _planned_seconds(plan: Plan, record: RunRecord) -> float:
    """Return the planned duration with as many workers as the run had."""
    workers = record.machine.workers
    processors = plan.processors if plan.machine.engine == "local" else workers
    # Without a worker preparing and scoring take turns in one process.
    busy = busy_seconds(plan.stages, max(1, workers), processors if workers else 1, plan.here.gpus)
    return plan.start_seconds + max(busy.values())


def _notes(plan: Plan, record: RunRecord) -> list[str]:
    """Return notes on differences that the plan's figures do not explain."""
    here, ran = plan.machine, record.machine
    lines = [
        f"{what}: planned {planned}, the run had {actual}"
        for what, planned, actual in (
            ("platform", here.platform, ran.platform),
            ("device", here.device, ran.device),
            ("precision", here.precision, ran.precision),
            ("engine", here.engine, ran.engine.partition(":")[0]),
            ("batch size", here.batch_size, ran.batch_size),
        )
        if planned != actual
    ]
    hits = sum(part.cache_hits for part in record.parts)
    if hits > _START_ROWS:
        lines.append(f"{hits} rows were found prepared in the cache; the plan prepares all")
    if any(part.ended != "finished" for part in record.parts):
        lines.append("the run was interrupted; time spent in killed parts is not included")
    return lines

"""The harness as a contender: real runs, complete as a user's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.publish import Outcome
from harness.run import RunOptions, run
from harness.suite.condition import condition_of
from harness.suite.suite import load_suite

CHEAP = "python:tests.support.level_detector:factory"
"""A detector that costs next to nothing, so that a run is bound by everything else."""


@dataclass(frozen=True)
class Done:
    """A run: total seconds, seconds of preparing and scoring alone, and its outcome."""

    seconds: float
    scoring: float
    outcome: Outcome

    @property
    def scores(self) -> int:
        counts = self.outcome.record.counts
        return counts.ok + counts.rejected + counts.error


def score(out: Path, cache_gb: float = 0.0, **options: Any) -> Done:
    """One run in a fresh directory, by default without prepared audio from earlier runs."""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    outcome = run(RunOptions(out=out, cache_gb=cache_gb, **options), _silent, _still)
    return Done(time.perf_counter() - began, outcome.record.seconds, outcome)


def suite_of(names: Iterable[str], path: Path) -> Path:
    """Write a suite file of these conditions, with the seed of the release suite."""
    lines = ["version = 1", 'name = "some"', f"seed = {load_suite('release').seed}"]
    for condition in map(condition_of, names):
        steps = [step.model_dump(exclude_none=True) for step in condition.chain]
        lines += [
            "[[condition]]",
            f"name = {condition.name!r}",
            f"family = {condition.family!r}",
            f"chain = {_toml(steps)}",
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def codec_suite(path: Path) -> Path:
    """Write a suite file of the codec conditions of the release suite."""
    conditions = load_suite("release").conditions
    return suite_of([c.name for c in conditions if c.family == "codec"], path)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _silent(line: str) -> None:
    del line


def _still(done: int, total: int, pace: str) -> None:
    del done, total, pace

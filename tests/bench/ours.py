"""The harness itself as a contender: real runs, with everything that a user's run does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.publish import Outcome
from harness.run import RunOptions, run
from harness.suite.suite import load_suite


@dataclass(frozen=True)
class Done:
    """A run: seconds in all, seconds of preparing and scoring alone, and what came of it."""

    seconds: float
    scoring: float
    outcome: Outcome

    @property
    def scores(self) -> int:
        counts = self.outcome.record.counts
        return counts.ok + counts.rejected + counts.error


def score(out: Path, cache_gb: float = 0.0, **options: Any) -> Done:
    """One run in a fresh directory, by default without any audio that was prepared before."""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    outcome = run(RunOptions(out=out, cache_gb=cache_gb, **options), _silent, _still)
    return Done(time.perf_counter() - began, outcome.record.seconds, outcome)


def suite_of(names: Iterable[str], path: Path, suite: str = "release") -> Path:
    """A suite file of some conditions of another suite; `clean` is always among them."""
    wanted = set(names)
    lines = ["version = 1", 'name = "some"', f"seed = {load_suite(suite).seed}"]
    for condition in load_suite(suite).conditions:
        if condition.name in wanted and condition.chain:
            steps = [step.model_dump(exclude_none=True) for step in condition.chain]
            lines += [
                "[[condition]]",
                f"name = {condition.name!r}",
                f"family = {condition.family!r}",
                f"chain = {_toml(steps)}",
            ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _silent(line: str) -> None:
    del line


def _still(done: int, total: int, pace: str) -> None:
    del done, total, pace

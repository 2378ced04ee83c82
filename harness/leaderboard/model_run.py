"""One model of one run as a run of its own, and which of them may be set against each other.

Histories and leaderboards take runs apart by model: a run of three models is three model runs. A
run that cannot be read is left out by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.compare.matching import MatchedName, match_conditions, reason_against
from harness.errors import UsageError
from harness.results.record import ModelRecord, RunRecord
from harness.results.run_folder import RunFolder, read_run
from harness.results.shared_clips import SharedClips
from harness.storage.storage import below, is_folder, is_remote
from harness.terms import CLEAN, UnscoredPolicy

_MOST_NAMED = 3


@dataclass(frozen=True)
class LeftOut:
    """A run, or one model of a run, that was left out, and why."""

    run: str
    reason: str

    @property
    def line(self) -> str:
        return f"left out: {self.run}: {self.reason}"


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One model of a run; `run` holds no other.

    Parameters
    ----------
    models
        Number of models that the whole run scored at the same time.
    """

    run: RunFolder
    models: int = 1

    @property
    def record(self) -> RunRecord:
        return self.run.record

    @property
    def model(self) -> ModelRecord:
        return self.record.models[0]

    @property
    def release(self) -> str:
        """Revision at the hub, else the digest of the weights; empty where neither is known."""
        return self.model.revision[:12] or self.model.digest[:12]

    @property
    def on_clean(self) -> RunFolder:
        """The run as if `clean` were its only condition: the same figures and draws, sooner."""
        suite = self.record.suite
        conditions = [condition for condition in suite.conditions if condition.name == CLEAN]
        suite = suite.model_copy(update={"conditions": conditions})
        return replace(
            self.run,
            record=self.record.model_copy(update={"suite": suite}),
            table=self.run.table[self.run.table["condition"] == CLEAN].reset_index(drop=True),
        )


def model_runs(run: RunFolder) -> list[ModelRun]:
    """Split a run by model."""
    models = run.record.models
    parts: list[ModelRun] = []
    for model in models:
        record = run.record.model_copy(update={"models": [model]})
        table = run.table
        if len(models) > 1:
            table = table[table["model"] == model.name].reset_index(drop=True)
        parts.append(ModelRun(replace(run, record=record, table=table), len(models)))
    return parts


def open_run(folder: Path, unscored: UnscoredPolicy | None = None) -> RunFolder | LeftOut:
    """Read a run, or say why it cannot be read."""
    try:
        return read_run(folder, unscored=unscored)
    except UsageError as fault:
        return LeftOut(str(folder), str(fault))


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Every run directory at or below some directories, each once, by name.

    Hidden directories and the contents of runs are not searched.

    Raises
    ------
    UsageError
        Where one of them is no directory.
    """
    runs: dict[Path, Path] = {}
    for folder in folders:
        if not is_folder(folder):
            raise UsageError("no such directory", str(folder), "name one that holds runs")
        for run in _stored(folder) if is_remote(folder) else _walk(folder):
            runs.setdefault(run.resolve(), run)
    return sorted(runs.values(), key=lambda run: run.parts)


def _stored(folder: Path) -> Iterator[Path]:
    """Yield what `_walk` yields, from one listing of a store."""
    runs: set[tuple[str, ...]] = set()
    for name in below(folder):
        *inside, last = name.split("/")
        at = inside.index("scores") if "scores" in inside else len(inside)
        hidden = any(part.startswith(".") for part in inside[:at])
        if (at < len(inside) or last == "run.json") and not hidden:
            runs.add(tuple(inside[:at]))
    for run in sorted(runs):
        if not any(run[:depth] in runs for depth in range(len(run))):
            yield folder.joinpath(*run)


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        if "run.json" in files or "scores" in folders:
            folders.clear()
            yield Path(path)
        folders[:] = [name for name in folders if not name.startswith(".")]


def reason_apart(model_run: ModelRun, other: ModelRun) -> str:
    """Why two model runs are not of the same clips under the same conditions; empty where they are.

    Unlike `harness.compare.pairing`, which compares what two runs have in common, this requires all
    of it to match: data, recordings, conditions, seed, rule of thresholds and policy.
    """
    run, baseline = model_run.record, other.record
    if run.data.digest != baseline.data.digest:
        names = run.data.name, baseline.data.name
        named = "" if names[0] == names[1] else f" ({names[0]}, was {names[1]})"
        return f"other data: digest {run.data.digest}, was {baseline.data.digest}{named}"
    if reason := SharedClips.of(model_run.run.table, other.run.table).words:
        return f"other data: {reason}"
    model = MatchedName(run.models[0].name, baseline.models[0].name)
    named = [
        [condition.name for condition in record.suite.conditions] for record in (run, baseline)
    ]
    matches = match_conditions(run, baseline, named[0], named[1])
    unmatched = {
        "new": [match.name for match in matches if not match.baseline],
        "gone": [match.name for match in matches if not match.run],
    }
    if any(unmatched.values()):
        parts = (
            f"{len(names)} {word} ({', '.join(names[:_MOST_NAMED])}"
            + (", …)" if len(names) > _MOST_NAMED else ")")
            for word, names in unmatched.items()
            if names
        )
        return f"other conditions: {', '.join(parts)}"
    for match in matches:
        if reason := reason_against(run, baseline, model, match, "accuracy"):
            return f"{match.name}: {reason}" if match.name != CLEAN else reason
    return ""

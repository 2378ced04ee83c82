"""One model of one run as a run of its own, and what may stand beside it.

What reads many runs (`harness.history`, `harness.leaderboard`) takes them apart into entries: a run
of three models is three of them. A run that cannot be read is named, and stops nobody.
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

_NAMED = 3


@dataclass(frozen=True)
class Refused:
    """A run, or a model of one, that was left out, and why."""

    run: str
    reason: str

    @property
    def line(self) -> str:
        return f"left out: {self.run}: {self.reason}"


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One model of a run; record and table know no other.

    `together` is how many models the run scored in one go.
    """

    run: RunFolder
    together: int = 1

    @property
    def record(self) -> RunRecord:
        return self.run.record

    @property
    def model(self) -> ModelRecord:
        return self.record.models[0]

    @property
    def release(self) -> str:
        """What tells this release from others: the revision at the hub, else of the weights."""
        return self.model.revision[:12] or self.model.digest[:12]


def entries(run: RunFolder) -> list[ModelRun]:
    """The models of a run, one by one."""
    found: list[ModelRun] = []
    for model in run.record.models:
        record = run.record.model_copy(update={"models": [model]})
        table = run.table
        if len(run.record.models) > 1:
            table = table[table["model"] == model.name].reset_index(drop=True)
        alone = replace(run, record=record, table=table)
        found.append(ModelRun(alone, len(run.record.models)))
    return found


def on_clean(entry: ModelRun) -> RunFolder:
    """The run as if `clean` were all that was asked for: the same figures and draws, sooner."""
    suite = entry.record.suite
    conditions = [each for each in suite.conditions if each.name == CLEAN]
    suite = suite.model_copy(update={"conditions": conditions})
    table = entry.run.table
    return replace(
        entry.run,
        record=entry.record.model_copy(update={"suite": suite}),
        table=table[table["condition"] == CLEAN].reset_index(drop=True),
    )


def open_run(folder: Path, unscored: UnscoredPolicy | None = None) -> RunFolder | Refused:
    """Read a run as `read_run`; where it is damaged, too new or no run, say so instead."""
    try:
        return read_run(folder, unscored=unscored)
    except UsageError as fault:
        return Refused(str(folder), str(fault))


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Every run directory at or below some directories, each once, by name.

    Hidden directories and what lies within a run are not looked at.

    Raises
    ------
    UsageError
        Where one of them is no directory.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        if not is_folder(folder):
            raise UsageError("no such directory", str(folder), "name one that holds runs")
        for run in _stored(folder) if is_remote(folder) else _walk(folder):
            found.setdefault(run.resolve(), run)
    return sorted(found.values(), key=lambda run: run.parts)


def _stored(folder: Path) -> Iterator[Path]:
    """What `_walk` finds, from one listing of a store."""
    found: set[tuple[str, ...]] = set()
    for name in below(folder):
        *inside, last = name.split("/")
        at = inside.index("scores") if "scores" in inside else len(inside)
        hidden = any(part.startswith(".") for part in inside[:at])
        if (at < len(inside) or last == "run.json") and not hidden:
            found.add(tuple(inside[:at]))
    for run in sorted(found):
        if not any(run[:depth] in found for depth in range(len(run))):
            yield folder.joinpath(*run)


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        if "run.json" in files or "scores" in folders:
            folders.clear()
            yield Path(path)
        folders[:] = [name for name in folders if not name.startswith(".")]


def barrier(one: ModelRun, other: ModelRun) -> str:
    """Why two entries are not of the same clips under the same conditions; empty where they are.

    Unlike `harness.compare.pairing`, which compares what two runs have in common, this wants all of
    it: the same data, recordings, conditions, seed, rule of thresholds and policy.
    """
    run, baseline = one.record, other.record
    if run.data.digest != baseline.data.digest:
        names = run.data.name, baseline.data.name
        told = "" if names[0] == names[1] else f" ({names[0]}, was {names[1]})"
        return f"other data: digest {run.data.digest}, was {baseline.data.digest}{told}"
    if told := SharedClips.of(one.run.table, other.run.table).words:
        return f"other data: {told}"
    model = MatchedName(run.models[0].name, baseline.models[0].name)
    named = [[each.name for each in record.suite.conditions] for record in (run, baseline)]
    matches = match_conditions(run, baseline, named[0], named[1])
    new = [match.name for match in matches if not match.baseline]
    gone = [match.name for match in matches if not match.run]
    if new or gone:
        told = [f"{len(each)} {word} ({_listed(each)})" for word, each in _some(new, gone)]
        return f"other conditions: {', '.join(told)}"
    for match in matches:
        if told := reason_against(run, baseline, model, match, "accuracy"):
            return f"{match.name}: {told}" if match.name != CLEAN else told
    return ""


def _some(new: list[str], gone: list[str]) -> list[tuple[str, list[str]]]:
    return [(word, each) for word, each in (("new", new), ("gone", gone)) if each]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")

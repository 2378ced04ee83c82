"""Runs over time: the figures of every release of a detector, and which changes exceed chance.

Only model runs of the same clips under the same conditions are on one track
(`harness.leaderboard.model_run.reason_apart`); a run that fits no track of its detector begins
another one, which says why. Runs may alternate between suites or data: each goes on the track that
it fits.

A step is the paired comparison with the run before on the same track (`harness.compare.compare`).
Its p-values are adjusted by Holm's method, those of metrics on `clean` and those of families as one
family of hypotheses each, but not for the number of steps. Figures and draws are those of the runs'
own reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.compare.baseline import FOLDER as BASELINES
from harness.errors import UsageError
from harness.leaderboard.model_run import (
    LeftOut,
    ModelRun,
    find_runs,
    model_runs,
    open_run,
    reason_apart,
)
from harness.leaderboard.release import Release, measure
from harness.results.figures import ScoreWarning
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.storage.storage import read
from harness.summary.summary import RESAMPLES

RUNS = Path("reports/runs")


@dataclass(frozen=True)
class Track:
    """Runs of one detector that may be compared with each other, by time.

    Parameters
    ----------
    line
        Name of the detector.
    reason
        Why its first run is not on an earlier track of the line; empty for the first track.
    """

    line: str
    suite: str
    data: str
    synthetic: bool
    conditions: int
    reason: str
    releases: list[Release]


@dataclass(frozen=True)
class History:
    """All runs below some directories.

    Parameters
    ----------
    copies
        Runs that are copies (such as an accepted baseline), each with its original.
    """

    tracks: list[Track]
    refused: list[LeftOut]
    copies: list[tuple[str, str]]
    resamples: int

    @property
    def lines(self) -> list[str]:
        return list(dict.fromkeys(track.line for track in self.tracks))

    @property
    def warnings(self) -> list[ScoreWarning]:
        """Warnings of the scores of every release; the words name its run."""
        return [
            replace(warning, words=f"run {release.run}: {warning.words}")
            for track in self.tracks
            for release in track.releases
            for warning in release.warnings
        ]

    @property
    def synthetic(self) -> bool:
        return any(release.synthetic for track in self.tracks for release in track.releases)

    @property
    def runs(self) -> int:
        return len({release.run for track in self.tracks for release in track.releases})


@dataclass(eq=False)
class _Open:
    """A track that may continue; only its last run keeps its table."""

    line: str
    reason: str
    last: ModelRun
    releases: list[Release]


def read_history(
    folders: Sequence[Path] = (), *, one_detector: bool = False, resamples: int = RESAMPLES
) -> History:
    """Measure every run below some directories and put it on its track.

    Parameters
    ----------
    folders
        By default `reports/runs` and `reports/baselines`, where they exist.
    one_detector
        Take all runs of a single model for releases of one detector, whatever its names.

    Raises
    ------
    UsageError
        Where a directory does not exist, or no run was found.
    """
    folders = list(folders) or [folder for folder in (RUNS, BASELINES) if folder.is_dir()]
    paths = find_runs(folders)
    if not paths:
        where = ", ".join(map(str, folders)) or f"{RUNS}, {BASELINES}"
        raise UsageError("no runs", where, "name a directory that holds run directories")
    refused: list[LeftOut] = []
    copies: list[tuple[str, str]] = []
    tracks: list[_Open] = []
    known: dict[object, str] = {}
    for path in _by_time(paths):
        run = open_run(path)
        if isinstance(run, LeftOut):
            refused.append(run)
            continue
        first = known.setdefault(_identity(run.record), str(path))
        if first != str(path):
            copies.append((str(path), first))
            continue
        try:
            _add(tracks, run, one_detector, resamples)
        except UsageError as fault:
            refused.append(LeftOut(str(path), str(fault)))
    return History([_closed(track) for track in tracks], refused, copies, resamples)


def _by_time(paths: Iterable[Path]) -> list[Path]:
    """Sort by the time in the record, then by name; a directory without a record comes first.

    An accepted baseline, whose record has no command, comes after its original.
    """

    def key(path: Path) -> tuple[str, bool, str]:
        try:
            record = json.loads(read(path / "run.json"))
            return str(record["started"]), not record["command"], str(path)
        except (OSError, UsageError, ValueError, KeyError, TypeError):
            return "", False, str(path)

    return sorted(paths, key=key)


def _identity(record: RunRecord) -> tuple[object, ...]:
    models = [(model.name, model.digest) for model in record.models]
    return record.started, record.data.digest, record.suite.digest, tuple(models)


def _add(tracks: list[_Open], run: RunFolder, one_detector: bool, resamples: int) -> None:
    """Measure all models of a run, then put each on the latest track that it fits, or a new one."""
    parts = model_runs(run)
    placed: list[tuple[_Open, ModelRun, Release]] = []
    for part in parts:
        alone = one_detector and len(parts) == 1
        line = "all models" if alone else part.model.name.partition("@")[0]
        own = [track for track in tracks if track.line == line]
        own.sort(key=lambda track: track.last.record.started, reverse=True)
        reasons = [reason_apart(part, track.last) for track in own]
        if "" in reasons:
            track = own[reasons.index("")]
            placed.append((track, part, measure(part, track.last, resamples)))
        else:
            track = _Open(line, reasons[0] if own else "", part, [])
            placed.append((track, part, measure(part, None, resamples)))
    for track, part, release in placed:
        track.last = part
        track.releases.append(release)
    tracks += [track for track, _, _ in placed if track not in tracks]


def _closed(track: _Open) -> Track:
    record = track.last.record
    return Track(
        line=track.line,
        suite=record.suite.name,
        data=record.data.name,
        synthetic=record.data.synthetic,
        conditions=len(record.suite.conditions),
        reason=track.reason,
        releases=track.releases,
    )

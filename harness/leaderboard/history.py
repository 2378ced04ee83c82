"""Runs over time: what every release of a detector came to, and whether a step is more than chance.

Only what is of the same clips under the same conditions is on one track
(`harness.leaderboard.entry.barrier`); where something else was run, another track begins and says
why. Runs may alternate between suites or data: each goes on the track that it fits.

A step is the paired comparison with the run before on the same track (`harness.compare.compare`).
Its p-values are adjusted by Holm's method, those of figures on `clean` and those of families as one
family of hypotheses each; nothing is adjusted for how many steps there are. Figures are those of
the runs' own reports: as many draws, and the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.compare.baseline import FOLDER as BASELINES
from harness.errors import UsageError
from harness.leaderboard.entry import ModelRun, Refused, barrier, entries, find_runs, open_run
from harness.leaderboard.release import Release, measure
from harness.results.figures import ScoreWarning
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.storage.storage import read
from harness.summary.summary import RESAMPLES

RUNS = Path("reports/runs")


@dataclass(frozen=True)
class Track:
    """Runs of one detector that may be set against each other, by time.

    Parameters
    ----------
    line
        What the detector is called.
    reason
        Why its first run is not on the track of the run before; empty for the first of a line.
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
    """All runs that were found.

    Parameters
    ----------
    copies
        Runs that are another run again (an accepted baseline is one), and of which.
    resamples
        Draws behind every interval and every step.
    """

    tracks: list[Track]
    refused: list[Refused]
    copies: list[tuple[str, str]]
    resamples: int

    @property
    def lines(self) -> list[str]:
        return list(dict.fromkeys(track.line for track in self.tracks))

    @property
    def warnings(self) -> list[ScoreWarning]:
        """Of the scores of every release, which the words name."""
        return [
            replace(warning, words=f"run {release.run}: {warning.words}")
            for track in self.tracks
            for release in track.releases
            for warning in release.warnings
        ]

    @property
    def runs(self) -> int:
        return len({each.run for track in self.tracks for each in track.releases})


@dataclass
class _Open:
    """A track that may go on; only the last run's table is kept."""

    line: str
    reason: str
    last: ModelRun
    releases: list[Release]


def read_history(
    folders: Sequence[Path] = (), *, one_detector: bool = False, resamples: int = RESAMPLES
) -> History:
    """Every run below some directories, measured and put on its track.

    Parameters
    ----------
    folders
        `reports/runs` and `reports/baselines`, where they exist, if none is named.
    one_detector
        Runs of one model are releases of one detector, whatever they are called.

    Raises
    ------
    UsageError
        Where a directory does not exist, or no run was found.
    """
    folders = list(folders) or [each for each in (RUNS, BASELINES) if each.is_dir()]
    paths = find_runs(folders)
    if not paths:
        where = ", ".join(map(str, folders)) or f"{RUNS}, {BASELINES}"
        raise UsageError("no runs", where, "name a directory that holds run directories")
    refused: list[Refused] = []
    copies: list[tuple[str, str]] = []
    tracks: list[_Open] = []
    known: dict[object, str] = {}
    for path in _by_time(paths):
        run = open_run(path)
        if isinstance(run, Refused):
            refused.append(run)
            continue
        first = known.setdefault(_identity(run.record), str(path))
        if first != str(path):
            copies.append((str(path), first))
            continue
        try:
            _add(tracks, run, one_detector, resamples)
        except UsageError as fault:
            refused.append(Refused(str(path), str(fault)))
    return History([_closed(track) for track in tracks], refused, copies, resamples)


def _by_time(paths: Iterable[Path]) -> list[Path]:
    """By the time that the record tells, then by name; what has no record comes first.

    An accepted baseline, whose record has no command, comes after the run that it is a copy of.
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
    each = entries(run)
    measured: list[tuple[ModelRun, _Open | None, str, Release]] = []
    for entry in each:
        line = _line(entry, one_detector=one_detector and len(each) == 1)
        own = [track for track in tracks if track.line == line]
        own.sort(key=lambda track: track.last.record.started, reverse=True)
        reasons = [barrier(entry, track.last) for track in own]
        fitting = next((t for t, why in zip(own, reasons, strict=True) if not why), None)
        release = measure(entry, fitting and fitting.last, resamples)
        reason = reasons[0] if own and fitting is None else ""
        measured.append((entry, fitting, reason, release))
    for entry, fitting, reason, release in measured:
        if fitting is None:
            line = _line(entry, one_detector=one_detector and len(each) == 1)
            tracks.append(_Open(line, reason, entry, [release]))
        else:
            fitting.last = entry
            fitting.releases.append(release)


def _line(entry: ModelRun, *, one_detector: bool) -> str:
    return "all models" if one_detector else entry.model.name.partition("@")[0]


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

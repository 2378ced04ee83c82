"""A whole run: open everything, refuse what cannot work, score what is owed, write what it was."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness import __version__
from harness.data.clip import Clip, Source
from harness.data.sample import CompanionPool, limited
from harness.data.source import open_source
from harness.detector.detector import Detector, ScoreLookup
from harness.detector.source import open_detector
from harness.engine.example import write_examples
from harness.engine.local import run_tasks, warm_up
from harness.engine.plan import tasks
from harness.engine.prepare import Recipe
from harness.errors import UsageError
from harness.publish import Outcome, figures, publish, read_run
from harness.record import (
    CountRecord,
    DataRecord,
    MachineRecord,
    RunRecord,
    read_record,
    write_record,
)
from harness.scores import ScoresWriter, finished, read_scores
from harness.suite import Suite, load_suite

_MOST_WORKERS = 16
_PACKAGES = (
    "torch",
    "torchaudio",
    "transformers",
    "datasets",
    "av",
    "soundfile",
    "soxr",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
)


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; None leaves the choice to the harness, which records it.

    Parameters
    ----------
    limit
        At most this many clips, stratified by label and generator, drawn with the suite's seed.
    workers
        Processes that prepare audio; 0 prepares in the scoring process.
    """

    suite: str = "release"
    data: str = "embedded"
    models: tuple[str, ...] = ("embedded",)
    out: Path | None = None
    limit: int | None = None
    device: str = "auto"
    precision: str = "float32"
    batch_size: int | None = None
    workers: int | None = None
    fake_label: str | None = None
    published: str | None = None
    command: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))


Progress = Callable[[int, int], None]
"""Called with the rows that are finished and the rows in all."""


def run(options: RunOptions, note: Callable[[str], None], progress: Progress) -> Outcome:
    """Do the run that the options describe, or go on with it where `out` holds a part of it.

    Raises
    ------
    UsageError
        For whatever can be known to be wrong before scoring starts, and for an `out` that holds a
        run of another suite, data source or model.
    """
    suite = load_suite(options.suite)
    warm_up(_workers(options))
    whole = open_source(options.data)
    source = whole if options.limit is None else limited(whole, options.limit, suite.seed)
    for line in source.origin.notes:
        note(line)
    detectors = [
        open_detector(
            spec,
            device=options.device,
            precision=options.precision,
            fake_label=options.fake_label,
        )
        for spec in options.models
    ]
    _tell_apart(detectors)
    clips = list(source)
    folder = options.out or _new_folder(suite, detectors)
    record = _record(options, suite, source, clips, detectors)
    done = _continue(folder, record)
    folder.mkdir(parents=True, exist_ok=True)
    if done:
        earlier = read_record(folder)
        kept = ("started", "seconds", "clips_per_second")
        record = record.model_copy(update={name: getattr(earlier, name) for name in kept})
    write_record(record, folder)

    recipe = _recipe(suite, whole, detectors)
    total = len(clips) * len(suite.conditions) * len(detectors)
    note(
        f"{suite.name}: {len(clips)} clips x {len(suite.conditions)} conditions x "
        f"{len(detectors)} model(s) = {total} scores, {len(done)} of them done already, "
        f"on {record.machine.device}"
    )
    rows_done = len(done)

    def advance(rows: int) -> None:
        nonlocal rows_done
        rows_done += rows
        progress(rows_done, total)

    _share_processors(record)
    began = time.monotonic()
    names = [detector.identity.name for detector in detectors]
    owed = tasks(clips, suite.conditions, names, done, record.machine.batch_size)
    try:
        with ScoresWriter(folder) as writer:
            run_tasks(
                owed,
                recipe,
                detectors,
                writer,
                done,
                workers=record.machine.workers,
                advance=advance,
            )
    except KeyboardInterrupt:
        note(f"Stopped with {rows_done} of {total} scores kept; --out {folder} goes on.")
        raise
    _finish(folder, record, time.monotonic() - began, rows_done - len(done))
    finished_run = read_run(folder, options.published)
    summary = figures(finished_run)
    by_id = {clip.clip_id: clip for clip in clips}
    write_examples(folder, summary.mistakes, suite, by_id, recipe)
    return publish(finished_run, summary)


def _processors() -> int:
    """How many of the machine's this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _workers(options: RunOptions) -> int:
    return min(_processors(), _MOST_WORKERS) if options.workers is None else options.workers


def _share_processors(record: RunRecord) -> None:
    """Leave the workers their processors: threads of torch that wait for one spin in vain."""
    import torch

    torch.set_num_threads(record.machine.threads)


def _recipe(suite: Suite, whole: Source, detectors: Sequence[Detector | ScoreLookup]) -> Recipe:
    listening = [detector for detector in detectors if not isinstance(detector, ScoreLookup)]
    rates = tuple(dict.fromkeys(detector.rate_hz for detector in listening))
    longest: dict[int, int] = {}
    for rate in rates:
        most = [detector.longest for detector in listening if detector.rate_hz == rate]
        if most and all(count is not None for count in most):
            longest[rate] = max(count for count in most if count is not None)
    return Recipe(suite.seed, rates, longest, CompanionPool(whole, seed=suite.seed))


def _tell_apart(detectors: Sequence[Detector | ScoreLookup]) -> None:
    """Call models by what the user wrote where their short names are the same."""
    names = Counter(detector.identity.name for detector in detectors)
    for detector in detectors:
        identity = detector.identity
        if names[identity.name] > 1:
            detector.identity = identity.model_copy(update={"name": identity.spec})
    if len({detector.identity.name for detector in detectors}) < len(detectors):
        raise UsageError("the same model twice", "--model", "name each once")


def _new_folder(suite: Suite, detectors: Sequence[Detector | ScoreLookup]) -> Path:
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    model = "+".join(re.sub(r"[^\w.-]+", "-", one.identity.name).strip("-") for one in detectors)
    return Path("reports/runs") / f"{utc}-{suite.name}-{model[:80]}"


def _continue(folder: Path, record: RunRecord) -> set[tuple[str, str, str]]:
    """The rows that an earlier run of the same things left; refuses one of other things."""
    if not folder.exists():
        return set()
    if not (folder / "run.json").exists():
        if any(folder.iterdir()):
            raise UsageError("not empty and not a run", str(folder), "choose another --out")
        return set()
    earlier = read_record(folder)
    for what, before, now in (
        ("suite", earlier.suite.digest, record.suite.digest),
        ("data", _data_key(earlier), _data_key(record)),
        ("models", _model_key(earlier), _model_key(record)),
        ("precision", earlier.machine.precision, record.machine.precision),
    ):
        if before != now:
            raise UsageError(f"holds a run of another {what}", str(folder), "choose another --out")
    return finished(folder)


def _data_key(record: RunRecord) -> tuple[object, ...]:
    return (record.data.digest, record.data.limit, record.data.limit_seed)


def _model_key(record: RunRecord) -> list[tuple[str, str, str]]:
    return [(model.name, model.revision, model.digest) for model in record.models]


def _record(
    options: RunOptions,
    suite: Suite,
    source: Source,
    clips: list[Clip],
    detectors: Sequence[Detector | ScoreLookup],
) -> RunRecord:
    origin = source.origin
    labels = Counter(clip.label for clip in clips)
    revision, dirty = _git()
    listening = [detector for detector in detectors if not isinstance(detector, ScoreLookup)]
    device = listening[0].device if listening else "none: scores from a file"
    workers = _workers(options) if listening else 0
    return RunRecord(
        harness_version=__version__,
        git_revision=revision,
        git_dirty=dirty,
        command=list(options.command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        finished=None,
        seconds=0.0,
        clips_per_second=0.0,
        suite=suite.record(),
        data=DataRecord(
            spec=origin.spec,
            kind=origin.kind,
            name=origin.name,
            digest=origin.digest,
            synthetic=origin.synthetic,
            revision=origin.revision,
            notes=list(origin.notes),
            clips=len(clips),
            real=labels["real"],
            fake=labels["fake"],
            limit=options.limit,
            limit_seed=None if options.limit is None else suite.seed,
        ),
        models=[detector.identity for detector in detectors],
        machine=MachineRecord(
            platform=platform.platform(),
            python=platform.python_version(),
            packages=_versions(),
            device=device,
            precision=options.precision,
            batch_size=options.batch_size or min((one.batch_size for one in listening), default=64),
            workers=workers,
            threads=max(1, _processors() - workers),
        ),
        counts=CountRecord(),
    )


def _finish(folder: Path, record: RunRecord, seconds: float, rows: int) -> None:
    """Write the record with what was measured; a run that went on adds to what it took before."""
    status = Counter(read_scores(folder)["status"])
    rate = rows / seconds if rows else record.clips_per_second
    record = record.model_copy(
        update={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(record.seconds + seconds, 3),
            "clips_per_second": round(rate, 3),
            "counts": CountRecord(
                ok=status["ok"], rejected=status["rejected"], error=status["error"]
            ),
        }
    )
    write_record(record, folder)


def _versions() -> dict[str, str]:
    from harness.perturb import codec

    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found | codec.versions()


def _git() -> tuple[str, bool | None]:
    """Revision of the checkout that this code is in, and whether it was changed; empty if none."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "-C", str(here), *arguments],  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "run.py") is None:  # another project's repository
        return "", None
    revision, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "-uno")
    return revision or "", None if changes is None else bool(changes)

"""Timing of a sample of clips on this machine: read, prepared, scored and written as in a run.

Preparing, and detectors on processors, are counted in processor seconds, a GPU by its own clock, a
detector of the user's own on the wall. Clips are scored after they were prepared, so that the two
do not compete for processors. What happens once, such as the self-check, is `start_seconds`.
"""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import psutil

from harness.audio.encoded import Encoded
from harness.audio.wave import LIMITS
from harness.data.clip import Clip
from harness.detector.compilation import compile_all
from harness.detector.detector import AnyDetector, is_lookup
from harness.engine.batch_tuning import LEAST_ROWS, Bench, calibrate
from harness.engine.cache import AudioCache
from harness.engine.job import Note
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe
from harness.engine.scorer import PreparedRow, Scorer
from harness.engine.scoring import use_threads
from harness.engine.self_check import admitted, first_clips, self_check
from harness.engine.worker_pool import WorkerPool
from harness.errors import ClipError, ClipRejected
from harness.processor import usable_processors
from harness.results.record import MachineRecord
from harness.results.scores import Row, ScoresWriter, shards
from harness.seed import generator
from harness.suite.suite import Suite
from harness.timing import Stopwatch

TAKE, HAND_OVER = "take prepared audio", "handing over"
"""Stages of the main process that no run records."""
LOAD, STORE = "load from cache", "store in cache"

LEAST_CLIPS = 4
"""Clips that are prepared however long they take."""
PREPARE_SECONDS, DETECTOR_SECONDS = 45.0, 12.0
"""After these no further clip, or batch of a detector, is begun."""

_READERS = 8
_BATCHES = 12
_MOST_BYTES = 256 * 1024**2
"""Prepared audio that is kept for the detectors."""
_UNLIMITED = 2**50


@dataclass(frozen=True)
class SampleSetup:
    """The opened inputs to measure; `rows` counts those of the whole run by model."""

    suite: Suite
    recipe: Recipe
    detectors: Sequence[AnyDetector]
    machine: MachineRecord
    rows: int


class BatchTime(NamedTuple):
    """Seconds of a detector for a batch by stage, and of the main process beside a GPU."""

    rows: int
    seconds: dict[str, float]
    main_seconds: float = 0.0


@dataclass
class Sample:
    """The measurements of a sample.

    Parameters
    ----------
    machine
        How the machine was used, with the batch size and threads of a long run.
    clips, stages, audio_seconds, audio_bytes
        The clips that were prepared, with the seconds of each by stage, the length of each (NaN
        where it could not be decoded), and the size of its prepared audio.
    batches
        By model.
    read_rate
        Bytes a second by several readers at once; NaN where nothing is read.
    shard_seconds, shard_bytes, row_bytes
        To write a shard of the table; its size, and that of each row in it.
    main_bytes, worker_bytes
        Memory of this process, and unshared memory of the largest worker.
    idle_share
        Share of the detectors' time in which other programs had the processors.
    """

    machine: MachineRecord
    clips: list[Clip] = field(default_factory=list[Clip])
    stages: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    audio_seconds: list[float] = field(default_factory=list[float])
    audio_bytes: list[int] = field(default_factory=list[int])
    batches: dict[str, list[BatchTime]] = field(default_factory=dict[str, list[BatchTime]])
    read_rate: float = math.nan
    start_seconds: float = 0.0
    shard_seconds: float = 0.0
    shard_bytes: float = 0.0
    row_bytes: float = 0.0
    main_bytes: float = 0.0
    worker_bytes: float = 0.0
    idle_share: float = 0.0


def measure(setup: SampleSetup, clips: Sequence[Clip], note: Note) -> Sample:
    """Process the clips as a run does, in a temporary directory, and time it.

    Raises
    ------
    UsageError
        Where a run would not start: workers that cannot be started, an unsound detector.
    """
    order = generator("trial", setup.suite.seed).permutation(len(clips))
    clips = [clips[place] for place in order]  # so that running out of time leaves out any of them
    sample = Sample(setup.machine)
    scorers = [Scorer(detector, note) for detector in setup.detectors]
    with TemporaryDirectory() as folder:
        if setup.recipe.rates_hz:  # before anything of it is in memory
            sample.read_rate = _read_rate(clips)
        kept = _prepare(setup, clips, scorers, Path(folder), sample, note)
        rows = [row for scorer in scorers for row in _score(scorer, kept, sample)]
        _write(rows, Path(folder), sample)
    return sample


def _read_rate(clips: Sequence[Clip]) -> float:
    stored = [clip.audio for clip in clips if not isinstance(clip.audio, bytes)]
    began = time.perf_counter()
    with ThreadPoolExecutor(_READERS, "reading") as readers:
        size = sum(readers.map(_read, stored))
    return size / (time.perf_counter() - began) if size else math.nan


def _read(audio: Encoded) -> int:
    try:
        if isinstance(audio, Path):
            return len(audio.read_bytes())
        return len(audio if isinstance(audio, bytes) else audio.fetch(LIMITS.encoded_bytes))
    except (OSError, ValueError, ClipRejected, ClipError):  # its rows will say so
        return 0


def _prepare(
    setup: SampleSetup,
    clips: Sequence[Clip],
    scorers: Sequence[Scorer],
    folder: Path,
    sample: Sample,
    note: Note,
) -> list[PreparedRow]:
    """Prepare the clips under every condition; return some of their rows for the detectors."""
    machine, conditions = setup.machine, setup.suite.conditions
    cache = AudioCache(folder / "prepared", _UNLIMITED, setup.recipe, note)
    used_cache = cache if machine.cache_gb and setup.recipe.rates_hz else None
    kept, kept_bytes = list[PreparedRow](), 0
    with WorkerPool(machine.workers, setup.recipe, machine.row_seconds, note, used_cache) as pool:
        _start(setup, pool, clips, scorers, sample)
        sample.main_bytes = float(psutil.Process().memory_info().rss)
        share = -(-_BATCHES * sample.machine.batch_size // len(clips))  # rows kept of each clip
        mark = time.process_time()
        for task, rows in pool.prepare(_until_late(setup, clips, sample)):
            used = time.process_time() - mark
            spent = Stopwatch()
            for row in rows:
                spent.add(row.spent)
            stages = spent.take()
            own = (LOAD, STORE) if machine.workers else tuple(stages)
            own_seconds = sum(stages.get(name, 0.0) for name in own)
            sample.clips.append(task.clip)
            sample.stages.append(stages | {TAKE: max(0.0, used - own_seconds)})
            sample.audio_seconds.append(_seconds(rows))
            sample.audio_bytes.append(sum(map(_wave_bytes, rows)))
            sample.worker_bytes = max(sample.worker_bytes, _largest_worker_bytes())
            first = (len(sample.clips) - 1) * share % max(1, len(rows) - share + 1)
            for condition, row in list(zip(conditions, rows, strict=True))[first : first + share]:
                if kept_bytes < _MOST_BYTES:
                    kept_bytes += _wave_bytes(row)
                    kept.append(PreparedRow(task.clip, condition, 0, replace(row, spent={})))
            mark = time.process_time()
    return kept


def _until_late(setup: SampleSetup, clips: Sequence[Clip], sample: Sample) -> Iterator[Task]:
    conditions, began = setup.suite.conditions, time.monotonic()
    for number, clip in enumerate(clips):
        late = time.monotonic() - began > PREPARE_SECONDS
        if number >= LEAST_CLIPS and late and sample.clips:
            return
        yield Task(clip, conditions, (0,) * len(conditions))


def _start(
    setup: SampleSetup,
    pool: WorkerPool,
    clips: Sequence[Clip],
    scorers: Sequence[Scorer],
    sample: Sample,
) -> None:
    """Time the start of a run, and warm up every process."""
    conditions, machine = setup.suite.conditions, setup.machine
    use_threads(machine.threads)
    # Under another id a clip is not found in the cache when it is measured.
    clips = [replace(clip, clip_id=f"start {clip.clip_id}") for clip in clips]
    began = time.perf_counter()
    first = first_clips(clips, conditions, machine.batch_size)
    prepared = [row for _, rows in pool.prepare(first) for row in rows]
    for scorer in scorers:
        if waves := admitted(scorer.detector, prepared):
            self_check(
                scorer,
                waves,
                batch_size=machine.batch_size,
                precision=machine.precision,
                threshold=0.0,
                reference=None,
            )
    sample.start_seconds = time.perf_counter() - began
    if not setup.recipe.rates_hz:
        return
    everything = Task(clips[0], conditions, (0,) * len(conditions))
    warm = [row for _, rows in pool.prepare([everything] * max(1, machine.workers)) for row in rows]
    if setup.rows >= LEAST_ROWS:
        bench = Bench(usable_processors(), use_threads)
        chosen = calibrate(scorers, warm[: len(conditions)], machine, setup.rows, bench)
        used = {"batch_size": chosen.batch_size, "threads": chosen.threads}
        sample.machine = machine.model_copy(update=used)
    began = time.perf_counter()
    compile_all(setup.detectors, sample.machine.batch_size if machine.compiled else 0)
    sample.start_seconds += time.perf_counter() - began
    for scorer in scorers:
        scorer.spent.take()


def _largest_worker_bytes() -> float:
    """Return the memory that the largest worker shares with no other process; 0 without any."""
    sizes = [0.0]
    for process in multiprocessing.active_children():
        with suppress(psutil.Error):  # it has just ended
            sizes.append(float(psutil.Process(process.pid).memory_full_info().uss))
    return max(sizes)


def _seconds(rows: Sequence[Prepared]) -> float:
    """Return the length of the clip by its first condition, `clean`; NaN where it has no audio."""
    return rows[0].attestation.seconds if rows and rows[0].attestation else math.nan


def _wave_bytes(row: Prepared) -> int:
    return sum(wave.samples.nbytes for wave in row.waves.values())


def _score(scorer: Scorer, kept: Sequence[PreparedRow], sample: Sample) -> list[Row]:
    detector, machine = scorer.detector, sample.machine
    if is_lookup(detector):
        return scorer.rows(kept, set())
    use_threads(machine.threads)
    batches = sample.batches.setdefault(scorer.model, [])
    rows: list[Row] = []
    waited, began = 0.0, time.monotonic()
    for start in range(0, len(kept), machine.batch_size):
        if len(batches) > 1 and time.monotonic() - began > DETECTOR_SECONDS:
            break
        block = kept[start : start + machine.batch_size]
        processors, wall = time.process_time(), time.perf_counter()
        rows += scorer.rows(block, set())
        processors, wall = time.process_time() - processors, time.perf_counter() - wall
        stages = scorer.spent.take() or {"forward": wall}
        if detector.device == "cpu":
            waited += wall - processors if machine.threads == 1 else 0.0
            whole = sum(stages.values()) or 1.0
            stages = {name: spent * processors / whole for name, spent in stages.items()}
        on_gpu = detector.device.startswith("cuda")
        batches.append(BatchTime(len(block), stages, processors if on_gpu else 0.0))
    share = max(0.0, waited) / (time.monotonic() - began)
    sample.idle_share = max(sample.idle_share, share)
    return rows


def _write(rows: Sequence[Row], folder: Path, sample: Sample) -> None:
    """Write half of the rows and all of them: the size of a shard, and of a row in it."""
    sizes: list[int] = []
    for name, some in (("half", rows[: len(rows) // 2]), ("whole", rows)):
        began = time.perf_counter()
        with ScoresWriter(folder / name, rows_per_shard=len(rows) + 1) as writer:
            writer.append(some)
        sample.shard_seconds = time.perf_counter() - began
        sizes.append(sum(path.stat().st_size for path in shards(folder / name)))
    if len(rows) > 1:
        sample.row_bytes = float(np.diff(sizes)[0]) / (len(rows) - len(rows) // 2)
        sample.shard_bytes = max(0.0, sizes[1] - len(rows) * sample.row_bytes)

"""What a sample of clips takes on this machine: read, prepared, scored and written, on the clock.

The sample is read first, while nothing of it is in memory, then prepared under every condition by
as many processes as a run has here. Detectors come after that, when nothing else is at work: what
they take on processors is counted in processor seconds, what they take on a GPU by its own clock.
What happens only once (starting processes, the first call of everything) is kept apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.audio.encoded import Encoded
from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.compilation import compile_all
from harness.detector.detector import AnyDetector, Detector, is_lookup
from harness.engine import provenance
from harness.engine.batch_tuning import LEAST_ROWS, Bench, calibrate
from harness.engine.cache import AudioCache
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, at_hand
from harness.engine.scorer import Scored, Scorer
from harness.engine.self_check import MOST_CLIPS, self_check
from harness.engine.worker_pool import WorkerPool
from harness.errors import ClipError, ClipRejected
from harness.planning.extent import content
from harness.planning.footprint import largest_child_bytes, resident_bytes
from harness.planning.measurement import Batch, Measurement, on_gpu, on_processors
from harness.results.record import MachineRecord
from harness.results.scores import Row, ScoresWriter, shards
from harness.seed import generator
from harness.suite.suite import Suite
from harness.timing import Stopwatch

LEAST_CLIPS = 4
"""That are prepared however long it takes."""
PREPARE_SECONDS = 45.0
DETECTOR_SECONDS = 12.0
"""After these no further clip, or batch, is begun."""

_READERS = 8
_BATCHES = 12
_MOST_ROWS = 768
_MOST_BYTES = 256 * 1024**2
"""Of audio that is kept for the detectors."""
_NO_LIMIT = 2**50


@dataclass(frozen=True)
class Setting:
    """What is measured, opened as a run opens it.

    Parameters
    ----------
    rows
        Of the whole run, for every model.
    """

    suite: Suite
    recipe: Recipe
    detectors: Sequence[AnyDetector]
    machine: MachineRecord
    rows: int

    @property
    def listening(self) -> bool:
        return bool(self.recipe.rates_hz)


def measure(setting: Setting, clips: Sequence[Clip], note: Callable[[str], None]) -> Measurement:
    """Do with the clips what a run does, in a temporary directory, and keep how long it took.

    Raises
    ------
    UsageError
        Where a run would not start: processes that cannot be started, an unsound detector.
    """
    order = generator("trial", setting.suite.seed).permutation(len(clips))
    clips = [clips[place] for place in order]  # what is left out for want of time is any of them
    found = Measurement(setting.machine, len(clips))
    scorers = [Scorer(detector, note) for detector in setting.detectors]
    with TemporaryDirectory() as folder:
        if setting.listening:
            _read(clips, found)
        kept = _prepare(setting, clips, scorers, Path(folder), found, note)
        rows = _score(scorers, kept, found)
        _write(rows, Path(folder), found)
    return found


def _read(clips: Sequence[Clip], found: Measurement) -> None:
    stored = [clip.audio for clip in clips if not isinstance(clip.audio, bytes)]

    def count(audio: Encoded) -> int:
        try:
            return len(content(audio))
        except (OSError, ValueError, ClipRejected, ClipError):  # its rows will say so
            return 0

    began = time.perf_counter()
    with ThreadPoolExecutor(_READERS, "reading") as readers:
        found.read_bytes = float(sum(readers.map(count, stored)))
    found.read_rate = found.read_bytes / (time.perf_counter() - began)


def _prepare(
    setting: Setting,
    clips: Sequence[Clip],
    scorers: Sequence[Scorer],
    folder: Path,
    found: Measurement,
    note: Callable[[str], None],
) -> list[Scored]:
    """Prepare the clips one after another; some of their rows, for the detectors."""
    machine = setting.machine
    kept, kept_bytes = list[Scored](), 0
    with WorkerPool(machine.workers, setting.recipe, machine.row_seconds, note) as crew:
        _warm_up(setting, crew, clips, scorers, found)
        found.worker_bytes = np.nan if machine.workers else 0.0
        each = -(-min(_MOST_ROWS, _BATCHES * found.machine.batch_size) // len(clips))
        found.main_bytes = resident_bytes()
        cache = AudioCache(folder / "prepared", _NO_LIMIT, setting.recipe, note)
        began, mark = time.monotonic(), time.process_time()
        for task, rows in crew.prepare(_tasks(setting, clips, began, found)):
            received = time.process_time() - mark
            if setting.listening and machine.cache_gb:
                _cache(cache, at_hand(task.clip, setting.recipe), task, rows, found)
            found.clips.append(task.clip)
            found.preparing.append(_spent(rows))
            found.receiving.append(received)
            found.audio_bytes.append(sum(map(_wave_bytes, rows)))
            found.worker_bytes = float(np.fmax(found.worker_bytes, largest_child_bytes()))
            first = (len(found.clips) - 1) * each % max(1, len(rows) - each + 1)
            for condition, row in islice(
                zip(task.conditions, rows, strict=True), first, first + each
            ):
                if kept_bytes < _MOST_BYTES:
                    kept_bytes += _wave_bytes(row)
                    kept.append(Scored(task.clip, condition, 0, replace(row, spent={})))
            mark = time.process_time()
    return kept


def _tasks(
    setting: Setting, clips: Sequence[Clip], began: float, found: Measurement
) -> Iterator[Task]:
    conditions = setting.suite.conditions
    for number, clip in enumerate(clips):
        late = time.monotonic() - began > PREPARE_SECONDS
        if number >= LEAST_CLIPS and late and found.clips:
            return
        yield Task(clip, conditions, (0,) * len(conditions))


def _warm_up(
    setting: Setting,
    crew: WorkerPool,
    clips: Sequence[Clip],
    scorers: Sequence[Scorer],
    found: Measurement,
) -> None:
    """The check that a run begins with, timed, and then every condition once in every process."""
    conditions, machine = setting.suite.conditions, setting.machine
    _use_threads(machine.threads)
    began = time.perf_counter()
    first = (
        Task(clip, (conditions[number % len(conditions)],), (0,))
        for number, clip in enumerate(clips[: min(machine.batch_size, MOST_CLIPS)])
    )
    prepared = [row for _, rows in crew.prepare(first) for row in rows]
    for scorer in scorers:
        if waves := _admitted(scorer.detector, prepared):
            self_check(
                scorer,
                waves,
                batch_size=machine.batch_size,
                precision=machine.precision,
                threshold=0.0,
                reference=None,
            )
    found.start_seconds = time.perf_counter() - began
    if not setting.listening:
        return
    everything = Task(clips[0], conditions, (0,) * len(conditions))
    warm = [row for _, rows in crew.prepare([everything] * max(1, machine.workers)) for row in rows]
    if setting.rows >= LEAST_ROWS:
        bench = Bench(provenance.processors(), _use_threads)
        chosen = calibrate(scorers, warm[: len(conditions)], machine, setting.rows, bench)
        used = {"batch_size": chosen.batch_size, "threads": chosen.threads}
        found.machine = machine.model_copy(update=used)
    size, began = found.machine.batch_size, time.perf_counter()
    compile_all(setting.detectors, size if machine.compiled else 0)
    found.start_seconds += time.perf_counter() - began
    for scorer in scorers:
        scorer.spent.take()


def _admitted(detector: AnyDetector, prepared: Sequence[Prepared]) -> list[Wave]:
    if is_lookup(detector):
        return []
    waves = [row.waves[detector.rate_hz] for row in prepared if row.status == "ok"]
    return [wave for wave in waves if not detector.admits(wave)]


def _spent(rows: Sequence[Prepared]) -> dict[str, float]:
    watch = Stopwatch()
    for row in rows:
        watch.add(row.spent)
    return watch.take()


def _cache(
    cache: AudioCache, clip: Clip, task: Task, rows: Sequence[Prepared], found: Measurement
) -> None:
    """Look for the rows in a cache that has none of them, and keep them."""
    began = time.thread_time()
    lookup = cache.find(clip, task.conditions)
    looked = time.thread_time()
    cache.keep(lookup, rows)
    found.loading.append(looked - began)
    found.storing.append(time.thread_time() - looked)


def _wave_bytes(row: Prepared) -> int:
    return sum(wave.samples.nbytes for wave in row.waves.values())


def _score(scorers: Sequence[Scorer], kept: Sequence[Scored], found: Measurement) -> list[Row]:
    machine = found.machine
    made: list[Row] = []
    waited, computed = 0.0, 0.0
    _use_threads(machine.threads)
    for scorer in scorers:
        detector = scorer.detector
        batches = found.batches.setdefault(scorer.model, [])
        if is_lookup(detector):
            made += scorer.rows(kept, set())
            continue
        began = time.monotonic()
        for start in range(0, len(kept), machine.batch_size):
            block = kept[start : start + machine.batch_size]
            if len(batches) > 1 and time.monotonic() - began > DETECTOR_SECONDS:
                break
            wall = time.perf_counter()
            rows, batch = _timed(scorer, detector, block)
            if on_processors(detector) and machine.threads == 1:
                waited += time.perf_counter() - wall - sum(batch.seconds.values())
                computed += sum(batch.seconds.values())
            made += rows
            batches.append(batch)
    found.idle_share = max(0.0, waited) / (waited + computed) if computed else 0.0
    return made


def _timed(scorer: Scorer, detector: Detector, block: Sequence[Scored]) -> tuple[list[Row], Batch]:
    """Score a block; on a processor its stages share what this process took of processors."""
    processors, wall = time.process_time(), time.perf_counter()
    rows = scorer.rows(block, set())
    processors, wall = time.process_time() - processors, time.perf_counter() - wall
    stages = scorer.spent.take() or {"forward": wall}
    if on_gpu(detector):
        return rows, Batch(len(block), stages, processors)
    if on_processors(detector):
        whole = sum(stages.values())
        stages = {name: each * processors / whole for name, each in stages.items()}
    return rows, Batch(len(block), stages)


def _write(rows: Sequence[Row], folder: Path, found: Measurement) -> None:
    """Write half of the rows and all of them: what a shard takes, and what a row adds to it."""
    sizes: list[tuple[int, int]] = []
    for name, some in (("half", rows[: len(rows) // 2]), ("whole", rows)):
        began = time.perf_counter()
        with ScoresWriter(folder / name, rows_per_shard=len(rows) + 1) as writer:
            writer.append(some)
        found.shard_seconds = time.perf_counter() - began
        sizes.append((len(some), sum(path.stat().st_size for path in shards(folder / name))))
    (few, small), (many, large) = sizes
    if few and many > few:
        found.row_bytes = (large - small) / (many - few)
        found.shard_bytes = max(0.0, large - many * found.row_bytes)


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)

"""Choose batch size and threads of a long run by timing its first rows.

Small batches win on a processor, whose caches they fit, and how small depends on the model and the
machine. A torch thread occupies a processor that could prepare, so only a large model gets as many
as it can use. Both change scores by rounding only, and are kept when a run is resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.detector import Detector, audio_detectors
from harness.engine.plan import Task
from harness.engine.prepare import Prepared
from harness.engine.scorer import Scorer
from harness.results.record import MachineRecord
from harness.suite.condition import Condition

LEAST_ROWS = 5000
"""Fewest rows of a run that is worth tuning: the embedded detector takes half a minute for them."""

_SECONDS = 2.0
_SHARE = 0.005
"""Time limit: 2 s, or this share of the time that scoring will take."""
_ROWS = 32
"""Rows that are prepared for it, and scored in a trial on a processor."""
_NEAR = 0.97
"""The smallest batch within this share of the fastest is chosen: it needs less memory."""
_CPU_SIZES = (1, 2, 4, 8, 16, 32)
_GPU_SIZES = (16, 32, 64, 128, 256)
_ROUNDS = 2
_LONG_ROW_SECONDS = 0.05
_FASTER = 0.8


@dataclass(frozen=True)
class TunedSettings:
    """The choice, and rows a second of every batch size that was tried."""

    batch_size: int
    threads: int
    tried: dict[str, float]


@dataclass(frozen=True)
class Bench:
    """Resources of a trial: processors of this process, torch's thread setter and a clock."""

    processors: int
    set_threads: Callable[[int], None]
    clock: Callable[[], float] = time.perf_counter


def first_tasks(clips: Sequence[Clip], conditions: Sequence[Condition]) -> Iterator[Task]:
    """Yield the first rows of the run, which share clips and lengths as all others do."""
    left = _ROWS
    for clip in clips:
        some = tuple(conditions[:left])
        if not some:
            return
        yield Task(clip, some, (0,) * len(some))
        left -= len(some)


def calibrate(
    scorers: Sequence[Scorer],
    prepared: Sequence[Prepared],
    machine: MachineRecord,
    rows: int,
    bench: Bench,
) -> TunedSettings:
    """Time the detectors on the first rows and choose batch size and threads.

    With a detector on a GPU only the batch size is tried. Without audio that every detector admits,
    where one fails, or without time to try, all stays as in `machine`: the self-check, which comes
    next, reports what is wrong.

    Parameters
    ----------
    rows
        Rows that each detector has to score in the whole run.
    """
    unchanged = TunedSettings(machine.batch_size, machine.threads, {})
    detectors = audio_detectors(scorer.detector for scorer in scorers)
    trial = _TimedScoring(detectors, prepared, bench.clock)
    if not trial.possible:
        return unchanged
    bench.set_threads(machine.threads)
    try:
        trial.seconds(1, 1)  # the first call of a model is slower than all others
        threads = machine.threads
        if not trial.on_gpu:
            threads = _threads(trial, bench, prepared, threads)
            bench.set_threads(threads)
        tried = _rates(trial, rows)
    except Exception:
        return unchanged
    if not tried:
        return TunedSettings(machine.batch_size, threads, {})
    near = [size for size, rate in tried.items() if rate >= _NEAR * max(tried.values())]
    return TunedSettings(min(near), threads, {str(size): round(tried[size], 2) for size in tried})


class _TimedScoring:
    """Times all detectors on the first waves that every one of them admits."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        prepared: Sequence[Prepared],
        clock: Callable[[], float],
    ) -> None:
        self._detectors, self._clock = detectors, clock
        self._rows = [
            row.waves
            for row in prepared
            if row.status == "ok"
            and not any(detector.admits(row.waves[detector.rate_hz]) for detector in detectors)
        ]
        self.possible = bool(detectors and self._rows)
        self.on_gpu = any(detector.device.startswith("cuda") for detector in detectors)

    def seconds(self, count: int, size: int) -> float:
        """Return the seconds that all detectors take for `count` rows, cycled, in batches."""
        rows = list(islice(cycle(self._rows), count))
        began = self._clock()
        for detector in self._detectors:
            waves: list[Wave] = [row[detector.rate_hz] for row in rows]
            for start in range(0, count, size):
                detector.score(waves[start : start + size])
        return self._clock() - began


def _threads(trial: _TimedScoring, bench: Bench, prepared: Sequence[Prepared], usual: int) -> int:
    """Return scoring's share of the processors, in proportion to its cost beside preparing.

    Only where a row takes long and the share is clearly faster: threads synchronise many times in a
    row and spin while one of them has no processor. A small model that shared two processors with
    the workers was 20 times slower with two threads than with one.
    """
    bench.set_threads(1)
    scoring = trial.seconds(1, 1)
    if scoring < _LONG_ROW_SECONDS:
        return usual
    preparing = sum(sum(row.spent.values()) for row in prepared) / len(prepared)
    share = round(bench.processors * scoring / (scoring + preparing))
    share = min(max(share, 1), bench.processors)
    took: list[float] = []
    for count in (usual, share):
        bench.set_threads(count)
        took.append(trial.seconds(1, 1))
    return share if took[1] < _FASTER * took[0] else usual


def _rates(trial: _TimedScoring, rows: int) -> dict[int, float]:
    """Return rows a second by batch size; empty where there is no time for two sizes."""
    sizes, most = (_GPU_SIZES, _GPU_SIZES[-1]) if trial.on_gpu else (_CPU_SIZES, _ROWS)
    row_seconds = max(trial.seconds(sizes[0], sizes[0]) / sizes[0], 1e-6)
    affordable = max(_SECONDS, _SHARE * rows * row_seconds) / row_seconds
    count = int(min(most, affordable / (_ROUNDS * len(sizes))))
    best: dict[int, float] = {}
    for size in [size for size in sizes if size <= count] * _ROUNDS:
        rate = count / max(trial.seconds(count, size), 1e-9)
        best[size] = max(rate, best.get(size, 0.0))
    return best if len(best) > 1 else {}

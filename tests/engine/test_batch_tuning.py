"""What a long run chooses for itself, by a clock that only the detectors move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.detector import Logits, Traits
from harness.engine.batch_tuning import Bench, TunedSettings, calibrate, first_tasks
from harness.engine.prepare import Prepared
from harness.engine.scorer import Scorer
from harness.results.record import MachineRecord, ModelRecord
from harness.suite.condition import CLEAN
from tests.support.builders import machine_record

RATE_HZ = 16000


class Timed:
    """A detector that takes `seconds(rows, threads)` for a batch."""

    identity = ModelRecord(name="timed", spec="timed", kind="test")
    traits = Traits()
    rate_hz = RATE_HZ
    batch_size = 8
    longest = None

    def __init__(self, seconds: Callable[[int, int], float], device: str = "cpu") -> None:
        self.seconds, self.device = seconds, device
        self.now, self.threads, self.most = 0.0, 0, 0

    def admits(self, wave: Wave) -> str:
        return "" if len(wave.samples) > 1 else "too short"

    def score(self, waves: Sequence[Wave]) -> Logits:
        self.now += self.seconds(len(waves), self.threads)
        self.most = max(self.most, len(waves))
        return np.zeros((len(waves), 2))

    def set_threads(self, count: int) -> None:
        self.threads = count


@pytest.fixture
def usual() -> MachineRecord:
    return machine_record(batch_size=8, workers=2, threads=3)


def rows(preparing_s: float, samples: int = 100, count: int = 32) -> list[Prepared]:
    wave = Wave(np.zeros(samples, np.float32), RATE_HZ)
    return [
        Prepared("clean", "ok", "", {RATE_HZ: wave}, None, {"decode": preparing_s})
        for _ in range(count)
    ]


def chosen(
    detector: Timed, usual: MachineRecord, prepared: list[Prepared], rows_in_all: int = 10_000
) -> TunedSettings:
    bench = Bench(4, detector.set_threads, lambda: detector.now)
    scorer = Scorer(detector, lambda _: None)
    return calibrate([scorer], prepared, usual, rows_in_all, bench)


def test_the_smallest_batch_that_is_near_the_fastest_is_taken(usual: MachineRecord) -> None:
    cost = {1: 0.0010, 2: 0.0016, 4: 0.00245, 8: 0.0048, 16: 0.0160, 32: 0.0640}
    found = chosen(Timed(lambda n, threads: cost[n]), usual, rows(0.01))
    assert found.batch_size == 4  # 1633 rows a second, 8 has 1667
    assert found.tried == {
        "1": 1000, "2": 1250, "4": 1632.65, "8": 1666.67, "16": 1000, "32": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scoring_s", "preparing_s", "threads"),
    [
        (0.04, 0.0, 1),  # a row is short: threads would wait for each other
        (0.10, 0.90, 1),
        (0.10, 0.10, 2),
        (0.30, 0.10, 3),
        (0.10, 0.001, 4),
        (0.10, 0.0, 4),  # all of the audio is in the cache
    ],
)
def test_threads_are_shared_by_what_each_side_takes(
    scoring_s: float, preparing_s: float, threads: int, usual: MachineRecord
) -> None:
    detector = Timed(lambda n, count: n * scoring_s / count)
    one = usual.model_copy(update={"threads": 1})
    assert chosen(detector, one, rows(preparing_s)).threads == threads
    assert detector.threads == threads


def test_threads_that_do_not_help_are_not_taken(usual: MachineRecord) -> None:
    detector = Timed(lambda n, count: n * 0.1 * (0.9 if count > 1 else 1.0))
    one = usual.model_copy(update={"threads": 1})
    assert chosen(detector, one, rows(0.01)).threads == 1


def test_a_slow_model_gets_its_threads_and_small_trials(usual: MachineRecord) -> None:
    detector = Timed(lambda n, count: (1 + n) * 8.0 / count)
    found = chosen(detector, usual.model_copy(update={"threads": 4}), rows(0.01))
    assert (found.threads, found.batch_size) == (4, 4)
    assert list(found.tried) == ["1", "2", "4"]
    assert detector.now < 0.01 * 10_000 * 4  # of the four seconds that a row takes


def test_where_a_trial_would_take_too_long_there_is_none(usual: MachineRecord) -> None:
    detector = Timed(lambda n, count: n * 8.0 / count**2)
    found = chosen(detector, usual, rows(0.01), rows_in_all=1000)
    assert (found.threads, found.batch_size, found.tried) == (4, 8, {})


def test_a_gpu_is_tried_with_large_batches(usual: MachineRecord) -> None:
    detector = Timed(lambda n, threads: 0.001 + 0.000001 * n, "cuda:0 (H100)")
    found = chosen(detector, usual, rows(0.01))
    assert (found.batch_size, found.threads) == (256, 3)
    assert list(found.tried) == ["16", "32", "64", "128", "256"]


def fail(count: int, threads: int) -> float:
    raise RuntimeError("no kernel image")


@pytest.mark.parametrize(
    ("detector", "prepared"),
    [(Timed(fail), rows(0.01)), (Timed(lambda n, t: 0.01), rows(0.01, samples=1)),
     (Timed(lambda n, t: 0.01), [])],
)  # fmt: skip
def test_what_cannot_be_tried_stays_as_it_is(
    detector: Timed, prepared: list[Prepared], usual: MachineRecord
) -> None:
    found = chosen(detector, usual, prepared)
    assert (found.batch_size, found.threads, found.tried) == (8, 3, {})


def test_it_is_tried_on_the_first_rows_of_the_plan() -> None:
    clips = [Clip(name, "real", b"") for name in "abcdef"]
    planned = list(first_tasks(clips, [CLEAN] * 12))
    assert [(task.clip.clip_id, len(task.conditions)) for task in planned] == [
        ("a", 12), ("b", 12), ("c", 8),
    ]  # fmt: skip

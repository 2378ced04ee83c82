"""Totals, stages and durations of a whole run against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.clip import Clip
from harness.planning.estimate import (
    Figure,
    Load,
    StagePlan,
    busy_seconds,
    cached_bytes,
    limit,
    shard_count,
    stages_of,
    total,
    total_of_clips,
    turning_point,
    written_bytes,
)
from harness.planning.sample import BatchTime, Sample
from harness.results.record import ModelRecord
from tests.support.builders import machine_record, model_record


def load(clips: int, read_bytes: float, conditions: int = 5) -> Load:
    return Load(clips, conditions, models=2, read_bytes=read_bytes)


def test_rows_and_scorings_are_products() -> None:
    assert (load(100, 0.0).rows, load(100, 0.0).scorings) == (500, 1000)


@pytest.mark.parametrize(
    ("cost", "read_bytes", "basis", "expected"),
    [
        ([0.5, 1.0, 2.0], 100.0, "byte", 50.0),  # half a second for each byte
        ([0.3, 0.3, 0.3], 100.0, "clip", 3.0),  # the same for every clip
        ([0.5, 1.0, 2.0], math.nan, "clip", 3.5 / 3 * 10),  # sizes are not known
    ],
)
def test_a_total_is_extrapolated_by_what_fits_the_sample(
    cost: list[float], read_bytes: float, basis: str, expected: float
) -> None:
    sizes = np.array([1.0, 2.0, 4.0])
    estimate, basis_used = total_of_clips(np.array(cost), sizes, load(10, read_bytes))
    assert basis_used == basis
    assert estimate.value == pytest.approx(expected)
    if basis == "byte":
        ends = (estimate.low, estimate.high)
        assert ends == pytest.approx((expected, expected)), "the ratio is the same for any clips"


def test_the_interval_is_that_of_the_mean() -> None:
    # 400 clips of variance 1: the mean has a standard error of 0.05, times 1.96 and 1,000 clips.
    cost = 10 + np.random.default_rng(1).standard_normal(400)
    estimate = total(cost, np.ones(400), 1000, "b")
    assert estimate == total(cost, np.ones(400), 1000, "b")
    assert estimate != total(cost, np.ones(400), 1000, "c")
    assert estimate.value == pytest.approx(1000 * cost.mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(98, rel=0.15)
    assert estimate.low < estimate.value < estimate.high


def test_no_size_is_no_total() -> None:
    assert math.isnan(total(np.zeros(2), np.zeros(2), 10.0, "c").value)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8), st.floats(0.1, 1e6))
def test_a_total_scales_with_the_whole(cost: list[float], whole: float) -> None:
    once, twice = (
        total(np.array(cost), np.ones(len(cost)), factor * whole, "d") for factor in (1, 2)
    )
    assert twice.model_dump() == pytest.approx(once.scaled(2).model_dump())


def work(**seconds: float) -> list[StagePlan]:
    """Stages named by their resource (`main` is the main process)."""
    names: dict[str, Any] = {"main": "main process"}
    return [
        StagePlan(
            name=f"work of {name}",
            resource=names.get(name, name),
            seconds=Figure(value=value, low=value / 2, high=2 * value),
            basis="row",
        )
        for name, value in seconds.items()
    ]


def test_processors_share_preparing_scoring_and_bookkeeping() -> None:
    stages = work(workers=600.0, processors=300.0, main=60.0, storage=10.0)
    busy = busy_seconds(stages, workers=4, processors=4, gpus=0)
    assert limit(stages, busy) == "processors: work of workers"
    assert busy == pytest.approx(
        {"workers": 150, "processors": 240, "gpus": 0, "main process": 60, "storage": 10}
    )
    assert busy_seconds(stages, 4, 4, 0, "low")["processors"] == pytest.approx(120)
    assert busy_seconds(stages, 4, 4, 0, "high")["processors"] == pytest.approx(480)


@pytest.mark.parametrize(
    ("workers", "processors", "gpus", "seconds", "limited_by"),
    [
        (1, 128, 0, 6400, "workers: work of workers"),
        (16, 16, 1, 400, "workers: work of workers"),
        (128, 128, 1, 100, "gpus: work of gpus"),
        (128, 128, 4, 50, "workers: work of workers"),
    ],
)
def test_the_resource_that_takes_longest_limits(
    workers: int, processors: int, gpus: int, seconds: float, limited_by: str
) -> None:
    stages = work(workers=6400.0, gpus=100.0)
    busy = busy_seconds(stages, workers, processors, gpus)
    assert (max(busy.values()), limit(stages, busy)) == (seconds, limited_by)


def test_the_turning_point_is_where_what_cannot_be_shared_takes_as_long() -> None:
    assert turning_point(work(workers=6400.0, gpus=100.0), gpus=4) == 256
    assert turning_point(work(workers=900.0, main=100.0, storage=30.0), gpus=0) == 10
    assert turning_point(work(workers=900.0, processors=100.0), gpus=0) is None


def test_a_figure_that_is_not_known_survives_a_file() -> None:
    unknown = Figure(value=1.5, low=math.nan, high=math.nan)
    text = unknown.model_dump_json()
    assert text == '{"value":1.5,"low":null,"high":null}'
    again = Figure.model_validate_json(text)
    assert again.value == 1.5
    assert math.isnan(again.low)


@dataclass
class Placed:
    """As much of a detector as says where it computes."""

    identity: ModelRecord
    device: str


def detector(name: str, device: str) -> Any:
    return cast(Any, Placed(model_record(name), device))


def sample() -> Sample:
    """Two clips of 100 and 300 bytes under 3 conditions; 8 rows in 2 batches of each model."""
    result = Sample(machine_record(batch_size=4, workers=2, cache_gb=0.001))
    result.clips = [Clip("a", "real", b""), Clip("b", "fake", b"")]
    main = {"take prepared audio": 0.2, "load from cache": 0.1, "store in cache": 0.4}
    result.stages = [
        {"decode": 0.1, "perturb codec": 2.0, **main},
        {"decode": 0.3, "perturb codec": 6.0, **main},
    ]
    result.audio_bytes = [100_000, 300_000]
    for name in ("card", "box"):
        result.batches[name] = [
            BatchTime(4, {"forward": 1.0}, 0.2),
            BatchTime(4, {"forward": 3.0}, 0.2),
        ]
    result.read_rate, result.shard_seconds = 100.0, 0.5
    result.shard_bytes, result.row_bytes = 9000.0, 40.0
    return result


SIZES = np.array([100.0, 300.0])


def totals(*detectors: Any, read_bytes: float = 4000.0) -> dict[str, tuple[str, float]]:
    stages = stages_of(sample(), detectors, SIZES, load(10, read_bytes, 3))
    return {stage.name: (stage.resource, stage.seconds.value) for stage in stages}


def test_every_stage_is_extrapolated_by_what_it_grows_with() -> None:
    stages = totals(detector("card", "cuda:0 (a GPU)"), detector("box", "cpu"))
    expected = {
        "perturb codec": ("workers", 0.02 * 4000),  # a byte
        "decode": ("workers", 0.001 * 4000),
        "forward of card": ("gpus", 0.5 * 30),  # a row
        "handing over of card": ("main process", 0.05 * 30),
        "forward of box": ("processors", 0.5 * 30),
        "take prepared audio": ("main process", 0.2 * 10),  # a clip
        "load from cache": ("main process", 0.1 * 10),
        "store in cache": ("main process", 0.4 * 10 * 0.5),  # 1 MB of 2 MB fits
        "read": ("storage", 40.0),
        "write": ("main process", 0.5),
    }
    assert {name: resource for name, (resource, _) in stages.items()} == {
        name: resource for name, (resource, _) in expected.items()
    }
    assert {name: seconds for name, (_, seconds) in stages.items()} == pytest.approx(
        {name: seconds for name, (_, seconds) in expected.items()}
    )


def test_a_detector_of_the_users_own_is_called_by_one_thread() -> None:
    assert totals(detector("box", "its own"))["forward of box"][0] == "main process"


def test_storage_is_left_out_where_the_bytes_are_not_known() -> None:
    assert "read" not in totals(read_bytes=math.nan)


def test_bytes_that_are_written() -> None:
    assert cached_bytes(sample(), load(10, 0.0, 3)) == pytest.approx(1e6), "the limit, of 2 MB"
    assert shard_count(2001, seconds=65) == 3 + 2, "one every thousand rows, one every 30 s"
    assert written_bytes(sample(), 2001, 65) == pytest.approx(2001 * 40 + 5 * 9000)

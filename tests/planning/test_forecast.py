"""Totals, intervals and durations against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.planning.forecast import (
    RESAMPLES,
    Figure,
    Layout,
    Load,
    Stage,
    duration,
    exactly,
    total_by_mean,
    total_by_ratio,
    total_of_clips,
    turning_point,
    weights,
)


def load(clips: int, seconds: float) -> Load:
    return Load(clips=clips, conditions=5, models=2, seconds=seconds)


def test_rows_and_scorings_are_products() -> None:
    assert load(100, 0.0).rows == 500
    assert load(100, 0.0).scorings == 1000


def test_what_grows_with_the_seconds_is_extrapolated_by_them() -> None:
    # 0.5 s of processor for each second of audio; 100 s of audio in all.
    seconds, cost = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])
    found, basis = total_of_clips(cost, seconds, weights(3, "a"), load(10, 100.0))
    assert basis == "second"
    assert found.value == pytest.approx(50.0)
    assert found.draws == pytest.approx(50.0), "the ratio is the same whichever clips are drawn"


def test_what_is_the_same_for_every_clip_is_extrapolated_by_their_number() -> None:
    seconds, cost = np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.3, 0.3])
    found, basis = total_of_clips(cost, seconds, weights(3, "a"), load(10, 100.0))
    assert basis == "clip"
    assert found.value == pytest.approx(3.0)


def test_unknown_lengths_leave_the_number_of_clips() -> None:
    seconds, cost = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])
    found, basis = total_of_clips(cost, seconds, weights(3, "a"), load(12, math.nan))
    assert basis == "clip"
    assert found.value == pytest.approx(3.5 / 3 * 12)


def test_every_resample_has_as_many_clips_as_the_sample() -> None:
    drawn = weights(7, "x")
    assert drawn.shape == (RESAMPLES, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert (drawn == weights(7, "x")).all()
    assert (drawn != weights(7, "y")).any()


def test_the_interval_is_that_of_the_mean() -> None:
    # 400 clips of variance 1: the mean has a standard error of 0.05, times 1.96 and 1,000 clips.
    cost = 10 + np.random.default_rng(1).standard_normal(400)
    figure = total_by_mean(cost, weights(400, "b"), 1000).figure
    assert figure.value == pytest.approx(1000 * cost.mean())
    assert (figure.high - figure.low) / 2 == pytest.approx(98, rel=0.15)
    assert figure.low < figure.value < figure.high


def test_no_size_is_no_total() -> None:
    nothing = np.zeros(2)
    assert math.isnan(total_by_ratio(nothing, nothing, weights(2, "c"), 10.0).value)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8), st.floats(0.1, 1e6))
def test_a_total_scales_with_the_whole(cost: list[float], whole: float) -> None:
    drawn, ones = weights(len(cost), "d"), np.ones(len(cost))
    once = total_by_ratio(np.array(cost), ones, drawn, whole)
    twice = total_by_ratio(np.array(cost), ones, drawn, 2 * whole)
    assert twice.value == pytest.approx(2 * once.value)
    assert twice.draws == pytest.approx(2 * once.draws)


def stages(**seconds: float) -> list[Stage]:
    """Stages named by their resource (`main` is the main process)."""
    names = {"main": "main process"}
    return [
        Stage(f"work of {name}", names.get(name, name), exactly(value), "row")  # type: ignore[arg-type]
        for name, value in seconds.items()
    ]


def test_processors_share_preparing_scoring_and_bookkeeping() -> None:
    work = stages(workers=600.0, processors=300.0, main=60.0, storage=10.0)
    took = duration(work, Layout(workers=4, processors=4), start=5.0)
    assert took.seconds.value == pytest.approx((600 + 300 + 60) / 4 + 5)
    assert took.limit == "processors: work of workers"
    assert took.busy == pytest.approx(
        {"workers": 150, "processors": 240, "gpus": 0, "main process": 60, "storage": 10}
    )


def test_few_workers_on_many_processors_are_what_limits() -> None:
    took = duration(stages(workers=600.0, processors=300.0), Layout(1, 8), start=0.0)
    assert took.seconds.value == pytest.approx(600)
    assert took.limit == "workers: work of workers"


def test_gpus_are_the_limit_once_there_are_enough_workers() -> None:
    work = stages(workers=6400.0, gpus=100.0)
    few, many = (duration(work, Layout(n, n, gpus=1), 0.0) for n in (16, 128))
    assert few.seconds.value == pytest.approx(400)
    assert few.limit == "workers: work of workers"
    assert many.seconds.value == pytest.approx(100)
    assert many.limit == "gpus: work of gpus"
    assert duration(work, Layout(128, 128, gpus=4), 0.0).seconds.value == pytest.approx(50)
    assert turning_point(work, gpus=1) == 64
    assert turning_point(work, gpus=4) == 256


def test_the_turning_point_is_where_what_cannot_be_shared_takes_as_long() -> None:
    work = stages(workers=900.0, main=100.0, storage=30.0)
    assert turning_point(work, gpus=0) == 10, "(900 + 100) / 100"
    assert turning_point(stages(workers=900.0, processors=100.0), gpus=0) is None


def test_a_figure_that_is_not_known_survives_a_file() -> None:
    figure = Figure(value=1.5, low=math.nan, high=math.nan)
    text = figure.model_dump_json()
    assert text == '{"value":1.5,"low":null,"high":null}'
    again = Figure.model_validate_json(text)
    assert again.value == 1.5
    assert math.isnan(again.low)

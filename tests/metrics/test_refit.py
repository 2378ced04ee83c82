"""Maps that are fitted again in every resample: against full fits, column by column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet, draw
from harness.metrics.calibration import (
    Logistic,
    cross_calibrated,
    fit,
    fold_numbers,
    logistic_lines,
)
from harness.metrics.elub import Bounds
from harness.metrics.refit import refitted_cost, resampled_lines

WIDE = Bounds(-50.0, 50.0)


def clips(groups: int = 60, each: int = 6, seed: int = 0) -> ClipSet:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), each)
    real, fake = (side + rng.normal(size=groups * each) for side in (-1.0, 1.0))
    return ClipSet(real, fake, group, group)


def weights(groups: int = 60, resamples: int = 400) -> np.ndarray:
    return np.concatenate(list(draw(groups, resamples, 1)), axis=1).astype(np.float64)


def line_of(cell: ClipSet) -> Logistic:
    line = fit(cell.real, cell.fake, "logistic", 1)
    assert isinstance(line, Logistic)
    return line


def test_lines_are_those_of_full_fits_but_for_the_second_order() -> None:
    cell, drawn = clips(), weights()
    lines = resampled_lines(line_of(cell), cell, drawn)
    scores = np.concatenate([cell.real, cell.fake])
    fake = np.repeat([False, True], len(cell.real))
    full = logistic_lines(scores, fake, drawn[np.tile(cell.real_group, 2)])
    for one_step, exact in zip(lines, full, strict=True):
        assert np.corrcoef(one_step, exact)[0, 1] > 0.95
        assert one_step.std() == pytest.approx(exact.std(), rel=0.1)
    unchanged = resampled_lines(line_of(cell), cell, np.ones((60, 1)))[:, 0]
    line = line_of(cell)
    assert unchanged == pytest.approx([line.intercept, line.slope], abs=1e-8)


def test_the_cost_of_the_clips_as_they_are_is_the_cross_validated_one() -> None:
    cell = clips()
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    folds = fold_numbers(cell.real_group, cell.fake_group, 5, 0)
    ones = np.ones((60, 1))
    cost = refitted_cost(cell, cell, folds, WIDE, (ones, ones), 1)
    held_out = cross_calibrated(*parts, "logistic", misleading=1)
    assert cost.real == pytest.approx(held_out.real)
    assert cost.fake == pytest.approx(held_out.fake)
    value = METRICS["cllr"].value(cost.real, cost.fake)
    assert cost.draws == pytest.approx([value], abs=1e-8)


def test_a_development_run_is_drawn_by_its_own_groups() -> None:
    """Its draws add to the spread, and ratios are those of its one map."""
    fitted, judged = clips(groups=20, seed=1), clips()
    fixed, drawn = (
        refitted_cost(fitted, judged, None, WIDE, (own, weights()), 1)
        for own in (np.ones((20, 400)), weights(20))
    )
    assert fixed.real == pytest.approx(line_of(fitted).llr(judged.real))
    assert drawn.draws.std() > fixed.draws.std()


def test_classes_that_do_not_overlap_keep_their_line() -> None:
    cell = clips()
    apart = replace(cell, real=cell.real - 20)
    lines = resampled_lines(line_of(apart), apart, weights())
    assert np.ptp(lines, axis=1) == pytest.approx([0, 0])


def test_a_resample_without_a_class_has_no_cost() -> None:
    cell = clips()
    real_only = replace(cell, fake_group=cell.fake_group + 60)
    drawn = np.ones((120, 2))
    drawn[60:, 1] = 0
    folds = fold_numbers(real_only.real_group, real_only.fake_group, 5, 0)
    draws = refitted_cost(real_only, real_only, folds, WIDE, (drawn, drawn), 1).draws
    assert np.isnan(draws).tolist() == [False, True]

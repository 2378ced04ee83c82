"""Figures of two detectors from the same draws, and the means of them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.bootstrap import ClipSet
from harness.metrics.intervals import bootstrap_error
from harness.metrics.paired import Paired, compare_cells, contrast, mean_of_pairs

GROUPS = 12


def cells(count: int, seed: int) -> list[ClipSet]:
    """Some detectors on the same 60 real clips and 60 fakes of 12 speakers."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(GROUPS), 5)
    return [
        ClipSet(rng.normal(-1, 1, 60), rng.normal(1, 1, 60), group, group, metrics=("accuracy",))
        for _ in range(count)
    ]


def pairs(count: int, seed: int = 0) -> list[Paired]:
    now, before = cells(count, seed), cells(count, seed + 1)
    compared = compare_cells(list(zip(now, before, strict=True)), GROUPS, 200, 0)
    return [figures["accuracy"] for figures in compared]


def test_a_mean_of_pairs_is_the_mean_of_values_and_of_draws() -> None:
    first, second = pairs(2)
    mean = mean_of_pairs([first, second])
    assert mean.difference == pytest.approx((first.difference + second.difference) / 2)
    assert mean.draws == pytest.approx((first.draws + second.draws) / 2)
    assert mean.differing == max(first.differing, second.differing)
    assert mean.largest == pytest.approx((first.largest + second.largest) / 2)


def test_the_error_of_a_mean_counts_what_its_parts_have_in_common() -> None:
    first, second = pairs(2)
    twice, apart = mean_of_pairs([first, first]), mean_of_pairs([first, second])
    assert twice.error() == pytest.approx(first.error())
    assert apart.error() < max(first.error(), second.error())


def test_a_contrast_has_the_errors_and_degrees_of_freedom_of_its_pairs() -> None:
    paired = pairs(3)
    judged = contrast(paired)
    assert judged.error == pytest.approx([float(bootstrap_error(p.draws, GROUPS)) for p in paired])
    assert judged.freedom == pytest.approx([p.freedom() for p in paired])

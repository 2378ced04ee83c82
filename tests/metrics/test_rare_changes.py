"""Intervals where two detectors differ on very few clips: they hold the truth, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from harness.metrics.significance import Contrast

SETS = 3000


def rare(groups: int, clips: int, correlation: float, likeness: float, loss: float) -> Contrast:
    """Test sets of two detectors with all but the same verdicts; one is worse by `loss`."""
    rng = np.random.default_rng(0)
    speaker = rng.standard_normal((3, SETS, groups, 1))
    scores = np.sqrt(likeness) * speaker
    scores = scores + np.sqrt(1 - likeness) * rng.standard_normal((3, SETS, groups, clips))
    shared, one, other = scores
    mix = np.sqrt(correlation), np.sqrt(1 - correlation)
    right = [
        mix[0] * shared + mix[1] * own + norm.ppf(accuracy) > 0
        for own, accuracy in ((one, 0.95 - loss), (other, 0.95))
    ]
    effect = right[0].mean(axis=2) - right[1].mean(axis=2)
    mean, spread = effect.mean(axis=1), effect.std(axis=1)
    with np.errstate(invalid="ignore"):
        skew = ((effect - mean[:, None]) ** 3).mean(axis=1) / spread**3 / np.sqrt(groups)
    return Contrast(
        mean,
        spread / np.sqrt(groups - 1),
        np.full(SETS, groups),
        np.sum(effect != 0, axis=1),
        np.abs(effect).max(axis=1),
        np.where(spread > 0, skew, 0.0),
        clip=np.full(SETS, 1 / clips),
    )


@pytest.mark.parametrize("share", [0, 0.5, 1])
@pytest.mark.parametrize(
    ("groups", "clips", "likeness", "most"),
    [(30, 6, 0.7, 0.02), (30, 20, 0.3, 0.02), (12, 20, 0.7, 0.02), (20, 50, 0.7, 0.005)],
)
def test_few_changes_hide_no_larger_loss(
    groups: int, clips: int, likeness: float, most: float, share: float
) -> None:
    """Where fewer than six groups differ; with more it is Student's t, measured elsewhere."""
    loss = share * most
    judged = rare(groups, clips, 0.999, likeness, loss)
    few = judged.differing < 6
    low, high = (bound[few] for bound in judged.interval())
    assert few.sum() > 0
    assert (low > -loss).sum() / SETS <= 0.02
    assert (high < -loss).sum() / SETS <= 0.02
    if loss:  # a run that is worse by the margin passes no more often than promised
        assert (judged.p_above(-loss)[few] <= 0.025).sum() / SETS <= 0.025


def test_the_same_verdict_on_every_clip_passes_a_sensible_margin() -> None:
    """30 speakers of 6 clips: 2.4 points, where a whole group was taken to change, 11.6."""
    same = Contrast(*(np.array([value]) for value in (0.0, 0.0, 30, 0, 0.0)), clip=1 / 6)
    low, high = same.interval()
    assert -0.025 < low[0] < high[0] < 0.025
    assert same.p_above(-0.025)[0] <= 0.025

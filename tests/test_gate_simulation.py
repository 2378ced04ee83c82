"""What a gate promises and what it decides, where the truth is known: a part of the simulation.

All sets are drawn from a seed. `tests/bench/gate_simulation.py` measures every size and candidate.
"""

from __future__ import annotations

from scipy.stats import binomtest

from harness.compare.policy import load_policy
from tests.support.gate_truth import Release, outcomes

POLICY = load_policy("release")
SETS = 20


def refuted(count: int, most: float) -> bool:
    """Whether so many of `SETS` can be no chance of at most `most`."""
    return binomtest(count, SETS, most, alternative="greater").pvalue < 0.001


def test_an_equal_candidate_passes_and_does_not_fail() -> None:
    judged = outcomes(Release(50, 10), POLICY, SETS, seed=2)
    assert judged.words["PASS"] >= 0.6 * SETS, judged
    assert not refuted(judged.words["FAIL"], 0.05), judged


def test_a_candidate_5_points_worse_fails_and_never_passes() -> None:
    judged = outcomes(Release(50, 10, loss=0.05, clean_loss=0.05), POLICY, SETS, seed=3)
    assert judged.words["FAIL"] >= 0.6 * SETS, judged
    assert judged.words["PASS"] == 0, judged
    assert judged.findings["WORSE"] == judged.words["FAIL"]


def test_a_candidate_at_the_margin_neither_passes_nor_fails_often() -> None:
    judged = outcomes(Release(30, 6, loss=0.02), POLICY, SETS, seed=4)
    assert not refuted(judged.words["PASS"], 0.025), judged
    assert not refuted(judged.words["FAIL"], 0.05), judged

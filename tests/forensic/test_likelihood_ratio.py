"""The weight of one score, and its words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.forensic.likelihood_ratio import likelihood_ratio, ratio, sentence, side, verbal
from tests.support.evidence_run import MODEL, SEPARATION, finished


def test_known_ratios_are_within_the_interval() -> None:
    """95 % intervals at a score of 0.5, whose ratio is 1.5: 17 of 20 runs and more hold it."""
    held = 0
    for seed in range(20):
        one = likelihood_ratio(finished(groups=50, seed=seed), MODEL, "clean", 0.5, resamples=200)
        held += one.low <= SEPARATION * 0.5 <= one.high
        assert (one.real, one.fake, one.groups) == (150, 150, 50)
    assert held >= 17


def test_no_score_is_worth_more_than_the_clips_show() -> None:
    far = likelihood_ratio(finished(), MODEL, "clean", 500.0, resamples=100)
    assert far.bounded
    assert far.llr == far.high == far.bounds.upper
    assert math.exp(far.llr) <= 122
    assert far.unbounded > 100
    near = likelihood_ratio(finished(), MODEL, "clean", 0.1, resamples=100)
    assert not near.bounded
    assert near.bounds == far.bounds


def test_the_condition_decides() -> None:
    clean, noisy = (
        likelihood_ratio(finished(), MODEL, name, 1.0, resamples=100)
        for name in ("clean", "noise:white@5dB")
    )
    assert noisy.llr < clean.llr / 3


def test_no_clips_are_no_weight() -> None:
    run = finished()
    table = run.table[run.table["label"] == "fake"]
    with pytest.raises(UsageError, match="both classes"):
        likelihood_ratio(replace(run, table=table), MODEL, "clean", 1.0)


@pytest.mark.parametrize(
    ("times", "words", "shown"),
    [
        (1.0, "no support", "1.0"),
        (1.9, "no support", "1.9"),
        (2.1, "weak support", "2.1"),
        (12.0, "moderate support", "12"),
        (123.0, "moderately strong", "120"),
        (2400.0, "strong support", "2,400"),
        (50_000.0, "very strong", "50,000"),
        (1e9, "extremely strong", "more than 1,000,000"),
        (math.inf, "extremely strong", "more than 1,000,000"),
    ],
)
def test_words_are_of_the_ratio_whichever_side(times: float, words: str, shown: str) -> None:
    for sign in (1, -1):
        assert verbal(sign * math.log(times)).startswith(words)
        assert ratio(sign * math.log(times)) == shown
    expected = "neither" if times < 2 else "fake"
    assert side(math.log(times)) == expected


def test_a_finding_names_both_propositions_and_no_probability() -> None:
    told = sentence(-math.log(30))
    assert "30 times as probable if the recording is real as if it is fake" in told
    assert "moderate support for real over fake" in told
    assert "%" not in told
    assert "neither" in sentence(0.1)

"""The weight of one score, and its words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import UsageError
from harness.forensic.likelihood_ratio import likelihood_ratio, ratio, sentence, side, verbal
from harness.forensic.likeness import Likeness
from harness.results.run_folder import RunFolder
from tests.support.evidence_run import MODEL, SEPARATION, finished

CLEAN = Likeness("clean")


def test_known_ratios_are_within_the_interval() -> None:
    """95 % intervals at a score of 0.5, whose ratio is 1.5: 17 of 20 runs and more hold it."""
    held = 0
    for seed in range(20):
        one = likelihood_ratio(finished(groups=50, seed=seed), MODEL, CLEAN, 0.5, resamples=200)
        held += one.low <= SEPARATION * 0.5 <= one.high
        assert (one.real, one.fake, one.groups) == (150, 150, 50)
    assert held >= 17


def test_no_score_is_worth_more_than_the_clips_show() -> None:
    far = likelihood_ratio(finished(), MODEL, CLEAN, 500.0, resamples=100)
    assert far.bounded
    assert far.llr == far.high == far.bounds.upper
    assert math.exp(far.llr) <= 41.5
    assert far.unbounded > 100
    near = likelihood_ratio(finished(), MODEL, CLEAN, 0.1, resamples=100)
    assert not near.bounded
    assert near.bounds == far.bounds


def test_the_condition_decides() -> None:
    clean, noisy = (
        likelihood_ratio(finished(), MODEL, Likeness(name), 1.0, resamples=100)
        for name in ("clean", "noise:white@5dB")
    )
    assert noisy.llr < clean.llr / 3


def with_short_clips(shift: float) -> RunFolder:
    """One clip of ten is 1.5 s long, the scores of which are lower in spread, and higher."""
    run = finished(groups=60, each=10)
    short = run.table["clip_id"].str.extract(r"(\d+)$", expand=False).astype(int) < 60
    table = run.table.assign(
        seconds=run.table["seconds"].where(~short, 1.5),
        score=run.table["score"].where(~short, 0.3 * run.table["score"] + shift),
    )
    return replace(run, table=table)


def test_short_files_are_weighed_by_short_clips() -> None:
    """Their scores lie higher: what speaks for fake among long clips speaks for neither here."""
    run = with_short_clips(1.5)
    everything, short, long = (
        likelihood_ratio(run, MODEL, Likeness("clean", band), 1.5, resamples=100)
        for band in ("", "1-2 s", "2-4 s")
    )
    assert (short.real, short.fake, everything.real) == (60, 60, 600)
    assert abs(short.llr) < 1 < everything.llr < long.llr
    assert short.high - short.low < 2


def test_a_band_with_too_few_clips_is_refused() -> None:
    with pytest.raises(UsageError, match="too few clips under clean of 8\\+ s for a ratio: 0 real"):
        likelihood_ratio(finished(), MODEL, Likeness("clean", "8+ s"), 1.0)


def test_scores_that_are_worth_nothing_have_no_ratio() -> None:
    """Twelve speakers and a detector that is nearly blind: refused for its cost, or for a fall."""
    run = finished(groups=12)
    side = np.where(run.table["label"] == "fake", 0.1, -0.1)
    reasons: list[str] = []
    for seed in range(12):
        score = side + np.random.default_rng(seed).normal(size=len(run.table))
        blind = replace(run, table=run.table.assign(score=score))
        try:
            likelihood_ratio(blind, MODEL, Likeness("clean"), 1.0, resamples=20)
        except UsageError as fault:
            reasons.append(fault.what)
    assert len(reasons) >= 6
    assert any("worth no more than no evidence (Cllr 1." in reason for reason in reasons)


def test_coding_and_rate_count_where_the_data_tell_them() -> None:
    """Half of the groups are of MP3 at 44.1 kHz, by further columns of the manifest."""
    run = finished(groups=40, each=3)
    mp3 = run.table["group"].str[-1].isin(list("13579"))
    extra = np.where(
        mp3, '{"codec": "mp3", "sample_rate": "44100"}', '{"codec": "none", "sample_rate": "16000"}'
    )
    run = replace(run, table=run.table.assign(extra=extra))

    def clips(coding: str, rate_hz: int, *, lossy: bool) -> int:
        likeness = Likeness("clean", "2-4 s", coding, lossy, rate_hz)
        return likelihood_ratio(run, MODEL, likeness, 1.0, resamples=50).real

    both = likelihood_ratio(run, MODEL, Likeness("clean", "2-4 s"), 1.0, resamples=50).real
    coded = clips("MP3/mp3", 44100, lossy=True)
    assert coded + clips("WAV/PCM_16", 16000, lossy=False) == both
    assert 0 < coded < both
    with pytest.raises(UsageError, match=r"codec as in the file \(OGG/VORBIS\)"):
        clips("OGG/VORBIS", 44100, lossy=True)
    with pytest.raises(UsageError, match=r"sample_rate as in the file \(8000\)"):
        clips("WAV/PCM_16", 8000, lossy=False)


def test_no_clips_are_no_weight() -> None:
    run = finished()
    table = run.table[run.table["label"] == "fake"]
    with pytest.raises(UsageError, match="both classes"):
        likelihood_ratio(replace(run, table=table), MODEL, CLEAN, 1.0)


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

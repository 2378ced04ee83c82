"""Wrong labels are found where a detector is good enough to know, not where it is merely bad."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.audit.label_noise import Labelled, fit, posterior, wrong_labels
from harness.audit.labels import LabelAudit, LabelCount, audit_labels
from harness.errors import UsageError
from harness.results.run_folder import RunFolder
from tests.support.two_runs import MODEL, Scores, finished

GROUPS = 40


def scores(apart: float, wrong: int = 0, seed: int = 0, spread: str = "normal") -> dict[str, float]:
    """Two real clips and two fakes a group; the first `wrong` fakes have scores of real clips."""
    rng = np.random.default_rng(seed)
    made: dict[str, float] = {}
    for number in range(GROUPS):
        for kind in ("ra", "rb", "fa", "fb"):
            fake = kind[0] == "f" and not (kind == "fa" and number < wrong)
            noise = rng.normal() if spread == "normal" else rng.standard_t(3)
            made[f"{kind}{number}"] = float((apart if fake else -apart) / 2 + noise)
    return made


def audit(clean: Scores, *, resamples: int = 200, **others: Scores) -> LabelAudit:
    return audit_labels(finished({"clean": clean, **others}), resamples=resamples)


def count(found: LabelAudit, label: str) -> LabelCount:
    return next(each for each in found.counts if each.label == label)


def test_planted_wrong_labels_are_found_and_counted() -> None:
    wrong = 8  # of 160
    found = audit(scores(6.0, wrong), noisy=scores(4.0, wrong, seed=1))
    assert found.found
    assert count(found, "fake").verdict == "suspicious"
    assert count(found, "real").verdict == "nothing found"
    assert count(found, "all").low <= wrong <= count(found, "all").high
    listed = {suspect.clip_id for suspect in found.suspects}
    planted = {f"fa{number}" for number in range(wrong)}
    assert len(listed & planted) >= 7
    assert len(listed - planted) <= 1
    first = found.suspects[0]
    assert first.probability > 0.9
    assert first.label == "fake"
    assert first.contradicted * first.rows >= 1
    assert first.rows == 2


def test_wrong_labels_of_either_class_are_found() -> None:
    clean = scores(6.0)
    swapped = {f"ra{number}": clean[f"fa{number}"] for number in range(8)}
    found = audit(clean | swapped)
    assert count(found, "real").verdict == "suspicious"
    assert count(found, "fake").verdict == "nothing found"


@pytest.mark.parametrize("spread", ["normal", "heavy"])
def test_a_good_detector_and_right_labels(spread: str) -> None:
    alarms = [audit(scores(6.0, seed=seed, spread=spread)).found for seed in range(8)]
    assert sum(alarms) <= 1


def test_a_bad_detector_makes_no_flood() -> None:
    found = audit(scores(1.2))
    assert not found.found
    assert not found.suspects
    assert {each.verdict for each in found.counts} == {"scores overlap too much"}
    assert all(math.isnan(each.wrong) and each.ratio < 19 for each in found.counts)


def test_a_generator_that_is_missed_is_no_wrong_label() -> None:
    """All its fakes score as real ones do: the detector has a blind spot."""
    clean = scores(6.0, wrong=8)
    run = finished({"clean": clean})
    table = run.table.copy()
    missed = table["clip_id"].isin([f"fa{number}" for number in range(8)])
    table.loc[missed, "generator"] = "H"
    assert not audit_labels(replace(run, table=table), resamples=200).found


def test_too_few_clips_are_said_to_be() -> None:
    few = {name: score for name, score in scores(6.0).items() if int(name[2:]) < 4}
    assert {each.verdict for each in audit(few).counts} == {"too few clips"}


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="both classes"):
        audit({name: score for name, score in scores(6.0).items() if name[0] == "r"})


def test_the_order_of_rows_is_of_no_consequence() -> None:
    run = finished({"clean": scores(6.0, 6)})
    shuffled = replace(run, table=run.table.sample(frac=1, random_state=1))
    one, other = (audit_labels(each, resamples=50) for each in (run, shuffled))
    assert [each.clip_id for each in one.suspects] == [each.clip_id for each in other.suspects]
    assert count(one, "all").wrong == pytest.approx(count(other, "all").wrong)


# Polarity


def swapped_source() -> RunFolder:
    """Half of the groups come from a source whose labels are swapped."""
    clean = scores(3.0)
    turned = {n: -s if int(n[2:]) % 2 else s for n, s in clean.items()}
    run = finished({"clean": turned})
    table = run.table.copy()
    odd = table["clip_id"].str[2:].astype(int) % 2 == 1
    table["source"] = np.where(odd, "swapped", "right")
    return replace(run, table=table)


def test_a_source_with_swapped_labels_is_named() -> None:
    found = audit_labels(swapped_source(), resamples=200)
    verdicts = {each.slice: each.verdict for each in found.polarities}
    assert verdicts["source=swapped"] == "swapped"
    assert verdicts["source=right"] == "as labelled"
    assert found.found


def test_a_set_with_swapped_labels_is_swapped_as_a_whole() -> None:
    found = audit({name: -score for name, score in scores(3.0).items()})
    whole = next(each for each in found.polarities if each.slice == "all")
    assert whole.verdict == "swapped"
    assert whole.model == MODEL
    assert whole.auc < 0.1
    assert whole.p_holm < 1e-6


def test_a_detector_that_guesses_has_no_polarity() -> None:
    verdicts = [
        each.verdict for seed in range(8) for each in audit(scores(0.0, seed=seed)).polarities
    ]
    assert verdicts.count("swapped") <= 1
    assert "cannot be known" in verdicts


# The mixture


def test_posterior_by_hand() -> None:
    # 0.1 of 0.4 against 0.9 of 0.2
    found = posterior(np.array([0.2]), np.array([0.4]), 0.1)
    assert found[0] == pytest.approx(0.04 / 0.22)


def test_resampled_counts_agree_with_the_fit() -> None:
    made = scores(6.0, wrong=8)
    sides = [
        Labelled(
            np.array([score for name, score in made.items() if name[0] == kind]),
            np.zeros(2 * GROUPS, dtype=np.intp),
        )
        for kind in "rf"
    ]
    fake = fit(*sides)[1]
    counted = wrong_labels(fake, np.ones((2 * GROUPS, 1)))
    assert counted[0] == pytest.approx(fake.wrong.sum(), rel=1e-3)
    assert fake.share == pytest.approx(8 / (2 * GROUPS), abs=0.02)

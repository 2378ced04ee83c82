"""The whole of it: what is fitted where, what is refused, what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import UsageError
from harness.forensic.analysis import Forensic, ForensicOptions, forensic, forensic_json
from harness.metrics import METRICS
from tests.support.evidence_run import CONDITIONS, MODEL, SEPARATION, finished

FEW = ForensicOptions(resamples=200)


@pytest.fixture(scope="module")
def crossed() -> Forensic:
    return forensic(finished(), options=FEW)


def known_cost(kept: float) -> float:
    """Cllr of the true ratios, from very many clips."""
    rng, apart = np.random.default_rng(1), kept * SEPARATION
    real, fake = (rng.normal(side * apart / 2, 1, 200_000) for side in (-1, 1))
    return METRICS["cllr"].value(apart * real, apart * fake)


def test_cross_validated_ratios_cost_about_what_the_true_ones_do(crossed: Forensic) -> None:
    """What the scores themselves overstate or understate is put right, condition by condition."""
    by_place = {(each.condition, each.method): each for each in crossed.worth}
    for name, (_, kept, _) in CONDITIONS.items():
        best = by_place[name, "logistic"]
        assert best.fitted_on == "other groups"
        assert best.cllr.value == pytest.approx(known_cost(kept), abs=0.09), name
        assert best.cllr.low <= best.cllr.value <= best.cllr.high
        assert best.lower <= 0 <= best.upper <= np.log(122)
    assert by_place["noise:white@5dB", "none"].cllr.value > 1
    assert by_place["noise:white@5dB", "logistic"].cllr.value < 1


def test_development_clips_are_used_condition_by_condition() -> None:
    development = finished(prefix="dev", seed=9)
    table = development.table[development.table["condition"] != "reverb"]
    content = forensic(finished(), replace(development, table=table), FEW)
    fitted_on = {each.condition: each.fitted_on for each in content.worth if each.method == "kde"}
    assert fitted_on["reverb"] == "clean"
    assert fitted_on["codec:amr-nb"] == "codec:amr-nb"
    assert content.development == "dev"
    assert {each.tuned_on for each in content.rules} == {"development"}
    hindsight = {each.condition: each.hindsight for each in content.needed}
    assert hindsight["clean"] is False
    assert hindsight["reverb"] is True


def test_overstated_scores_have_the_same_ratios() -> None:
    """Scores of both runs ten times as large: the map is fitted on one of them, and undoes it."""
    plain = forensic(finished(), finished(prefix="dev", seed=9), FEW)
    loud = forensic(finished(scale=10.0), finished(prefix="dev", seed=9, scale=10.0), FEW)
    for one, other in zip(plain.worth, loud.worth, strict=True):
        if one.method == "none":
            assert other.cllr.value > one.cllr.value
        elif one.method in ("kde", "logistic"):
            assert other.cllr.value == pytest.approx(one.cllr.value, abs=1e-6)


@pytest.mark.parametrize(
    ("development", "told"),
    [
        ({"prefix": "test", "seed": 9}, "clips are also in the judged run"),
        ({"prefix": "dev", "digest": "other"}, "is not the detector"),
    ],
)
def test_kinship_is_refused(development: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        forensic(finished(), finished(**development), FEW)


def test_shared_groups_and_a_missing_model_are_refused() -> None:
    development = finished(prefix="dev")
    table = development.table.assign(group="test-1")
    with pytest.raises(UsageError, match="groups are also in the judged run"):
        forensic(finished(), replace(development, table=table), FEW)
    record = development.record.model_copy(update={"models": []})
    with pytest.raises(UsageError, match="no scores of"):
        forensic(finished(), replace(development, record=record, table=table.iloc[:0]), FEW)


def test_too_few_clips_are_no_ratio_and_no_crash() -> None:
    run = finished(groups=3, each=1)
    table = run.table[~((run.table["condition"] == "reverb") & (run.table["label"] == "real"))]
    content = forensic(replace(run, table=table), options=FEW)
    reasons = {e.condition: e.reason for e in content.worth if e.method == "logistic"}
    assert "both classes" in reasons["reverb"]
    assert not content.prevalence[0].precision.known


def test_json_is_strict_and_whole(crossed: Forensic) -> None:
    content = json.loads(forensic_json(crossed), parse_constant=pytest.fail)
    assert content["models"] == [MODEL]
    assert len(content["worth"]) == 4 * len(CONDITIONS)
    raw = next(each for each in content["worth"] if each["method"] == "none")
    assert raw["upper"] is None
    assert max(len(each["fpr"]) for each in content["curves"]) <= 200


def test_the_same_run_gives_the_same_figures(crossed: Forensic) -> None:
    run = finished()
    shuffled = replace(run, table=run.table.sample(frac=1, random_state=3))
    assert forensic_json(forensic(run, options=FEW)) == forensic_json(crossed)
    other = json.loads(forensic_json(forensic(shuffled, options=FEW)))
    own = json.loads(forensic_json(crossed))
    for one, two in zip(own["worth"], other["worth"], strict=True):
        assert one["cllr"]["value"] == pytest.approx(two["cllr"]["value"], rel=1e-9)


def test_it_needs_no_torch() -> None:
    code = "import sys, harness.report.forensic; "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'av')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

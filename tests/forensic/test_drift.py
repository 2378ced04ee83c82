"""One threshold and one map under every condition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.forensic.calibrated import all_ratios, ratio_quality
from harness.forensic.drift import Drift, drift
from harness.forensic.run_view import ForensicRun
from harness.metrics import METRICS
from harness.results.run_folder import RunFolder
from tests.support.evidence_run import CONDITIONS, finished

DRAWS = 300


def moved_codec(shift: float = 2.0, prefix: str = "test", seed: int = 0) -> RunFolder:
    """Scores under the codec are those of clean, moved."""
    run = finished(groups=40, prefix=prefix, seed=seed)
    table = run.table
    clean = table.loc[table["condition"] == "clean", "score"].to_numpy()
    coded = table["condition"] == "codec:amr-nb"
    score = table["score"].to_numpy(copy=True)
    score[coded.to_numpy()] = clean + shift
    return replace(run, table=table.assign(score=score))


@pytest.fixture(scope="module")
def found() -> Drift:
    return drift(ForensicRun.of(moved_codec()), None, DRAWS)


def test_a_moved_condition_breaks_both_and_an_own_threshold_repairs_it(found: Drift) -> None:
    threshold = next(each for each in found.thresholds if each.condition == "codec:amr-nb")
    assert threshold.verdict == "does not hold"
    assert threshold.fpr_rise.low > 0 > threshold.fnr_rise.value
    assert threshold.regained > 0.1
    calibration = next(each for each in found.calibrations if each.condition == "codec:amr-nb")
    assert calibration.verdict == "does not hold"
    assert calibration.loss.low > 0
    assert calibration.clean_map.value > 1 > calibration.own_map.value
    assert calibration.cllr_cal.low > 0.5
    assert calibration.ece.low > 0.2


def test_a_loss_of_information_is_no_loss_of_the_threshold(found: Drift) -> None:
    """Noise at 5 dB takes the scores together: both rates rise, and no own threshold helps."""
    noisy = next(each for each in found.thresholds if each.condition == "noise:white@5dB")
    assert noisy.verdict == "does not hold"
    assert min(noisy.fpr_rise.low, noisy.fnr_rise.low) > 0
    assert abs(noisy.regained) < 0.06


def test_every_condition_but_clean_is_judged_and_figures_are_those_of_the_clips(
    found: Drift,
) -> None:
    names = [name for name in CONDITIONS if name != "clean"]
    assert [each.condition for each in found.thresholds] == names
    assert [each.condition for each in found.calibrations] == names
    view = ForensicRun.of(moved_codec())
    for each in found.thresholds:
        cell = view.cell(each.model, each.condition)
        assert each.fpr.value == METRICS["fpr"].value(cell.real, cell.fake, cell.threshold)
    for each in found.calibrations:
        expected = each.clean_map.value - each.own_map.value
        assert each.loss.value == pytest.approx(expected)


def test_what_is_the_same_as_clean_holds() -> None:
    found = drift(ForensicRun.of(moved_codec(shift=0.0)), None, DRAWS)
    threshold = next(each for each in found.thresholds if each.condition == "codec:amr-nb")
    calibration = next(each for each in found.calibrations if each.condition == "codec:amr-nb")
    assert threshold.fpr_rise.value == threshold.fnr_rise.value == 0
    assert calibration.verdict == "holds"
    assert calibration.loss.value == 0


def test_a_development_run_gives_the_maps() -> None:
    development = ForensicRun.of(moved_codec(prefix="dev", seed=9))
    found = drift(ForensicRun.of(moved_codec()), development, DRAWS)
    calibration = next(each for each in found.calibrations if each.condition == "codec:amr-nb")
    assert calibration.verdict == "does not hold"


def test_a_condition_of_one_class_is_left_out_and_one_that_falls_has_a_reason() -> None:
    run = finished()
    turned = run.table["condition"] == "reverb"
    table = run.table.assign(score=np.where(turned, -run.table["score"], run.table["score"]))
    table = table[~((table["condition"] == "crop@2s") & (table["label"] == "real"))]
    found = drift(ForensicRun.of(replace(run, table=table)), None, DRAWS)
    assert "crop@2s" not in {each.condition for each in found.thresholds}
    reverb = next(each for each in found.calibrations if each.condition == "reverb")
    assert "carry no information" in reverb.reason
    assert reverb.verdict == "not known"


def test_intervals_of_logistic_cllr_are_wider_with_the_map_refitted() -> None:
    view = ForensicRun.of(finished(groups=15))
    ratios = [own for own in all_ratios(view, None) if own.condition == "clean"]
    quality = {own.method: own for own in ratio_quality(view, None, ratios, DRAWS)}
    logistic = next(own for own in ratios if own.method == "logistic")
    fixed = view.estimates([logistic.cell], DRAWS)[logistic.cell]["cllr"]
    assert quality["logistic"].cllr.value == fixed.value
    width = quality["logistic"].cllr.high - quality["logistic"].cllr.low
    assert width > 3.9 * fixed.draws.std()

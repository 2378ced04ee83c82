"""Abstaining: what the rule refuses, and that it is view on others than it is tuned on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.forensic.abstention import AbstentionRule, rule_results, selective_risks
from harness.forensic.run_view import ForensicRun
from harness.metrics import METRICS
from tests.support.evidence_run import finished


def test_selection_is_that_of_the_condition_s_clips() -> None:
    view = ForensicRun.of(finished())
    found = {each.condition: each for each in selective_risks(view, 200)}
    cell = view.cell("owner/model", "clean")
    assert found["clean"].aurc.value == pytest.approx(METRICS["aurc"].value(cell.real, cell.fake))
    assert found["clean"].aurc.value < found["noise:white@5dB"].aurc.value
    for each in found.values():
        for held in each.held:
            assert held.sure_coverage <= held.coverage + 1e-12
            if held.sure_coverage:
                assert held.error.high <= held.wanted
            else:
                assert math.isnan(held.confidence)


def test_a_confidence_that_is_held_surely_is_kept_by_fresh_clips() -> None:
    """Chosen on one run, the error of another one above that confidence is at most the wanted."""
    kept = []
    for seed in range(6):
        one = ForensicRun.of(finished(groups=60, seed=seed))
        other = ForensicRun.of(finished(groups=200, seed=100 + seed)).cell("owner/model", "clean")
        held = next(e for e in selective_risks(one, 200) if e.condition == "clean").held[0]
        sure = [np.abs(each) >= held.confidence for each in (other.real, other.fake)]
        wrong = np.sum(other.real[sure[0]] >= 0) + np.sum(other.fake[sure[1]] < 0)
        kept.append(wrong / (np.sum(sure[0]) + np.sum(sure[1])) <= held.wanted)
    assert sum(kept) >= 5


def test_the_rule_refuses_the_noise_that_spoils_the_scores() -> None:
    view = ForensicRun.of(finished(groups=60))
    tenth = rule_results(view, None, 200)[0]
    assert tenth.tuned_on == "half of the groups"
    assert tenth.rule is not None
    assert tenth.rule.snr_db > 5 or tenth.rule.confidence > 1
    assert tenth.after.value < tenth.before.value / 1.5
    assert tenth.coverage.groups == 30  # the other half
    assert tenth.kept == (tenth.after.high <= 0.1)


def test_a_rule_is_tuned_on_the_development_run_where_there_is_one() -> None:
    view, other = ForensicRun.of(finished()), ForensicRun.of(finished(prefix="dev", seed=3))
    found = rule_results(view, other, 200)
    assert {each.tuned_on for each in found} == {"development"}
    assert found[0].coverage.groups == 40
    # With scores that say nothing, no rule reaches it and none is made up.
    flat = finished()
    table = flat.table.assign(score=np.tile([1.0, -1.0], len(flat.table) // 2))
    blind = ForensicRun.of(type(flat)(flat.folder, flat.record, table, flat.published))
    assert [each.rule for each in rule_results(blind, None, 50)] == [None] * 3


def test_what_has_no_snr_is_not_refused_for_it() -> None:
    from harness.forensic.abstention import ScoredRows

    clips = ScoredRows.of(ForensicRun.of(finished()), "owner/model")
    refused = ~clips.decided(AbstentionRule(0.0, 15.0, 0.0, 0.0))
    assert refused.mean() == pytest.approx(1 / 8)  # the one condition at 5 dB

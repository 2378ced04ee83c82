"""Requirements on runs made by hand: what passes, fails, or stays undecided."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.compare.compare import compare
from harness.compare.judge import judge
from harness.compare.policy import ReleasePolicy
from harness.compare.verdict import Gate
from harness.report.gate_files import as_json, as_junit, as_markdown
from harness.results.figures import Summary
from harness.results.run_folder import RunFolder, read_run
from harness.summary.summary import figures
from tests.support.paths import RUNS

RUN = RUNS / "version-1"


GROUPS = 40


@pytest.fixture(scope="module")
def whole() -> RunFolder:
    """A run of 40 speakers with 5 clips each, clean and under one condition, 90 % of them right."""
    old = read_run(RUN)
    rng = np.random.default_rng(0)
    suite = old.record.suite.model_copy(update={"conditions": old.record.suite.conditions[:2]})
    rows: list[dict[str, object]] = []
    for condition in suite.conditions:
        for number in range(5 * GROUPS):
            label = "fake" if number % 2 else "real"
            right = rng.random() < 0.9
            side = 1 if (label == "fake") == right else -1
            rows.append(
                {
                    **old.table.iloc[0].to_dict(),
                    "clip_id": f"clip-{number}",
                    "condition": condition.name,
                    "family": condition.family,
                    "label": label,
                    "group": f"speaker-{number // 5}",
                    "score": side * float(rng.uniform(0.5, 3)),
                }
            )
    half = 5 * GROUPS // 2
    data = old.record.data.model_copy(update={"clips": 2 * half, "real": half, "fake": half})
    record = old.record.model_copy(update={"suite": suite, "data": data})
    return replace(old, record=record, table=pd.DataFrame(rows))


def worse(run: RunFolder, condition: str, share: float) -> RunFolder:
    """The run with so many of the right verdicts of a condition turned, in every group alike."""
    table = run.table.copy()
    here = np.flatnonzero(table["condition"] == condition)
    turned = here[:: round(1 / share)]
    score = table["score"].to_numpy(copy=True)
    fake = (table["label"] == "fake").to_numpy()
    score[turned] = np.where(fake[turned], -1.0, 1.0) * np.abs(score[turned])
    table["score"] = score
    return replace(run, table=table)


def held(run: RunFolder, baseline: RunFolder, **requirement: object) -> Gate:
    content = {"metric": "accuracy", "margin": 0.05} | requirement
    policy = ReleasePolicy.model_validate({"version": 1, "name": "test", "require": [content]})
    return judge(run, figures(run, 200), compare(run, baseline, resamples=200), policy, "before")


def words(gate: Gate) -> dict[str, str]:
    return {one.condition: one.word for one in gate.verdicts if one.metric != "coverage"}


def test_a_run_against_itself_passes(whole: RunFolder) -> None:
    gate = held(whole, whole)
    assert set(words(gate).values()) == {"PASS"}
    assert (gate.word, gate.exit_code) == ("PASS", 0)


def test_only_a_significant_loss_fails(whole: RunFolder) -> None:
    condition = whole.record.suite.conditions[1].name
    gate = held(worse(whole, condition, 0.25), whole)
    assert words(gate) == {"clean": "PASS", condition: "FAIL"}
    assert (gate.word, gate.exit_code) == ("FAIL", 1)
    (failed,) = [one for one in gate.verdicts if one.word == "FAIL"]
    assert failed.high < -0.05
    assert failed.p < 0.05
    assert failed.difference == pytest.approx(failed.value - failed.baseline, abs=1e-12)


def test_a_small_loss_passes_or_is_inconclusive(whole: RunFolder) -> None:
    gate = held(worse(whole, "clean", 0.05), whole, margin=0.15, conditions=["clean"])
    assert words(gate) == {"clean": "PASS"}
    gate = held(worse(whole, "clean", 0.05), whole, conditions=["clean"])
    assert words(gate) == {"clean": "INCONCLUSIVE"}
    assert gate.exit_code == 3


COUNTED = {"inconclusive": "INCONCLUSIVE", "fail": "FAIL", "pass": "PASS"}


@pytest.mark.parametrize("undecided", COUNTED)
@pytest.mark.parametrize(
    ("turned", "requirement", "outcome"),
    [
        (None, {"margin": 0.05}, "PASS"),
        (0.05, {"margin": 0.05}, "INCONCLUSIVE"),
        (0.5, {"margin": 0.05}, "FAIL"),
        (None, {"margin": None, "at_least": 0.5}, "PASS"),
        (None, {"margin": None, "at_least": 0.9}, "INCONCLUSIVE"),
        (None, {"margin": None, "at_least": 0.99}, "FAIL"),
    ],
)
def test_a_policy_decides_only_what_the_clips_cannot(
    whole: RunFolder,
    turned: float | None,
    requirement: dict[str, float | None],
    outcome: str,
    undecided: str,
) -> None:
    run = whole if turned is None else worse(whole, "clean", turned)
    gate = held(run, whole, conditions=["clean"], undecided=undecided, **requirement)
    (verdict,) = [one for one in gate.verdicts if one.metric != "coverage"]
    assert verdict.outcome == outcome
    counted = COUNTED[undecided] if outcome == "INCONCLUSIVE" else outcome
    assert verdict.word == gate.word == counted
    assert gate.exit_code == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[counted]
    lenient = (outcome, counted) == ("INCONCLUSIVE", "PASS")
    assert ("undecided counts as PASS" in verdict.reason) == lenient
    assert ("the clips cannot decide 1 of these" in gate.tally) == (counted != outcome)
    assert ("enough to know it" in as_markdown(gate)) == (counted == "PASS" and not lenient)
    assert json.loads(as_json(gate))["requirements"][0]["undecided"] == (outcome == "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("same", "requirement", "sentence"),
    [
        (
            False,
            {},
            "must; it fails at 0.05 after Holm's correction for 1 requirement with a margin.",
        ),
        (True, {}, "A requirement passes by its own 95 % interval, as all must."),
        (True, {"margin": None, "at_least": 0.5}, "Absolute requirements are judged by their own"),
    ],
)
def test_the_correction_is_described_where_it_applies(
    whole: RunFolder, same: bool, requirement: dict[str, float | None], sentence: str
) -> None:
    run = whole if same else worse(whole, "clean", 0.05)
    correction = held(run, whole, conditions=["clean"], **requirement).correction
    assert sentence in correction
    assert ("Holm" in correction) == (not same)
    assert ("Absolute" in correction) == ("at_least" in requirement)


def test_a_figure_without_an_interval_never_passes(whole: RunFolder) -> None:
    few = replace(whole, table=whole.table.assign(group="one"))
    gate = held(few, few, margin=None, at_least=0.1, conditions=["clean"], undecided="pass")
    assert words(gate) == {"clean": "INCONCLUSIVE"}


def test_error_rates_fail_upwards(whole: RunFolder) -> None:
    bad = worse(whole, "clean", 0.25)
    assert words(held(bad, whole, metric="eer", conditions=["clean"])) == {"clean": "FAIL"}
    assert words(held(whole, bad, metric="eer", conditions=["clean"])) == {"clean": "PASS"}


@pytest.mark.parametrize(
    ("bound", "word"),
    [
        ({"at_least": 0.5}, "PASS"),
        ({"at_least": 0.9}, "INCONCLUSIVE"),
        ({"at_least": 0.99}, "FAIL"),
        ({"at_most": 0.99}, "PASS"),
        ({"at_most": 0.5}, "FAIL"),
    ],
)
def test_absolute_bounds(whole: RunFolder, bound: dict[str, float], word: str) -> None:
    gate = held(whole, whole, margin=None, conditions=["clean"], **bound)
    assert words(gate) == {"clean": word}


def test_an_unknown_condition_or_family_fails(whole: RunFolder) -> None:
    gate = held(whole, whole, conditions=["clean", "codec:mp3@23k"], families=["nosie"])
    assert {one.condition for one in gate.verdicts if one.word == "FAIL"} == {
        "codec:mp3@23k",
        "nosie",
    }


def test_low_coverage_is_inconclusive(whole: RunFolder) -> None:
    table = whole.table.copy()
    lost = table.index[(table["condition"] == "clean") & (table["label"] == "fake")][:5]
    table.loc[lost, "status"] = "error"
    table.loc[lost, "score"] = np.nan
    run = replace(whole, table=table)
    gate = held(run, run, conditions=["clean"])
    (low,) = [one for one in gate.verdicts if one.metric == "coverage"]
    assert (low.word, low.condition, low.value) == ("INCONCLUSIVE", "clean", 0.95)


def test_a_summary_without_figures_fails(whole: RunFolder) -> None:
    summary = figures(whole, 50)
    empty: Summary = replace(summary, rows=[replace(row, value=math.nan) for row in summary.rows])
    policy = ReleasePolicy.model_validate(
        {"version": 1, "name": "x", "require": [{"metric": "auc", "at_least": 0.1}]}
    )
    gate = judge(whole, empty, compare(whole, whole, resamples=50), policy, "b")
    assert {one.word for one in gate.verdicts if one.metric == "auc"} == {"FAIL"}


def test_the_same_weights_on_another_machine_pass(whole: RunFolder) -> None:
    table = whole.table.copy()
    rng = np.random.default_rng(0)
    table["score"] = table["score"] + rng.uniform(-0.05, 0.05, len(table))
    again = replace(whole, table=table)
    assert whole.record.models[0].digest
    assert set(words(held(again, whole, margin=0.001)).values()) == {"PASS"}
    other = whole.record.models[0].model_copy(update={"digest": "another"})
    record = whole.record.model_copy(update={"models": [other]})
    assert "PASS" not in words(held(replace(again, record=record), whole, margin=0.001)).values()


def test_an_unfinished_run_does_not_pass(whole: RunFolder) -> None:
    run = replace(whole, table=whole.table.drop(index=[0]))
    gate = held(run, whole, conditions=["clean"], margin=0.1)
    assert (gate.word, words(gate)) == ("INCONCLUSIVE", {"clean": "PASS"})
    reasons = [one.reason for one in gate.verdicts if one.required == "a finished run"]
    assert reasons == ["1 of 400 rows are missing"]


def test_a_figure_without_a_value_in_both_runs_fails(whole: RunFolder) -> None:
    table = whole.table.assign(status="rejected", score=np.nan)
    nothing = replace(whole, table=table)
    gate = held(nothing, nothing, undecided="pass")
    assert set(words(gate).values()) == {"FAIL"}
    assert gate.exit_code == 1


@pytest.mark.parametrize(
    ("changes", "machine"),
    [
        ({"settings": {"extractor mean": -4.0}}, {}),
        ({"fake_label": "real"}, {}),
        ({}, {"precision": "bf16"}),
        ({}, {"compiled": True}),
    ],
)
def test_the_same_weights_with_other_settings_are_another_detector(
    whole: RunFolder, changes: dict[str, object], machine: dict[str, object]
) -> None:
    table = whole.table.copy()
    table["score"] = table["score"] + np.random.default_rng(0).uniform(-0.05, 0.05, len(table))
    model = whole.record.models[0].model_copy(update={"settings": {"extractor mean": -4.27}})
    before = whole.record.model_copy(update={"models": [model]})
    after = before.model_copy(
        update={
            "models": [model.model_copy(update=changes)],
            "machine": before.machine.model_copy(update=machine),
        }
    )
    baseline = replace(whole, record=before)
    again = replace(whole, record=after, table=table)
    assert "PASS" not in words(held(again, baseline, margin=0.001)).values()
    told = " ".join(compare(again, baseline, resamples=20).notes)
    assert "another detector with the same weights" in told if changes else "is " in told


def with_digests(run: RunFolder, others: int = 0) -> RunFolder:
    """The run with a digest of every recording, the first ones being other recordings."""
    clips = run.table["clip_id"]
    exchanged = {f"clip-{number}" for number in range(others)}
    digests = [f"{'other' if clip in exchanged else 'the'} {clip}" for clip in clips]
    return replace(run, table=run.table.assign(audio_digest=digests))


@pytest.mark.parametrize(
    ("others", "word"), [(0, "PASS"), (1, "PASS"), (20, "INCONCLUSIVE"), (101, "FAIL")]
)
def test_recordings_that_differ_from_the_baseline(whole: RunFolder, others: int, word: str) -> None:
    """Of 200: few are left out and said, more leave it open, of most of them it is other data."""
    suite = whole.record.suite.model_copy(update={"min_coverage": 0.99})
    whole = replace(whole, record=whole.record.model_copy(update={"suite": suite}))
    gate = held(with_digests(whole), with_digests(whole, others))
    assert gate.word == word
    told = [one for one in gate.verdicts if one.metric == "comparable"]
    assert [(one.word, one.value) for one in told] == [
        ("PASS" if others == 1 else "INCONCLUSIVE", 1 - others / 200)
    ] * bool(others)
    for form in (as_json(gate), as_markdown(gate), as_junit(gate)) if others > 1 else ():
        assert f"{others} recordings differ" in form
    for verdict in gate.verdicts if others == 101 else ():
        if verdict.metric == "accuracy":
            assert verdict.reason.startswith("not comparable: other data: 101 of 200 recordings")

"""The summary of tables whose every figure is known by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.claims.published import Counts, Figures, Published
from harness.errors import UsageError
from harness.metrics import METRICS
from harness.metrics.detection import roc
from harness.results.record import RunRecord
from harness.results.scores import ScoresWriter, read_scores
from harness.summary.curves import bin_edges, thin
from harness.summary.summary import (
    STATISTICS,
    ClaimCheck,
    Summary,
    headline,
    metrics_json,
    summarise,
)
from harness.terms import UnscoredPolicy
from tests.support.builders import condition_record, model_record, run_record, score_row

MODEL = "owner/model"
MILD, HARSH, GONE = "codec:x@2", "codec:x@1", "noise@0dB"

CLEAN_SCORES = {
    "r1": -2.0,
    "r2": -1.0,
    "r3": -1.0,
    "r4": 1.0,
    "f1": 2.0,
    "f2": 3.0,
    "f3": -3.0,
    "f4": None,
}
MILD_SCORES = CLEAN_SCORES | {"f3": 0.0, "r4": None, "f4": 5.0}
HARSH_SCORES = CLEAN_SCORES | {"f1": -1.0, "f2": -1.0, "r4": None, "f4": 5.0}


def record(
    conditions: Sequence[tuple[str, str]] = (
        ("clean", "clean"),
        (MILD, "codec"),
        (HARSH, "codec"),
        (GONE, "noise"),
    ),
    models: Sequence[str] = (MODEL,),
    threshold: float = 0.0,
    unscored: UnscoredPolicy = "excluded",
) -> RunRecord:
    return run_record(
        [
            condition_record(
                name, family=family, series=family, severity=0.0, words=f"{name} in words"
            )
            for name, family in conditions
        ],
        [model_record(name) for name in models],
        suite={"threshold": threshold, "unscored": unscored},
        data={"clips": 8, "real": 4, "fake": 4},
        finished=None,
    )


def rows(condition: str, family: str, scores: dict[str, float | None]) -> list[dict[str, Any]]:
    return [
        score_row(
            clip_id,
            condition,
            score,
            family=family,
            severity=1.0,
            source="left" if clip_id in ("r1", "r2") else "right",
            generator={"f1": "A", "f2": "A", "f3": "B", "f4": "B"}.get(clip_id, ""),
            seconds=math.nan if score is None else 0.5 if clip_id == "r1" else 9.0,
        )
        for clip_id, score in scores.items()
    ]


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Written and read as a run's own table is; the condition `GONE` has no rows."""
    with ScoresWriter(tmp_path) as writer:
        writer.append(rows("clean", "clean", CLEAN_SCORES))
        writer.append(rows(MILD, "codec", MILD_SCORES))
        writer.append(rows(HARSH, "codec", HARSH_SCORES))
    return read_scores(tmp_path)


def drawn(count: int, seed: int, conditions: Sequence[str] = ("clean",)) -> pd.DataFrame:
    """Clips with random scores, half of them fake."""
    rng = np.random.default_rng(seed)
    all_rows: list[dict[str, Any]] = []
    for condition in conditions:
        scores = {
            f"{label}{number:05d}": float(rng.normal(1 if label == "f" else -1, 1))
            for number in range(count // 2)
            for label in "rf"
        }
        all_rows += rows(condition, "clean" if condition == "clean" else "codec", scores)
    return pd.DataFrame(all_rows)


def look_up(summary: Summary, condition: str, slice_name: str = "all") -> dict[str, Any]:
    found = [row for row in summary.rows if (row.condition, row.slice) == (condition, slice_name)]
    assert len({row.metric for row in found}) == len(found)
    return {row.metric: row for row in found}


def share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def bits(*log_odds: float) -> float:
    """What it costs to have said this of what was not there."""
    return sum(math.log2(1 + math.exp(each)) for each in log_odds)


def test_clean_by_hand(table: pd.DataFrame) -> None:
    measured = look_up(summarise(table, record(), resamples=50), "clean")
    expected = {
        "accuracy": (5 / 7, 7),
        "balanced_accuracy": ((2 / 3 + 3 / 4) / 2, 7),
        "precision": (2 / 3, 3),
        "recall": (2 / 3, 3),
        "f1": (2 / 3, 7),
        "precision_real": (3 / 4, 4),
        "recall_real": (3 / 4, 4),
        "f1_real": (3 / 4, 7),
        "fpr": (1 / 4, 4),
        "fnr": (1 / 3, 3),
        "hter": ((1 / 4 + 1 / 3) / 2, 7),
        "act_dcf": (1.9 / 4 + 1 / 3, 7),
        "min_dcf": (1 / 3, 7),  # above 1 and up to 2: no false alarm, f3 is missed
        "eer": (1 / 3, 7),
        "auc": (8 / 12, 7),
        "cllr": ((bits(-2, -1, -1, 1) / 4 + bits(-2, -3, 3) / 3) / 2, 7),
        # Pooled: all real clips with f3, then the other two fakes.
        "cllr_min": ((math.log2(4 / 3) + 2 / 3) / 2, 7),
        "cllr_cal": (
            (bits(-2, -1, -1, 1) / 4 + bits(-2, -3, 3) / 3 - math.log2(4 / 3) - 2 / 3) / 2,
            7,
        ),
        # Seven clips in six of ten bins, the two at -1 in one.
        "ece": ((share(3) + 2 * share(-2) + 2 * share(-1) + share(1) + share(-3)) / 7, 7),
        "brier": (sum(share(s) ** 2 for s in (-2, -1, -1, 1, -2, -3, 3)) / 7, 7),
        # Of the two surest one is wrong, of four one, of seven two.
        "aurc": ((2 / 2 + 2 / 4 + 3 * 2 / 7) / 7, 7),
        "coverage": (7 / 8, 8),
    }
    assert set(measured) == set(METRICS) == set(expected)
    for name, (value, n) in expected.items():
        row = measured[name]
        assert (row.value, row.n) == (pytest.approx(value, abs=1e-12), n), name
        if METRICS[name].is_count:
            assert math.isnan(row.low), "a count has no interval"
            continue
        assert 0 <= row.low <= row.value <= row.high <= METRICS[name].range.most, name
        assert row.low < row.high, name


def test_the_threshold_is_the_suite_s(table: pd.DataFrame) -> None:
    measured = look_up(summarise(table, record(threshold=1.5), resamples=20), "clean")
    assert measured["fpr"].value == 0
    assert measured["accuracy"].value == pytest.approx(6 / 7)


def test_damage_is_of_the_clips_scored_under_both(table: pd.DataFrame) -> None:
    summary = summarise(table, record(), resamples=50)
    damage = {(each.condition, each.metric): each for each in summary.damage}
    # Common to clean and either codec: r1 r2 r3 f1 f2 f3, of which clean gets 5 right.
    harsh, mild = damage[HARSH, "accuracy"], damage[MILD, "accuracy"]
    assert (harsh.value, harsh.n) == (pytest.approx(3 / 6 - 5 / 6), 6)
    assert (mild.value, mild.n) == (pytest.approx(1 / 6), 6)
    recall = damage[HARSH, "recall"]
    assert (recall.value, recall.n) == (pytest.approx(-2 / 3), 3)
    real = damage[HARSH, "recall_real"]
    assert (real.value, real.n) == (0, 3)
    assert real.low < 0 < real.high  # no difference in three clips is no proof of none
    for each in summary.damage:
        if each.condition != GONE:
            assert each.low <= each.value <= each.high


# Counts of tp, fn, fp, tn; on clean f4 has no score, under the codecs r4 has none.
DECIDED = {
    ("clean", "wrong"): (2, 2, 1, 3),
    ("clean", "real"): (2, 2, 1, 3),
    (MILD, "wrong"): (4, 0, 1, 3),
    (MILD, "real"): (4, 0, 0, 4),
    (HARSH, "wrong"): (1, 3, 1, 3),
    (HARSH, "real"): (1, 3, 0, 4),
}


@pytest.mark.parametrize(("condition", "policy"), DECIDED)
def test_policies_by_hand(table: pd.DataFrame, condition: str, policy: UnscoredPolicy) -> None:
    tp, fn, fp, tn = DECIDED[condition, policy]
    measured = look_up(summarise(table, record(unscored=policy), resamples=50), condition)
    out = look_up(summarise(table, record(), resamples=50), condition)
    expected = {
        "accuracy": ((tp + tn) / 8, 8),
        "balanced_accuracy": ((tp / 4 + tn / 4) / 2, 8),
        "precision": (tp / (tp + fp), tp + fp),
        "recall": (tp / 4, 4),
        "f1": (2 * tp / (2 * tp + fp + fn), 8),
        "precision_real": (tn / (tn + fn), tn + fn),
        "recall_real": (tn / 4, 4),
        "f1_real": (2 * tn / (2 * tn + fn + fp), 8),
        "fpr": (fp / 4, 4),
        "fnr": (fn / 4, 4),
    }
    for name, (value, n) in expected.items():
        row = measured[name]
        assert (row.value, row.n) == (pytest.approx(value, abs=1e-12), n), name
        assert n == 1 or 0 <= row.low <= row.value <= row.high <= 1, name
    for name in ("eer", "auc", "coverage"):
        assert measured[name] == out[name], "a score is needed for a rank"


def test_damage_where_a_policy_decides(table: pd.DataFrame) -> None:
    """Decisions on all eight clips, as each was tried under both; ranks on the six with scores."""
    expected = {
        ("wrong", MILD): (7 - 5) / 8,
        ("wrong", HARSH): (4 - 5) / 8,
        ("real", MILD): (8 - 5) / 8,
        ("real", HARSH): (5 - 5) / 8,
    }
    out = {(each.condition, each.metric): each for each in summarise(table, record()).damage}
    for policy in ("wrong", "real"):
        summary = summarise(table, record(unscored=policy))
        assert summary.policy == policy
        damage = {(each.condition, each.metric): each for each in summary.damage}
        assert list(damage) == list(out)
        for condition in (MILD, HARSH):
            each = damage[condition, "accuracy"]
            value = expected[policy, condition]
            assert (each.value, each.n) == (pytest.approx(value), 8)
            assert each.low <= each.value <= each.high
            for name in ("eer", "auc"):
                assert damage[condition, name] == out[condition, name]
        codec = next(f for f in summary.families if (f.family, f.metric) == ("codec", "accuracy"))
        mean = (expected[policy, MILD] + expected[policy, HARSH]) / 2
        assert (codec.value, codec.worst) == (pytest.approx(mean), HARSH)


def test_a_condition_that_nothing_could_be_scored_under() -> None:
    """Left out there is no figure; decided it is the worst there is, or a gate that is open."""
    table = pd.DataFrame(
        rows("clean", "clean", dict.fromkeys(CLEAN_SCORES, -1.0))
        + rows(MILD, "codec", dict.fromkeys(CLEAN_SCORES))
    )
    known = [("clean", "clean"), (MILD, "codec")]
    accuracy, damage = {}, {}
    for policy in ("excluded", "wrong", "real"):
        summary = summarise(table, record(known, unscored=policy), resamples=20)
        accuracy[policy] = look_up(summary, MILD)["accuracy"].value
        (damage[policy],) = [d.value for d in summary.damage if d.metric == "accuracy"]
        assert len(summary.shortfalls) == 2
    assert accuracy == pytest.approx({"excluded": math.nan, "wrong": 0, "real": 0.5}, nan_ok=True)
    assert damage == pytest.approx({"excluded": math.nan, "wrong": -0.5, "real": 0}, nan_ok=True)


def test_the_slices_follow_the_policy(table: pd.DataFrame) -> None:
    summary = summarise(table, record(unscored="wrong"), resamples=20)
    made_by_b = look_up(summary, "clean", "generator=B")  # f3 missed, f4 without a score
    assert (made_by_b["recall"].value, made_by_b["recall"].n) == (0, 2)
    right = look_up(summary, "clean", "source=right")  # r3 r4 f1 f2 f3 f4
    assert (right["accuracy"].value, right["accuracy"].n) == (pytest.approx(3 / 6), 6)
    lengths = look_up(summary, "clean", "length=8+ s")
    assert lengths["accuracy"].n == 6, "what was not scored has no length"
    pooled = look_up(summary, "*", "family=codec")
    assert (pooled["accuracy"].value, pooled["accuracy"].n) == (pytest.approx(11 / 16), 16)


def test_the_metrics_file_says_the_policy(table: pd.DataFrame) -> None:
    for policy in ("excluded", "wrong", "real"):
        summary = summarise(table, record(unscored=policy), resamples=5)
        assert json.loads(metrics_json(summary))["unscored"] == policy


def test_a_condition_without_rows_is_missing_and_not_zero(table: pd.DataFrame) -> None:
    summary = summarise(table, record(), resamples=20)
    gone = look_up(summary, GONE)
    assert set(gone) == set(METRICS)
    gone_damage = [each for each in summary.damage if each.condition == GONE]
    family = [each for each in summary.families if each.family == "noise"]
    assert gone_damage
    assert family
    coverage = gone.pop("coverage")
    assert (coverage.value, coverage.n) == (0, 8)  # every clip of the run is owed
    for each in [*gone.values(), *gone_damage, *family]:
        assert np.isnan([each.value, each.low, each.high]).all()
    assert {each.n for each in [*gone.values(), *gone_damage]} == {0}
    assert {(each.conditions, each.worst) for each in family} == {(0, "")}


def test_family_damage_is_the_mean_and_names_the_worst(table: pd.DataFrame) -> None:
    summary = summarise(table, record(), resamples=50)
    families = {(each.family, each.metric): each for each in summary.families}
    codec = families["codec", "accuracy"]
    assert (codec.value, codec.conditions) == (pytest.approx((1 / 6 - 2 / 6) / 2), 2)
    assert codec.worst == HARSH
    assert families["codec", "eer"].worst == HARSH  # where more is worse
    assert "clean" not in {each.family for each in summary.families}


def test_family_intervals_are_of_the_mean() -> None:
    table = drawn(80, 10, ["clean", MILD, HARSH])
    both = [(MILD, "codec"), (HARSH, "codec")]
    orders = [record([("clean", "clean"), *each]) for each in (both, both[::-1])]
    one, other = (summarise(table, each, resamples=200).families for each in orders)
    assert [each.metric for each in one] == [each.metric for each in other]
    for each, same in zip(one, other, strict=True):
        assert (each.low, each.high) == pytest.approx((same.low, same.high))
        assert each.low < each.value < each.high


def test_family_rows_pool_their_conditions(table: pd.DataFrame) -> None:
    pooled = look_up(summarise(table, record(), resamples=20), "*", "family=codec")
    # Mild: 3 real and 4 fakes right; harsh: 3 real right, of the fakes f4 alone.
    assert (pooled["accuracy"].value, pooled["accuracy"].n) == (pytest.approx(11 / 14), 14)
    assert (pooled["coverage"].value, pooled["coverage"].n) == (pytest.approx(14 / 16), 16)


def test_slices_of_clean(table: pd.DataFrame) -> None:
    summary = summarise(table, record(), resamples=20)
    made_by_b = look_up(summary, "clean", "generator=B")
    assert set(made_by_b) == {"recall", "fnr", "coverage", "eer", "auc"}
    assert (made_by_b["recall"].value, made_by_b["recall"].n) == (0, 1)
    assert (made_by_b["coverage"].value, made_by_b["coverage"].n) == (0.5, 2)
    assert (made_by_b["auc"].value, made_by_b["auc"].n) == (0, 5)  # f3 against every real clip
    left = look_up(summary, "clean", "source=left")  # r1 and r2, both real
    assert (left["recall_real"].value, left["recall_real"].n) == (1, 2)
    for name in ("recall", "f1", "precision", "balanced_accuracy", "eer", "auc"):
        assert math.isnan(left[name].value), name
        assert left[name].n == 0
    assert look_up(summary, "clean", "length=0.5-1 s")["accuracy"].n == 1
    assert look_up(summary, "clean", "length=8+ s")["accuracy"].n == 6
    assert "coverage" not in look_up(summary, "clean", "length=8+ s")


def test_slices_of_conditions_need_clips() -> None:
    table = drawn(60, 0, ["clean", MILD])
    table.loc[table["clip_id"] == "r00000", "source"] = "rare"
    summary = summarise(table, record(), resamples=20)
    assert look_up(summary, "clean", "source=rare")["accuracy"].n == 1
    assert not look_up(summary, MILD, "source=rare")
    assert set(look_up(summary, MILD, "source=right")) == {"accuracy", "recall", "recall_real"}


def test_perfect_is_not_certain() -> None:
    table = drawn(40, 0)
    table["score"] = np.where(table["label"] == "fake", 5.0, -5.0)
    measured = look_up(summarise(table, record()), "clean")
    assert (measured["accuracy"].value, measured["accuracy"].high) == (1, 1)
    assert measured["accuracy"].low == pytest.approx(0.025 ** (1 / 40))
    assert measured["eer"].high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_one_group_has_no_interval() -> None:
    table = drawn(40, 0)
    table["group"] = "the only speaker"
    for row in look_up(summarise(table, record(), resamples=20), "clean").values():
        assert not math.isnan(row.value)
        assert math.isnan(row.low)
        assert math.isnan(row.high)


def test_clips_without_a_group_are_their_own(table: pd.DataFrame) -> None:
    bare = table.assign(group="")
    assert summarise(bare, record(), resamples=20).groups == 8
    assert metrics_json(summarise(bare, record(), resamples=20)) == metrics_json(
        summarise(table, record(), resamples=20)
    )


def test_order_of_the_rows_changes_nothing() -> None:
    table = drawn(60, 1, ["clean", MILD])
    shuffled = table.sample(frac=1, random_state=0)
    one, other = summarise(table, record()), summarise(shuffled, record())
    assert metrics_json(one) == metrics_json(other)
    assert one.mistakes == other.mistakes
    assert one.histograms == other.histograms
    assert metrics_json(one) != metrics_json(summarise(table, record(), seed=1))


def test_models_are_kept_apart(table: pd.DataFrame) -> None:
    opposite = table.assign(model="other/model", score=-table["score"])
    both = summarise(
        pd.concat([opposite, table]), record(models=[MODEL, "other/model"]), resamples=20
    )
    alone = summarise(table, record(), resamples=20)
    own, expected = (json.loads(metrics_json(each))["rows"] for each in (both, alone))
    assert [row for row in own if row["model"] == MODEL] == expected
    turned = {
        row.metric: row.value
        for row in both.rows
        if (row.model, row.condition, row.slice) == ("other/model", "clean", "all")
    }
    assert turned["auc"] == pytest.approx(4 / 12)


def test_claims() -> None:
    table = drawn(400, 2)
    measured = look_up(summarise(table, record()), "clean")
    published = Published(
        model=MODEL,
        positive="unstated",
        figures=Figures(accuracy=measured["accuracy"].low, f1=0.999, recall=0.1),
    )
    claims = {each.metric: each for each in summarise(table, record(), published).claims}
    assert {name: claim.verdict for name, claim in claims.items()} == {
        "accuracy": "covered",
        "f1": "below",
        "recall": "above",
    }
    f1 = claims["f1"]
    assert f1.difference == pytest.approx(measured["f1"].value - 0.999)
    assert (f1.low, f1.high, f1.n) == (measured["f1"].low, measured["f1"].high, 400)


def test_claims_are_tested_for_equivalence_with_their_own_sampling_error() -> None:
    table = drawn(400, 2)
    value = look_up(summarise(table, record()), "clean")["accuracy"].value
    figures = Figures(accuracy=round(value, 4))

    def check(**card: Any) -> ClaimCheck:
        published = Published(model=MODEL, positive="fake", figures=figures, **card)
        return summarise(table, record(), published).claims[0]

    exact = check()
    assert (exact.reported_n, exact.margin) == (0, 0.02)
    assert exact.equivalence == "undecided", "400 clips do not tell 2 points"
    # 90 % instead of 95 %, about the difference, with no error of the report itself.
    ratio = 1.6448536 / 1.9599640
    assert exact.apart_low - exact.difference == pytest.approx(
        (exact.low - exact.measured) * ratio, rel=1e-6
    )
    small = check(test_set=Counts(fake=20, real=20))
    assert small.reported_n == 40
    assert small.apart_low < exact.apart_low - 0.01
    assert small.apart_high > exact.apart_high + 0.01


def test_claims_of_real_are_held_against_figures_of_real() -> None:
    figures = Figures(accuracy=0.9, recall=0.2)
    published = Published(model=MODEL, positive="real", figures=figures)
    made = summarise(drawn(400, 2), record(), published)
    own = look_up(made, "clean")
    assert [(each.metric, each.measured) for each in made.claims] == [
        ("accuracy", own["accuracy"].value),
        ("recall_real", own["recall_real"].value),
    ]
    assert made.claims[1].equivalence == "better"
    assert made.claims[1].apart_low > 0.02


def test_claims_without_a_measurement() -> None:
    published = Published(model=MODEL, positive="fake", figures=Figures(f1=0.9, accuracy=0.9))
    only_real = drawn(40, 3).query("label == 'real'")
    claims = {each.metric: each for each in summarise(only_real, record(), published).claims}
    assert claims["f1"].verdict == "not measured"
    assert math.isnan(claims["f1"].measured)
    assert claims["f1"].n == 0
    assert claims["accuracy"].n == 20
    one_group = drawn(40, 3).assign(group="one")
    claims = {each.metric: each for each in summarise(one_group, record(), published).claims}
    assert claims["f1"].verdict == "not measured"  # a value, but nothing to judge it by
    assert claims["f1"].n == 40


def test_metrics_json_is_strict_and_whole(table: pd.DataFrame) -> None:
    summary = summarise(table, record(), resamples=20)
    content = json.loads(metrics_json(summary), parse_constant=pytest.fail)
    lists = ["rows", "damage", "families", "claims", "contradictions", "hindsight", "warnings"]
    assert list(content) == ["unscored", "statistics", *lists]
    assert content["statistics"] == STATISTICS
    assert content["unscored"] == "excluded"
    assert content["claims"] == []
    for name in ("rows", "damage", "families", "hindsight"):
        items = getattr(summary, name)
        assert len(content[name]) == len(items) > 0
        for written, item in zip(content[name], items, strict=True):
            assert list(written) == [each.name for each in fields(item)]
            for key, value in written.items():
                original = getattr(item, key)
                missing = isinstance(original, float) and math.isnan(original)
                assert value is None if missing else value == original


def test_an_infinite_cost_is_null_with_its_clips() -> None:
    scores = {"r1": -1.0, "r2": math.inf, "f1": 1.0, "f2": 2.0}
    table = pd.DataFrame(rows("clean", "clean", scores))
    summary = summarise(table, record((("clean", "clean"),)), resamples=20)
    assert look_up(summary, "clean")["cllr"].value == math.inf
    content = json.loads(metrics_json(summary), parse_constant=pytest.fail)
    written = next(row for row in content["rows"] if row["metric"] == "cllr")
    assert (written["value"], written["low"], written["high"], written["n"]) == (
        None,
        None,
        None,
        4,
    )


def test_unscored_is_counted(table: pd.DataFrame) -> None:
    unscored = summarise(table, record(), resamples=20).unscored
    assert {(each.condition, each.status, each.reason, each.rows) for each in unscored} == {
        *((condition, "rejected", "too short", 1) for condition in ("clean", MILD, HARSH)),
        (GONE, "missing", "", 8),
    }


def test_mistakes_are_confident_and_spread() -> None:
    names = ["clean", *(f"c{number}" for number in range(9))]
    table = drawn(100, 4, names)
    conditions = [(name, "clean" if name == "clean" else "codec") for name in names]
    mistakes = summarise(table, record(conditions), resamples=10).mistakes
    assert len(mistakes) == 12
    assert len({each.clip_id for each in mistakes}) == 12
    counts = pd.Series([each.condition for each in mistakes]).value_counts()
    assert counts.max() <= 2
    assert [each.condition for each in mistakes[:2]] == ["clean", "clean"]
    for each in mistakes:
        assert (each.score >= 0) == (each.label == "real")
    wrong = table[(table["score"] >= 0) != (table["label"] == "fake")]
    clean = wrong[wrong["condition"] == "clean"]
    assert abs(mistakes[0].score) == clean["score"].abs().max()


def test_histograms_hold_every_score() -> None:
    table = drawn(300, 5, ["clean", MILD])
    table.loc[0, "score"] = -1e6  # beyond the last bin, and still counted
    histograms = summarise(table, record(), resamples=10).histograms
    assert {(each.condition, each.label) for each in histograms} == {
        (condition, label) for condition in ("clean", MILD) for label in ("real", "fake")
    }
    for each in histograms:
        assert sum(each.counts) == 150
        assert len(each.edges) == len(each.counts) + 1
        assert each.edges == histograms[0].edges
        assert 0.0 in each.edges
        assert each.edges[0] > -10


def test_a_score_on_the_threshold_lies_above_it() -> None:
    table = drawn(300, 9)
    table.loc[table["label"] == "fake", "score"] = 0.0
    fake = summarise(table, record([("clean", "clean")]), resamples=10).histograms[1]
    assert (fake.label, fake.counts[fake.edges.index(0.0)]) == ("fake", 150)


def test_bins_of_one_value() -> None:
    edges = bin_edges(np.full(5, 3.0), 0.0)
    assert edges[0] < 3.0 < edges[-1]
    assert (np.diff(edges) > 0).all()


def test_short_curves_lose_no_corner() -> None:
    real, fake = np.array([0.0, 1, 2, 3, 5]), np.array([2.0, 4, 6, 7, 8])
    points = roc(real, fake)
    kept = thin(points)
    np.testing.assert_allclose(points.fpr[kept], [0, 0, 0.2, 0.2, 0.4, 0.6, 1])
    np.testing.assert_allclose(points.tpr[kept], [0, 0.6, 0.6, 0.8, 0.8, 1, 1])


def test_long_curves_stay_close() -> None:
    rng = np.random.default_rng(6)
    points = roc(rng.normal(-1, 1, 20_000), rng.normal(1, 1, 20_000))
    kept = thin(points)
    assert 100 < len(kept) <= 200
    assert (kept[0], kept[-1]) == (0, len(points.fpr) - 1)
    # Seen along the diagonal, where the curve is a function.
    way, height = points.fpr + points.tpr, points.tpr - points.fpr
    between = np.interp(way, way[kept], height[kept])
    assert np.abs(between - height).max() < 0.005
    areas = [np.trapezoid(points.tpr[each], points.fpr[each]) for each in (slice(None), kept)]
    assert areas[0] == pytest.approx(areas[1], abs=5e-4)


def test_headline() -> None:
    names = ["clean", *(f"c{number}" for number in range(8))]
    table = drawn(200, 7, names)
    table["score"] = np.tile(table["score"][:200], len(names))
    for strength, name in enumerate(names):
        fakes = (table["condition"] == name) & (table["label"] == "fake")
        table.loc[fakes, "score"] -= 0.4 * strength
    run = record([(name, "clean" if name == "clean" else "codec") for name in names])
    published = Published(model=MODEL, positive="fake", figures=Figures(accuracy=0.9662))
    lines = headline(summarise(table, run, published, resamples=20), run)
    clean = [line for line in lines if line.condition == "clean"]
    assert [line.metric for line in clean][:4] == ["accuracy", "f1", "precision", "recall"]
    assert clean[0].reported == 0.9662
    assert math.isnan(clean[1].reported)
    worst = [line for line in lines if line.condition != "clean"]
    assert [line.condition for line in worst] == ["c7", "c6", "c5", "c4", "c3"]
    assert worst[0].words == "c7 in words"
    assert worst[0].damage == pytest.approx(worst[0].value - clean[0].value)


def test_headline_names_no_harmless_condition() -> None:
    table = pd.concat([drawn(40, 8), drawn(40, 8, [MILD])])
    run = record([("clean", "clean"), (MILD, "codec")])
    assert {line.condition for line in headline(summarise(table, run), run)} == {"clean"}


def test_an_empty_table_is_all_missing(table: pd.DataFrame) -> None:
    summary = summarise(table.iloc[:0], record(), resamples=5)
    assert summary.groups == 8  # each clip for itself, as nothing is known of it
    for row in summary.rows:
        if row.metric == "coverage":
            assert (row.value, row.n % 8) == (0, 0)
        else:
            assert math.isnan(row.value)
            assert row.n == 0
    assert {row.condition for row in summary.rows} == {"clean", MILD, HARSH, GONE, "*"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: pd.concat([t, t.iloc[:1]]), "there twice"),
        (lambda t: t.assign(label="spoof"), "spoof"),
        (lambda t: t.assign(status="ok"), "has no score"),
    ],
)
def test_impossible_tables_are_refused(table: pd.DataFrame, change: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        summarise(change(table), record())


def test_no_resamples_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        summarise(table, record(), resamples=0)

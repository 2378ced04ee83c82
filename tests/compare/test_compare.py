"""Two runs whose every difference is known by hand, and all that can bar a comparison."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.compare.compare import Comparison, compare, comparison_json
from harness.compare.difference import Difference
from harness.errors import UsageError
from harness.metrics import METRICS
from harness.metrics.detection import auc
from harness.results.run_folder import RunFolder
from tests.support.two_runs import MODEL, Scores, changed, condition, drawn, finished

COMPARED = METRICS.compared
DECIDED, RANKED, _ = METRICS.kinds(COMPARED)
NOISE = "noise:a@1"
CLEAN: Scores = {
    "ra0": -3.0,
    "ra1": -2.0,
    "ra2": -1.0,
    "ra3": 1.0,
    "fa0": 3.0,
    "fa1": 2.0,
    "fa2": 1.0,
    "fa3": -1.0,
}
"""Six of eight right; four groups of a real clip and a fake."""

NOISY: Scores = CLEAN | {"fa2": -2.0, "ra2": 0.5}
"""fa2 and ra2 turned wrong: four of eight right."""


def cells(comparison: Comparison, name: str = "clean") -> dict[str, Difference]:
    found = [cell for cell in comparison.cells if cell.condition == name]
    assert [cell.metric for cell in found] == list(COMPARED)
    return {cell.metric: cell for cell in found}


def against(
    run: RunFolder, baseline: RunFolder, name: str = "clean", resamples: int = 200
) -> dict[str, Difference]:
    return cells(compare(run, baseline, resamples=resamples), name)


def statuses(found: dict[str, Difference], *metrics: str) -> set[tuple[str, str]]:
    return {(found[name].status, found[name].reason) for name in metrics or COMPARED}


def recorded(run: RunFolder, *exchanged: str, unknown: tuple[str, ...] = ()) -> RunFolder:
    """The run with a digest of every recording, other recordings of some clips."""
    digests = {
        clip: "" if clip in unknown else f"{'another' if clip in exchanged else 'the'} {clip}"
        for clip in run.table["clip_id"].unique()
    }
    table = run.table.assign(audio_digest=run.table["clip_id"].map(digests))
    models = [each.model_copy(update={"rate_hz": 16000}) for each in run.record.models]
    return replace(run, table=table, record=run.record.model_copy(update={"models": models}))


@pytest.fixture(scope="module")
def worse() -> Comparison:
    """Noise that the baseline withstands and the run does not."""
    run = finished({"clean": CLEAN, NOISE: NOISY})
    return compare(run, finished({"clean": CLEAN, NOISE: CLEAN}), resamples=400)


def test_values_by_hand(worse: Comparison) -> None:
    found = cells(worse, NOISE)
    expected = {
        "accuracy": (4 / 8, 6 / 8),
        "balanced_accuracy": (4 / 8, 6 / 8),
        "precision": (2 / 4, 3 / 4),
        "f1": (2 / 4, 6 / 8),
        "recall": (2 / 4, 3 / 4),
        "recall_real": (2 / 4, 3 / 4),
        "auc": (10.5 / 16, 14 / 16),
        "coverage": (1.0, 1.0),
    }
    for name, values in expected.items():
        cell = found[name]
        if name != "auc":
            assert (cell.value, cell.baseline) == pytest.approx(values), name
        assert cell.difference == pytest.approx(cell.value - cell.baseline)
        assert cell.low <= cell.difference <= cell.high
    real, fake = np.array([-3, -2, 0.5, 1]), np.array([3, 2, -2, -1])
    assert found["auc"].value == pytest.approx(auc(real, fake))
    assert found["auc"].test == "delong"
    assert (found["accuracy"].n, found["recall"].n, found["accuracy"].groups) == (8, 4, 4)


def test_tests_by_hand(worse: Comparison) -> None:
    found = cells(worse, NOISE)
    for name, lost in {"accuracy": 2, "recall": 1, "recall_real": 1, "coverage": 0}.items():
        assert found[name].test == "mcnemar"
        expected = binomtest(0, lost).pvalue if lost else 1.0
        assert found[name].p_clips == pytest.approx(expected, abs=1e-9), name
    for name in ("f1", "precision", "balanced_accuracy", "eer"):
        assert (found[name].test, math.isnan(found[name].p_clips)) == ("", True)
    # Both flips are of one speaker: exchanging the two models there alone is even odds.
    assert (found["accuracy"].differing, found["accuracy"].p) == (1, 1.0)
    assert found["accuracy"].largest == pytest.approx(2 / 8 * 4)
    assert math.isnan(found["accuracy"].smallest)  # four groups can show nothing


def test_holm_is_over_all_cells() -> None:
    found = compare(drawn(1, 30), drawn(2, 30), resamples=200)
    p = np.array([cell.p for cell in found.cells])
    adjusted = np.array([cell.p_holm for cell in found.cells])
    assert found.family == 2 * len(COMPARED) == np.sum(~np.isnan(p))
    assert adjusted[np.argmin(p)] == pytest.approx(min(1.0, found.family * p.min()))
    assert (adjusted >= p).all()


def test_flips_say_which_way(worse: Comparison) -> None:
    assert [
        (flip.condition, flip.clip_id, flip.label, flip.turned, flip.score, flip.baseline_score)
        for flip in worse.flips
    ] == [
        (NOISE, "fa2", "fake", "wrong", -2.0, 1.0),
        (NOISE, "ra2", "real", "wrong", 0.5, -1.0),
    ]
    counts = {
        (count.condition, count.generator): (count.right, count.wrong, count.clips)
        for count in worse.flip_counts
    }
    assert counts == {
        ("clean", "*"): (0, 0, 8),
        ("clean", ""): (0, 0, 4),
        ("clean", "G"): (0, 0, 4),
        (NOISE, "*"): (0, 2, 8),
        (NOISE, ""): (0, 1, 4),
        (NOISE, "G"): (0, 1, 4),
    }


def test_corruption_error_by_hand() -> None:
    """Two corruptions, one of two severities: ratios of sums, then their mean."""
    right = dict.fromkeys(CLEAN, 0.0) | {clip: 2.0 if clip[0] == "f" else -2.0 for clip in CLEAN}

    def wrong(count: int) -> dict[str, float | None]:
        return {
            clip: (-1.0 if place < count else 1.0) * score
            for place, (clip, score) in enumerate(right.items())
        }

    names = ("clean", "noise:a@1", "noise:a@2", "codec:b@1", "crop:c@1")
    baseline = finished(dict(zip(names, map(wrong, (1, 2, 4, 3, 0)), strict=True)))
    run = finished(dict(zip(names, map(wrong, (0, 3, 6, 1, 1)), strict=True)))
    found = compare(run, baseline, resamples=100)
    plain, relative = found.corruption
    assert (plain.kind, relative.kind) == ("mce", "relative_mce")
    assert plain.value == pytest.approx(((3 + 6) / (2 + 4) + 1 / 3) / 2)
    assert relative.value == pytest.approx(((3 + 6) / (2 + 4 - 2) + 1 / (3 - 1)) / 2)
    for each in found.corruption:
        assert (each.corruptions, each.left_out) == (2, ["crop:c"])  # the baseline errs nowhere
    losses = {loss.family: loss for loss in found.families}
    assert losses["noise"].value == pytest.approx(-4.5 / 8)
    assert losses["noise"].baseline == pytest.approx(-3 / 8 + 1 / 8)
    assert losses["noise"].difference == pytest.approx(-4.5 / 8 + 2 / 8)
    assert (losses["noise"].conditions, losses["noise"].of) == (2, 2)
    (worst,) = found.worst
    assert (worst.run, worst.baseline, worst.lost_most) == ("noise:a@2", "noise:a@2", "noise:a@2")
    assert (worst.run_accuracy, worst.baseline_accuracy, worst.loss) == (0.25, 0.5, -0.25)


def test_a_run_against_itself_differs_in_nothing() -> None:
    run = recorded(drawn(3))
    found = compare(run, run, resamples=100)
    for cell in found.cells:
        assert (cell.status, cell.difference, cell.p, cell.p_holm) == ("compared", 0.0, 1.0, 1.0)
        assert cell.p_clips == 1.0 or math.isnan(cell.p_clips)
        assert cell.differing == 0
    assert found.flips == []
    assert found.identical == [(MODEL, "clean"), (MODEL, NOISE)]
    assert found.corruption[0].value == 1.0
    assert found.notes == []


def test_corruption_errors_of_a_run_against_itself_are_1() -> None:
    run = finished({"clean": CLEAN, NOISE: NOISY})
    assert [each.value for each in compare(run, run, resamples=50).corruption] == [1.0, 1.0]


@settings(max_examples=15)
@given(st.integers(0, 2**20), st.integers(0, 2**20))
def test_exchanged_sides_negate(one: int, other: int) -> None:
    runs = drawn(one, 8), drawn(other, 8)
    there, back = (compare(*pair, resamples=50) for pair in (runs, runs[::-1]))
    for cell, turned in zip(there.cells, back.cells, strict=True):
        assert (turned.value, turned.baseline) == (cell.baseline, cell.value)
        assert turned.difference == -cell.difference
        assert (turned.p, turned.n) == pytest.approx((cell.p, turned.n), nan_ok=True)
        assert turned.p_clips == pytest.approx(cell.p_clips, nan_ok=True)
        assert (-turned.high, -turned.low) == pytest.approx((cell.low, cell.high), nan_ok=True)
    ways = {"right": "wrong", "wrong": "right"}
    assert sorted((flip.condition, flip.clip_id, ways[flip.turned]) for flip in back.flips) == (
        sorted((flip.condition, flip.clip_id, flip.turned) for flip in there.flips)
    )


@given(st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_order_of_the_rows_changes_nothing(random: Any) -> None:
    runs = drawn(1, 8), drawn(2, 8)
    order = list(range(len(runs[0].table)))
    random.shuffle(order)
    mixed = replace(runs[0], table=runs[0].table.iloc[order].reset_index(drop=True))
    whole, other = (compare(run, runs[1], resamples=50) for run in (runs[0], mixed))
    assert comparison_json(other) == comparison_json(whole)


def test_only_clips_of_both_count() -> None:
    """ra3 and fa3, which the run is wrong on, have no score in the baseline."""
    found = against(
        finished({"clean": CLEAN}), finished({"clean": CLEAN | {"ra3": None, "fa3": None}})
    )
    assert (found["accuracy"].value, found["accuracy"].n) == (1.0, 6)
    assert (found["auc"].value, found["auc"].n) == (1.0, 6)
    assert (found["coverage"].value, found["coverage"].baseline) == (1.0, 0.75)
    assert found["coverage"].p_clips == 0.5


def test_a_condition_of_one_side() -> None:
    both, one = finished({"clean": CLEAN, NOISE: NOISY}), finished({"clean": CLEAN})
    gone = against(one, both, NOISE)
    assert statuses(gone) == {("missing", "the run does not have this condition")}
    assert math.isnan(gone["accuracy"].value)
    assert gone["accuracy"].baseline == 0.5
    assert math.isnan(gone["accuracy"].difference)
    new = against(both, one, NOISE)
    assert statuses(new) == {("new", "the baseline does not have this condition")}
    assert statuses(against(one, both)) == {("compared", "")}


def test_a_condition_without_rows_is_missing() -> None:
    """It is in the suite, and the run was stopped before it."""
    run = finished({"clean": CLEAN, NOISE: NOISY})
    run = replace(run, table=run.table[run.table["condition"] == "clean"])
    found = against(run, finished({"clean": CLEAN, NOISE: NOISY}), NOISE)
    for name in (*DECIDED, *RANKED):
        assert (found[name].status, found[name].reason) == ("missing", "no value any more")
    assert (found["coverage"].status, found["coverage"].difference) == ("compared", -1.0)


def test_a_figure_without_a_value() -> None:
    """No real clip is left: recall is there, what needs both classes is not."""
    fakes = {clip: score if clip[0] == "f" else None for clip, score in CLEAN.items()}
    gone = against(finished({"clean": fakes}), finished({"clean": CLEAN}))
    assert statuses(gone, "eer", "auc", "f1", "recall_real") == {("missing", "no value any more")}
    assert gone["recall"].status == "compared"
    new = against(finished({"clean": CLEAN}), finished({"clean": fakes}))
    assert statuses(new, "eer", "auc", "f1") == {("new", "had no value before")}
    neither = against(finished({"clean": fakes}), finished({"clean": fakes}))
    assert statuses(neither, "eer", "auc") == {("no data", "no value in either run")}


def test_no_clip_of_both() -> None:
    """Half of the clips have a score in either run, and no clip in both."""
    halves = [
        {clip: score if (clip[-1] in "01") == first else None for clip, score in CLEAN.items()}
        for first in (True, False)
    ]
    found = against(*(finished({"clean": half}) for half in halves))
    told = {("no data", "no clips of both runs have this figure")}
    assert statuses(found, *DECIDED, *RANKED) == told
    assert found["coverage"].difference == 0.0


def test_lost_coverage_is_not_passed_over() -> None:
    """The suite demands a half; five of eight clips are lost, three that are left are right."""
    few = {clip: score if clip in ("ra0", "fa0", "fa1") else None for clip, score in CLEAN.items()}
    found = against(finished({"clean": few}), finished({"clean": CLEAN}))
    told = {("missing", "coverage fell from 1 to 0.375, below 0.5")}
    assert statuses(found, *DECIDED, *RANKED) == told
    assert found["coverage"].difference == -0.625
    assert statuses(against(finished({"clean": few}), finished({"clean": few}))) == {
        ("compared", "")
    }


def test_clips_without_any_row_lower_coverage() -> None:
    """The run was killed before it reached fa3: the baseline knows which clip that is."""
    run = finished({"clean": CLEAN})
    run = replace(run, table=run.table[run.table["clip_id"] != "fa3"])
    found = against(run, finished({"clean": CLEAN}))
    assert (found["coverage"].difference, found["coverage"].n) == (-0.125, 8)
    assert found["coverage"].groups == 4


@pytest.mark.parametrize(
    ("part", "changes", "reason", "barred"),
    [
        ("data", {"digest": "other"}, "other data: digest other, was data", COMPARED),
        ("suite", {"threshold": 0.7}, "the threshold is 0.7, was 0", DECIDED),
        (
            "suite",
            {"unscored": "wrong"},
            "clips without a score count as wrong, counted as excluded",
            DECIDED,
        ),
        (
            "suite",
            {"conditions": [condition("clean"), condition(NOISE, digest="new")]},
            "the condition is another one under the same name",
            COMPARED,
        ),
        (
            "suite",
            {"seed": 2},
            "the suite's seed is 2, was 1, so the perturbed audio differs",
            COMPARED,
        ),
    ],
)
def test_what_bars_a_comparison(
    part: str, changes: dict[str, Any], reason: str, barred: tuple[str, ...]
) -> None:
    baseline = finished({"clean": CLEAN, NOISE: NOISY})
    found = against(changed(baseline, part, **changes), baseline, NOISE)
    assert statuses(found, *barred) == {("not comparable", reason)}
    assert found["accuracy"].value == 0.5 or part == "suite"
    for name in set(COMPARED) - set(barred):
        assert found[name].status == "compared", name


@pytest.mark.parametrize(
    "changes", [{"seed": 2}, {"conditions": [condition("clean"), condition(NOISE, digest="x")]}]
)
def test_clean_outlives_another_suite(changes: dict[str, Any]) -> None:
    baseline = finished({"clean": CLEAN, NOISE: NOISY})
    found = against(changed(baseline, "suite", **changes), baseline)
    assert statuses(found) == {("compared", "")}


def test_a_part_of_the_same_data_is_compared() -> None:
    """A run of --limit has another digest; its clips are the baseline's."""
    part = {clip: score for clip, score in CLEAN.items() if clip[-1] in "012"}
    run = changed(recorded(finished({"clean": part})), "data", digest="part", limit=6)
    baseline = recorded(finished({"clean": CLEAN}))
    for pair in ((run, baseline), (baseline, run)):
        found = compare(*pair, resamples=50)
        assert cells(found)["accuracy"].status == "compared"
        assert (cells(found)["accuracy"].n, cells(found)["coverage"].n) == (6, 6)
        assert found.notes == ["one run took a part of the other's clips: compared on these"]
        assert found.identical == [(MODEL, "clean")]
    other = replace(run, table=run.table.assign(group="another"))
    assert against(other, baseline)["accuracy"].status == "not comparable"


def test_a_single_model_is_matched_whatever_its_name() -> None:
    run, baseline = (recorded(finished({"clean": CLEAN}, name)) for name in ("new", "old"))
    found = compare(run, baseline, resamples=50)
    assert {cell.model for cell in found.cells} == {"new"}
    assert statuses(cells(found)) == {("compared", "")}
    assert found.notes == ["model new is compared with old"]


def test_several_models_are_matched_by_name() -> None:
    def of(*models: str) -> RunFolder:
        runs = [finished({"clean": CLEAN}, model) for model in models]
        table = np.concatenate([run.table.to_numpy() for run in runs])
        frame = type(runs[0].table)(table, columns=runs[0].table.columns)
        kept = [run.record.models[0] for run in runs]
        whole = changed(replace(runs[0], table=frame.infer_objects()), models=kept)
        return replace(whole, table=whole.table.astype(runs[0].table.dtypes.to_dict()))

    found = compare(of("a", "b"), of("b", "c"), resamples=50)
    by_model = {cell.model: cell.status for cell in found.cells if cell.metric == "accuracy"}
    assert by_model == {"a": "new", "b": "compared", "c": "missing"}


@pytest.mark.parametrize(
    ("contents", "status", "noted"),
    [
        (("one", "other"), "not comparable", False),
        (("one", "one"), "compared", False),
        (("one", ""), "compared", True),  # a run of an older harness
    ],
)
def test_a_condition_that_draws_from_other_recordings_is_barred(
    contents: tuple[str, str], status: str, noted: bool
) -> None:
    run, baseline = (
        changed(
            finished({"clean": CLEAN, NOISE: CLEAN}),
            "suite",
            conditions=[condition("clean"), condition(NOISE, content=content)],
        )
        for content in contents
    )
    found = compare(run, baseline, resamples=20)
    cells = [cell for cell in found.cells if cell.condition == NOISE and cell.metric == "accuracy"]
    assert [cell.status for cell in cells] == [status]
    assert ("draws from are others" in cells[0].reason) == (status == "not comparable")
    assert any(f"whether {NOISE} draws from" in note for note in found.notes) == noted


def test_a_renamed_condition_is_found_by_its_digest() -> None:
    baseline = recorded(finished({"clean": CLEAN, "noise:old@1": NOISY}))
    run = recorded(finished({"clean": CLEAN, NOISE: NOISY}))
    kept = [condition("clean"), condition(NOISE, digest="digest of noise:old@1")]
    found = compare(changed(run, "suite", conditions=kept), baseline, resamples=50)
    assert [cell.condition for cell in found.cells if cell.metric == "auc"] == ["clean", NOISE]
    assert statuses(cells(found, NOISE)) == {("compared", "")}
    assert found.notes == [f"condition {NOISE} is compared with noise:old@1"]


def test_what_bars_nothing_is_noted() -> None:
    run = recorded(finished({"clean": CLEAN}))
    found = compare(
        changed(run, "machine", precision="bfloat16", compiled=True, packages={"torch": "3"}),
        run,
        resamples=50,
    )
    assert statuses(cells(found)) == {("compared", "")}
    assert found.notes == [
        "precision is bfloat16, was float32", "compiling is on, was off",
        "package torch is 3, was 2",
    ]  # fmt: skip


def test_a_policy_decides_clips_without_a_score() -> None:
    """A clip that the run cannot score any more counts as wrong, and as lost."""
    baseline = changed(finished({"clean": CLEAN}), "suite", unscored="wrong")
    run = changed(finished({"clean": CLEAN | {"fa0": None}}), "suite", unscored="wrong")
    found = compare(run, baseline, resamples=50)
    of = cells(found)
    assert (of["accuracy"].value, of["accuracy"].baseline, of["accuracy"].n) == (5 / 8, 6 / 8, 8)
    assert (of["auc"].n, of["accuracy"].p_clips) == (7, 1.0)
    assert of["coverage"].difference == -1 / 8
    assert found.flips == []
    assert found.identical == []


def test_the_json_is_strict_and_whole(worse: Comparison) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(comparison_json(worse), parse_constant=refuse)
    assert len(content["cells"]) == len(worse.cells)
    first = content["cells"][0]
    assert first["model"] == MODEL
    assert first["difference"] == worse.cells[0].difference
    assert first["smallest"] is None  # four groups
    assert [flip["clip_id"] for flip in content["flips"]] == ["fa2", "ra2"]
    assert content["family"] == worse.family
    assert content["models"] == [{"run": MODEL, "baseline": MODEL}]
    assert content["identical"] == [[MODEL, "clean"]]


def test_too_few_resamples_are_refused() -> None:
    run = finished({"clean": CLEAN})
    with pytest.raises(UsageError, match="at least 2"):
        compare(run, run, resamples=1)


# ---- recordings


def test_clips_of_other_recordings_are_not_comparable() -> None:
    """fa2 and ra2, which the run is wrong on, are other recordings in the baseline."""
    run, baseline = finished({"clean": NOISY}), finished({"clean": CLEAN})
    found = compare(recorded(run), recorded(baseline, "fa2", "ra2"), resamples=200)
    assert (found.not_comparable, found.comparable) == (["fa2", "ra2"], 0.75)
    assert found.notes == [
        "2 of 8 recordings differ from the baseline's under the same names, such as 'fa2': not "
        "comparable, and left out"
    ]
    for cell in cells(found).values():
        assert (cell.status, cell.difference) == ("compared", 0.0)
    assert {name: cells(found)[name].n for name in ("accuracy", "recall", "auc", "coverage")} == {
        "accuracy": 6,
        "recall": 3,
        "auc": 6,
        "coverage": 6,
    }
    assert found.flips == []
    content = json.loads(comparison_json(found))
    assert (content["not_comparable"], content["comparable"]) == (["fa2", "ra2"], 0.75)


def test_where_most_recordings_are_others_the_data_are() -> None:
    run = recorded(finished({"clean": CLEAN}))
    half = compare(run, recorded(run, *list(CLEAN)[:4]), resamples=50)
    assert {cell.status for cell in half.cells} <= {"compared", "no data"}
    found = compare(run, recorded(run, *list(CLEAN)[:5]), resamples=50)
    assert {(cell.status, cell.reason) for cell in found.cells} == {
        (
            "not comparable",
            "other data: 5 of 8 recordings differ from the baseline's under the same names, such "
            "as 'fa0'",
        )
    }
    assert not any("left out" in note for note in found.notes)


def test_what_has_no_digest_is_compared_and_said() -> None:
    run = recorded(finished({"clean": NOISY}))
    old = recorded(finished({"clean": CLEAN}), unknown=tuple(CLEAN))
    found = compare(run, old, resamples=50)
    assert found.not_comparable == []
    assert {cell.n for cell in cells(found).values() if cell.metric == "accuracy"} == {8}
    assert found.notes == [
        "the audio of 8 of 8 clips was not compared: one of the runs has no digests of their "
        "recordings"
    ]


def test_other_clips_that_were_mixed_with_them_are_named() -> None:
    """Babble is made of other clips of the data."""
    run = recorded(finished({"clean": CLEAN, NOISE: NOISY}))
    babble = condition(NOISE, chain=[{"perturb": "noise", "color": "babble"}])
    run = changed(run, "suite", conditions=[condition("clean"), babble])
    found = compare(run, recorded(run, "fa0"), resamples=50)
    assert found.notes[1:] == [f"other clips may have been mixed with them under {NOISE}"]


def test_a_part_is_compared_on_the_recordings_of_both() -> None:
    whole = recorded(finished({"clean": CLEAN}), "fa0")
    some = {clip: score for clip, score in NOISY.items() if clip[-1] in "012"}
    part = changed(recorded(finished({"clean": some})), "data", digest="part", limit=6)
    found = compare(part, whole, resamples=50)
    assert (found.not_comparable, cells(found)["accuracy"].n) == (["fa0"], 5)

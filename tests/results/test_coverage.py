"""What a run owes: missing rows are in the denominator, and too little scored is said and is 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from harness.cli import option
from harness.errors import UsageError
from harness.results.coverage import complete, shortfalls, tally
from harness.results.figures import Reason, Tally
from harness.results.record import RunRecord, read_record, write_record
from harness.results.scores import ScoresWriter, read_scores
from harness.suite.suite import Suite, load_suite
from harness.summary.summary import summarise
from harness.terms import UnscoredPolicy
from tests.summary.test_summary import CLEAN_SCORES, GONE, HARSH, MILD, MODEL, record, rows
from tests.support.in_process import harness

CODECS = [("clean", "clean"), (MILD, "codec"), (HARSH, "codec")]


def whole() -> pd.DataFrame:
    """Every row that the run owes: eight clips under three conditions, all with scores."""
    scores = CLEAN_SCORES | {"f4": 1.0}
    return pd.DataFrame([row for name, family in CODECS for row in rows(name, family, scores)])


def without(table: pd.DataFrame, condition: str, *clips: str) -> pd.DataFrame:
    gone = (table["condition"] == condition) & table["clip_id"].isin(clips)
    return table[~gone]


def test_a_complete_table_is_left_as_it_is() -> None:
    table = whole()
    assert complete(table, record(CODECS)) is table
    assert tally(table) == Tally(24, 0, 0, 0)
    assert shortfalls(table, record(CODECS)) == []


def test_missing_rows_are_owed() -> None:
    table = without(without(whole(), MILD, "f1", "r1"), HARSH, "f1")
    found: Any = complete(table, record(CODECS))
    assert tally(found) == Tally(21, 0, 0, 3)
    added = found[found["status"] == "missing"]
    keys = added[["clip_id", "condition", "model", "label", "generator", "family"]]
    assert sorted(keys.itertuples(index=False, name=None)) == [
        ("f1", HARSH, MODEL, "fake", "A", "codec"),
        ("f1", MILD, MODEL, "fake", "A", "codec"),
        ("r1", MILD, MODEL, "real", "", "codec"),
    ]


def test_clips_that_have_no_row_at_all_are_owed_by_their_number() -> None:
    table = whole()
    table = table[~table["clip_id"].isin(["f1", "f2", "r4"])]
    found = complete(table, record(CODECS))
    assert tally(found) == Tally(15, 0, 0, 9)
    counts = found.groupby(["condition", "label"]).size()
    assert set(counts) == {4}
    measured = {
        (row.condition, row.metric): row
        for row in summarise(table, record(CODECS), resamples=50).rows
        if row.slice == "all"
    }
    coverage = measured["clean", "coverage"]
    assert (coverage.value, coverage.n) == (5 / 8, 8)
    assert np.isnan([coverage.low, coverage.high]).all()  # a count
    assert measured["clean", "accuracy"].n == 5, "no policy knows what was never tried"


def test_no_policy_decides_what_was_never_tried() -> None:
    table = without(whole(), MILD, "f1", "r1")
    for policy in ("wrong", "real"):
        summary = summarise(table, record(CODECS, unscored=policy), resamples=20)
        mild = {r.metric: r for r in summary.rows if (r.condition, r.slice) == (MILD, "all")}
        assert (mild["accuracy"].value, mild["accuracy"].n) == (4 / 6, 6)
        assert (mild["coverage"].value, mild["coverage"].n) == (6 / 8, 8)
        damage = {(d.condition, d.metric): d for d in summary.damage}
        assert damage[MILD, "accuracy"].value == 0
        assert damage[MILD, "accuracy"].n == 6


def test_shortfalls_say_where_how_much_and_why() -> None:
    table = without(whole(), MILD, "f1")
    lost = (table["condition"] == MILD) & table["clip_id"].isin(["f2", "f3", "f4"])
    table.loc[lost, ["status", "score"]] = ["rejected", float("nan")]
    table.loc[lost, "reason"] = ["too short", "too short", "not audio"]
    table.loc[(table["condition"] == HARSH) & (table["clip_id"] == "r1"), "status"] = "error"
    first, second = shortfalls(table, record(CODECS))
    assert (first.model, first.condition, first.label) == (MODEL, MILD, "fake")
    assert (first.coverage, first.scored, first.rows) == (0, 0, 4)
    assert first.reasons == (Reason("rejected", "too short", 2), Reason("missing", "", 1))
    assert (second.condition, second.label) == (HARSH, "real")
    assert (second.coverage, second.scored, second.rows) == (0.75, 3, 4)
    assert second.reasons == (Reason("error", "", 1),)
    assert shortfalls(table.sample(frac=1, random_state=1), record(CODECS)) == [first, second]


def test_a_condition_without_rows_is_a_shortfall() -> None:
    found = shortfalls(whole(), record([*CODECS, (GONE, "noise")]))
    assert {(each.condition, each.label, each.scored, each.rows) for each in found} == {
        (GONE, "fake", 0, 4),
        (GONE, "real", 0, 4),
    }


def test_the_minimum_itself_is_enough() -> None:
    table = whole()
    table.loc[(table["condition"] == MILD) & (table["clip_id"] == "r1"), "status"] = "error"
    run = record(CODECS)

    def demanding(share: float) -> RunRecord:
        return run.model_copy(
            update={"suite": run.suite.model_copy(update={"min_coverage": share})}
        )

    assert shortfalls(table, demanding(0.75)) == []
    assert len(shortfalls(table, demanding(0.76))) == 1


def kept(
    folder: Path, table: pd.DataFrame, run: RunRecord | None = None, **changes: object
) -> Path:
    """A run directory as a run leaves it, also one that did not come to its end."""
    with ScoresWriter(folder) as writer:
        writer.append([{str(key): row[key] for key in row} for row in table.to_dict("records")])
    write_record((run or record(CODECS)).model_copy(update=changes), folder)
    return folder


def test_a_report_on_an_unfinished_run_says_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = whole()
    table = table[~((table["condition"] == HARSH) & (table["label"] == "fake"))]
    folder = kept(tmp_path, table)
    code, out, _ = harness(capsys, "report", str(folder))
    assert code == 3
    assert "An unfinished run: 20 of 24 rows." in out
    assert "20 scored, 0 rejected, 0 failed, 4 missing" in out
    told = (
        f"{MODEL}, {HARSH}, fake: 0 of 4 clips scored, 0.0 % where 90 % is the minimum; "
        "4 not in the table."
    )
    assert f"Too little was scored in 1 case (minimum 90%):\n  {told}\n" in out
    page = (folder / "report.html").read_text(encoding="utf-8")
    answer = page.index('id="answer"')
    assert page.index("An unfinished run: 20 of 24 rows.") < answer
    assert page.index(told.replace(HARSH, f"{HARSH} in words")) < answer

    code, out, _ = harness(capsys, "report", str(folder), "--json")
    content = json.loads(out)
    assert code == 3
    assert content["rows"] == {"owed": 24, "missing": 4}
    (shortfall,) = content["shortfalls"]
    assert (shortfall["condition"], shortfall["label"]) == (HARSH, "fake")
    assert (shortfall["coverage"], shortfall["scored"], shortfall["rows"]) == (0, 0, 4)
    assert shortfall["reasons"] == [{"status": "missing", "words": "", "rows": 4}]


def test_a_table_that_lost_rows_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path, without(whole(), MILD, "r1"), finished="2025-01-01T12:00:00+00:00")
    code, out, _ = harness(capsys, "report", str(folder))
    assert code == 3
    assert "A table with rows missing: 23 of 24 rows." in out


def test_enough_scored_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path, whole(), finished="2025-01-01T12:00:00+00:00")
    code, out, _ = harness(capsys, "report", str(folder))
    assert code == 0
    assert "Too little" not in out
    assert "unfinished" not in out


def test_a_report_with_another_policy_changes_figures_and_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The directory then agrees with itself: record, figures and page have the one policy."""
    table = whole()
    table.loc[table["clip_id"] == "f4", ["status", "score"]] = ["rejected", float("nan")]
    folder = kept(tmp_path, table, finished="2025-01-01T12:00:00+00:00")
    before = read_scores(folder)
    accuracy: dict[str, float] = {}
    for policy in ("excluded", "wrong", "real"):
        code, out, _ = harness(capsys, "report", str(folder), "--unscored", policy, "--json")
        assert code == 3, "a policy makes up for no score"
        assert json.loads(out)["unscored"] == policy
        assert read_record(folder).suite.unscored == policy
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["unscored"] == policy
        accuracy[policy] = next(
            row["value"]
            for row in metrics["rows"]
            if (row["condition"], row["slice"], row["metric"]) == ("clean", "all", "accuracy")
        )
        pd.testing.assert_frame_equal(read_scores(folder), before)
    assert accuracy == pytest.approx({"excluded": 5 / 7, "wrong": 5 / 8, "real": 5 / 8})
    harness(capsys, "report", str(folder))
    assert json.loads((folder / "metrics.json").read_text())["unscored"] == "real", "as it was last"
    assert "counts as called real" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_policy_of_a_suite(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"

    def suite(line: str) -> Suite:
        path.write_text(f'version = 1\nname = "small"\n{line}\n')
        return load_suite(path)

    plain, wrong = suite(""), suite('unscored = "wrong"')
    assert (plain.unscored, wrong.unscored) == ("excluded", "wrong")
    assert wrong.record().unscored == "wrong"
    assert wrong.digest == plain.digest, "it moves no score, so a run goes on with either"
    with pytest.raises(UsageError, match=r"unscored.*'excluded', 'wrong' or 'real'"):
        suite('unscored = "fake"')


def test_the_command_knows_every_policy() -> None:
    (choices, _) = get_args(get_args(option.Unscored)[0])
    assert get_args(choices) == get_args(UnscoredPolicy)

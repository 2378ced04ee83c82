"""A metric that is added is one row of the table; everything else follows from it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from harness.bundle.bundle import verify
from harness.compare.gate import rule
from harness.compare.policy import load_policy
from harness.errors import UsageError
from harness.leaderboard.history import read_history
from harness.leaderboard.leaderboard import read_leaderboard
from harness.metrics import METRICS, DecisionMetric, Range
from harness.metrics.classification import Array, Confusion
from harness.metrics.metric import GROUPS
from harness.report.glossary import term
from harness.report.publish import publish
from harness.results.record import CountRecord
from harness.results.run_folder import RunFolder, read_run
from harness.summary.summary import figures, headline
from tests.support.builders import write_run
from tests.support.two_runs import changed, finished

NOISE, SPEAKERS = "noise:white@0dB", 40
POLICY = """version = 1
name = "mcc"
[[require]]
metric = "mcc"
margin = 1.5
at_least = {}
"""


def mcc(counts: Confusion) -> Array:
    """Matthews correlation: 1 all right, 0 no better than chance, -1 all wrong."""
    called = (counts.tp + counts.fp) * (counts.tn + counts.fn)
    product = counts.tp * counts.tn - counts.fp * counts.fn
    with np.errstate(invalid="ignore", divide="ignore"):
        return product / np.sqrt(counts.real * counts.fake * called)


MCC = DecisionMetric(
    name="mcc",
    title="MCC",
    meaning="Matthews correlation of verdict and truth.",
    group="decision",
    range=Range(-1.0, 1.0),
    formula=mcc,
    compared=12,
    damage=7,
    headline=8,
    released=7,
    brief=True,
)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "mcc", MCC)


def run_of(folder: Path, model: str, apart: float) -> RunFolder:
    """Two clips a class and group; under noise most of them are called the other class."""
    rng = np.random.default_rng(sum(map(ord, model)))
    scores = {
        name: {
            f"{kind}{group}": sign * rng.normal(apart if kind[0] == "f" else -apart, 1.0)
            for group in range(SPEAKERS)
            for kind in ("ra", "rb", "fa", "fb")
        }
        for name, sign in (("clean", 1.0), (NOISE, -0.4))
    }
    run = finished(scores, model)
    started = f"2026-01-01T00:00:0{model[-1]}Z"
    run = changed(run, counts=CountRecord(ok=len(run.table)), started=started)
    run = read_run(write_run(run, folder / model))
    publish(run, figures(run))
    return run


@pytest.mark.usefixtures("added")
def test_it_is_in_summary_comparison_gate_leaderboard_and_history(tmp_path: Path) -> None:
    better, worse = (run_of(tmp_path, f"m{number}", 2.0 - number) for number in (0, 1))
    summary = figures(worse, 200)

    rows = {(row.condition, row.slice): row for row in summary.rows if row.metric == "mcc"}
    clean, noisy = rows["clean", "all"], rows[NOISE, "all"]
    table = worse.table[worse.table["condition"] == NOISE]
    expected = matthews_corrcoef(table["label"] == "fake", table["score"] >= 0)
    assert noisy.value == pytest.approx(expected)
    assert -1 <= noisy.low < noisy.value < noisy.high < 0 < clean.low < clean.value < clean.high
    (damage,) = [each for each in summary.damage if each.metric == "mcc"]
    assert damage.value == pytest.approx(noisy.value - clean.value)
    assert -2 < damage.low < damage.value < damage.high < -1
    assert "mcc" in {row.metric for row in headline(summary, worse.record)}
    assert term("mcc").title == "MCC"

    for bound, word in (("-0.9", "PASS"), ("-0.2", "FAIL")):
        policy = tmp_path / "policy.toml"
        policy.write_text(POLICY.format(bound))
        ruling = rule(worse, summary, str(better.folder), str(policy))
        assert ruling is not None
        assert ruling.comparison is not None
        (cell,) = [
            each
            for each in ruling.comparison.cells
            if (each.metric, each.condition) == ("mcc", NOISE)
        ]
        assert cell.difference == pytest.approx(cell.value - cell.baseline)
        assert not math.isnan(cell.p)
        verdicts = {each.condition: each for each in ruling.gate.verdicts if bound in each.required}
        assert verdicts[NOISE].word == word
        assert verdicts["clean"].word == "PASS"

    board = read_leaderboard([better.folder, worse.folder], metric="mcc", resamples=200)
    assert [row.model for row in board.rows] == ["m0", "m1"]
    assert board.rows[1].clean.figure.value == clean.value
    assert board.rows[1].perturbed.figure.low < board.rows[1].perturbed.figure.value < 0
    history = read_history([tmp_path], one_detector=True, resamples=200)
    (track,) = history.tracks
    assert "mcc" in {step.of for step in track.releases[1].steps}


@pytest.mark.usefixtures("added")
def test_a_policy_s_bounds_lie_in_the_range_of_their_metric(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    for old, new, told in (
        ("at_least = {}", "at_least = -1.5", "at_least is -1.5, but 'mcc' is between -1 and 1"),
        ("margin = 1.5", "margin = 2.5", "margin is 2.5, but 'mcc' can differ by at most 2"),
        ('"mcc"\nmargin = 1.5', '"eer"', "at_least is -0.5, but 'eer' is between 0 and 1"),
    ):
        path.write_text(POLICY.replace(old, new).format("-0.5"))
        with pytest.raises(UsageError, match=r"policy\.toml") as fault:
            load_policy(str(path))
        assert told in str(fault.value)


def test_an_older_run_need_not_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_of(tmp_path, "m0", 1.0).folder
    monkeypatch.setitem(METRICS, "mcc", MCC)
    older = verify(folder)
    assert older.faults == []
    assert older.checked[1] == "not in this run's metrics.json, so not checked: mcc"

    stored = json.loads((folder / "metrics.json").read_text())
    stored["rows"][0]["value"] = 0.123
    (folder / "metrics.json").write_text(json.dumps(stored))
    assert any("value of" in fault for fault in verify(folder).faults)


@pytest.mark.usefixtures("added")
def test_a_run_that_has_it_must_have_it_right(tmp_path: Path) -> None:
    folder = run_of(tmp_path, "m0", 1.0).folder
    assert verify(folder).faults == []
    stored = json.loads((folder / "metrics.json").read_text())
    stored["rows"] = [row for row in stored["rows"] if row["metric"] != "mcc"]
    (folder / "metrics.json").write_text(json.dumps(stored))
    assert all("mcc" in fault and "missing" in fault for fault in verify(folder).faults)


def test_every_row_is_complete() -> None:
    for name, metric in METRICS.items():
        assert (metric.name, metric.title.strip()) == (name, metric.title), name
        assert metric.meaning.endswith("."), name
        assert metric.group in GROUPS, name
        assert metric.range.least < metric.range.most, name
        assert not metric.best or metric.best in METRICS, name
    for listed in ("compared", "damage", "headline", "released"):
        places = [getattr(metric, listed) for metric in METRICS.values()]
        assert sorted(filter(None, places)) == list(range(1, max(places) + 1)), listed

"""Models side by side: ranks by hand, what may stand beside what, and forms of the table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli.main import app
from harness.errors import UsageError
from harness.leaderboard.leaderboard import Leaderboard, RankedModel, read_leaderboard
from harness.metrics.detection import eer
from harness.report.leaderboard_text import as_csv, as_markdown
from harness.results.record import ThresholdRule
from harness.results.run_folder import RunFolder
from harness.summary.summary import summarise
from tests.support.builders import write_run
from tests.support.two_runs import changed, finished

NOISE, HUM, CODEC = "noise:a@1", "noise:a@2", "codec:c@1"
NAMES = ("clean", NOISE, HUM, CODEC)
GROUPS = 24


def run(
    model: str,
    skill: float,
    *,
    seed: int = 0,
    data: str = "data",
    lost: Mapping[str, int] | None = None,
    day: int = 1,
    hard: float = 1.0,
) -> RunFolder:
    """A model whose classes lie `skill` apart on clean; under perturbation `hard` less.

    `lost` clips of a condition have no score.
    """
    rng = np.random.default_rng([seed, sum(map(ord, model))])
    base = np.random.default_rng([99, sum(map(ord, data))])
    clips = [f"{kind}{number}" for number in range(GROUPS) for kind in ("ra", "rb", "fa", "fb")]
    shared = {clip: base.normal() for clip in clips}
    scores: dict[str, dict[str, float | None]] = {}
    for name in NAMES:
        half = (skill - (hard if name != "clean" else 0.0)) / 2
        scores[name] = {
            clip: float(
                0.8 * shared[clip] + 0.6 * rng.normal() + (half if clip[0] == "f" else -half)
            )
            for clip in clips
        }
        for clip in clips[: (lost or {}).get(name, 0)]:
            scores[name][clip] = None
    made = finished(scores, model)
    models = [made.record.models[0].model_copy(update={"digest": f"digest of {model}"})]
    made = changed(made, models=models, started=f"2026-03-{day:02d}", clips_per_second=5.0 * day)
    return changed(made, "data", digest=data, name=data)


def write(runs: list[RunFolder], root: Path) -> list[Path]:
    return [
        write_run(each, root / f"{place}-{each.record.data.name}")
        for place, each in enumerate(runs)
    ]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A good model, another that is nearly the same, and a bad one."""
    runs = [run("good", 4.0), run("near", 3.9, seed=1), run("bad", 0.8, seed=2)]
    return write(runs, tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def board(three: list[Path]) -> Leaderboard:
    return read_leaderboard(three, metric="accuracy", reference="bad", resamples=400)


def by_model(board: Leaderboard) -> dict[str, RankedModel]:
    return {row.model: row for row in board.rows}


def test_ranks_and_groups(board: Leaderboard) -> None:
    rows = by_model(board)
    assert board.rows[-1].model == "bad"
    assert {rows[name].clean.letters for name in ("good", "near")} == {"a"}
    assert rows["bad"].clean.letters == "b"
    assert (rows["bad"].clean.rank, rows["bad"].clean.best, rows["bad"].clean.worst) == (3, 3, 3)
    for name in ("good", "near"):
        assert (rows[name].clean.best, rows[name].clean.worst) == (1, 2)
    assert "| 3<br>3 to 3 |" in as_markdown(board)


def test_figures_on_clean_are_those_of_the_runs_own_reports(
    board: Leaderboard, three: list[Path]
) -> None:
    """Where all clips are scored by all, the table has what each run's own report has."""
    from harness.results.run_folder import read_run

    for path in three:
        own = read_run(path)
        whole = summarise(own.table, own.record, resamples=400, seed=0).rows
        rows = {r.metric: r for r in whole if (r.condition, r.slice) == ("clean", "all")}
        row = by_model(board)[own.record.models[0].name]
        for name, figure in row.figures.items():
            reported = rows[name]
            assert (figure.value, figure.low, figure.high, figure.n) == pytest.approx(
                (reported.value, reported.low, reported.high, reported.n)
            )


def test_perturbed_is_the_mean_of_the_families(board: Leaderboard, three: list[Path]) -> None:
    table = run("good", 4.0).table
    table = table.assign(right=(table["score"] >= 0) == (table["label"] == "fake"))
    shares = table.groupby("condition")["right"].mean()
    noise = (shares[NOISE] + shares[HUM]) / 2
    row = by_model(board)["good"]
    assert row.perturbed.figure.value == pytest.approx((noise + shares[CODEC]) / 2)
    assert row.damage.value == pytest.approx(row.perturbed.figure.value - shares["clean"])
    assert row.damage.low < row.damage.value < row.damage.high
    assert row.worst_value == pytest.approx(shares[[NOISE, HUM, CODEC]].min())
    assert row.worst == shares[[NOISE, HUM, CODEC]].idxmin()


def test_mce_is_relative_to_the_reference(board: Leaderboard) -> None:
    rows = by_model(board)
    assert rows["bad"].mce.value == pytest.approx(1)
    errors: dict[str, dict[str, float]] = {}
    for name, skill, seed in (("good", 4.0, 0), ("bad", 0.8, 2)):
        table = run(name, skill, seed=seed).table
        wrong = (table["score"] >= 0) != (table["label"] == "fake")
        errors[name] = wrong.groupby(table["condition"]).mean().to_dict()
    ratios = [
        sum(errors["good"][one] for one in series) / sum(errors["bad"][one] for one in series)
        for series in ((NOISE, HUM), (CODEC,))
    ]
    assert rows["good"].mce.value == pytest.approx(np.mean(ratios))


def test_the_order_of_the_runs_does_not_matter(three: list[Path]) -> None:
    boards = [
        read_leaderboard(list(order), resamples=100, reference="good")
        for order in permutations(three)
    ]
    assert all(repr(each) == repr(boards[0]) for each in boards)


@settings(max_examples=8)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_board(
    tmp_path_factory: pytest.TempPathFactory, skills: list[float], random: object
) -> None:
    runs = [run(f"model {at}", skill, seed=at) for at, skill in enumerate(skills)]
    paths = write(runs, tmp_path_factory.mktemp("any"))
    first = read_leaderboard(paths, resamples=60)
    shuffled = list(paths)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert repr(read_leaderboard(shuffled, resamples=60)) == repr(first)
    for row in first.rows:
        assert row.clean.best <= row.clean.rank <= row.clean.worst


def test_the_same_model_twice_shares_a_rank(tmp_path: Path) -> None:
    runs = [run("twin", 3.0), run("twin", 3.0), run("bad", 0.5)]
    paths = write(runs, tmp_path)
    board = read_leaderboard([*paths, paths[0]], resamples=100)
    assert len(board.rows) == 3
    one, other, bad = board.rows
    assert {one.model, other.model} == {f"twin ({path})" for path in paths[:2]}
    assert (one.clean.rank, other.clean.rank, bad.clean.rank) == (1, 1, 3)
    assert one.clean.letters == other.clean.letters
    assert one.perturbed.rank == other.perturbed.rank


def test_releases_of_one_name_are_told_apart(tmp_path: Path) -> None:
    old = run("model", 3.0)
    model = old.record.models[0].model_copy(update={"digest": "f" * 64})
    board = read_leaderboard(
        write([old, changed(run("model", 2.0), models=[model])], tmp_path), resamples=50
    )
    assert {row.model for row in board.rows} == {"model (digest of mo)", "model (ffffffffffff)"}


@pytest.mark.parametrize(
    ("means", "joined"),
    [((-4.27, -4.27), True), ((-4.27, -4.0), False), ((-4.27, None), True)],
)
def test_the_same_weights_with_other_settings_are_another_model(
    tmp_path: Path, means: tuple[float, float | None], joined: bool
) -> None:
    """A record of an older harness, without settings, is held to its weights."""
    runs: list[RunFolder] = []
    for data, mean in zip("ab", means, strict=True):
        for seed, model in enumerate(("good", "bad", "odd")):
            made = run(model, 2.0, seed=seed, data=data)
            settings = {} if mean is None else {"mean": mean if model == "odd" else 0}
            models = [made.record.models[0].model_copy(update={"settings": settings})]
            runs.append(changed(made, models=models))
    board = read_leaderboard(write(runs, tmp_path), resamples=50)
    assert {row.model for row in board.rows} == {"good", "bad", *(["odd"] if joined else [])}
    told = [each.reason for each in board.refused]
    assert told == ([] if joined else ["not run on every data set"] * 2)


def test_what_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    alien = run("alien", 3.0, data="elsewhere")
    seeded = changed(run("seeded", 3.0), "suite", seed=2)
    poor = run("poor", 3.0, lost={"clean": 90})
    unset = changed(run("unset", 3.0), "suite", threshold=ThresholdRule(choose="eer"))
    runs = [run("one", 3.0), run("two", 2.0), alien, seeded, poor, unset]
    paths = write(runs, tmp_path)
    (tmp_path / "broken").mkdir()
    board = read_leaderboard([*paths, tmp_path / "broken"], resamples=50)
    assert {row.model for row in board.rows} == {"one", "two"}
    told = {each.run.rpartition(" (")[2].rstrip(")"): each.reason for each in board.refused}
    assert told["alien"].startswith("other data")
    assert "seed is 2, was 1" in told["seeded"]
    assert told["poor"] == "only 6.2% of clean was scored; the suite requires 50%"
    assert "no threshold was chosen" in told["unset"]
    assert any("not a run directory" in each.reason for each in board.refused)


def test_only_shared_clips_count_and_coverage_is_shown(tmp_path: Path) -> None:
    whole, part = run("whole", 2.0), run("part", 2.0, seed=1, lost={"clean": 20})
    board = read_leaderboard(write([whole, part], tmp_path), resamples=50)
    rows = by_model(board)
    assert board.data[0].shared == rows["whole"].clean.figure.n == 96 - 20
    assert (rows["whole"].coverage, rows["part"].coverage) == (1, pytest.approx(76 / 96))
    clean = whole.table[whole.table["condition"] == "clean"].iloc[20:]
    scores = [clean.loc[clean["label"] == label, "score"].to_numpy() for label in ("real", "fake")]
    assert rows["whole"].clean.figure.value == pytest.approx(eer(*scores))
    assert "Not every clip was scored: part 79.2 % clean" in as_markdown(board)


def test_scores_of_others_are_ranked_on_what_they_have(tmp_path: Path) -> None:
    """Scores of clean clips alone have no rank under perturbation, and cost the others nothing."""
    lost = dict.fromkeys((NOISE, HUM, CODEC), 96)
    board = read_leaderboard(
        write([run("full", 3.0), run("file", 2.0, lost=lost)], tmp_path), resamples=50
    )
    rows = by_model(board)
    assert rows["file"].clean.rank == 2
    assert rows["file"].perturbed.rank == 0
    assert math.isnan(rows["file"].perturbed.figure.value)
    assert rows["full"].perturbed.rank == 1
    assert rows["full"].perturbed.figure.n == 96
    assert "only 0.0% of codec:c@1 was scored and too little of 2 more" in rows["file"].note


def test_a_policy_decides_clips_without_a_score(tmp_path: Path) -> None:
    paths = write([run("whole", 4.0), run("part", 4.0, lost={"clean": 30})], tmp_path)
    board = read_leaderboard(paths, metric="accuracy", unscored="wrong", resamples=200)
    rows = by_model(board)
    assert rows["whole"].clean.figure.n == rows["part"].clean.figure.n == 96
    assert rows["part"].clean.figure.value <= 1 - 30 / 96
    assert rows["part"].clean.rank == rows["part"].clean.best == 2


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    runs = [
        run(model, skill + (data == "b"), seed=seed, data=data, day=day)
        for data, day in (("a", 1), ("b", 2))
        for seed, (model, skill) in enumerate((("good", 2.5), ("bad", 1.0)))
    ]
    runs.append(run("only a", 2.0, data="a"))
    return read_leaderboard(write(runs, tmp_path_factory.mktemp("two")), resamples=300)


def test_data_sets_weigh_alike_and_are_drawn_apart(two_sets: Leaderboard) -> None:
    assert [each.name for each in two_sets.data] == ["a", "b"]
    for row in two_sets.rows:
        mean = np.mean([each.figure.value for each in row.data])
        assert row.clean.figure.value == pytest.approx(mean)
        widths = [each.figure.high - each.figure.low for each in row.data]
        assert row.clean.figure.high - row.clean.figure.low < max(widths)
        assert not math.isnan(row.perturbed.figure.value)
    assert [row.model for row in two_sets.rows] == ["good", "bad"]
    (left,) = two_sets.refused
    assert "only a" in left.run
    assert left.reason == "not run on every data set"


def test_pooled_is_of_all_clips_at_one_threshold(two_sets: Leaderboard) -> None:
    parts = [run("good", 2.5, data="a"), run("good", 3.5, data="b")]
    table = pd.concat([part.table for part in parts])
    table = table[table["condition"] == "clean"]
    scores = [table.loc[table["label"] == label, "score"].to_numpy() for label in ("real", "fake")]
    row = by_model(two_sets)["good"]
    assert row.pooled.value == pytest.approx(eer(*scores))
    assert row.pooled.n == 2 * 96


def test_one_data_set_pools_nothing(board: Leaderboard) -> None:
    assert all(math.isnan(row.pooled.value) for row in board.rows)


def test_cost_and_parameters_come_from_the_record(tmp_path: Path) -> None:
    both = run("one", 3.0, day=2)
    first = both.record.models[0].model_copy(update={"parameters": None})
    second = first.model_copy(update={"name": "two", "parameters": 7})
    table = pd.concat([both.table, run("one", 2.0, seed=5).table.assign(model="two")])
    made = replace(changed(both, models=[first, second]), table=table.reset_index(drop=True))
    rows = by_model(read_leaderboard(write([made], tmp_path), resamples=50))
    assert rows["two"].parameters == 7
    assert rows["one"].parameters is None
    (cost,) = rows["two"].cost
    assert (cost.rows_per_second, cost.device, cost.models) == (10.0, "cpu", 2)


def test_bad_usage_is_told(three: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot rank models"):
        read_leaderboard(three, metric="coverage")
    with pytest.raises(UsageError, match="name one of bad, good, near"):
        read_leaderboard(three, reference="nobody", resamples=10)
    with pytest.raises(UsageError, match="no model can be ranked"):
        read_leaderboard([tmp_path])


def test_csv_has_every_number(board: Leaderboard) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(board))))
    assert [line["model"] for line in lines] == [row.model for row in board.rows]
    for line, row in zip(lines, board.rows, strict=True):
        assert float(line["clean"]) == row.clean.figure.value
        assert int(line["perturbed_rank_worst"]) == row.perturbed.worst
        assert float(line["eer_low"]) == row.figures["eer"].low
        assert line["pooled"] == ""


def test_names_are_no_markup_and_no_formula(tmp_path: Path) -> None:
    evil = "=1+1|<b>\x1b[31m@everyone"
    board = read_leaderboard(write([run(evil, 3.0), run("b", 2.0)], tmp_path), resamples=20)
    markdown = as_markdown(board)
    assert "<b>" not in markdown
    assert "\x1b" not in markdown
    tables = [part for part in markdown.split("\n\n") if part.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    cell = next(csv.DictReader(io.StringIO(as_csv(board))))["model"]
    assert cell.startswith("'=")
    assert "\x1b" not in cell


def test_the_command(three: list[Path], tmp_path: Path) -> None:
    names = [str(path) for path in three]
    page = tmp_path / "board.html"
    done = CliRunner().invoke(app, ["leaderboard", *names, "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert "3 to 3" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    assert "significantly worse" in text
    told = CliRunner().invoke(app, ["leaderboard", *names, "--json"])
    assert [row["model"] for row in json.loads(told.stdout)["rows"]][-1] == "bad"
    assert CliRunner().invoke(app, ["leaderboard", *names, "--csv"]).stdout.startswith("model,")
    markdown = CliRunner().invoke(app, ["leaderboard", *names, "--markdown"]).stdout
    assert "\n| Model | Rank |" in markdown
    both = CliRunner().invoke(app, ["leaderboard", *names, "--csv", "--json"])
    assert isinstance(both.exception, UsageError)

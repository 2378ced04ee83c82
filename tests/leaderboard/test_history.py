"""Releases over time: which runs are on one curve, what breaks it, and which steps are real."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli.main import app
from harness.compare.compare import compare
from harness.errors import UsageError
from harness.leaderboard.history import History, read_history
from harness.leaderboard.model_run import ModelRun, find_runs, model_runs, reason_apart
from harness.leaderboard.release import Release, measure, turn_of
from harness.metrics import METRICS
from harness.results.run_folder import RunFolder, read_run
from harness.summary.summary import summarise
from tests.support.builders import write_run
from tests.support.two_runs import changed, condition, finished

NOISE, HUM = "noise:a@1", "noise:b@1"
GROUPS = 24


def scored(
    seed: int, shift: float = 0.0, noisy: float = 0.0, names: tuple[str, ...] = ()
) -> RunFolder:
    """A run whose fakes score lower by `shift`, and by `noisy` more under noise."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(99)  # what clips have in common in all releases
    levels = {
        f"{kind}{number}": base.normal(2.2 if kind[0] == "f" else -2.2, 1.0)
        for number in range(GROUPS)
        for kind in ("ra", "rb", "fa", "fb")
    }
    return finished(
        {
            name: {
                clip: float(
                    level
                    + rng.normal(0, 0.05)
                    - (clip[0] == "f") * (shift + (noisy if name != "clean" else 0.0))
                )
                for clip, level in levels.items()
            }
            for name in ("clean", *(names or (NOISE, HUM)))
        }
    )


def dated(run: RunFolder, day: int, digest: str = "") -> RunFolder:
    model = run.record.models[0].model_copy(update={"digest": digest or f"{day:064d}"})
    when = f"2026-03-{day:02d}T10:00:00Z"
    return changed(run, started=when, finished=when, models=[model], command=["harness"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five releases: two alike, one worse, one under another suite, one as the third again.

    Also one damaged, one of a newer format, one with damaged scores, and a copy.
    """
    root = tmp_path_factory.mktemp("runs")
    write_run(dated(scored(1), 1), root / "b-first")
    write_run(dated(scored(2), 2), root / "a-second")
    write_run(dated(scored(3, shift=3.0), 3), root / "third")
    write_run(dated(scored(4, names=(NOISE, "codec:c@1")), 4), root / "other")
    write_run(dated(scored(3, shift=3.0), 5, "3".zfill(64)), root / "nested" / "again")
    accepted = changed(dated(scored(2), 2), command=[])
    write_run(accepted, root / "accepted")
    (root / "broken").mkdir()
    (root / "broken" / "run.json").write_text('{"version": 3', encoding="utf-8")
    (root / "newer").mkdir()
    (root / "newer" / "run.json").write_text('{"version": 99}', encoding="utf-8")
    torn = write_run(dated(scored(6), 6), root / "torn")
    shard = torn / "scores" / "part-000000.parquet"
    shard.write_bytes(shard.read_bytes()[:200])
    (root / ".hidden").mkdir()
    (root / ".hidden" / "run.json").write_text("{}", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def history(folder: Path) -> History:
    return read_history([folder], resamples=300)


def turns(release: Release) -> dict[str, str]:
    return {step.of: step.turn for step in (*release.steps, *release.family_steps)}


def test_comparable_runs_are_on_one_track_by_time(history: History) -> None:
    first, other = history.tracks
    assert [Path(each.run).name for each in first.releases] == [
        "b-first",
        "a-second",
        "third",
        "again",
    ]
    assert [Path(each.run).name for each in other.releases] == ["other"]
    assert first.reason == ""
    assert other.reason == "other conditions: 1 new (codec:c@1), 1 gone (noise:b@1)"


def test_a_release_that_is_worse_is_marked(history: History) -> None:
    first, second, third, again = history.tracks[0].releases
    assert (first.steps, first.family_steps) == ([], [])
    assert set(turns(second).values()) == {"open"}
    worse = turns(third)
    assert worse["accuracy"] == worse["auc"] == worse["eer"] == worse["act_dcf"] == "worse"
    assert worse["coverage"] == "open"
    assert again.same
    assert not third.same
    assert set(turns(again).values()) == {"open"}


def test_damaged_and_newer_runs_are_named_and_copies_told(history: History) -> None:
    told = {Path(each.run).name: each.reason for each in history.refused}
    assert set(told) == {"broken", "newer", "torn"}
    assert "damaged record" in told["broken"]
    assert "newer harness" in told["newer"]
    assert "damaged part of the scores" in told["torn"]
    assert [(Path(a).name, Path(b).name) for a, b in history.copies] == [("accepted", "a-second")]


def test_figures_are_those_of_the_reports(tmp_path: Path) -> None:
    """The narrowed computation gives the very numbers of the whole."""
    run = read_run(write_run(dated(scored(1, noisy=1.5), 1), tmp_path))
    whole = summarise(run.table, run.record, resamples=200, seed=0)
    release = measure(model_runs(run)[0], None, 200)
    rows = {r.metric: r for r in whole.rows if (r.condition, r.slice) == ("clean", "all")}
    assert release.figures == [rows[name] for name in METRICS.released]
    assert release.families == [each for each in whole.families if each.metric == "accuracy"]
    before = dated(scored(2), 2)
    step = measure(model_runs(run)[0], model_runs(before)[0], 200)
    compared = compare(run, before, resamples=200)
    cells = {c.metric: c for c in compared.cells if c.condition == "clean"}
    assert {s.of: (s.difference, s.low, s.high) for s in step.steps} == {
        name: (cells[name].difference, cells[name].low, cells[name].high)
        for name in METRICS.released
    }
    assert [(s.of, s.difference) for s in step.family_steps] == [
        (each.family, each.difference) for each in compared.families
    ]
    assert [s.turn for s in step.family_steps] == ["worse"]


def test_runs_may_alternate_between_suites(tmp_path: Path) -> None:
    for day in range(1, 5):
        names = (NOISE,) if day % 2 else (HUM,)
        write_run(dated(scored(day, names=names), day), tmp_path / f"run {day}")
    found = read_history([tmp_path], resamples=50)
    assert [len(track.releases) for track in found.tracks] == [2, 2]


def test_models_of_a_run_have_lines_of_their_own(tmp_path: Path) -> None:
    one, other = scored(1), scored(2)
    models = [
        one.record.models[0],
        one.record.models[0].model_copy(update={"name": "b@rev", "revision": "rev"}),
    ]
    both = changed(one, models=models, started="2026-01-01T00:00:00Z")
    joined = RunFolder(
        both.folder,
        both.record,
        pd.concat([one.table, other.table.assign(model="b@rev")], ignore_index=True),
        both.published,
    )
    write_run(joined, tmp_path / "both")
    found = read_history([tmp_path], resamples=50)
    assert found.lines == ["owner/model", "b"]
    assert found.tracks[1].releases[0].version == "rev"


def test_one_detector_joins_what_is_called_otherwise(tmp_path: Path) -> None:
    for day, name in ((1, "old"), (2, "new")):
        run = dated(scored(day), day)
        model = run.record.models[0].model_copy(update={"name": name})
        table = run.table.assign(model=name)
        write_run(
            RunFolder(run.folder, changed(run, models=[model]).record, table, run.published),
            tmp_path / name,
        )
    assert len(read_history([tmp_path], resamples=50).tracks) == 2
    (track,) = read_history([tmp_path], one_detector=True, resamples=50).tracks
    assert [each.model for each in track.releases] == ["old", "new"]
    assert track.releases[1].steps


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("data", {"digest": "else"}, "other data: digest data, was else"),
        ("suite", {"seed": 2}, "noise:a@1: the suite's seed is 1, was 2"),
        ("suite", {"threshold": 1.0}, "the threshold is 0, was 1"),
        ("suite", {"unscored": "wrong"}, "clips without a score count as excluded"),
        ("suite", {"min_coverage": 0.9, "digest": "else"}, ""),
        ("machine", {"device": "cuda"}, ""),
    ],
)
def test_what_bars_a_track(part: str, change: dict[str, object], told: str) -> None:
    run = scored(1)
    found = reason_apart(ModelRun(run), ModelRun(changed(run, part, **change)))
    assert found.startswith(told)
    assert bool(found) == bool(told)


def test_a_condition_of_another_digest_bars() -> None:
    run = scored(1)
    names = [condition("clean"), condition(NOISE, digest="else"), condition(HUM)]
    other = changed(run, "suite", conditions=names)
    assert reason_apart(ModelRun(run), ModelRun(other)).startswith(
        f"{NOISE}: the condition is another one"
    )
    renamed = [
        condition("clean"),
        condition("noise:x", digest=f"digest of {NOISE}"),
        condition(HUM),
    ]
    assert reason_apart(ModelRun(run), ModelRun(changed(run, "suite", conditions=renamed))) == ""


def test_a_recording_that_was_exchanged_bars_a_track() -> None:
    run = scored(1)
    clips = run.table["clip_id"]
    digests = {clip: f"digest of {clip}" for clip in clips.unique()}
    exchanged = digests | {clips.iloc[0]: "another"}
    one, other = (
        ModelRun(replace(run, table=run.table.assign(audio_digest=clips.map(each))))
        for each in (digests, exchanged)
    )
    assert reason_apart(one, one) == reason_apart(one, ModelRun(run)) == ""
    told = f"other data: 1 of {len(digests)} recordings differ"
    assert reason_apart(one, other).startswith(told)


def test_turns_follow_the_direction_of_the_metric() -> None:
    assert turn_of("accuracy", 0.01, 0.1) == "better"
    assert turn_of("eer", 0.01, 0.1) == "worse"
    assert turn_of("eer", -0.01, 0.1) == "open"
    assert turn_of("eer", 0.01, 0.1, shown=False) == "open"
    assert turn_of("eer", float("nan"), 0.1) == "not compared"


def test_runs_are_found_once(folder: Path) -> None:
    found = find_runs([folder, folder / "nested"])
    assert len(found) == len({path.resolve() for path in found}) == 9
    assert not any(".hidden" in str(path) for path in found)


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs"):
        read_history([tmp_path])
    with pytest.raises(UsageError, match="no such directory"):
        read_history([tmp_path / "absent"])


def test_an_entry_knows_one_model_alone() -> None:
    (entry,) = model_runs(scored(1))
    assert isinstance(entry, ModelRun)
    assert entry.release == ""


def test_the_command(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "history.html"
    done = CliRunner().invoke(app, ["history", str(folder), "--out", str(page)])
    assert done.exit_code == 0
    assert "What is not shown" in done.stdout
    assert "New curve on 2026-03-" in done.stdout
    assert ": other conditions: 1 new" in done.stdout
    assert "▼" in done.stdout
    told = CliRunner().invoke(app, ["history", str(folder), "--json"])
    content = json.loads(told.stdout)
    assert set(content) == set(asdict(read_history([folder / "third"], resamples=10)))
    assert len(content["tracks"]) == 2
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    assert "other conditions: 1 new (codec:c@1), 1 gone (noise:b@1)" in text
    assert "broken" in text

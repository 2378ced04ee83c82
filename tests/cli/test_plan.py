"""`harness plan`: what it says of a run before there is one, and beside the run afterwards."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harness.results.scores import read_scores
from tests.support.in_process import harness

RATE_HZ = 16000
SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-6, -20]
[[condition]]
perturb = "codec"
codec = "g711-alaw"
"""
PLAN = ("plan", "small.toml", "--data", "clips", "--sample", "4", "--workers", "1,3")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with clips of several lengths and a suite in it, to work in."""
    rng = np.random.default_rng(3)
    for label in ("real", "fake"):
        for number in range(5):
            path = tmp_path / "clips" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = 0.1 * rng.standard_normal(8000 + 1600 * number)
            soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    (tmp_path / "small.toml").write_text(SUITE)
    (tmp_path / "other.toml").write_text(SUITE.replace("-20", "-30"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = harness(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_plan_beside_the_run_that_came_of_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(capsys, *PLAN, "--out", "plan.json")
    code, _, err = harness(capsys, "run", "small.toml", "--data", "clips", "--out", "run")
    assert code == 0, err
    assert plan["scorings"] == len(read_scores(place / "run")) == 10 * 4
    sizes = [path.stat().st_size for path in (place / "clips").rglob("*.wav")]
    assert plan["read_bytes"] == {"value": sum(sizes), "low": sum(sizes), "high": sum(sizes)}
    assert plan["sample_clips"] == 4
    seconds = sum(0.5 + 0.1 * number for number in range(5)) * 2
    assert plan["audio_seconds"]["value"] == pytest.approx(seconds, rel=0.01), "as the bytes"
    assert plan["machine"]["device"] == "cpu"
    stages = {stage["name"]: stage for stage in plan["stages"]}
    assert {"decode", "perturb gain", "perturb codec", "attest", "read", "write"} <= set(stages)
    assert {"features of embedded", "forward of embedded"} <= set(stages)
    assert all(stage["seconds"]["value"] >= 0 for stage in stages.values())
    assert [layout["workers"] for layout in plan["layouts"]] == [1, 3]
    single, three = plan["layouts"]
    assert single["hours"]["low"] <= single["hours"]["value"] <= single["hours"]["high"]
    own = plan["worker_bytes"] + 3 * plan["clip_audio_bytes"]  # three clips of each wait
    assert three["memory_bytes"] - single["memory_bytes"] == pytest.approx(2 * own)

    kept = planned(capsys, "plan", "--plan", "plan.json", "--after", "run")
    after = kept.pop("after")
    assert kept == plan
    assert after["scorings"] == plan["scorings"]
    assert after["written_bytes"] > 0
    ratios = {stage["name"]: stage["ratio"] for stage in after["stages"]}
    for name in ("perturb codec", "features", "forward", "everything"):
        assert ratios[name] is not None, name
        assert 0 < ratios[name] < math.inf, name
    assert ratios["read"] is None, "a run does not keep it"

    code, out, _ = harness(capsys, "plan", "--plan", "plan.json", "--after", "run")
    assert code == 0
    assert "small on clips: 10 clips × 4 conditions × 1 model = 40 scorings." in out
    assert "took / planned" in out


def test_on_a_cluster_one_process_only_writes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(capsys, *PLAN, "--engine", "ray")
    alone = {stage["name"] for stage in plan["stages"] if stage["resource"] == "main process"}
    assert alone == {"write"}
    assert plan["cached_bytes"] == 0
    single, three = plan["layouts"]
    own = plan["main_bytes"] + plan["worker_bytes"] + 3 * plan["clip_audio_bytes"]
    assert three["memory_bytes"] - single["memory_bytes"] == pytest.approx(2 * own)


def test_a_run_of_something_else_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *PLAN, "--out", "plan.json")
    run = ("--data", "clips", "--workers", "0")
    harness(capsys, "run", "other.toml", *run, "--out", "other")
    harness(capsys, "run", "small.toml", *run, "--limit", "6", "--out", "part")
    for folder, difference in (("other", "another suite"), ("part", "other data")):
        code, _, err = harness(capsys, "plan", "--plan", "plan.json", "--after", folder)
        assert code == 2
        assert f"{folder}: a run of {difference} than planned; plan what it ran" in err
    code, _, err = harness(capsys, *PLAN, "--after", "other")
    assert code == 2
    assert "other: a run of another suite than small.toml" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "smok"), "no suite 'smok'"),
        (("plan", "smoke", "--data", "nowhere"), "nowhere: no such file or directory"),
        (("plan", "smoke", "--model", "no/such/directory"), "no/such/directory"),
        (("plan", "smoke", "--workers", "1,x"), "--workers: '1,x': expected positive integers"),
        (("plan", "smoke", "--workers", "0"), "--workers: '0': expected positive integers"),
        (("plan", "smoke", "--gpus", "2", "--device", "cpu"), "measured on cpu"),
        (("plan", "smoke", "--after", "nowhere"), "nowhere: not a run directory"),
        (("plan", "--plan", "plan.json"), "name the run with --after"),
        (("plan", "--plan", "plan.json", "--after", "x"), "plan.json: cannot be read"),
        (("plan", "--plan", "small.toml", "--after", "x"), "small.toml: not a plan"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = harness(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err.splitlines()[-1]


def test_a_plan_of_the_embedded_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = planned(capsys, "plan", "smoke", "--limit", "8", "--sample", "2", "--cache-gb", "0.001")
    assert plan["data"] == "embedded"
    assert plan["scorings"] == 8 * plan["conditions"]
    assert plan["limit"] == 8
    assert plan["sample_clips"] == 2
    assert plan["here"]["hours"]["value"] > 0
    assert 0 < plan["cached_bytes"] <= 1e6
    assert not list(tmp_path.iterdir()), "nothing is kept that nobody asked for"

"""The audits as they are called: what is printed, what is JSON, and what the exit code says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli.main import app
from harness.data.embedded import CorpusSpec, EmbeddedSource
from tests.support.builders import write_run
from tests.support.two_runs import finished


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def answer(*arguments: str) -> Any:
    done = call(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on disk in which noise turns every real clip."""
    clean = {
        f"{kind}{n}": 3.0 if kind[0] == "f" else -3.0 for n in range(12) for kind in ("ra", "fa")
    }
    run = finished({"clean": clean, "noise": dict.fromkeys(clean, 3.0)})
    return write_run(run, tmp_path / "run")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small corpus as a folder."""
    folder = tmp_path_factory.mktemp("data")
    source = EmbeddedSource(spec=CorpusSpec(speakers=6, utterances=2), workers=1)
    for clip in source:
        (folder / clip.label).mkdir(exist_ok=True)
        assert isinstance(clip.audio, Path)
        (folder / clip.label / clip.audio.name).write_bytes(clip.audio.read_bytes())
    return str(folder)


def test_flips(run: Path) -> None:
    done = call("flips", str(run), "--strict")
    assert done.exit_code == 1
    assert "12 − 0 of 12" in done.stdout
    report = answer("flips", str(run))
    assert report["found"] is True
    assert report["conditions"][0]["first"] == "real"
    assert report["conditions"][0]["fake"]["broke"] == 0


def test_labels(run: Path) -> None:
    done = call("labels", str(run), "--strict")
    assert done.exit_code == 0
    assert "too few clips to know" in done.stdout
    assert "as labelled" in done.stdout
    report = answer("labels", str(run))
    assert report["found"] is False
    assert report["counts"][0]["wrong"] is None  # NaN has no word in JSON


def test_shortcuts(data: str, run: Path) -> None:
    done = call("shortcuts", data)
    assert done.exit_code == 0
    assert "all together" in done.stdout
    report = answer("shortcuts", data)
    assert report["clips"] == 24
    assert {shortcut["verdict"] for shortcut in report["shortcuts"]} <= {
        "tells",
        "does not tell",
        "too few clips",
    }
    assert call("shortcuts", data, "--run", str(run)).exception.what.startswith("has too few")
    assert call("shortcuts", data, "--out", "here").exception.where == "--out"


def test_leakage(data: str, tmp_path: Path) -> None:
    page = tmp_path / "pairs.html"
    quiet = call("leakage", data, "--strict", "--html", str(page))
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert call("leakage", data, "--html", str(page)).exception.what == "exists already"
    report = answer("leakage", data, "--against", data)
    assert report["found"] is True
    kinds = [match["kind"] for match in report["matches"]]
    assert kinds.count("same bytes") == 24
    assert quiet.exit_code in (0, 1)
    assert call("leakage", data, "--against", data, "--strict").exit_code == 1

"""Scores that are not what they are taken for: said first, wherever a figure of them is shown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.metrics.detection import auc
from harness.results.run_folder import RunFolder
from harness.summary.score_warnings import run_warnings, score_warnings
from harness.summary.summary import figures
from tests.support.builders import write_run
from tests.support.evidence_run import MODEL, finished
from tests.support.in_process import harness

SWAPPED = "Warning: owner/model: probably swapped: AUC 0.0"
FORMS = ("gate.json", "gate.md", "junit.xml", "metrics.json", "report.html")


KINDS: dict[str, dict[str, object]] = {
    "hub": {},
    "callable": {"parameters": None},
    "scores": {"parameters": None, "rate_hz": None},
}


def scored(change: str, groups: int = 20, kind: str = "hub", clean: bool = True) -> RunFolder:
    """A run that tells the classes apart, its scores changed as an adapter may get them wrong."""
    run = finished(groups=groups, scale=2.0)
    score = run.table["score"].to_numpy()
    changed = {
        "as it is": score,
        "swapped": -score,
        "probability": 1 / (1 + np.exp(-score)),
        "percent": 100 / (1 + np.exp(-score)),
        "offset": score - 40,
        "chance": np.random.default_rng(1).normal(size=len(score)),
    }[change]
    table = run.table.assign(score=changed)
    table = table if clean else table[table["condition"] != "clean"].reset_index(drop=True)
    models = [each.model_copy(update={"kind": kind} | KINDS[kind]) for each in run.record.models]
    return replace(run, table=table, record=run.record.model_copy(update={"models": models}))


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ("swapped", "hub", "so real clips score higher than fakes; say which label means fake"),
        ("swapped", "callable", "return the negative of the score"),
        ("swapped", "scores", "say scores:FILE.higher=real"),
        ("probability", "scores", "every clip is called fake.*probabilities are probably taken"),
        ("percent", "callable", "every clip is called fake.*return log"),
        ("offset", "hub", "every clip is called real.*the threshold is off, or choose"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change: str, kind: str, told: str) -> None:
    run = scored(change, kind=kind)
    (warning,) = run_warnings(run)
    assert pytest.approx(warning.value, abs=1e-12) == clean_auc(run)
    assert warning.low <= warning.value <= warning.high
    assert re.search(told, warning.line)
    summary = figures(run, 1000)
    assert summary.warnings == score_warnings(summary.rows, run.record) == [warning]


def clean_auc(run: RunFolder) -> float:
    clean = run.table[run.table["condition"] == "clean"]
    fake = (clean["label"] == "fake").to_numpy()
    score = clean["score"].to_numpy()
    return auc(score[~fake], score[fake])


@pytest.mark.parametrize("change", ["as it is", "chance"])
def test_a_detector_as_it_should_be_and_one_that_guesses_say_nothing(change: str) -> None:
    assert run_warnings(scored(change)) == []


def test_a_file_that_is_swapped_under_other_conditions_alone_is_told() -> None:
    run = scored("as it is", kind="scores")
    other = run.table["condition"] != "clean"
    turned = run.table.assign(score=run.table["score"].where(~other, -run.table["score"]))
    (warning,) = run_warnings(replace(run, table=turned))
    assert re.search("probably swapped under .*though not on clean clips", warning.line)
    assert run_warnings(replace(scored("as it is"), table=turned)) == []  # fooled, not turned


@pytest.mark.parametrize("seed", range(20))
def test_ten_clips_below_chance_say_nothing(seed: int) -> None:
    run = finished(groups=5, each=1)
    rng = np.random.default_rng(seed)
    score = rng.normal(size=len(run.table)) - 0.3 * (run.table["label"] == "fake")
    assert run_warnings(replace(run, table=run.table.assign(score=score))) == []


def test_without_clean_most_conditions_decide() -> None:
    (warning,) = run_warnings(scored("swapped", clean=False))
    assert (
        "AUC 0.015 (0.005 to 0.043) on clips under crop@2s, as under 7 of 7 conditions"
        in warning.words
    )
    assert run_warnings(scored("chance", clean=False)) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("polarity")
    for change in ("swapped", "as it is"):
        write_run(scored(change), folder / change)
    (folder / "lenient.toml").write_text(
        'version = 1\nname = "lenient"\n[[require]]\nmetric = "auc"\nat_least = 0.0\n'
    )
    return folder


def test_every_form_of_a_gate_says_it_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy that asks nothing of polarity passes; the warning stands beside it everywhere."""
    run, baseline, policy = (str(place / each) for each in ("swapped", "as it is", "lenient.toml"))
    words = ("gate", run, "--baseline", baseline, "--policy", policy)
    code, out, err = harness(capsys, *words)
    assert (code, out.startswith(SWAPPED)) == (0, True), err
    forms = {name: (place / "swapped" / name).read_text() for name in FORMS}
    assert forms["gate.md"].splitlines()[2].startswith("- ⚠️ owner/model: probably swapped")
    assert json.loads(forms["gate.json"])["warnings"][0]["kind"] == "swapped"
    assert json.loads(forms["metrics.json"])["warnings"][0]["kind"] == "swapped"
    properties = ElementTree.fromstring(forms["junit.xml"].encode()).iter("property")
    assert any("probably swapped" in warning.attrib["value"] for warning in properties)
    main = forms["report.html"].split("<main>")[1]
    assert main.lstrip().startswith('<p class="banner grave"><strong><bdi>owner/model</bdi>:')
    _, out, _ = harness(capsys, *words, "--json")
    content = json.loads(out)
    assert content["warnings"][0]["model"] == content["gate"]["warnings"][0]["model"] == MODEL
    code, out, _ = harness(capsys, "gate", baseline, "--baseline", run, "--policy", policy)
    assert out.startswith("Warning: owner/model: in the baseline, probably swapped")


@pytest.mark.parametrize(
    ("words", "stream"),
    [
        (("report", "RUN"), "out"),
        (("compare", "RUN", "OTHER"), "out"),
        (("compare", "OTHER", "RUN"), "out"),
        (("leaderboard", "RUN"), "out"),
        (("history", "RUN"), "out"),
        (("audit", "labels", "RUN"), "err"),
        (("audit", "flips", "RUN"), "err"),
        (("audit", "claims", "ast-fakeaudio-detector", "--run", "RUN"), "err"),
        (("card", "RUN"), "err"),
        (("leaderboard", "RUN", "--csv"), "err"),
        (("compare", "RUN", "OTHER", "--json"), "err"),
    ],
)
def test_every_command_that_shows_a_figure_says_it_first(
    words: tuple[str, ...], stream: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(place / "swapped"), "OTHER": str(place / "as it is")}
    code, out, err = harness(capsys, *(places.get(each, each) for each in words))
    assert code == 0, err
    first = (out if stream == "out" else err).splitlines()[0]
    assert first.startswith("Warning: owner/model: ")
    assert "probably swapped: AUC 0.0" in first


@pytest.mark.parametrize("command", ["leaderboard", "history"])
def test_pages_of_many_runs_say_it_first(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = place / f"{command}.html"
    assert harness(capsys, command, str(place / "swapped"), "--out", str(page))[0] == 0
    main = page.read_text().split("<main>")[1]
    assert main.lstrip().startswith('<p class="banner grave"><strong><bdi>owner/model</bdi>:')


@pytest.mark.parametrize("words", [("forensic", "RUN"), ("inspect", "FILE", "--run", "RUN")])
def test_nothing_is_calibrated_on_scores_that_run_the_wrong_way(
    words: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "a.wav").touch()
    places = {"RUN": str(place / "swapped"), "FILE": str(place / "a.wav")}
    code, out, err = harness(capsys, *(places.get(each, each) for each in words))
    assert (code, out) == (2, "")
    (told,) = [line for line in err.splitlines() if "swapped" in line]
    assert "probably swapped: AUC 0.0" in told
    assert not (place / "swapped" / "forensic.html").exists()

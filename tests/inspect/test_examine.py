"""`harness inspect`, as a user types it: files in, pages and a table out."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave, load
from harness.perturb import background
from harness.seed import generator
from tests.support.in_process import command, harness
from tests.support.level_detector import floor

RATE_HZ = 16000
SUITE = 'version = 1\nname = "as-it-is"\n'


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, speech: dict[str, list[Wave]]
) -> Iterator[Path]:
    """A directory with a run of a predictable detector on the embedded corpus."""
    folder = tmp_path_factory.mktemp("case")
    (folder / "as-it-is.toml").write_text(SUITE)
    files = folder / "files"
    files.mkdir()
    long_ones = [wave for wave in speech["real"] if 3.0 < wave.seconds < 3.9]  # as most are
    soundfile.write(files / "speech.wav", long_ones[0].samples, RATE_HZ)
    soundfile.write(files / "short.wav", long_ones[1].samples[:4800], RATE_HZ)
    song = background.music(generator("song"), 6 * RATE_HZ, RATE_HZ)
    soundfile.write(files / "music.wav", 0.1 * song, RATE_HZ)
    (files / "bad.wav").write_bytes(b"no audio at all")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        code = command(
            *(
                "run",
                "as-it-is.toml",
                "--model",
                "python:tests.support.level_detector:floor_factory",
            ),
            *("--workers", "0", "--out", "run"),
        )
        assert code == 0
        yield folder


def cases(folder: Path) -> dict[str, Any]:
    found = [json.loads(path.read_text()) for path in folder.glob("*-*.json")]
    return {case["file"]["name"]: case for case in found}


@pytest.fixture(scope="module")
def inspected(place: Path) -> Path:
    assert command("inspect", "files", "--run", "run", "--out", "out") == 0
    return place / "out"


def test_a_recording_gets_its_facts_its_score_and_its_weight(place: Path, inspected: Path) -> None:
    case = cases(inspected)["speech.wav"]
    content = (place / "files" / "speech.wav").read_bytes()
    assert case["file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert case["file"]["size_bytes"] == len(content)
    assert case["file"]["coding"] == "WAV/PCM_16"
    assert case["file"]["bits"] == 16
    assert case["file"]["lossy_now"] is False
    samples, _ = soundfile.read(place / "files" / "speech.wav", dtype="float32")
    assert case["score"] == pytest.approx(floor(samples), abs=1e-3)
    weight = case["weight"]
    assert weight["refused"] == []
    assert weight["condition"] == "clean"
    assert weight["least"] <= weight["low"] <= weight["llr"] <= weight["high"] <= weight["most"]
    assert len(case["changes"]) == 8
    assert case["timelines"][0]["windows"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("short.wav", "too little to tell whether it is speech"),
        ("music.wav", "does not sound like speech"),
    ],
)
def test_what_lies_outside_is_refused_with_the_reason(
    inspected: Path, name: str, told: str
) -> None:
    weight = cases(inspected)[name]["weight"]
    assert any(told in reason for reason in weight["refused"])
    assert weight["llr"] is None
    assert weight["words"] == ""
    page = next(inspected.glob(f"{Path(name).stem}-*.html")).read_text()
    assert "No statement about this recording is supported" in page
    assert "support for" not in page.split("</header>")[1].split('<section id="score"')[0]


def test_a_bad_file_costs_its_own_row(inspected: Path) -> None:
    with (inspected / "table.csv").open() as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"bad.wav", "short.wav", "music.wav", "speech.wav"}
    assert "cannot be decoded" in rows["bad.wav"]["reason"]
    assert rows["bad.wav"]["score"] == ""
    assert rows["speech.wav"]["log10_lr"]
    assert not list(inspected.glob("bad*"))


def test_only_bad_files_exit_2_with_the_reason(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, complaint = harness(
        capsys, "inspect", "files/bad.wav", "--run", "run", "--out", "only-bad", "--no-attribution"
    )
    assert code == 2
    assert "bad.wav: cannot be decoded" in complaint
    assert (place / "only-bad" / "table.json").is_file()


def test_an_empty_name_is_not_the_current_folder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, complaint = harness(capsys, "inspect", "", "--run", "run", "--out", "nothing")
    assert code == 2
    assert "is empty" in complaint
    assert not (place / "nothing").exists()


def test_a_page_loads_nothing_runs_nothing_and_gives_no_verdict(inspected: Path) -> None:
    for path in inspected.glob("*.html"):
        page = path.read_text()
        assert "<script" not in page
        assert "script-src ;" in page
        assert not re.search(r"(src|href)=\"(?!data:|#)", page)
        assert "http://" not in page
        assert "https://" not in page
        assert not re.search(r"\d ?% (fake|real)|probability of (fake|being)", page, re.IGNORECASE)
        assert "The run is of synthetic clips." in page


def test_a_python_callable_has_no_picture_and_the_page_says_so(inspected: Path) -> None:
    case = cases(inspected)["speech.wav"]
    assert case["attribution"] is None
    assert (
        "the network of this kind of detector is not accessible" in case["left_out"]["attribution"]
    )
    assert (
        "the network of this kind of detector is not accessible"
        in next(inspected.glob("speech-*.html")).read_text()
    )


def test_the_same_file_gives_the_same_case(
    place: Path, inspected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("inspect", "files/speech.wav", "--run", "run", "--out", "again", "--no-audio")
    capsys.readouterr()
    assert command(*arguments, "--json") == 0
    (case,) = json.loads(capsys.readouterr().out)
    first = cases(inspected)["speech.wav"]
    for part in ("file", "signal", "traces", "score", "timelines", "changes", "weight"):
        assert case[part] == first[part]
    assert "<audio" not in Path(case["page"]).read_text()
    assert "<audio" in next(inspected.glob("speech-*.html")).read_text()


ODD = {
    "one-sample": np.array([0.1]),
    "two-samples": np.array([0.1, -0.1]),
    "silent": np.zeros(RATE_HZ),
    "constant": np.full(RATE_HZ, 0.5),
    "impulse": np.eye(1, 40_000, 20_000)[0],
    "square": np.tile([1.0, 1.0, -1.0, -1.0], RATE_HZ // 2),
    "eight-channels": np.full((RATE_HZ, 8), 0.1),
    "faint": 1e-7 * np.sin(np.arange(3 * RATE_HZ)),
    "absurd": 1e6 * np.sin(np.arange(3 * RATE_HZ)),
    "no-numbers": np.full(RATE_HZ, np.nan),
}


def test_odd_recordings_are_refused_and_break_nothing(place: Path) -> None:
    folder = place / "odd"
    folder.mkdir()
    for name, samples in ODD.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE_HZ, subtype="FLOAT")
    assert command("inspect", "odd", "--run", "run", "--out", "odd-out") == 0
    with (place / "odd-out" / "table.csv").open() as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    assert rows.keys() == ODD.keys()
    for name, row in rows.items():
        assert row["reason"], name
        assert "could not be examined" not in row["reason"], row["reason"]
        assert not row["log10_lr"]


def test_another_case_is_not_written_over(
    place: Path, inspected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in inspected.iterdir()}
    for files in ("files", "files/speech.wav", "files/bad.wav"):
        code, out, err = harness(capsys, "inspect", files, "--run", "run", "--out", "out")
        assert (code, out) == (2, "")
        assert err.endswith("exists already; name a new file, or give --force\n")
    assert {path.name: path.read_bytes() for path in inspected.iterdir()} == before


def test_a_name_is_text_on_the_page(place: Path) -> None:
    name = "=<img src=x onerror=alert(1)>.wav"
    (place / name).write_bytes((place / "files" / "short.wav").read_bytes())
    assert command("inspect", name, "--run", "run", "--out", "hostile") == 0
    page = next((place / "hostile").glob("*.html")).read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_a_clip_of_the_run_itself_is_left_out_of_its_calibration(place: Path) -> None:
    from harness.data.source import open_source

    clip = next(clip for clip in open_source("embedded") if 4.2 < load(clip.audio).seconds < 7.5)
    assert isinstance(clip.audio, Path)
    own = place / Path(clip.clip_id).name
    own.write_bytes(clip.audio.read_bytes())
    assert command("inspect", str(own), "--run", "run", "--out", "own", "--no-audio") == 0
    (case,) = cases(place / "own").values()
    assert any("left out of the calibration" in note for note in case["weight"]["notes"])
    whole = sum(1 for _ in open_source("embedded"))
    assert case["weight"]["real"] + case["weight"]["fake"] < whole


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing.wav", "--run", "run"), "no such file"),
        (("files/speech.wav", "--run", "files"), "not a run directory"),
        (
            ("files/speech.wav", "--run", "run", "--model", "embedded"),
            "measured: of kind callable, now embedded",
        ),
        (("files/speech.wav", "--run", "run", "--model", "absent"), "no such directory"),
        (
            ("files/speech.wav", "--run", "run", "--development", "run"),
            "also in the judged run",
        ),
        (("empty", "--run", "run"), "no recordings in it"),
        (("files/speech.wav", "--run", "run", "--out", "as-it-is.toml"), "cannot be made"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    (place / "empty").mkdir(exist_ok=True)
    capsys.readouterr()
    assert command("inspect", *arguments) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert told in line


def test_scores_from_a_file_have_a_weight_and_nothing_else(place: Path) -> None:
    table = (place / "run" / "scores").glob("*.parquet")
    import pandas as pd

    rows = pd.concat([pd.read_parquet(path) for path in table])[["clip_id", "score"]]
    extra = pd.DataFrame({"clip_id": ["speech.wav"], "score": [1.0]})
    pd.concat([rows, extra]).to_csv(place / "scores.csv", index=False)
    arguments = ("run", "as-it-is.toml", "--model", "scores:scores.csv", "--out", "looked-up")
    assert command(*arguments) == 0
    out = ("--run", "looked-up", "--out", "from-file")
    assert command("inspect", "files/speech.wav", "files/short.wav", *out) == 0
    found = cases(place / "from-file")
    assert found["speech.wav"]["score"] == 1.0
    assert "so no detector can score it again" in found["speech.wav"]["left_out"]["timeline"]
    assert found["short.wav"]["score"] is None

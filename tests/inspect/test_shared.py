"""Real recordings and a detector that listens to speech, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.audio.wave import load, resample
from harness.inspect.batch import examine_all
from harness.inspect.examiner import ExamineOptions, open_examiner
from harness.perturb import background
from harness.run import RunOptions
from harness.run import run as run_suite
from harness.seed import generator
from tests.support.paths import SHARED

DATA, DETECTOR = SHARED / "data" / "test", SHARED / "detector"
RATE_HZ = 16000
HALF_S = 8

pytestmark = pytest.mark.skipif(
    not (DATA.is_dir() and DETECTOR.is_dir()), reason="no recordings beside the repository"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the detector on some of the recordings, as they are."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "suite.toml").write_text('version = 1\nname = "as-it-is"\n')
    options = RunOptions(
        suite=str(folder / "suite.toml"),
        data=str(DATA),
        models=(str(DETECTOR),),
        out=folder / "run",
        limit=110,
        device="cpu",
        workers=0,
    )
    run_suite(options, lambda line: None, lambda *counts: None)
    return folder


def examined(place: Path, files: list[Path]) -> dict[str, Any]:
    examiner = open_examiner(place / "run", str(DETECTOR), None, "cpu", lambda line: None)
    out = place / f"cases-of-{files[0].stem}"
    done = examine_all(files, examiner, ExamineOptions(attribution=False), out, lambda line: None)
    pages = [each.page for each in done if each.page is not None]
    found = [json.loads(page.with_suffix(".json").read_text()) for page in pages]
    return {case["file"]["name"]: case for case in found}


def test_five_recordings_in_their_own_encodings(place: Path) -> None:
    about = pd.read_csv(DATA / "manifest.csv")
    about = about[(about["seconds"] > 2) & (about["seconds"] < 8)]
    kinds = about["path"].str.rsplit(".", n=1).str[-1]
    first = [about[kinds == kind]["path"].iloc[0] for kind in kinds.unique()]
    named = [DATA / path for path in [*first, *about["path"].iloc[3:8]][:5]]
    cases = examined(place, named)
    assert len(cases) == 5
    for case in cases.values():
        assert case["speech"]["reasons"] == []
        assert case["score"] is not None
        assert case["timelines"]
        weight = case["weight"]
        assert bool(weight["refused"]) == (weight["llr"] is None)
        # 110 clips of several rates are too few for a ratio of a file's own length and rate.
        assert any(
            "for a ratio" in reason or "coded with loss" in reason for reason in weight["refused"]
        )
        lossy = Path(case["file"]["name"]).suffix in (".mp3", ".ogg")
        assert case["file"]["lossy_now"] == lossy


def test_the_seam_of_a_spliced_recording_shows(place: Path) -> None:
    """Of recordings that the detector tells apart: where it errs, no timeline shows a seam."""
    table = pd.concat(
        [pd.read_parquet(path) for path in (place / "run" / "scores").glob("*.parquet")]
    ).sort_values("score")
    table = table[(table["seconds"] > 2) & (table["status"] == "ok")]
    halves = []
    for rows in (table[table["label"] == "real"], table[table["label"] == "fake"][::-1]):
        waves = [resample(load(DATA / clip), RATE_HZ).samples for clip in rows["clip_id"][:8]]
        halves.append(np.concatenate(waves)[: HALF_S * RATE_HZ])
        assert len(halves[-1]) == HALF_S * RATE_HZ
    soundfile.write(place / "spliced.wav", np.concatenate(halves), RATE_HZ)
    case = examined(place, [place / "spliced.wav"])["spliced.wav"]
    step = case["timelines"][-1]["step"]
    assert step["at_s"] == pytest.approx(HALF_S, abs=1.0)
    assert step["before"] < step["after"]
    assert step["strength"] > 0.5
    assert case["heard_s"] < case["file"]["seconds"]


def test_a_short_one_and_music_are_refused(place: Path) -> None:
    clip = next(path for path in sorted((DATA / "real").iterdir()) if load(path).seconds > 2)
    wave = resample(load(clip), RATE_HZ)
    soundfile.write(place / "short.wav", wave.samples[: int(0.3 * RATE_HZ)], RATE_HZ)
    song = background.music(generator("song"), 4 * RATE_HZ, RATE_HZ)
    soundfile.write(place / "music.wav", 0.1 * song, RATE_HZ)
    cases = examined(place, [place / "short.wav", place / "music.wav"])
    for name, told in (("short.wav", " s"), ("music.wav", "does not sound like speech")):
        refused = cases[name]["weight"]["refused"]
        assert any(told in reason for reason in refused)
        assert cases[name]["weight"]["llr"] is None

"""Recordings that were exchanged under the same names: no table, comparison or gate mixes them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from harness.engine import run_directory
from harness.results.scores import SCHEMA, read_scores, shards
from tests.support.in_process import harness

DETECTOR = """
import numpy as np

def factory():
    return lambda samples, rate_hz: np.array([10 * np.log10(np.mean(one**2)) for one in samples])
"""

SUITE = """
version = 1
name = "small"
threshold = -25
[[condition]]
perturb = "gain"
gain_db = [-6, -20]
"""

BABBLE = """
[[condition]]
perturb = "noise"
color = "babble"
snr_db = 0
"""

RUN = ("run", "small.toml", "--data", "clips", "--model", "python:loudness:factory")
RUN = (*RUN, "--workers", "0", "--cache-gb", "0", "--out")


def record(path: Path, seed: int, level: float) -> None:
    samples = level * np.random.default_rng(seed).standard_normal(8000)
    soundfile.write(path, samples, 16000, subtype="FLOAT")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with 16 clips, a suite and a detector in it, to work in."""
    for label, level in (("real", 0.03), ("fake", 0.1)):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(8):
            record(tmp_path / "clips" / label / f"{number}.wav", number, level)
    (tmp_path / "loudness.py").write_text(DETECTOR)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def keep(run: Path, table: pd.DataFrame) -> None:
    """Leave only these rows of the run's table, as an interruption does."""
    (path,) = shards(run)
    told = {**(SCHEMA.metadata or {}), b"rows": str(len(table)).encode()}
    kept = pa.Table.from_pandas(table, SCHEMA, preserve_index=False)
    pq.write_table(kept.replace_schema_metadata(told), path)


def refusal(clip_id: str) -> str:
    return f"harness: run: the recording '{clip_id}' is not the one that its earlier rows were made"


# ---- the same --out


def test_a_finished_run_is_not_taken_for_one_of_other_recordings(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(capsys, *RUN, "run")[0] == 0
    made = (place / "run" / "report.html").read_text()
    assert "16 of 16 recordings have a digest in the table; digest over all of them" in made
    before = {path: path.read_bytes() for path in (place / "run").rglob("*") if path.is_file()}
    record(place / "clips" / "fake" / "3.wav", 99, 0.1)
    code, out, err = harness(capsys, *RUN, "run")
    assert (code, out) == (2, "")
    told = err.splitlines()[-1]
    assert told.startswith(refusal("fake/3.wav"))
    assert told.endswith("put it back, or choose another --out to score the data as they are now")
    assert before == {p: p.read_bytes() for p in (place / "run").rglob("*") if p.is_file()}


def test_an_interrupted_run_does_not_go_on_with_another_recording(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the recording is none of those that are looked at before anything is scored."""
    harness(capsys, *RUN, "run")
    whole = read_scores(place / "run")
    owed = (whole.clip_id == "fake/3.wav") & (whole.condition != "clean")
    keep(place / "run", whole[~owed])
    monkeypatch.setattr(run_directory, "_RECORDINGS_CHECKED", 1)
    original = (place / "clips" / "fake" / "3.wav").read_bytes()
    record(place / "clips" / "fake" / "3.wav", 99, 0.1)
    code, _, err = harness(capsys, *RUN, "run")
    assert code == 2
    assert err.splitlines()[-1].startswith(refusal("fake/3.wav"))
    assert len(read_scores(place / "run")) == len(whole) - 2
    (place / "clips" / "fake" / "3.wav").write_bytes(original)
    assert harness(capsys, *RUN, "run")[0] == 0
    pd.testing.assert_frame_equal(read_scores(place / "run"), whole, check_exact=True)


def test_what_other_clips_hear_is_looked_at_as_well(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "small.toml").write_text(SUITE + BABBLE)
    harness(capsys, *RUN, "run")
    whole = read_scores(place / "run")
    keep(place / "run", whole[whole.clip_id != "fake/7.wav"])
    monkeypatch.setattr(run_directory, "_RECORDINGS_CHECKED", 1)
    record(place / "clips" / "real" / "5.wav", 99, 0.1)
    code, _, err = harness(capsys, *RUN, "run")
    assert code == 2
    assert err.splitlines()[-1].startswith(refusal("real/5.wav"))


def test_a_run_that_knows_no_digests_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that was begun before there were any."""
    harness(capsys, *RUN, "run")
    whole = read_scores(place / "run")
    first = whole[whole.condition == "clean"]
    keep(place / "run", first.assign(audio_digest="", decoder=""))
    harness(capsys, "report", "run")
    made = (place / "run" / "report.html").read_text()
    assert "The table has no digests of its recordings" in made
    assert harness(capsys, *RUN, "run")[0] == 0
    table = read_scores(place / "run")
    pd.testing.assert_series_equal(table.score, whole.score, check_exact=True)
    assert (table.audio_digest == "").equals(table.condition == "clean")


def test_a_table_of_two_recordings_of_one_clip_is_not_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN, "run")
    whole = read_scores(place / "run")
    other = (whole.clip_id == "fake/3.wav") & (whole.condition == "clean")
    keep(place / "run", whole.assign(audio_digest=whole.audio_digest.mask(other, "ab" * 16)))
    code, _, err = harness(capsys, "report", "run")
    assert code == 2
    assert "rows of 'fake/3.wav' were made from two recordings" in err

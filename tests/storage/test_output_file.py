"""What exists is not written over: never without --force, and what a command reads not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.errors import UsageError
from harness.storage.output_file import refuse_taken
from tests.support.in_process import harness
from tests.support.paths import RUNS

RUN = RUNS / "version-2"
SUITE = 'version = 1\nname = "small"\n[[condition]]\nperturb = "gain"\ngain_db = -6\n'
PERTURB = ("--condition", "gain:down@-6dB", "--suite", "small.toml", "--data", "clips")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(5)
    for name in ("clips/real/0.wav", "clips/fake/0.wav", "in.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(16000), 16000)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["in.wav", "./in.wav", "soft.wav", "hard.wav"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_recording_is_never_written_over_by_what_was_made_of_it(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, force: tuple[str, ...]
) -> None:
    os.symlink("in.wav", "soft.wav")
    os.link("in.wav", "hard.wav")
    before = (place / "in.wav").read_bytes()
    code, out, err = harness(capsys, "perturb", "in.wav", name, *PERTURB, *force)
    assert (code, out) == (2, "")
    assert "is read by this command" in err
    assert (place / "in.wav").read_bytes() == before
    assert os.path.samefile("in.wav", name)


def test_a_clip_of_the_data_is_never_written_over(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = "clips/real/0.wav"
    before = (place / target).read_bytes()
    code, _, err = harness(capsys, "perturb", "in.wav", target, *PERTURB, "--force")
    assert (code, "is read by this command" in err) == (2, True)
    assert (place / target).read_bytes() == before


def test_another_file_is_replaced_by_force_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out.wav").write_bytes(b"of another day")
    code, _, err = harness(capsys, "perturb", "in.wav", "out.wav", *PERTURB)
    assert code == 2
    assert err == "harness: out.wav: exists already; name a new file, or give --force\n"
    assert (place / "out.wav").read_bytes() == b"of another day"
    assert harness(capsys, "perturb", "in.wav", "out.wav", *PERTURB, "--force")[0] == 0
    assert soundfile.info(place / "out.wav").frames == 16000


@pytest.mark.parametrize(
    "arguments",
    [
        ("history", "runs", "--out"),
        ("leaderboard", str(RUN), "--out"),
        ("plan", "small.toml", "--data", "clips", "--out"),
        ("audit", "leakage", "clips", "--html"),
        ("bundle", "run", "--out"),
    ],
)
def test_no_command_writes_over_what_exists(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    shutil.copytree(RUN, "run")
    (place / "run" / "metrics.json").write_text("{}")
    (place / "kept.zip").write_bytes(b"of another day")
    os.symlink("nowhere", "dangling.zip")
    for name in ("kept.zip", "dangling.zip"):
        code, _, err = harness(capsys, *arguments, name)
        assert code == 2
        assert err.splitlines()[-1].endswith("exists already; name a new file, or give --force")
    assert (place / "kept.zip").read_bytes() == b"of another day"
    assert os.readlink("dangling.zip") == "nowhere"


def test_a_file_of_a_run_is_no_place_for_another_page(place: Path) -> None:
    (place / "run" / "scores").mkdir(parents=True)
    (place / "run" / "run.json").write_text("{}")
    for name in ("run/run.json", "run/scores/part-000000.parquet"):
        (place / name).touch()
        with pytest.raises(UsageError, match="part of a run; name a new file"):
            refuse_taken(Path(name), force=True)
    refuse_taken(Path("run/leaderboard.html"))


def test_a_folder_is_no_file(place: Path) -> None:
    with pytest.raises(UsageError, match="clips: is a directory; name a file"):
        refuse_taken(Path("clips"), force=True)

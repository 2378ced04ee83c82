"""What is heard of several channels moves scores: it is chosen, recorded, and not mixed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.audio.wave import load
from harness.compare.pairing import Pairing
from harness.errors import UsageError
from harness.results.record import read_record
from harness.results.run_folder import read_run
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.in_process import command
from tests.support.level_detector import level
from tests.support.sound_bytes import babble, written

RATE_HZ = 16000
NOTES = "silent channels: 1 of 2; the mean of the channels is quieter than one of them: 6.0 dB"


def quiet(*values: object) -> None:
    del values


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of which the second channel has the sound, and a run on their mean."""
    folder = tmp_path_factory.mktemp("channels")
    (folder / "plain.toml").write_text('version = 1\nname = "plain"\n')
    for label, seconds in (("real", 1.0), ("fake", 1.1)):
        (folder / "clips" / label).mkdir(parents=True)
        sound = babble(RATE_HZ, seconds)
        content = written(np.hstack([0 * sound, sound]), RATE_HZ, "WAV")
        (folder / "clips" / label / "x.wav").write_bytes(content)
    run(options(folder, "mean"), quiet, quiet)
    return folder


def options(folder: Path, channels: str, out: str = "") -> RunOptions:
    return RunOptions(
        suite=str(folder / "plain.toml"),
        data=str(folder / "clips"),
        models=("python:tests.support.level_detector:factory",),
        out=folder / (out or channels),
        workers=0,
        channels=channels,  # type: ignore[arg-type]
    )


def test_the_choice_moves_scores_and_is_recorded(place: Path) -> None:
    clip = place / "clips" / "real" / "x.wav"
    run(options(place, "loudest"), quiet, quiet)
    for channels in ("mean", "loudest"):
        folder = place / channels
        assert read_record(folder).channels == channels
        table = read_scores(folder).set_index("clip_id")
        heard = load(clip, channels=channels).samples  # type: ignore[arg-type]
        assert table.score["real/x.wav"] == pytest.approx(level(heard), abs=1e-3)
        assert table.audio_notes["real/x.wav"] == f"{NOTES}, channel 2 of 2"
        assert table.decoder["real/x.wav"] == "soundfile"


def test_a_run_is_not_gone_on_with_by_another_choice(place: Path) -> None:
    with pytest.raises(UsageError, match="holds a run with --channels mean"):
        run(options(place, "first", out="mean"), quiet, quiet)


def test_runs_of_another_choice_are_not_compared(place: Path) -> None:
    one = read_run(place / "mean")
    record = one.record.model_copy(update={"channels": "first"})
    pairing = Pairing.of(one, replace(one, record=record))
    told = pairing.reason_against(pairing.models[0], pairing.conditions[0], "accuracy")
    assert told == "the channels are heard as mean, were as first"


def test_the_terminal_and_the_page_count_the_notes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("report", str(place / "mean"))
    told = "2 recordings: silent channels; 2 recordings: the mean of the channels is quieter"
    assert told in " ".join(capsys.readouterr().out.split())
    assert told in " ".join((place / "mean" / "report.html").read_text().split())


def test_perturb_hears_the_chosen_channel(place: Path) -> None:
    clip = place / "clips" / "real" / "x.wav"
    for channels, silent in (("first", True), ("loudest", False)):
        out = place / f"{channels}.wav"
        given = ("--condition", "clean", "--suite", str(place / "plain.toml"))
        assert command("perturb", str(clip), str(out), *given, "--channels", channels) == 0
        assert (not load(out).samples.any()) is silent

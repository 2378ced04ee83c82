import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.report.example import read_examples
from harness.results.record import write_record
from tests.support.small_run import record

ENTRY = {
    "model": "m",
    "condition": "noise:white@0dB",
    "clip_id": "a.wav",
    "label": "fake",
    "score": -2.0,
    "audio": "0.flac",
    "spectrogram": "0.png",
}


def run_with(folder: Path, *entries: dict[str, object]) -> Path:
    write_record(record(), folder)
    examples = folder / "examples"
    examples.mkdir()
    (examples / "0.flac").write_bytes(b"sound")
    (examples / "0.png").write_bytes(b"picture")
    (examples / "examples.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def test_examples_come_with_their_files_and_their_condition_in_words(tmp_path: Path) -> None:
    (example,) = read_examples(run_with(tmp_path, ENTRY))
    assert (example.audio, example.audio_type) == (b"sound", "audio/flac")
    assert example.spectrogram_png == b"picture"
    assert example.words == "white noise at 0 dB"
    assert example.p_fake == pytest.approx(0.119203, abs=1e-6)


def test_a_run_without_examples_has_none(tmp_path: Path) -> None:
    assert read_examples(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"audio": "../run.json"},
        {"audio": "../0.flac"},
        {"audio": "missing.flac"},
        {"spectrogram": "/etc/hostname"},
        {"audio": "0.exe"},
        {"score": "high"},
    ],
)
def test_a_list_that_cannot_be_trusted_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    (tmp_path / "0.flac").write_bytes(b"elsewhere")
    with pytest.raises(UsageError):
        read_examples(run_with(tmp_path, ENTRY | change))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path, ENTRY)
    audio = run / "examples" / "0.flac"
    audio.unlink()
    audio.symlink_to(run / "run.json")
    with pytest.raises(UsageError):
        read_examples(run)


def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path, ENTRY)
    (run / "examples" / "examples.json").write_text("[{", encoding="utf-8")
    with pytest.raises(UsageError, match="damaged"):
        read_examples(run)


@pytest.mark.parametrize("score", [-800.0, 800.0])
def test_the_probability_of_an_extreme_score_is_finite(tmp_path: Path, score: float) -> None:
    (example,) = read_examples(run_with(tmp_path, ENTRY | {"score": score}))
    assert example.p_fake == (0.0 if score < 0 else 1.0)

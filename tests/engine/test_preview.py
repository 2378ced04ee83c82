"""What `harness perturb` writes and measures, where a condition does what it says and where not."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave
from harness.cli import main
from harness.engine.preview import Preview, write_perturbed
from harness.perturb.alignment import shift
from harness.perturb.filtering import Filter
from harness.perturb.level import Gain
from harness.perturb.noise import Noise
from harness.perturb.perturbation import Draw

RATE_HZ = 16000
SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = -6
[[condition]]
perturb = "noise"
color = "white"
snr_db = 10
[[condition]]
perturb = "filter"
kind = "lowpass"
cutoff_hz = 1000
"""
GAIN, NOISE, LOWPASS = "gain:down@-6dB", "noise:white@10dB", "filter:lowpass@1000Hz"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(5)
    envelope = np.abs(np.sin(np.linspace(0, 20, RATE_HZ)))
    for name in ("real/0.wav", "fake/0.wav"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True)
        samples = 0.1 * envelope * rng.standard_normal(RATE_HZ)
        soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def heard(condition: str) -> Preview:
    source, target = Path("clips/fake/0.wav"), Path("heard.wav")
    return write_perturbed(source, target, "small.toml", condition, "clips")


@pytest.mark.parametrize(
    "condition",
    ["clean", GAIN, NOISE, LOWPASS, "codec:mp3@32k", "perturb=gain,gain_db=3 + noise:pink@5dB"],
)
def test_a_sound_condition_contradicts_nothing(place: Path, condition: str) -> None:
    told = heard(condition)
    assert told.contradiction == ""
    assert told.line.startswith("heard.wav: ")
    assert ("unchanged" in told.line) == (condition == "clean")
    assert soundfile.info(place / "heard.wav").frames == RATE_HZ


def unchanged(step: object, wave: Wave, draw: Draw) -> Wave:
    return Wave(wave.samples.copy(), wave.rate_hz)


def late(step: object, wave: Wave, draw: Draw) -> Wave:
    moved = shift(wave.samples, -round(0.02 * wave.rate_hz), len(wave.samples))
    return Wave(0.5 * moved, wave.rate_hz)


def halved(step: object, wave: Wave, draw: Draw) -> Wave:
    return Wave(0.5 * wave.samples, wave.rate_hz)


@pytest.mark.parametrize(
    ("kind", "fault", "condition", "told"),
    [
        (Gain, unchanged, GAIN, "the clip was not changed"),
        (Gain, late, GAIN, "content 20.0 ms late"),
        (Noise, halved, NOISE, "SNR"),
        (Filter, halved, LOWPASS, "sound up to 8 kHz instead of 2.053 kHz"),
    ],
)
def test_what_contradicts_its_condition_is_written_and_said(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type,
    fault: object,
    condition: str,
    told: str,
) -> None:
    monkeypatch.setattr(kind, "apply", fault)
    found = heard(condition)
    assert found.contradiction.startswith(f"heard.wav: not what {condition} says: ")
    assert told in found.contradiction
    assert "\n" not in found.contradiction
    assert (place / "heard.wav").exists()


def test_the_command_ends_with_2_where_audio_is_not_what_it_is_called(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Gain, "apply", unchanged)
    call = ["perturb", "clips/fake/0.wav", "heard.wav", "--suite", "small.toml"]
    monkeypatch.setattr(sys, "argv", ["harness", *call, "--condition", GAIN, "--data", "clips"])
    with pytest.raises(SystemExit, match=r"^2$"):
        main.main()
    out, err = capsys.readouterr()
    assert out.startswith("heard.wav: ")
    assert err.startswith(f"harness: heard.wav: not what {GAIN} says: the clip was not changed; ")
    assert err.count("\n") == 1
    assert (place / "heard.wav").exists()

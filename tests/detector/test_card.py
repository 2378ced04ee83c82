"""The usage code of the card, file by file, against the harness.

The oracle is written from the description of that code: soundfile, mean over channels, torchaudio's
`Resample` with its defaults, the model's extractor, softmax, class 0 is fake. Nothing in it comes
from the package.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from harness.audio.wave import load, resample
from harness.detector.detector import Detector
from harness.detector.source import open_detector
from tests.support.paths import SHARED

EMBEDDED = Path(str(resources.files("harness.reference"))) / "detector"
TOLERANCE = 1e-4
RATES_HZ = (8000, 11025, 16000, 22050, 44100, 48000)
SECONDS = (0.03, 0.3, 1.0, 4.7, 11.0, 30.0)
FORMATS = {"wav": "PCM_16", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}


class Card:
    """P(fake) of a file by the card's procedure."""

    def __init__(self, folder: Path) -> None:
        self._extractor: Any = AutoFeatureExtractor.from_pretrained(folder)
        self._model: Any = AutoModelForAudioClassification.from_pretrained(folder).eval()

    def __call__(self, path: Path) -> float:
        audio, rate_hz = soundfile.read(path)
        if audio.ndim > 1:
            audio = audio.mean(axis=1)
        waveform = torch.from_numpy(audio).float()
        if rate_hz != 16000:
            waveform = torchaudio.transforms.Resample(rate_hz, 16000)(waveform)
        inputs = self._extractor(waveform.numpy(), sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            return float(self._model(**inputs).logits.softmax(dim=-1)[0, 0])


def harness(detector: Detector | Any, paths: list[Path]) -> np.ndarray:
    waves = [resample(load(path), detector.rate_hz) for path in paths]
    assert [detector.admits(wave) for wave in waves] == [""] * len(waves)
    logits = detector.score(waves)
    return 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))


def sound(seconds: float, rate_hz: int, channels: int, seed: int) -> np.ndarray:
    """Harmonics that glide and stop now and then, over noise; every channel another pitch."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    voices = []
    for _ in range(channels):
        pitch_hz = rng.uniform(80, 250) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(1, 3) * time))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
        voice = sum(np.sin(k * phase) / k for k in range(1, 12))
        gate = np.sin(2 * np.pi * rng.uniform(0.5, 2) * time) > -0.5
        voices.append(0.2 * voice * gate + 0.01 * rng.standard_normal(len(time)))
    return np.stack(voices, axis=1)


def write(
    folder: Path, suffix: str, rate_hz: int, channels: int, seconds: float, seed: int
) -> Path:
    path = folder / f"{suffix}-{rate_hz}-{channels}-{seconds}.{suffix}"
    soundfile.write(path, sound(seconds, rate_hz, channels, seed), rate_hz, subtype=FORMATS[suffix])
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every format at every rate, mono and stereo; every format at every length."""
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for suffix in FORMATS:
        for index, rate_hz in enumerate(RATES_HZ):
            for channels in (1, 2):
                seconds = SECONDS[(index + channels) % len(SECONDS)]
                paths.append(write(folder, suffix, rate_hz, channels, seconds, len(paths)))
    return paths


def test_every_format_rate_channel_count_and_length(small_ast: Path, files: list[Path]) -> None:
    card = Card(small_ast)
    expected = np.array([card(path) for path in files])
    measured = harness(open_detector(str(small_ast), device="cpu"), files)
    assert np.ptp(expected) > 0.1  # a model that hears nothing would agree with everything
    differences = dict(zip([path.name for path in files], measured - expected, strict=True))
    assert differences == pytest.approx(dict.fromkeys(differences, 0.0), abs=TOLERANCE)


def test_the_embedded_detector(files: list[Path]) -> None:
    detector = open_detector("embedded", device="cpu")
    assert detector.identity.synthetic
    card = Card(EMBEDDED)
    expected = np.array([card(path) for path in files])
    np.testing.assert_allclose(harness(detector, files), expected, atol=TOLERANCE, rtol=0)


def test_the_full_configuration(card_ast: Path, tmp_path: Path) -> None:
    detector = open_detector(str(card_ast), device="cpu")
    assert detector.identity.parameters == 86_190_338
    paths = [
        write(tmp_path, "wav", 44100, 2, 30.0, 1),
        write(tmp_path, "mp3", 22050, 1, 2.0, 2),
        write(tmp_path, "ogg", 8000, 2, 0.03, 3),
    ]
    card = Card(card_ast)
    expected = np.array([card(path) for path in paths])
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(harness(detector, paths), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings beside the repository")
def test_recordings_with_a_trained_model() -> None:
    recordings = sorted(
        path for path in (SHARED / "data" / "test").rglob("*") if path.suffix not in (".csv", "")
    )
    paths = [path for path in recordings[::18] if soundfile.info(path).duration > 0.025][:20]
    card = Card(SHARED / "detector")
    expected = np.array([card(path) for path in paths])
    measured = harness(open_detector(str(SHARED / "detector"), device="cpu"), paths)
    np.testing.assert_allclose(measured, expected, atol=TOLERANCE, rtol=0)

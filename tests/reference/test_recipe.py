import json
from pathlib import Path

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.data.embedded import CorpusSpec, EmbeddedSource
from harness.detector.source import open_detector
from harness.reference import DETECTOR
from harness.reference.recipe import describe, lengthen, score, vary
from harness.seed import generator
from harness.synthesis.voice import draw_speaker, speak


def test_the_detector_is_small_and_says_what_its_classes_are() -> None:
    assert (DETECTOR / "model.safetensors").stat().st_size < 8e6
    config = json.loads((DETECTOR / "config.json").read_text())
    assert config["id2label"] == {"0": "fake", "1": "real"}
    extractor = json.loads((DETECTOR / "preprocessor_config.json").read_text())
    assert extractor["max_length"] == config["max_length"]


def test_the_detector_opens_and_scores() -> None:
    detector = open_detector("embedded", device="cpu")
    samples = speak(draw_speaker("a", 1), 1.0, generator("said")).astype(np.float32)
    assert np.isfinite(detector.score([Wave(samples, 16_000)])).all()


def test_a_longer_model_says_the_same_of_what_the_short_one_heard(tmp_path: Path) -> None:
    import torch
    from transformers import ASTForAudioClassification

    short = ASTForAudioClassification.from_pretrained(DETECTOR).eval()
    frames = short.config.max_length
    lengthen(DETECTOR, tmp_path / "same", frames)
    lengthen(DETECTOR, tmp_path / "twice", 2 * frames)
    heard = torch.randn(1, frames, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = short(heard).logits
        same = ASTForAudioClassification.from_pretrained(tmp_path / "same").eval()(heard).logits
        # Attention is an average: the same sound twice at the same positions changes nothing.
        twice = ASTForAudioClassification.from_pretrained(tmp_path / "twice").eval()
        doubled = twice(torch.cat([heard, heard], dim=1)).logits
    torch.testing.assert_close(same, expected)
    assert twice.config.max_length == 2 * frames
    torch.testing.assert_close(doubled.argmax(), expected.argmax())


def test_variation_keeps_length_and_is_drawn(tmp_path: Path) -> None:
    wave = Wave(generator("x").standard_normal(4000).astype(np.float32), 16_000)
    made = [vary(wave, generator("draw", index)) for index in (1, 1, 2)]
    np.testing.assert_array_equal(made[0].samples, made[1].samples)
    assert not np.allclose(made[0].samples, made[2].samples)
    assert {len(varied.samples) for varied in made} == {4000}


def test_a_description_names_every_kind_with_its_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    source = EmbeddedSource(spec=CorpusSpec(speakers=2, utterances=1), workers=1)
    scores = score("embedded", source)
    assert scores.shape == (4,)
    text = describe("embedded", source)
    real_right = np.mean(scores[::2] < 0)
    assert f"real{'':17}{real_right:.3f} of 2" in text
    for clip in source:
        assert (clip.generator or "real") in text

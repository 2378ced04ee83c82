import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ASTFeatureExtractor

from harness.audio.wave import Samples
from harness.detector.frontend import LogMel

LENGTHS = [400, 401, 559, 560, 800, 16000, 163840, 163999, 164000, 480000]
TOLERANCE = 1e-4
CPU = torch.device("cpu")


def expected(extractor: ASTFeatureExtractor, clips: list[Samples]) -> np.ndarray:
    features = [
        extractor(clip, sampling_rate=extractor.sampling_rate, return_tensors="np")["input_values"]
        for clip in clips
    ]
    return np.concatenate(features)


def noise(samples: int, seed: int = 0, level: float = 0.1) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def sounds(samples: int) -> dict[str, Samples]:
    """Clips whose spectra reach the floor in different ways."""
    time = np.arange(samples) / 16000
    clips = {
        "noise": noise(samples),
        "faint noise": noise(samples, level=1e-5),
        "silence": np.zeros(samples),
        "offset": np.full(samples, 0.3),
        "full-scale tone": np.sin(2 * np.pi * 997.3 * time),
        "low tone on an offset": 0.9 * np.sin(2 * np.pi * 50 * time) + 0.5,
        "click": np.eye(1, samples, samples // 2)[0],
        "16-bit noise": np.round(noise(samples, level=1.2)) / 32768,
    }
    return {name: np.asarray(clip, dtype=np.float32) for name, clip in clips.items()}


@pytest.mark.parametrize("samples", LENGTHS)
def test_equals_the_extractor_for_every_length_and_sound(samples: int) -> None:
    extractor = ASTFeatureExtractor()
    clips = sounds(samples)
    features = LogMel(extractor, CPU)(list(clips.values())).numpy()
    assert features.dtype == np.float32
    assert features.shape == (len(clips), 1024, 128)
    difference = np.abs(features - expected(extractor, list(clips.values()))).max(axis=(1, 2))
    assert dict(zip(clips, difference, strict=True)) == pytest.approx(
        dict.fromkeys(clips, 0.0), abs=TOLERANCE
    )


def test_a_batch_of_mixed_lengths_keeps_its_clips_apart() -> None:
    extractor = ASTFeatureExtractor()
    clips = [noise(samples, seed) for seed, samples in enumerate(LENGTHS)]
    features = LogMel(extractor, CPU)(clips).numpy()
    np.testing.assert_allclose(features, expected(extractor, clips), atol=TOLERANCE, rtol=0)


@settings(max_examples=25)
@given(st.lists(st.integers(400, 20000), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_equals_the_extractor_for_any_lengths_together(lengths: list[int], seed: int) -> None:
    extractor = ASTFeatureExtractor(max_length=100)
    clips = [noise(samples, seed + index) for index, samples in enumerate(lengths)]
    features = LogMel(extractor, CPU)(clips).numpy()
    np.testing.assert_allclose(features, expected(extractor, clips), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    "settings",
    [
        {"do_normalize": False},
        {"mean": -6.5, "std": 2.25},
        {"num_mel_bins": 64, "max_length": 300},
        {"sampling_rate": 8000},
        {"sampling_rate": 11025},
        {"sampling_rate": 22050},
        {"sampling_rate": 44100},
    ],
    ids=str,
)
def test_honours_the_settings_of_the_extractor(settings: dict[str, float]) -> None:
    extractor = ASTFeatureExtractor(**settings)
    front_end = LogMel(extractor, CPU)
    window = front_end.window_samples
    clips = [noise(samples) for samples in (window, window + 1, 3 * window, 50000)]
    features = front_end(clips).numpy()
    np.testing.assert_allclose(features, expected(extractor, clips), atol=TOLERANCE, rtol=0)


def test_padding_is_not_silence() -> None:
    extractor = ASTFeatureExtractor()
    features = LogMel(extractor, CPU)([np.zeros(400, dtype=np.float32)])[0]
    silence = (np.log(np.finfo(np.float32).eps) + 4.2677393) / (2 * 4.5689974)
    assert features[0].numpy() == pytest.approx(silence, abs=1e-5)
    assert features[1:].numpy() == pytest.approx(4.2677393 / (2 * 4.5689974), abs=1e-5)


def test_counts_frames_that_lie_wholly_inside() -> None:
    front_end = LogMel(ASTFeatureExtractor(), CPU)
    assert [front_end.frames(n) for n in (0, 399, 400, 559, 560, 480000)] == [0, 0, 1, 1, 2, 1024]

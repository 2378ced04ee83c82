"""Speech from the embedded corpus, its detector, and a run to hold recordings against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from harness.audio.wave import Wave, load, resample
from harness.data.source import open_source
from harness.detector.detector import is_lookup
from harness.detector.source import open_detector
from harness.inspect.detector_view import WaveScorer

RATE_HZ = 16000


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def speech() -> dict[str, list[Wave]]:
    """The embedded clips at 16 kHz, by label."""
    waves: dict[str, list[Wave]] = {"real": [], "fake": []}
    for clip in open_source("embedded"):
        waves[clip.label].append(resample(load(clip.audio), RATE_HZ))
    return waves


@pytest.fixture(scope="session")
def embedded() -> WaveScorer:
    return wave_scorer("embedded")


def wave_scorer(spec: str) -> WaveScorer:
    detector = open_detector(spec, device="cpu")
    assert not is_lookup(detector)
    return WaveScorer(detector, print)


@pytest.fixture(scope="session")
def loudness() -> WaveScorer:
    """A callable whose score is half the level in dB, and 13."""
    return wave_scorer("python:tests.support.level_detector:factory")

"""Shared fixtures: sheets and recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harness.processor import usable_processors
from tests.bench.contest import Sheet

GAINS = (1.0, 0.9, 0.8, 0.7)


@pytest.fixture
def sheet(benchmark: Any, request: pytest.FixtureRequest) -> Iterator[Sheet]:
    """A sheet for the page, passed on in the benchmark's JSON."""
    made = Sheet(request.node.name.removeprefix("test_"))
    yield made
    benchmark.extra_info.update(asdict(made))


@pytest.fixture(scope="session")
def cores() -> int:
    return usable_processors()


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    """The embedded corpus: 180 FLAC files of 0.3 to 12 s at 16 to 48 kHz."""
    from harness.data.embedded import EmbeddedSource

    return [Path(str(clip.audio)) for clip in EmbeddedSource("test")]


@pytest.fixture(scope="session")
def folder(recordings: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded corpus at four levels: 720 different files."""
    root = tmp_path_factory.mktemp("clips")
    for label in ("real", "fake"):
        (root / label).mkdir()
    for path in recordings:
        samples, rate_hz = soundfile.read(path, dtype="float32")
        label = "real" if path.stem.endswith("real") else "fake"
        for gain in GAINS:
            quieter = np.float32(gain) * samples
            soundfile.write(root / label / f"{path.stem}-{gain:g}.flac", quieter, rate_hz)
    return root

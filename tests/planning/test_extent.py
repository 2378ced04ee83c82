"""Bytes and seconds of clips that are not decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.data.clip import Clip
from harness.errors import ClipRejected
from harness.planning.extent import EVERY, SAMPLED, extent_of, length_s, size_bytes
from harness.planning.forecast import weights


@dataclass(frozen=True)
class Far:
    """A recording in some store, of a size that was listed or not."""

    content: bytes
    size_bytes: int | None

    def fetch(self, most_bytes: int) -> bytes:
        if len(self.content) > most_bytes:
            raise ClipRejected("too large")
        return self.content


def wav(path: Path, seconds: float) -> Path:
    soundfile.write(path, np.zeros(round(8000 * seconds)), 8000, subtype="PCM_16")
    return path


def test_files_are_asked_for_their_own_size_and_length(tmp_path: Path) -> None:
    clips = [Clip(str(n), "real", wav(tmp_path / f"{n}.wav", n)) for n in (1, 2, 3)]
    found = extent_of(clips, clips[1:], weights(2, "a"))
    assert found.bytes_basis == found.seconds_basis == EVERY
    assert found.bytes.value == sum((tmp_path / f"{n}.wav").stat().st_size for n in (1, 2, 3))
    assert found.seconds.value == found.known_seconds == pytest.approx(6)
    assert found.of_sample.tolist() == pytest.approx([2, 3])


def test_a_header_that_says_no_length_counts_as_the_mean(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    clips = [Clip(str(n), "real", wav(tmp_path / f"{n}.wav", n)) for n in (1, 3)]
    clips.append(Clip("text", "fake", tmp_path / "text.wav"))
    found = extent_of(clips, clips, weights(3, "a"))
    assert found.seconds.value == pytest.approx(1 + 3 + 2)
    assert math.isnan(length_s(clips[-1].audio))


def test_what_lies_elsewhere_is_judged_by_the_sample(tmp_path: Path) -> None:
    near = wav(tmp_path / "a.wav", 2).read_bytes()
    clips = [Clip(str(n), "real", Far(near, len(near) if n < 2 else None)) for n in range(10)]
    found = extent_of(clips, clips[:2], weights(2, "a"))
    assert found.bytes_basis == found.seconds_basis == SAMPLED
    assert found.bytes.value == pytest.approx(10 * len(near))
    assert found.seconds.value == pytest.approx(20)
    assert math.isnan(found.known_seconds)
    nothing = extent_of(clips, clips[2:4], weights(2, "a"))
    assert math.isnan(nothing.bytes.value), "nobody said, and nothing is guessed"


def test_a_file_that_is_not_there_has_no_size(tmp_path: Path) -> None:
    assert math.isnan(size_bytes(tmp_path / "nowhere.wav"))
    assert size_bytes(b"four") == 4

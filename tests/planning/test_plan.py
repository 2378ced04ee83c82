"""Sizes of recordings that are not read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from harness.data.clip import Clip
from harness.planning.plan import size_bytes


@dataclass(frozen=True)
class Stored:
    """A recording in a store, whose size was listed or not."""

    size_bytes: int | None

    def fetch(self, most_bytes: int) -> bytes:
        raise AssertionError(f"{most_bytes} bytes were asked for")


def test_the_size_is_that_of_the_file_or_the_listing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"seven b")
    audios = [b"four", tmp_path / "a.wav", Stored(12), Stored(None), tmp_path / "nowhere.wav"]
    sizes = [size_bytes(Clip("a", "real", audio)) for audio in audios]
    assert sizes[:3] == [4, 7, 12]
    assert all(map(math.isnan, sizes[3:])), "what nobody knows is not guessed"

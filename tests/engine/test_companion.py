"""Companions that stay decoded: found again, within their bytes, the last ones longest."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.data.clip import Clip
from harness.engine.companion import CompanionWaves
from harness.errors import ClipRejected

RATE_HZ = 16000


def clip(folder: Path, name: str, seconds: float) -> Clip:
    samples = np.random.default_rng(len(name)).uniform(-0.5, 0.5, round(seconds * RATE_HZ))
    soundfile.write(folder / f"{name}.wav", samples, RATE_HZ)
    return Clip(name, "real", folder / f"{name}.wav")


def test_companions_take_so_many_bytes_and_no_more(tmp_path: Path) -> None:
    one, two, three = (clip(tmp_path, name, 1.0) for name in ("a", "bb", "ccc"))
    second = CompanionWaves().wave(one).samples.nbytes
    kept = CompanionWaves(most_bytes=2 * second)
    first, other = kept.wave(one), kept.wave(two)
    assert kept.wave(one) is first
    kept.wave(three)  # makes room for itself with the one that was not asked for longest
    assert kept.wave(one) is first
    assert kept.wave(two) is not other


def test_a_companion_larger_than_all_of_it_is_heard_and_not_kept(tmp_path: Path) -> None:
    one, long = clip(tmp_path, "a", 0.5), clip(tmp_path, "long", 3.0)
    kept = CompanionWaves(most_bytes=100_000)
    first = kept.wave(one)
    assert kept.wave(long).seconds == 3.0
    assert kept.wave(long) is not kept.wave(long)
    assert kept.wave(one) is first, "nothing makes room for it"


def test_what_cannot_be_decoded_is_said_each_time_and_counts_for_nothing(tmp_path: Path) -> None:
    one = clip(tmp_path, "a", 1.0)
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    bad, kept = Clip("bad", "real", tmp_path / "bad.wav"), CompanionWaves(most_bytes=64_000)
    first = kept.wave(one)
    for _ in range(2):
        with pytest.raises(ClipRejected):
            kept.wave(bad)
    assert kept.wave(one) is first

"""Crop, pad and trim: which samples stay, and what is put beside them."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.duration import Crop, Pad, Trim
from harness.perturb.perturbation import Draw, Perturbation

RATE_HZ = 16_000


def wave(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Wave:
    return Wave(np.asarray(samples, np.float32), rate_hz)


def apply(step: Perturbation, clip: Wave, seed: int = 0) -> np.ndarray:
    made = step.apply(clip, Draw(np.random.default_rng(seed)))
    assert made.rate_hz == clip.rate_hz
    return made.samples


def noise(seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return 0.05 * np.random.default_rng(9).standard_normal(round(seconds * rate_hz))


def test_a_crop_takes_the_planted_loud_region() -> None:
    samples = noise(4)
    samples[30_000:38_000] *= 6
    kept = apply(Crop(seconds=0.5), wave(samples))
    assert np.array_equal(kept, samples[30_000:38_000].astype(np.float32))


def test_a_crop_from_the_start_and_at_random() -> None:
    clip = wave(noise(2))
    assert np.array_equal(apply(Crop(seconds=0.1, place="start"), clip), clip.samples[:1600])
    starts = set()
    for seed in range(20):
        kept = apply(Crop(seconds=0.1, place="random"), clip, seed)
        (start,) = np.flatnonzero(clip.samples == kept[0])
        assert np.array_equal(kept, clip.samples[start : start + 1600])
        starts.add(int(start))
    assert len(starts) > 15
    assert min(starts) < 10_000 < max(starts)


@pytest.mark.parametrize("place", ["active", "start", "random"])
def test_a_crop_of_the_whole_or_of_more_is_the_whole(place: str) -> None:
    clip = wave(noise(0.5))
    assert np.array_equal(apply(Crop(seconds=0.5, place=place), clip), clip.samples)
    assert np.array_equal(apply(Crop(seconds=1, place=place), clip), clip.samples)


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("zero", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("reflect", [1, 2, 3, 2, 1, 2, 3, 2]),
    ],
)
def test_a_pad_fills_up_to_a_total(fill: str, expected: list[float]) -> None:
    clip = wave([1, 2, 3], rate_hz=4)
    assert apply(Pad(seconds=2, fill=fill), clip).tolist() == expected


@pytest.mark.parametrize("fill", ["repeat", "reflect"])
def test_a_single_sample_can_be_repeated_and_reflected(fill: str) -> None:
    assert apply(Pad(seconds=1, fill=fill), wave([0.5], 4)).tolist() == [0.5] * 4


def test_reflection_is_that_of_numpy() -> None:
    samples = noise(0.01)
    expected = np.pad(samples.astype(np.float32), (0, 16_000 - len(samples)), mode="reflect")
    assert np.array_equal(apply(Pad(seconds=1, fill="reflect"), wave(samples)), expected)


def test_a_clip_that_is_long_enough_is_not_padded() -> None:
    clip = wave(noise(1))
    assert np.array_equal(apply(Pad(seconds=0.5), clip), clip.samples)


def test_silence_before_and_after() -> None:
    clip = wave([1, 2], 4)
    assert apply(Pad(lead_seconds=0.5), clip).tolist() == [0, 0, 1, 2]
    assert apply(Pad(trail_seconds=0.25), clip).tolist() == [1, 2, 0]
    both = Pad(lead_seconds=0.25, trail_seconds=0.5)
    assert apply(both, clip).tolist() == [0, 1, 2, 0, 0]
    assert (both.name, both.axis) == ("pad:lead0.25s+trail0.5s", None)


def test_only_silence_in_front_moves_the_content() -> None:
    assert not Pad(lead_seconds=1).keeps_alignment
    assert Pad(trail_seconds=1).keeps_alignment
    assert Pad(seconds=4).keeps_alignment
    assert not Pad(seconds=4).keeps_length


@pytest.mark.parametrize(
    ("side", "start", "stop"),
    [("both", 16_000, 48_000), ("start", 16_000, 64_000), ("end", 0, 48_000)],
)
def test_trim_cuts_the_quiet_ends_at_frames(side: str, start: int, stop: int) -> None:
    samples = noise(4)
    samples[:16_000] *= 1e-3
    samples[48_000:] *= 1e-3
    samples[30_000:34_000] = 0  # a pause inside stays
    kept = apply(Trim(side=side), wave(samples))
    assert np.array_equal(kept, samples[start:stop].astype(np.float32))


def test_trim_keeps_what_is_above_its_threshold() -> None:
    samples = noise(2)
    samples[:16_000] *= 10 ** (-30 / 20)
    assert len(apply(Trim(below_db=-40), wave(samples))) == 32_000
    assert len(apply(Trim(below_db=-20), wave(samples))) == 16_000


@pytest.mark.parametrize("step", [Crop(seconds=1), Pad(seconds=1), Trim()])
def test_nothing_is_made_of_nothing(step: Perturbation) -> None:
    with pytest.raises(ClipRejected):
        apply(step, wave([]))


def test_trim_refuses_silence() -> None:
    with pytest.raises(ClipRejected, match="silent"):
        apply(Trim(), wave(np.zeros(16_000)))

"""Packet loss, jitter and bit errors: shares, bursts and concealment."""

import math

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.channel import BitErrors, Jitter, PacketLoss
from harness.perturb.perturbation import Draw

RATE_HZ = 16_000
FRAME = 320


def draw(seed: int = 0) -> Draw:
    return Draw(np.random.default_rng(seed))


def ones(frames: int) -> Wave:
    return Wave(np.ones(frames * FRAME, np.float32), RATE_HZ)


def lost_frames(step: PacketLoss, frames: int, seed: int = 0) -> np.ndarray:
    made = step.apply(ones(frames), draw(seed)).samples.reshape(frames, FRAME)
    assert ((made == made[:, :1]).all(axis=1)).all()  # frames are lost whole
    return made[:, 0] == 0


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
def test_the_expected_share_of_frames_is_lost(rate: float) -> None:
    frames = 10_000
    share = lost_frames(PacketLoss(rate=rate), frames).mean()
    assert abs(share - rate) < 4 * math.sqrt(rate * (1 - rate) / frames)


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 3.0), (0.2, 10.0), (0.5, 2.0)])
def test_bursts_have_their_mean_length_and_the_same_share(rate: float, burst: float) -> None:
    frames = 60_000
    lost = lost_frames(PacketLoss(rate=rate, burst_frames=burst), frames)
    starts = np.count_nonzero(lost[1:] & ~lost[:-1]) + int(lost[0])
    mean = lost.sum() / starts
    # Bursts are geometric: standard deviation of the mean, and of a share that is made of them.
    assert abs(mean - burst) < 4 * math.sqrt(burst * (burst - 1) / starts)
    # Autocorrelation of the chain is lambda = 1 - enter - leave; variance grows accordingly.
    memory = 1 - 1 / burst - rate / (1 - rate) / burst
    spread = math.sqrt(rate * (1 - rate) / frames * (1 + memory) / (1 - memory))
    assert abs(lost.mean() - rate) < 4 * spread


def test_a_clip_may_begin_within_a_burst() -> None:
    step = PacketLoss(rate=0.2, burst_frames=5)
    first = [lost_frames(step, 1, seed)[0] for seed in range(1000)]
    assert abs(np.mean(first) - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 1000)


def test_independent_losses_have_no_memory() -> None:
    lost = lost_frames(PacketLoss(rate=0.3), 30_000)
    after_loss, after_arrival = lost[1:][lost[:-1]].mean(), lost[1:][~lost[:-1]].mean()
    assert after_loss == pytest.approx(after_arrival, abs=0.03)


def test_repetition_plays_the_last_frame_that_arrived() -> None:
    frames = 200
    numbers = np.repeat(np.arange(1, frames + 1), FRAME).astype(np.float32)[:-100]
    clip = Wave(numbers, RATE_HZ)
    zero = PacketLoss(rate=0.4).apply(clip, draw()).samples
    repeat = PacketLoss(rate=0.4, concealment="repeat").apply(clip, draw()).samples
    assert len(zero) == len(repeat) == len(numbers)
    last = 0.0
    for start in range(0, len(numbers), FRAME):
        last = zero[start] or last  # the same draw loses the same frames
        assert (repeat[start : start + FRAME] == last).all()
    assert (repeat == numbers).mean() < 0.75


def test_the_frame_length_is_in_milliseconds() -> None:
    made = PacketLoss(rate=0.5, frame_ms=60).apply(ones(90), draw()).samples.reshape(30, 3 * FRAME)
    assert (made == made[:, :1]).all()
    assert 5 < np.count_nonzero(made[:, 0]) < 25


def test_no_loss_is_no_change() -> None:
    assert np.array_equal(PacketLoss(rate=0).apply(ones(50), draw()).samples, ones(50).samples)


def test_jitter_moves_content_by_no_more_than_half_of_it() -> None:
    # A ramp reads out the time that each sample is taken from.
    ramp = Wave(np.linspace(0, 1, 4 * RATE_HZ, dtype=np.float32), RATE_HZ)
    made = Jitter(ms=10).apply(ramp, draw()).samples.astype(np.float64)
    place_ms = made * (len(made) - 1) / RATE_HZ * 1000
    moved_ms = place_ms - np.arange(len(made)) / RATE_HZ * 1000
    assert np.abs(moved_ms).max() <= 5 + 1e-2
    at_packets = moved_ms[FRAME:-FRAME:FRAME]
    assert np.std(at_packets) == pytest.approx(10 / math.sqrt(12), rel=0.15)
    assert (np.diff(place_ms) > -1e-2).all()  # time does not run backwards
    assert moved_ms[[0, -1]] == pytest.approx(0, abs=1e-2)


def test_jitter_reads_between_samples() -> None:
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    clip = Wave(np.sin(2 * np.pi * 200 * time).astype(np.float32), RATE_HZ)
    made = Jitter(ms=5).apply(clip, draw()).samples
    assert np.abs(np.diff(made)).max() < 1.5 * np.abs(np.diff(clip.samples)).max()
    assert np.abs(made).max() == pytest.approx(1, abs=1e-3)


def test_a_clip_of_one_packet_has_no_jitter() -> None:
    with pytest.raises(ClipRejected, match="packet of 20 ms"):
        Jitter(ms=10).apply(ones(1), draw())


@pytest.mark.parametrize("rate", [1e-4, 1e-2, 0.5])
def test_the_expected_share_of_bits_is_inverted(rate: float) -> None:
    rng = np.random.default_rng(1)
    pcm = rng.integers(-(2**15), 2**15, 40_000).astype(np.int16)
    clip = Wave((pcm / 2**15).astype(np.float32), RATE_HZ)
    made = BitErrors(rate=rate).apply(clip, draw()).samples
    received = (made.astype(np.float64) * 2**15).astype(np.int16)
    flipped = np.bitwise_xor(pcm, received).view(np.uint16)
    bits = np.unpackbits(flipped.view(np.uint8)).reshape(-1, 16)
    count = bits.size
    assert abs(bits.sum() - count * rate) < 4 * math.sqrt(count * rate * (1 - rate))
    # Every one of the 16 places is hit as often as the others.
    each = bits.sum(axis=0)
    assert np.abs(each - each.mean()).max() < 5 * math.sqrt(count / 16 * rate)


def test_a_line_without_errors_rounds_to_16_bits_and_saturates() -> None:
    clip = Wave(np.array([0.1, -3, 3, 2**-15], np.float32), RATE_HZ)
    made = BitErrors(rate=0).apply(clip, draw()).samples
    assert made.tolist() == [3277 / 2**15, -1, (2**15 - 1) / 2**15, 2**-15]

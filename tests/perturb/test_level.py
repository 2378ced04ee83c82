"""Gain, clipping, offset, compression and loudness, in decibels that can be checked by hand."""

import numpy as np
import pytest

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.level import DC, Compress, Gain, Loudness, Overdrive
from harness.perturb.loudness import integrated_lufs
from harness.perturb.perturbation import Perturbation
from tests.support.perturbations import apply

RATE_HZ = 16_000


def tone(amplitude: float, hz: float = 1000, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Wave:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return Wave((amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32), rate_hz)


@pytest.mark.parametrize(("gain_db", "factor"), [(20, 10), (-20, 0.1), (6.0206, 2), (0, 1)])
def test_gain_is_in_decibels_and_may_pass_full_scale(gain_db: float, factor: float) -> None:
    clip = tone(0.5)
    assert apply(Gain(gain_db=gain_db), clip).samples == pytest.approx(
        clip.samples * factor, rel=1e-5, abs=1e-9
    )


def test_hard_clipping_cuts_at_the_limit_and_touches_nothing_else() -> None:
    clip = Wave(np.array([0.8, 0.4, -0.4, -0.8, 0.05], np.float32), RATE_HZ)
    made = apply(Overdrive(over_db=12.0412), clip).samples  # a quarter of the peak
    assert made == pytest.approx([0.2, 0.2, -0.2, -0.2, 0.05], rel=1e-5)


def test_soft_clipping_bends() -> None:
    clip = Wave(np.array([0.8, 0.2, -0.02], np.float32), RATE_HZ)
    made = apply(Overdrive(over_db=12.0412, shape="soft"), clip).samples
    assert made == pytest.approx(0.2 * np.tanh([4.0, 1.0, -0.1]), rel=1e-5)


def test_clipping_does_not_depend_on_the_level() -> None:
    clip = tone(0.5)
    quiet = Wave(clip.samples * np.float32(0.125), RATE_HZ)
    made, quieter = (apply(Overdrive(over_db=10), wave).samples for wave in (clip, quiet))
    assert quieter * 8 == pytest.approx(made, rel=1e-5)


def test_an_offset_is_added() -> None:
    clip = tone(0.5)
    assert apply(DC(offset=-0.25), clip).samples == pytest.approx(clip.samples - 0.25, abs=1e-7)


def test_compression_brings_levels_together_by_its_ratio() -> None:
    loud, soft = tone(0.8).samples, tone(0.08).samples  # 20 dB apart
    clip = Wave(np.concatenate([loud, soft]), RATE_HZ)
    made = apply(Compress(ratio=4, threshold_db=-20), clip)
    # Above the threshold 20 dB become 5: the loud half comes down by 15 dB, the soft one stays.
    high, low = (
        np.abs(made.samples[part]).max() for part in (slice(8000, 16_000), slice(24_000, None))
    )
    assert 20 * np.log10(high / low) == pytest.approx(5, abs=0.05)
    assert active_level_db(made) == pytest.approx(active_level_db(clip), abs=1e-3)


def test_the_attack_takes_its_time_constant() -> None:
    clip = Wave(np.concatenate([tone(0.05).samples, tone(0.5, seconds=2).samples]), RATE_HZ)
    made = apply(Compress(ratio=2, threshold_db=-10, attack_ms=50), clip)
    gain_db = 20 * np.log10(np.abs(made.samples[4::8]) / np.abs(clip.samples[4::8]))
    at = [RATE_HZ * seconds // 8 for seconds in (0.9, 1.05, 2.9)]
    before, during, after = (gain_db[int(place)] for place in at)
    assert before - after == pytest.approx(5, abs=0.05)  # 10 dB over, at 2:1
    assert (before - during) / 5 == pytest.approx(1 - np.exp(-1), abs=0.02)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
def test_a_full_scale_sine_at_997_hz_is_minus_3_01_lufs(rate_hz: int) -> None:
    # ITU-R BS.1770-4, section 2: 0 dBFS at 997 Hz in one channel reads -3.01 LKFS.
    assert integrated_lufs(tone(1, 997, 3, rate_hz)) == pytest.approx(-3.01, abs=0.1)
    assert integrated_lufs(tone(0.1, 997, 3, 48_000)) == pytest.approx(-23.01, abs=0.01)


def test_the_weighting_is_the_one_of_the_recommendation() -> None:
    from harness.perturb.loudness import _k_weighting

    # ITU-R BS.1770-4, tables 1 and 2, for 48 kHz.
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    shelf += [1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    assert _k_weighting(48_000) == pytest.approx(np.array([shelf, high_pass]), abs=1e-9)


def test_pauses_are_gated_out_of_the_loudness() -> None:
    clip = tone(0.5, 997, 4, 48_000)
    paused = Wave(np.concatenate([clip.samples, np.zeros(48_000 * 8, np.float32)]), 48_000)
    # At most three blocks of the pause hold some tone: 0.5 of 15 blocks of 16 without them.
    assert integrated_lufs(paused) == pytest.approx(integrated_lufs(clip), abs=0.2)


@pytest.mark.parametrize("seconds", [0.05, 0.4, 3.0])
def test_loudness_is_brought_to_the_target(seconds: float) -> None:
    made = apply(Loudness(lufs=-23), tone(0.03, 440, seconds))
    assert integrated_lufs(made) == pytest.approx(-23, abs=1e-3)


@pytest.mark.parametrize("step", [Overdrive(over_db=6), Compress(ratio=2), Loudness(lufs=-23)])
def test_what_needs_a_level_refuses_silence(step: Perturbation) -> None:
    with pytest.raises(ClipRejected, match="silen"):
        apply(step, Wave(np.zeros(RATE_HZ, np.float32), RATE_HZ))


def test_below_minus_70_lufs_nothing_is_heard() -> None:
    assert integrated_lufs(tone(10 ** (-65 / 20), 997, 1, 48_000)) == pytest.approx(
        -68.01, abs=0.05
    )
    assert integrated_lufs(tone(10 ** (-68 / 20), 997, 1, 48_000)) == -np.inf

"""Noise: exact SNR over active speech, the colours' spectra, where babble and files come from."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError
from scipy.signal import welch

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave
from harness.errors import ClipError, ClipRejected
from harness.perturb.background import babble, colored, cyclic
from harness.perturb.noise import Noise, snr_db
from harness.perturb.perturbation import Draw

RATE_HZ = 16_000
COLORS = ["white", "pink", "brown", "music", "hum", "babble"]


def speech(seconds: float = 2.0, rate_hz: int = RATE_HZ, seed: int = 0) -> Wave:
    """Bursts of a buzz with pauses of half a second between them."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    buzz = np.sign(np.sin(2 * np.pi * (120 + 20 * seed) * time)) * ((time + 0.1 * seed) % 1 < 0.5)
    return Wave((0.1 * buzz).astype(np.float32), rate_hz)


def draw(seed: int = 0, voices: int = 6) -> Draw:
    others = [speech(1 + 0.3 * n, (8000, 16_000, 22_050)[n % 3], n + 1) for n in range(voices)]
    return Draw(np.random.default_rng(seed), lambda count: others[:count])


@pytest.mark.parametrize("asked_db", [-5.0, 0.0, 17.3, 40.0])
@pytest.mark.parametrize("color", COLORS)
def test_the_snr_is_exact_over_active_speech(color: str, asked_db: float) -> None:
    clip = speech()
    noisy = Noise(color=color, snr_db=asked_db).apply(clip, draw())
    assert snr_db(clip, noisy) == pytest.approx(asked_db, abs=0.01)
    # The same by hand: 0.1**2 is the buzz's power; bursts of 0.5 s and 0.2 s of hangover each.
    samples = clip.samples.astype(np.float64)
    active = np.concatenate([np.arange(0, 11_200), np.arange(16_000, 27_200)])
    level = np.mean((samples - samples.mean())[active] ** 2)
    noise = noisy.samples.astype(np.float64) - samples
    assert 10 * math.log10(level / np.var(noise)) == pytest.approx(asked_db, abs=0.01)


def test_the_measure_is_hand_computed() -> None:
    clip = Wave(np.tile(np.float32([0.5, -0.5]), 8000), RATE_HZ)  # power 0.25
    added = np.tile(np.float32([0.05, 0.05, -0.05, -0.05]), 4000)  # power 0.0025
    assert snr_db(clip, Wave(clip.samples + added, RATE_HZ)) == pytest.approx(20, abs=1e-4)
    assert snr_db(clip, clip) == math.inf


@pytest.mark.parametrize(("slope", "rate_hz"), [(0, 16_000), (1, 16_000), (2, 16_000), (1, 48_000)])
def test_power_falls_by_3_db_an_octave_for_each_step_of_slope(slope: int, rate_hz: int) -> None:
    noise = colored(np.random.default_rng(1), 30 * rate_hz, rate_hz, slope)
    frequency, power = welch(noise, rate_hz, nperseg=4096)
    band = (frequency > 100) & (frequency < 0.45 * rate_hz)
    fitted = np.polyfit(np.log2(frequency[band]), 10 * np.log10(power[band]), 1)[0]
    assert fitted == pytest.approx(-3.0103 * slope, abs=0.1)


def test_pink_and_brown_hold_nothing_below_20_hz() -> None:
    for slope in (1, 2):
        noise = colored(np.random.default_rng(1), 8 * RATE_HZ, RATE_HZ, slope)
        power = np.abs(np.fft.rfft(noise)) ** 2
        below = np.fft.rfftfreq(len(noise), 1 / RATE_HZ) < 19.9
        assert power[below].sum() < 1e-12 * power.sum()


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_is_lines_at_multiples_of_the_mains(mains_hz: int) -> None:
    clip = speech(4)
    noisy = Noise(color="hum", snr_db=0, mains_hz=mains_hz).apply(clip, draw())
    power = np.abs(np.fft.rfft(noisy.samples.astype(np.float64) - clip.samples)) ** 2
    lines = np.fft.rfftfreq(len(clip.samples), 1 / RATE_HZ) % mains_hz == 0
    assert power[lines].sum() > 0.9999 * power.sum()
    assert np.argmax(power) == mains_hz * 4


def test_music_is_tonal_and_differs_from_draw_to_draw() -> None:
    clip = speech(4)
    noises = [
        Noise(color="music", snr_db=0).apply(clip, draw(seed)).samples - clip.samples
        for seed in (1, 2)
    ]
    assert not np.array_equal(*noises)
    for noise in noises:
        power = np.sort(np.abs(np.fft.rfft(noise)) ** 2)[::-1]
        assert power[: len(power) // 50].sum() > 0.9 * power.sum()


def test_noise_keeps_rate_length_and_does_not_clip() -> None:
    loud = Wave(np.float32(9) * speech(1.3, 44_100).samples, 44_100)
    noisy = Noise(color="white", snr_db=0).apply(loud, draw())
    assert (len(noisy.samples), noisy.rate_hz) == (len(loud.samples), 44_100)
    assert np.abs(noisy.samples).max() > 1.5


def test_babble_is_made_of_all_companions_at_one_level() -> None:
    clip = speech(3)
    quiet = Wave(speech(2, seed=2).samples * np.float32(0.01), RATE_HZ)
    others = [speech(2, seed=1), quiet]
    noisy = Noise(color="babble", snr_db=0, voices=2).apply(
        clip, Draw(np.random.default_rng(0), lambda count: others[:count])
    )
    power = np.abs(np.fft.rfft(noisy.samples - clip.samples)) ** 2
    loud, soft = (power[3 * hz - 6 : 3 * hz + 7].sum() for hz in (140, 160))
    assert 0.5 < loud / soft < 2


@pytest.mark.parametrize("others", [0, 1])
def test_babble_needs_two_other_recordings(others: int) -> None:
    with pytest.raises(ClipRejected, match=f"there are {others}"):
        Noise(color="babble", snr_db=10).apply(speech(), draw(voices=others))


def test_silent_companions_do_not_count() -> None:
    silent = [Wave(np.zeros(8000, np.float32), 8000)] * 5
    with pytest.raises(ClipRejected, match="there are 0"):
        Noise(color="babble", snr_db=10).apply(
            speech(), Draw(np.random.default_rng(0), lambda count: silent[:count])
        )


@pytest.mark.parametrize("samples", [np.zeros(16_000), np.full(16_000, 0.4), np.zeros(0)])
def test_a_clip_without_active_speech_is_rejected(samples: np.ndarray) -> None:
    with pytest.raises(ClipRejected):
        Noise(color="white", snr_db=10).apply(Wave(samples.astype(np.float32), RATE_HZ), draw())


def test_a_file_is_looped_without_a_gap(tmp_path: Path) -> None:
    ramp = np.linspace(-0.9, 0.9, 5000)
    (tmp_path / "street").mkdir()
    soundfile.write(tmp_path / "street" / "ramp.wav", ramp, RATE_HZ, subtype="FLOAT")
    clip = speech(1)
    noisy = Noise(color="file", snr_db=0, folder=str(tmp_path)).apply(clip, draw())
    noise = noisy.samples.astype(np.float64) - clip.samples
    falls = np.flatnonzero(np.diff(noise) < 0)
    assert len(falls) >= 3
    assert (np.diff(falls) == 5000).all()  # one fall a turn, and nothing but the ramp between
    turn = noise[falls[0] + 1 : falls[1] + 1]
    assert turn == pytest.approx(np.linspace(turn[0], turn[-1], 5000), abs=1e-5)
    assert snr_db(clip, noisy) == pytest.approx(0, abs=0.01)


def test_the_file_is_drawn_from_the_sorted_list(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("b.wav", "a.flac", "sub/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(3000), 8000)
    (tmp_path / "notes.txt").write_text("not audio")
    noise = Noise(color="file", snr_db=0, folder=str(tmp_path))
    clip = speech(0.5)
    heard = {noise.apply(clip, draw(seed)).samples.tobytes() for seed in range(12)}
    assert len(heard) == 12
    assert noise.series == f"noise:file:{tmp_path.name}"


def test_a_noise_file_that_cannot_be_read_is_not_the_clips_fault(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound here")
    with pytest.raises(ClipError, match=r"broken\.wav"):
        Noise(color="file", snr_db=0, folder=str(tmp_path)).apply(speech(), draw())


def test_a_silent_noise_file_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), RATE_HZ)
    with pytest.raises(ClipError, match="silent"):
        Noise(color="file", snr_db=0, folder=str(tmp_path)).apply(speech(), draw())


def test_a_folder_that_is_missing_or_empty_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no folder"):
        Noise(color="file", snr_db=0, folder=str(tmp_path / "nowhere"))
    with pytest.raises(ValidationError, match="no audio file"):
        Noise(color="file", snr_db=0, folder=str(tmp_path))


def test_looping_wraps_from_any_place() -> None:
    assert cyclic(np.array([1.0, 2.0, 3.0]), 2, 5).tolist() == [3, 1, 2, 3, 1]


def test_the_measure_uses_the_active_level() -> None:
    clip = speech()
    noisy = Noise(color="white", snr_db=10).apply(clip, draw())
    power_db = 10 * math.log10(np.var(noisy.samples.astype(np.float64) - clip.samples))
    assert power_db == pytest.approx(active_level_db(clip) - 10, abs=0.01)


def test_a_voice_of_a_few_samples_goes_round_in_no_time() -> None:
    samples = np.array([1.0, 2.0, 3.0])
    sound = cyclic(samples, 2, 2_000_000)
    np.testing.assert_array_equal(sound[:4], [3.0, 1.0, 2.0, 3.0])
    assert sound.sum() == pytest.approx(2 * 2_000_000, abs=2)


def test_babble_leaves_out_recordings_whose_rate_does_not_go_into_that_of_the_clip() -> None:
    rng = np.random.default_rng(1)
    voices = [
        Wave(rng.standard_normal(8000).astype(np.float32), rate) for rate in (16001, 8000, 16000)
    ]
    sound = babble(np.random.default_rng(2), 100, 16000, voices, 2)
    assert np.array_equal(sound, babble(np.random.default_rng(2), 100, 16000, voices[1:], 2))
    with pytest.raises(ClipRejected, match="there are 1"):
        babble(rng, 100, 16000, voices[:2], 2)

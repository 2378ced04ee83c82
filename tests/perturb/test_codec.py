import hashlib
import math
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.signal import correlate, welch

from harness.audio.wave import Wave, resample
from harness.errors import ClipRejected
from harness.perturb.alignment import lag_seconds, shift
from harness.perturb.codec import Codec, versions
from harness.perturb.coder import CODERS, BitRates, BitRateSteps
from harness.perturb.perturbation import Axis, Draw
from harness.perturb.transcode import CoderSetup, code, delay_seconds

DRAW = Draw(np.random.default_rng(0))
RATES_HZ = (8000, 16000, 44100)


@lru_cache(maxsize=16)
def voice(rate_hz: int, seconds: float = 1.0) -> Wave:
    """A gliding voice with three formants, in syllables with hiss between them."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch_hz = 130 + 35 * np.sin(2 * np.pi * 0.9 * time) + 12 * np.sin(2 * np.pi * 2.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    voiced = np.zeros_like(time)
    for harmonic in range(1, min(40, int(0.45 * rate_hz / pitch_hz.max()))):
        at_hz = harmonic * pitch_hz
        formants = sum(
            gain / (1 + ((at_hz - centre_hz) / width_hz) ** 2)
            for gain, centre_hz, width_hz in ((1, 550, 90), (0.5, 1500, 120), (0.3, 2600, 200))
        )
        voiced += formants * np.cos(harmonic * phase + harmonic**2)
    hiss = rng.standard_normal(len(time)) * 0.2
    syllable = np.clip(1.5 * np.sin(2 * np.pi * 2.7 * time), 0, 1)
    consonant = np.clip(-np.sin(2 * np.pi * 2.7 * time) - 0.6, 0, 1)
    samples = voiced * syllable + hiss * consonant
    return Wave((0.5 * samples / np.abs(samples).max()).astype(np.float32), rate_hz)


def codec(name: str, kbps: float | None = None) -> Codec:
    if name == "opus-nb":
        return Codec(codec="opus", bandwidth="narrow", kbps=kbps)
    return Codec.model_validate({"codec": name, "kbps": kbps})


def bit_rates(allowed: BitRates) -> tuple[float, ...]:
    return allowed.values if isinstance(allowed, BitRateSteps) else (allowed.low, allowed.high)


def low_mid_high(name: str) -> list[float | None]:
    every = sorted({kbps for allowed in CODERS[name].kbps.values() for kbps in bit_rates(allowed)})
    if not every:
        return [None]
    return sorted({every[0], every[len(every) // 2], every[-1]})


CASES = [codec(name, kbps) for name in CODERS for kbps in low_mid_high(name)] + [
    codec("amr-nb", kbps) for kbps in (5.15, 5.9, 6.7, 7.95, 10.2)
]
CASES += [Codec(codec="opus", kbps=kbps, mode="audio") for kbps in (6, 24, 128)]


def plain_lag_seconds(before: Wave, after: Wave, max_seconds: float = 0.05) -> float:
    """Another measure than the harness's own: the maximum of the plain cross-correlation."""
    correlation = correlate(after.samples, before.samples, method="fft")
    centre, reach = len(before.samples) - 1, round(max_seconds * before.rate_hz)
    return (int(np.argmax(correlation[centre - reach : centre + reach + 1])) - reach) / (
        before.rate_hz
    )


def level_db(wave: Wave) -> float:
    return 20 * math.log10(float(np.sqrt(np.mean(np.square(wave.samples, dtype=np.float64)))))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("step", CASES, ids=lambda step: step.name)
def test_a_codec_changes_the_wave_and_keeps_its_place_length_and_level(step: Codec, rate_hz: int):
    wave = voice(rate_hz)
    before = wave.samples.copy()
    coded = step.apply(wave, DRAW)
    np.testing.assert_array_equal(wave.samples, before)
    assert coded.rate_hz == rate_hz
    assert coded.samples.shape == wave.samples.shape
    assert coded.samples.dtype == np.float32
    assert np.isfinite(coded.samples).all()
    assert not np.array_equal(coded.samples, wave.samples)

    own_hz = step.coding_rate_hz(rate_hz)
    here, there = resample(wave, own_hz), resample(coded, own_hz)
    assert abs(lag_seconds(here, there)) < 1e-3
    assert abs(plain_lag_seconds(here, there)) < 1e-3
    # LAME takes 0.45 dB off at low bit rates; Opus at 6 kbit/s loses the hiss, 3.2 dB of it here.
    assert level_db(there) == pytest.approx(level_db(here), abs=4.0)


@pytest.mark.parametrize("name", CODERS)
def test_every_coding_rate_is_aligned(name: str):
    for rate_hz, allowed in CODERS[name].kbps.items():
        step = codec(name, bit_rates(allowed)[0])
        assert step.coding_rate_hz(rate_hz) == rate_hz
        wave = voice(rate_hz)
        assert abs(plain_lag_seconds(wave, step.apply(wave, DRAW))) < 1e-3


@pytest.mark.parametrize("late_samples", [-24, 24, 1600])
@pytest.mark.parametrize("name", ["amr-nb", "mp3", "g723-1"])
def test_a_wrong_shift_would_be_seen(name: str, late_samples: int):
    wave = voice(8000)
    coded = codec(name, low_mid_high(name)[0]).apply(wave, DRAW)
    moved = Wave(shift(coded.samples, -late_samples, len(coded.samples)), 8000)
    assert lag_seconds(wave, moved) * 8000 == pytest.approx(late_samples, abs=7)


@given(late=st.integers(-400, 400), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_lag_of_a_shifted_noisy_copy(late: int, seed: int):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(4000).astype(np.float32)
    moved = shift(samples, -late, 4000) + 0.5 * rng.standard_normal(4000).astype(np.float32)
    assert lag_seconds(Wave(samples, 16000), Wave(moved, 16000)) == late / 16000


def test_lag_is_bounded_and_has_no_value_where_there_is_no_sound():
    noise = np.random.default_rng(1).standard_normal(8000).astype(np.float32)
    wave, silence = Wave(noise, 8000), Wave(np.zeros(8000, np.float32), 8000)
    late = Wave(shift(noise, -800, 8000), 8000)
    assert lag_seconds(wave, late) == 0.1
    assert abs(lag_seconds(wave, late, max_seconds=0.05)) <= 0.05
    assert lag_seconds(wave, Wave(1e-25 * noise, 8000)) == 0
    assert math.isnan(lag_seconds(wave, silence))
    assert math.isnan(lag_seconds(Wave(np.zeros(0, np.float32), 8000), wave))
    with pytest.raises(ValueError, match="8000 Hz and 16000 Hz"):
        lag_seconds(wave, Wave(noise, 16000))


def test_shift_fills_with_zeros_on_both_sides():
    samples = np.array([1, 2, 3], np.float32)
    assert shift(samples, 1, 3).tolist() == [2, 3, 0]
    assert shift(samples, -2, 4).tolist() == [0, 0, 1, 2]
    assert shift(samples, 5, 2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "kbps", "delay_samples"),
    [
        ("amr-nb", 12.2, 40),  # 5 ms of lookahead, 3GPP TS 26.071
        ("g723-1", 6.3, 60),  # 7.5 ms of lookahead, ITU-T G.723.1, 1.4
        ("g722", 64, 22),  # two 24-tap quadrature mirror filters, ITU-T G.722
        ("aac", 48, 1024),  # one frame of priming
        ("ac3", 64, 256),  # half a transform
        ("g711-alaw", 64, 0),
        ("gsm-fr", 13, 0),
    ],
)
def test_measured_delays_are_those_of_the_standards(name: str, kbps: float, delay_samples: int):
    rate_hz = codec(name, kbps).coding_rate_hz(16000)
    setup = CoderSetup(CODERS[name], rate_hz, kbps)
    assert delay_seconds(setup) * rate_hz == pytest.approx(delay_samples, abs=1)


@pytest.mark.parametrize("step", CASES, ids=lambda step: step.name)
def test_the_same_wave_gives_the_same_bits(step: Codec):
    wave = voice(16000, 0.5)
    once = step.apply(wave, DRAW).samples
    again = step.apply(wave, Draw(np.random.default_rng(9))).samples
    assert once.tobytes() == again.tobytes()


def test_another_process_gives_the_same_bits():
    script = (
        "import hashlib, numpy as np\n"
        "from harness.audio.wave import Wave\n"
        "from harness.perturb.coder import CODERS\n"
        "from harness.perturb.transcode import CoderSetup, transcode\n"
        "noise = np.random.default_rng(4).standard_normal(8000).astype(np.float32) / 5\n"
        "for name, kbps in (('mp3', 32), ('aac', 24), ('vorbis', 24), ('amr-nb', 4.75)):\n"
        "    rate_hz = 8000 if name == 'amr-nb' else 16000\n"
        "    coded = transcode(Wave(noise, rate_hz), CoderSetup(CODERS[name], rate_hz, kbps))\n"
        "    print(hashlib.sha256(coded.samples.tobytes()).hexdigest())\n"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert other.returncode == 0, other.stderr
    noise = np.random.default_rng(4).standard_normal(8000).astype(np.float32) / 5
    here: list[str] = []
    for name, kbps in (("mp3", 32), ("aac", 24), ("vorbis", 24), ("amr-nb", 4.75)):
        coded = codec(name, kbps).apply(Wave(noise, 8000 if name == "amr-nb" else 16000), DRAW)
        here.append(hashlib.sha256(coded.samples.tobytes()).hexdigest())
    assert other.stdout.split() == here


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("length", [1, 7, 401])
def test_very_short_waves(name: str, length: int):
    wave = Wave(voice(16000).samples[2000 : 2000 + length], 16000)
    coded = codec(name, low_mid_high(name)[-1]).apply(wave, DRAW)
    assert coded.samples.shape == (length,)
    assert np.isfinite(coded.samples).all()


@pytest.mark.parametrize("name", CODERS)
def test_silence_stays_all_but_silent(name: str):
    coded = codec(name, low_mid_high(name)[0]).apply(Wave(np.zeros(5000, np.float32), 16000), DRAW)
    assert coded.samples.shape == (5000,)
    assert np.abs(coded.samples).max() < 2e-3


@pytest.mark.parametrize("name", CODERS)
def test_over_full_scale_is_clipped_and_does_not_wrap(name: str):
    time = np.arange(8000) / 16000
    loud = Wave((1.5 * np.sin(2 * np.pi * 300 * time)).astype(np.float32), 16000)
    coded = codec(name, low_mid_high(name)[-1]).apply(loud, DRAW).samples
    assert np.abs(coded).max() < 1.5
    middle = slice(2000, 6000)
    assert np.corrcoef(coded[middle], loud.samples[middle])[0, 1] > 0.75


@pytest.mark.parametrize("bad", [[], [0.1, math.nan, 0.2], [math.inf]])
def test_what_cannot_be_encoded_is_rejected(bad: list[float]):
    with pytest.raises(ClipRejected):
        Codec(codec="mp3", kbps=32).apply(Wave(np.array(bad, np.float32), 16000), DRAW)


NARROW = ["amr-nb", "g711-alaw", "g711-mulaw", "g723-1", "g726", "gsm-fr", "opus-nb", "g722"]


@pytest.mark.parametrize("name", NARROW)
def test_nothing_is_left_above_the_band_of_the_codec(name: str):
    noise = np.random.default_rng(6).standard_normal(66150).astype(np.float32) / 8
    wave = Wave(noise, 44100)
    step = codec(name, low_mid_high(name)[-1])
    edge_hz = step.coding_rate_hz(44100) / 2
    assert edge_hz == (8000 if name == "g722" else 4000)
    frequency, power = welch(step.apply(wave, DRAW).samples, 44100, nperseg=1024)
    above, below = frequency > 1.02 * edge_hz, (frequency > 300) & (frequency < 0.8 * edge_hz)
    assert power[above].max() < 1e-6 * power[below].mean()


@pytest.mark.parametrize(
    ("name", "rate_hz", "kbps"),
    [
        ("mp3", 16000, 16),
        ("mp3", 16000, 160),
        ("mp3", 44100, 320),
        ("mp3", 8000, 64),
        ("mp2", 24000, 8),
        ("mp2", 48000, 192),
        ("ac3", 32000, 32),
        ("ac3", 48000, 640),
        ("sbc", 16000, 24),
        ("sbc", 48000, 256),
        ("g726", 8000, 16),
        ("g726", 8000, 40),
        ("g722", 16000, 64),
        ("g711-mulaw", 8000, 64),
        ("g723-1", 8000, 6.3),
        ("gsm-fr", 8000, 13),
        ("wma", 16000, 64),
        ("opus", 16000, 6),
        ("opus", 48000, 128),
        ("opus-nb", 8000, 16),
    ],
)
def test_the_bits_that_were_asked_for_are_spent(name: str, rate_hz: int, kbps: float):
    noise = np.random.default_rng(8).standard_normal(4 * rate_hz).astype(np.float32) / 8
    setup = CoderSetup(CODERS[name], rate_hz, kbps)
    spent_kbps = code(noise, setup, tail_samples=0).coded_bytes * 8 / 1000 / 4
    assert spent_kbps == pytest.approx(kbps, rel=0.3 if name == "opus" else 0.15)


def test_amr_spends_its_mode_and_one_byte_a_frame():
    for kbps in bit_rates(CODERS["amr-nb"].kbps[8000]):
        coded = code(voice(8000).samples[:8000], CoderSetup(CODERS["amr-nb"], 8000, kbps), 0)
        assert coded.coded_bytes % (1 + math.ceil(kbps * 20 / 8)) == 0


@pytest.mark.parametrize("name", ["aac", "vorbis"])
def test_more_kbps_are_more_bytes_and_less_error(name: str):
    wave = voice(16000)
    low, high = (codec(name, kbps) for kbps in (24, 96))
    sizes = [
        code(wave.samples, CoderSetup(CODERS[name], 16000, kbps), 0).coded_bytes
        for kbps in (24, 96)
    ]
    errors = [
        float(np.square(step.apply(wave, DRAW).samples - wave.samples).mean())
        for step in (low, high)
    ]
    assert sizes[1] > 1.5 * sizes[0]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"codec": "mp3"}, "kbps is missing; mp3 does 16, 24, 32, .* coded at 8000, 11025"),
        ({"codec": "mp3", "kbps": 33}, "mp3 cannot do 33 kbit/s; mp3 does 16, 24"),
        ({"codec": "mp3", "kbps": 8}, "cannot do 8"),
        ({"codec": "mp3", "kbps": 321}, "cannot do 321"),
        ({"codec": "aac", "kbps": 257}, "aac does 16 to 48 kbit/s coded at 8000 Hz"),
        ({"codec": "amr-nb", "kbps": 5}, "4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2"),
        ({"codec": "opus", "kbps": 5.9}, "6 to 128 kbit/s coded at 16000, 24000, 48000 Hz"),
        ({"codec": "opus", "kbps": math.nan}, "finite number"),
        ({"codec": "g711-alaw", "kbps": 32}, "64 kbit/s coded at 8000 Hz"),
        ({"codec": "g723-1", "kbps": 5.3}, "g723-1 does 6.3"),
        ({"codec": "g726", "kbps": 48}, "16, 24, 32, 40"),
        ({"codec": "adpcm-ima", "kbps": 32}, "takes no kbps"),
        ({"codec": "mp3", "kbps": 32, "mode": "audio"}, "options of opus, not of mp3"),
        ({"codec": "g722", "bandwidth": "wide"}, "options of opus, not of g722"),
        ({"codec": "opus", "kbps": 16, "mode": "music"}, "voip"),
        ({"codec": "mp3", "kbps": 32, "generations": 0}, "generations"),
        ({"codec": "mp3", "kbps": 32, "generations": 21}, "generations"),
        ({"codec": "mp4", "kbps": 32}, "mp3"),
        ({"codec": "mp3", "kbps": 32, "quality": 2}, "quality"),
    ],
)
def test_what_a_codec_cannot_do_is_refused_in_words(values: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        Codec.model_validate(values)


@pytest.mark.parametrize(
    ("values", "rate_hz", "coding_hz"),
    [
        ({"codec": "mp3", "kbps": 32}, 16000, 16000),
        ({"codec": "mp3", "kbps": 320}, 16000, 32000),  # MPEG-1 alone has 320
        ({"codec": "mp3", "kbps": 16}, 44100, 24000),  # and does not have 16
        ({"codec": "mp3", "kbps": 64}, 96000, 48000),
        ({"codec": "aac", "kbps": 128}, 16000, 22050),
        ({"codec": "opus", "kbps": 12}, 16000, 16000),
        ({"codec": "opus", "kbps": 12}, 22050, 24000),
        ({"codec": "opus", "kbps": 12, "bandwidth": "narrow"}, 48000, 8000),
        ({"codec": "g722"}, 8000, 16000),
        ({"codec": "g711-alaw"}, 44100, 8000),
        ({"codec": "ac3", "kbps": 64}, 16000, 32000),
        ({"codec": "adpcm-ms"}, 12345, 12345),
    ],
)
def test_coding_rate(values: dict[str, object], rate_hz: int, coding_hz: int):
    assert Codec.model_validate(values).coding_rate_hz(rate_hz) == coding_hz


@pytest.mark.parametrize(
    ("values", "name", "series", "axis", "words"),
    [
        (
            {"codec": "mp3", "kbps": 32},
            "codec:mp3@32k",
            "codec:mp3",
            Axis("kbps", "kbit/s", 32, "lower"),
            "MP3 at 32 kbit/s",
        ),
        (
            {"codec": "amr-nb", "kbps": 4.75},
            "codec:amr-nb@4.75k",
            "codec:amr-nb",
            Axis("kbps", "kbit/s", 4.75, "lower"),
            "AMR-NB at 4.75 kbit/s",
        ),
        (
            {"codec": "g711-alaw"},
            "codec:g711-alaw",
            "codec:g711-alaw",
            None,
            "A-law (G.711), 64 kbit/s",
        ),
        ({"codec": "adpcm-ima"}, "codec:adpcm-ima", "codec:adpcm-ima", None, "IMA ADPCM"),
        (
            {"codec": "opus", "kbps": 12, "bandwidth": "narrow"},
            "codec:opus-nb@12k",
            "codec:opus-nb",
            Axis("kbps", "kbit/s", 12, "lower"),
            "Opus narrowband at 12 kbit/s",
        ),
        (
            {"codec": "opus", "kbps": 12, "mode": "audio"},
            "codec:opus-audio@12k",
            "codec:opus-audio",
            Axis("kbps", "kbit/s", 12, "lower"),
            "Opus in audio mode at 12 kbit/s",
        ),
        (
            {"codec": "mp3", "kbps": 64, "generations": 5},
            "codec:mp3@64k*5",
            "codec:mp3@64k*n",
            Axis("generations", "generations", 5, "higher"),
            "MP3 at 64 kbit/s, 5 times over",
        ),
        (
            {"codec": "g722", "generations": 2},
            "codec:g722*2",
            "codec:g722*n",
            Axis("generations", "generations", 2, "higher"),
            "G.722, 64 kbit/s, 2 times over",
        ),
    ],
)
def test_how_a_codec_is_called(
    values: dict[str, object], name: str, series: str, axis: Axis | None, words: str
):
    step = Codec.model_validate(values)
    assert (step.name, step.series, step.axis, step.words) == (name, series, axis, words)


def test_values_that_mean_the_same_are_equal_and_survive_serialisation():
    assert Codec(codec="g722") == Codec(codec="g722", kbps=64)
    assert Codec(codec="opus", kbps=12) == Codec(
        codec="opus", kbps=12, bandwidth="wide", mode="voip"
    )
    for step in CASES:
        assert Codec.model_validate(step.model_dump()) == step
        assert Codec.model_validate_json(step.model_dump_json()) == step
    assert len({step.name for step in CASES}) == len(CASES)


def test_generations_do_more_damage_and_stay_in_place():
    wave = voice(16000)
    errors: list[float] = []
    for generations in (1, 4):
        coded = Codec(codec="aac", kbps=32, generations=generations).apply(wave, DRAW)
        assert abs(plain_lag_seconds(wave, coded)) < 1e-3
        errors.append(float(np.square(coded.samples - wave.samples).mean()))
    assert errors[1] > 1.2 * errors[0]


def test_two_generations_are_two_steps():
    wave = voice(16000)
    once = Codec(codec="opus", kbps=16)
    twice = Codec(codec="opus", kbps=16, generations=2).apply(wave, DRAW)
    np.testing.assert_array_equal(once.apply(once.apply(wave, DRAW), DRAW).samples, twice.samples)


@pytest.mark.parametrize("first", [{"codec": "mp3", "kbps": 64}, {"codec": "vorbis", "kbps": 80}])
def test_a_chain_of_formats_stays_in_place(first: dict[str, object]):
    wave = voice(44100)
    once = Codec.model_validate(first).apply(wave, DRAW)
    twice = Codec(codec="aac", kbps=32).apply(once, DRAW)
    assert len(twice.samples) == len(wave.samples)
    assert not np.array_equal(once.samples, twice.samples)
    assert abs(lag_seconds(wave, twice)) < 1e-3
    assert abs(plain_lag_seconds(wave, twice)) < 1e-3


def test_versions_name_the_libraries():
    found = versions()
    assert set(found) == {"av", "libavcodec", "libavformat", "libsndfile"}
    assert all(version[0].isdigit() for version in found.values())

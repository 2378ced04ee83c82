"""Properties of sounds that are known by their making."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from harness.audio.wave import read
from harness.errors import ClipRejected
from harness.testset.properties import PROPERTIES, ClipProperties, measure

RATE_HZ = 16000


def tone(seconds: float = 1.0, hz: float = 440.0, size: float = 0.5) -> np.ndarray:
    return size * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def measured(
    samples: np.ndarray, subtype: str = "PCM_16", rate_hz: int = RATE_HZ
) -> ClipProperties:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return measure(read(file.getvalue()))


def noise(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=int(seconds * RATE_HZ))


def test_a_tone() -> None:
    found = measured(tone())
    assert set(found.numbers) | set(found.names) == set(PROPERTIES)
    assert found.numbers["length"] == 1.0
    assert found.numbers["peak"] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found.numbers["level"] == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)
    assert found.numbers["crest"] == pytest.approx(3.01, abs=0.01)
    assert found.numbers["offset"] == pytest.approx(0, abs=1e-4)
    assert found.numbers["leading silence"] == found.numbers["trailing silence"] == 0
    assert found.names == {
        "format": "WAV/PCM_16",
        "sample rate": "16000",
        "channels": "1",
        "bit depth": "16",
    }


def test_gain_moves_levels_and_nothing_else() -> None:
    one, louder = measured(noise(), "FLOAT"), measured(2 * noise(), "FLOAT")
    for name, value in one.numbers.items():
        moved = 20 * np.log10(2) if name in ("peak", "level") else 0
        expected = 2 * value if name == "offset" else value + moved
        assert louder.numbers[name] == pytest.approx(expected, abs=1e-4), name


def test_silence_at_the_ends() -> None:
    padded = np.pad(tone(), (int(0.1 * RATE_HZ), int(0.3 * RATE_HZ)))
    found = measured(padded).numbers
    assert found["leading silence"] == pytest.approx(0.1, abs=0.02)
    assert found["trailing silence"] == pytest.approx(0.3, abs=0.02)
    assert found["digital silence"] == pytest.approx(0.4 / 1.4, abs=0.01)


def test_offset_and_clipping() -> None:
    assert measured(tone() + 0.1).numbers["offset"] == pytest.approx(0.1, abs=1e-3)
    assert measured(np.clip(tone(size=1.0), -0.3, 0.3)).numbers["clipping"] > 0.5
    assert measured(noise()).numbers["clipping"] == 0


def test_band() -> None:
    full, spectrum = measured(noise()).numbers, np.fft.rfft(noise())
    spectrum[np.fft.rfftfreq(len(noise()), 1 / RATE_HZ) > 3000] = 0
    cut = measured(np.fft.irfft(spectrum)).numbers
    assert full["bandwidth"] == 8000
    assert full["band edge"] == 0
    assert cut["bandwidth"] == pytest.approx(3000, abs=100)
    assert cut["band edge"] > 30
    assert cut["roll-off"] == pytest.approx(2970, abs=60)


def test_holes_are_of_bands_that_are_left_out_at_times() -> None:
    """Noise in which every other 64 ms have nothing between 2 and 3 kHz."""
    samples = noise()
    whole = measured(samples, "FLOAT").numbers["holes"]
    for start in range(0, len(samples) - 1024, 2048):
        spectrum = np.fft.rfft(samples[start : start + 1024])
        spectrum[128:192] = 0
        samples[start : start + 1024] = np.fft.irfft(spectrum)
    assert whole == 0
    assert measured(samples, "FLOAT").numbers["holes"] > 0.01


@pytest.mark.parametrize(
    ("subtype", "bits"), [("PCM_16", "16"), ("PCM_24", "24"), ("FLOAT", "float")]
)
def test_bits_are_those_in_use(subtype: str, bits: str) -> None:
    assert measured(noise(), subtype).names["bit depth"] == bits


def test_16_bits_in_a_file_of_24() -> None:
    assert measured(np.round(noise() * 32768) / 32768, "PCM_24").names["bit depth"] == "16"


@pytest.mark.parametrize("samples", [np.zeros(8000), np.full(8000, 0.25), np.array([0.5])])
def test_what_has_no_sound_has_properties_all_the_same(samples: np.ndarray) -> None:
    assert all(np.isfinite(list(measured(samples).numbers.values())))


def test_what_is_no_sound_is_rejected() -> None:
    with pytest.raises(ClipRejected):
        measured(np.zeros(0))

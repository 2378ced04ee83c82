import numpy as np
import pytest

from harness.synthesis.spectrum import (
    apply_filters,
    istft,
    mel_filters,
    minimum_phase,
    pitch,
    smooth_bins,
    stft,
)

RATE_HZ = 16_000


@pytest.mark.parametrize(("size", "hop"), [(1024, 256), (1024, 200), (512, 128)])
def test_the_inverse_gives_the_samples_back(size: int, hop: int) -> None:
    samples = np.random.default_rng(0).standard_normal(4321)
    again = istft(stft(samples, size, hop), size, hop, len(samples))
    np.testing.assert_allclose(again, samples, atol=1e-12)


def test_a_flat_spectrum_has_flat_mel_bands() -> None:
    bands = apply_filters(mel_filters(80, 1024, RATE_HZ), np.full((2, 513), 3.0))
    np.testing.assert_allclose(bands, 3.0)


@pytest.mark.parametrize("f0_hz", [90.0, 147.0, 310.0])
def test_pitch_of_a_harmonic_tone(f0_hz: float) -> None:
    seconds = np.arange(RATE_HZ) / RATE_HZ
    tone = sum(np.cos(2 * np.pi * k * f0_hz * seconds) / k for k in range(1, 8))
    found = pitch(tone, 160, RATE_HZ)[5:-5]
    np.testing.assert_allclose(found, f0_hz, rtol=0.01)


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE_HZ)
    assert np.mean(pitch(noise, 160, RATE_HZ) > 0) < 0.1


def test_smoothing_is_the_mean_over_the_bins() -> None:
    smooth = smooth_bins(np.array([[1.0, 2.0, 6.0, 4.0]]), 3)
    np.testing.assert_allclose(smooth, [[5 / 3, 3.0, 4.0, 16 / 3]])


def test_minimum_phase_keeps_the_magnitude_and_starts_at_once() -> None:
    magnitude = np.abs(np.fft.rfft([1.0, -0.5, 0.2], 256))[None]
    spectrum = minimum_phase(magnitude, 256)
    np.testing.assert_allclose(np.abs(spectrum), magnitude, rtol=1e-6)
    impulse = np.fft.irfft(spectrum[0])
    np.testing.assert_allclose(impulse[:3], [1.0, -0.5, 0.2], atol=1e-6)

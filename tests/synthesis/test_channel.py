import numpy as np
import pytest

from harness.seed import generator
from harness.synthesis.channel import draw_channel, match_crest, match_spectrum, record


def _crest(samples: np.ndarray) -> float:
    return float(np.max(np.abs(samples)) / np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_versions_leave_the_channel_alike(rate_hz: int) -> None:
    rng = generator("two versions")
    smooth, spiky = rng.standard_normal((2, 12_345))
    spiky = 3 * spiky**3
    channel = draw_channel(generator("channel"))
    first, second = record([smooth, spiky], channel, rate_hz, 7)
    assert len(first) == len(second) == round(12_345 * rate_hz / 16_000)
    assert np.std(first) == pytest.approx(np.std(second), rel=1e-3)
    assert np.std(first) <= 10 ** (channel.level_db / 20) * 1.001
    assert _crest(first) == pytest.approx(_crest(second), rel=0.2)
    assert max(np.max(np.abs(first)), np.max(np.abs(second))) < 1


def test_the_higher_crest_factor_comes_down_to_the_lower() -> None:
    low, high = match_crest([np.sin(np.arange(4000) / 5), generator(1).standard_normal(4000)])
    assert _crest(low) == pytest.approx(np.sqrt(2), rel=1e-3)
    assert _crest(high) == pytest.approx(np.sqrt(2), rel=1e-2)


def test_the_spectrum_of_the_reference_is_taken_on() -> None:
    white = generator(2).standard_normal(16_000)
    dull = np.convolve(white, [0.5, 0.5])[:16_000]
    power = [np.abs(np.fft.rfft(x)) ** 2 for x in (white, dull, match_spectrum(dull, white))]
    octave = slice(4000, 6000)
    ratio_db = [10 * np.log10(p[octave].sum() / power[0][octave].sum()) for p in power]
    assert ratio_db[1] < -4
    assert abs(ratio_db[2]) < 1

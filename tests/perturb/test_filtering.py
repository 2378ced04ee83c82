"""Filters: their response at the edges, and that nothing moves in time."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.filtering import BANDS_HZ, CURVES, Filter
from tests.support.perturbations import apply

RATE_HZ = 16_000


def response_db(step: Filter, *frequencies_hz: float, rate_hz: int = RATE_HZ) -> list[float]:
    """Gain at some frequencies, from the response to an impulse in the middle of two seconds."""
    impulse = np.zeros(2 * rate_hz, np.float32)
    impulse[rate_hz] = 1
    made = apply(step, Wave(impulse, rate_hz)).samples
    gain = np.abs(np.fft.rfft(made.astype(np.float64)))
    return [20 * np.log10(max(gain[round(2 * hz)], 1e-12)) for hz in frequencies_hz]


def test_a_lowpass_is_6_db_down_at_its_edge_and_steep_above() -> None:
    at_edge, below, octave = response_db(Filter(kind="lowpass", cutoff_hz=1000), 1000, 500, 2000)
    assert at_edge == pytest.approx(-6.02, abs=0.01)
    assert below == pytest.approx(0, abs=0.1)
    assert octave < -48  # order 4, twice: 12 dB an octave for each order


def test_a_highpass_is_its_mirror_and_order_sets_the_slope() -> None:
    at_edge, above, octave = response_db(Filter(kind="highpass", cutoff_hz=1000), 1000, 2000, 500)
    assert at_edge == pytest.approx(-6.02, abs=0.01)
    assert above == pytest.approx(0, abs=0.1)
    assert octave < -48
    (gentle,) = response_db(Filter(kind="highpass", cutoff_hz=1000, order=1), 125)
    assert gentle == pytest.approx(20 * np.log10(1 / (1 + 8**2)), abs=0.3)


@pytest.mark.parametrize(
    ("step", "edges_hz"),
    [
        (Filter(kind="telephone"), (300, 3400)),
        (Filter(kind="bandpass", low_hz=50, high_hz=7000), (50, 7000)),
    ],
)
def test_a_band_has_two_edges(step: Filter, edges_hz: tuple[float, float]) -> None:
    low, middle, high, out = response_db(step, edges_hz[0], 1000, edges_hz[1], edges_hz[0] / 2)
    assert (low, high) == pytest.approx((-6.02, -6.02), abs=0.1)
    assert middle == pytest.approx(0, abs=0.1)
    assert out < -40


@pytest.mark.parametrize("curve", list(CURVES))
@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_an_equaliser_follows_its_curve(curve: str, gain_db: float) -> None:
    step = Filter(kind="eq", curve=curve, gain_db=gain_db)
    expected = [gain_db * share for share in CURVES[curve]]
    assert response_db(step, *BANDS_HZ, rate_hz=32_000) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    "step",
    [
        Filter(kind="lowpass", cutoff_hz=4000),
        Filter(kind="highpass", cutoff_hz=500),
        Filter(kind="telephone"),
        Filter(kind="eq", curve="tilt", gain_db=24),
    ],
)
def test_the_impulse_response_is_symmetric_about_its_place(step: Filter) -> None:
    impulse = np.zeros(8001, np.float32)
    impulse[4000] = 1
    made = apply(step, Wave(impulse, RATE_HZ)).samples
    assert np.argmax(np.abs(made)) == 4000
    assert made == pytest.approx(made[::-1], abs=1e-5)


def test_a_lowpass_above_nyquist_has_nothing_to_do() -> None:
    clip = Wave(np.random.default_rng(0).standard_normal(8000).astype(np.float32), 8000)
    made = apply(Filter(kind="lowpass", cutoff_hz=7000), clip)
    assert np.array_equal(made.samples, clip.samples)


def test_a_highpass_above_nyquist_leaves_nothing_and_refuses() -> None:
    clip = Wave(np.ones(8000, np.float32), 8000)
    with pytest.raises(ClipRejected, match="nothing above 4000 Hz"):
        apply(Filter(kind="highpass", cutoff_hz=4000), clip)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_very_short_clips_can_be_filtered(length: int) -> None:
    clip = Wave(np.ones(length, np.float32), RATE_HZ)
    made = apply(Filter(kind="telephone"), clip)
    assert len(made.samples) == length

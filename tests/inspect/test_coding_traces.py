"""Signs of lossy coding on speech of which it is known how it was coded."""

import math

import numpy as np
import pytest
from scipy.signal import firwin, lfilter

from harness.audio.wave import Wave
from harness.forensic.case import Trace
from harness.inspect.coding_traces import traces
from harness.perturb import Draw
from harness.perturb.codec import Codec
from harness.seed import generator

CUT, HOLES, AAC = "Band ends steeply", "Holes in the spectrum", "Frames of an AAC encoder"


def found(wave: Wave) -> dict[str, Trace]:
    return {trace.name: trace for trace in traces(wave)}


def rounded(wave: Wave) -> Wave:
    """As 16-bit PCM has it."""
    return Wave((np.round(wave.samples * 32767) / 32768).astype(np.float32), wave.rate_hz)


def coded(wave: Wave, codec: str, kbps: float) -> Wave:
    step = Codec(codec=codec, kbps=kbps)  # pyright: ignore[reportArgumentType]
    return rounded(step.apply(wave, Draw(generator("codec"))))


@pytest.fixture
def long_ones(speech: dict[str, list[Wave]]) -> list[Wave]:
    waves = [wave for wave in speech["real"] if wave.seconds > 3][:4]
    return [Wave(wave.samples[: 3 * wave.rate_hz], wave.rate_hz) for wave in waves]


def test_frames_of_an_aac_encoder_are_found_and_of_no_other(long_ones: list[Wave]) -> None:
    assert sum(found(coded(wave, "aac", 32))[AAC].found for wave in long_ones) >= 3
    assert not any(found(rounded(wave))[AAC].found for wave in long_ones)
    assert not any(found(coded(wave, "mp3", 64))[AAC].found for wave in long_ones[:1])


def test_a_steep_low_pass_is_measured_where_it_is() -> None:
    noise = np.random.default_rng(1).standard_normal(48000)
    low_passed = np.asarray(lfilter(firwin(801, 5000, fs=16000), 1.0, 0.1 * noise))
    trace = found(rounded(Wave(low_passed.astype(np.float32), 16000)))[CUT]
    assert trace.found
    assert "Hz" in trace.measured
    at_hz = float(trace.measured.split(" at ")[1].split()[0])
    assert at_hz == pytest.approx(5000, abs=200)
    assert not found(Wave((0.1 * noise).astype(np.float32), 16000))[CUT].found


def test_bands_without_bits_are_holes() -> None:
    rng = np.random.default_rng(2)
    spectrum = np.fft.rfft(0.1 * rng.standard_normal(48000))
    hz = np.fft.rfftfreq(48000, 1 / 16000)
    spectrum[(hz > 2970) & (hz < 3250)] = 0  # one of the bands that are looked at
    gapped = np.fft.irfft(spectrum).astype(np.float32)
    assert found(Wave(gapped, 16000))[HOLES].found
    assert not found(Wave((0.1 * rng.standard_normal(48000)).astype(np.float32), 16000))[
        HOLES
    ].found


@pytest.mark.parametrize("samples", [0, 1, 700, 4000])
def test_what_is_too_short_or_silent_has_no_sign(samples: int) -> None:
    for wave in (np.zeros(samples), np.random.default_rng(3).standard_normal(samples) * 0.1):
        for trace in traces(Wave(wave.astype(np.float32), 16000)):
            assert not (trace.found and math.isnan(trace.value))
            assert trace.name != AAC or not trace.found

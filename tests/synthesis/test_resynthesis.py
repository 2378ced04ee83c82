import numpy as np
import pytest

from harness.seed import generator
from harness.synthesis.resynthesis import HELD_OUT, RESYNTHESES
from harness.synthesis.voice import RATE_HZ, draw_speaker, speak


@pytest.mark.parametrize("seconds", [0.3, 1.3])
@pytest.mark.parametrize("name", RESYNTHESES)
def test_a_resynthesis_is_as_long_as_the_original_and_is_not_it(name: str, seconds: float) -> None:
    dry = speak(draw_speaker("a", 1), seconds, generator("dry"))
    fake = RESYNTHESES[name](dry, generator(name))
    assert fake.shape == dry.shape
    assert np.isfinite(fake).all()
    assert np.sqrt(np.mean((fake - dry) ** 2)) > 0.05 * np.sqrt(np.mean(dry**2))
    again = RESYNTHESES[name](dry, generator(name))
    np.testing.assert_array_equal(fake, again)


@pytest.mark.parametrize("name", RESYNTHESES)
def test_a_resynthesis_follows_the_loudness_of_the_original(name: str) -> None:
    dry = speak(draw_speaker("b", 1), 3.0, generator("dry"))
    fake = RESYNTHESES[name](dry, generator(name))
    blocks = [np.sqrt(np.mean(x.reshape(-1, RATE_HZ // 10) ** 2, axis=1)) for x in (dry, fake)]
    assert np.corrcoef(*blocks)[0, 1] > 0.8


@pytest.mark.parametrize("name", RESYNTHESES)
def test_silence_and_noise_do_not_break_it(name: str) -> None:
    for dry in (np.zeros(8000), 0.1 * generator("noise").standard_normal(8000)):
        assert np.isfinite(RESYNTHESES[name](dry, generator(name))).all()


def test_enough_generators_and_two_of_them_unseen() -> None:
    assert len(RESYNTHESES) >= 6
    assert len(HELD_OUT & set(RESYNTHESES)) == 2

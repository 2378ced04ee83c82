"""Windows, their scores and the step between them."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.forensic.case import Window
from harness.inspect.detector_view import WaveScorer
from harness.inspect.timeline import largest_step, timeline, timelines
from tests.support.level_detector import level

RATE_HZ = 16000


def windows(scores: list[float]) -> list[Window]:
    return [Window(place, place + 2.0, score) for place, score in enumerate(scores)]


def test_a_step_by_hand() -> None:
    step = largest_step(windows([1.0, 1, 1, 1, 5, 5, 5]))
    assert step is not None
    assert step.at_s == 4.5  # between the middles of windows 3 and 4, at 4 and 5 s
    assert (step.before, step.after) == (1.0, 5.0)
    assert step.strength == pytest.approx(1.0)


def test_a_step_explains_its_share_of_the_variance() -> None:
    scores = np.array([0.0, 2, 0, 2, 4, 6, 4, 6])
    step = largest_step(windows(list(scores)))
    assert step is not None
    assert (step.before, step.after) == (1.0, 5.0)
    within = 8 * 1.0
    assert step.strength == pytest.approx(1 - within / ((scores - scores.mean()) ** 2).sum())


def test_windows_without_a_score_are_left_out() -> None:
    step = largest_step(windows([1.0, 1, float("nan"), 1, 5, 5, 5]))
    assert step is not None
    assert step.at_s == 4.5


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2, 3, 4, 5], [float("nan")] * 9])
def test_few_windows_have_no_step(scores: list[float]) -> None:
    assert largest_step(windows(scores)) is None


def test_equal_scores_have_a_step_of_no_strength() -> None:
    step = largest_step(windows([2.0] * 8))
    assert step is not None
    assert step.strength == 0


def test_windows_cover_the_recording_and_have_their_own_scores(loudness: WaveScorer) -> None:
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(round(7.3 * RATE_HZ))).astype(np.float32)
    made = timeline(Wave(samples, RATE_HZ), loudness, 2.0, 0.25)
    assert made.windows[0].start_s == 0
    assert made.windows[-1].end_s == pytest.approx(7.3, abs=1e-4)
    for window in made.windows:
        part = samples[round(window.start_s * RATE_HZ) : round(window.end_s * RATE_HZ)]
        assert window.score == pytest.approx(level(part), abs=1e-6)
    starts = np.array([window.start_s for window in made.windows])
    assert np.diff(starts).max() <= 0.25 + 1e-9
    assert not made.padded  # this detector hears it all


def test_long_recordings_have_no_more_windows(loudness: WaveScorer) -> None:
    samples = np.full(RATE_HZ * 300, 0.1, np.float32)
    made = timeline(Wave(samples, RATE_HZ), loudness, 2.0, 0.25)
    assert len(made.windows) <= 160
    assert made.windows[-1].end_s == 300


def test_what_is_shorter_than_a_window_has_no_timeline(loudness: WaveScorer) -> None:
    assert timelines(Wave(np.zeros(2 * RATE_HZ, np.float32), RATE_HZ), loudness) == []


@pytest.mark.parametrize("order", [("real", "fake"), ("fake", "real")])
def test_the_seam_of_a_spliced_recording_is_found(
    speech: dict[str, list[Wave]], embedded: WaveScorer, order: tuple[str, str]
) -> None:
    halves = [
        np.concatenate([wave.samples for wave in speech[label]])[: 8 * RATE_HZ] for label in order
    ]
    made = timelines(Wave(np.concatenate(halves), RATE_HZ), embedded)
    short = made[-1]
    assert short.padded
    assert short.step is not None
    assert short.step.at_s == pytest.approx(8.0, abs=1.0)  # half a window
    assert short.step.strength > 0.6
    assert (short.step.before < short.step.after) == (order[0] == "real")


def test_an_unspliced_recording_has_no_clear_step(
    speech: dict[str, list[Wave]], embedded: WaveScorer
) -> None:
    whole = np.concatenate([wave.samples for wave in speech["real"]])[: 16 * RATE_HZ]
    step = timelines(Wave(whole, RATE_HZ), embedded)[-1].step
    assert step is not None
    assert step.strength < 0.6

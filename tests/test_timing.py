"""Seconds by stage, and what they say of a run."""

from __future__ import annotations

import pytest

from harness.timing import WAITING, Stopwatch, TimeSplit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def fail(self, seconds: float) -> None:
        self.now += seconds
        raise TypeError


def test_stages_add_up_also_where_they_fail() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    for seconds in (1.0, 2.0):
        with watch.timing("codec"):
            clock.now += seconds
    with pytest.raises(TypeError), watch.timing("noise"):
        clock.fail(5.0)
    clock.now += 100.0
    assert (watch["codec"], watch["noise"], watch["none"]) == (3.0, 5.0, 0.0)
    assert list(watch.rounded().items()) == [("noise", 5.0), ("codec", 3.0)]
    assert watch.take() == {"codec": 3.0, "noise": 5.0}
    assert watch.take() == {}


@pytest.mark.parametrize(
    ("workers", "waiting", "limit"),
    [(2, 1.0, "the detector"), (2, 30.0, "preparing"), (0, 30.0, "the detector"),
     (0, 60.0, "preparing")],
)  # fmt: skip
def test_the_side_that_is_waited_for_is_the_limit(workers: int, waiting: float, limit: str) -> None:
    clock = Clock()
    split = TimeSplit(workers, clock)
    clock.now += 110.0
    split.scoring.add({WAITING: waiting, "check": 10.0, "features": 5.0, "forward": 28.0})
    split.preparing.add({"perturb codec": 60.0, "decode": 20.0, "attest": 15.0, "resample": 5.0})
    assert split.pace(1100) == f"10 scores/s, limited by {limit}"
    assert split.words() == (
        f"Time: 110.0 s, limited by {limit}. Preparing took 100.0 s of processors (perturb codec "
        "60 %, decode 20 %, attest 15 %), the detector 33.0 s (30 %), waiting for audio "
        f"{waiting:.1f} s, the check before it 10.0 s."
    )


def test_seconds_of_several_that_score_are_held_against_all_of_their_time() -> None:
    clock = Clock()
    split = TimeSplit(0, clock, scorers=4)
    clock.now += 100.0
    split.scoring.add({WAITING: 150.0, "forward": 200.0})
    assert split.pace(100) == "1 scores/s, limited by the detector"
    assert "the detector 200.0 s (50 %)" in split.words()
    split.scoring.add({WAITING: 60.0})
    assert split.pace(100) == "1 scores/s, limited by preparing"

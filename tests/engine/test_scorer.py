"""Batches that fail: for want of memory, or because of one clip in them."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from harness.audio.wave import Wave
from harness.detector.detector import Logits, Traits
from harness.engine.scorer import Scorer
from harness.engine.self_check import self_check
from harness.errors import UsageError
from harness.results.record import ModelRecord

RATE_HZ = 16000


class Detector:
    """Scores a wave by its sum."""

    identity = ModelRecord(name="sum", spec="sum", kind="test")
    traits = Traits()
    rate_hz = RATE_HZ
    device = "cpu"
    batch_size = 8
    longest = None

    def __init__(self) -> None:
        self.batches: list[int] = []

    def admits(self, wave: Wave) -> str:
        del wave
        return ""

    def score(self, waves: Sequence[Wave]) -> Logits:
        self.batches.append(len(waves))
        return np.array([[wave.samples.sum(), 0.0] for wave in waves])


class Hungry(Detector):
    """Needs more memory than there is for more than so many clips, by torch or by numpy."""

    def __init__(self, most: int, library: str) -> None:
        super().__init__()
        self.most, self.library = most, library

    def score(self, waves: Sequence[Wave]) -> Logits:
        if len(waves) > self.most:
            if self.library == "torch":
                torch.empty(2**50)
            np.empty(2**50)
        return super().score(waves)


class Normalising(Detector):
    def score(self, waves: Sequence[Wave]) -> Logits:
        logits = super().score(waves)
        return logits - logits.mean(axis=0)


class Random(Detector):
    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def score(self, waves: Sequence[Wave]) -> Logits:
        return super().score(waves) + self.rng.normal(0, 0.01, (len(waves), 2))


class Shifted(Detector):
    """As a compiled model that rounds too much: only whole batches go through what is compiled."""

    def score(self, waves: Sequence[Wave]) -> Logits:
        return super().score(waves) + np.array([0.01, 0.0]) * (len(waves) == 4)


class Rounding(Detector):
    """As a model in half precision, with a reference beside it."""

    def score(self, waves: Sequence[Wave]) -> Logits:
        return super().score(waves).astype(np.float16).astype(np.float64)


class Coarse(Detector):
    def score(self, waves: Sequence[Wave]) -> Logits:
        return super().score(waves).round(-1)


def waves(count: int) -> list[Wave]:
    rng = np.random.default_rng(1)
    return [
        Wave(rng.normal(0, 1, 400 + 100 * number).astype(np.float32), RATE_HZ)
        for number in range(count)
    ]


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_a_batch_that_does_not_fit_is_halved_and_that_is_noted(library: str) -> None:
    detector, notes = Hungry(5, library), list[str]()
    scorer = Scorer(detector, notes.append)
    some = waves(21)
    outcomes = scorer.forward(some)
    assert [outcome[0] for outcome in outcomes] == ["ok"] * 21
    np.testing.assert_array_equal(
        [outcome[2] for outcome in outcomes], Detector().score(some)[:, 0]
    )
    assert notes == [
        "sum: no memory for 21 clips at once on cpu, going on with 10",
        "sum: no memory for 10 clips at once on cpu, going on with 5",
    ]
    assert detector.batches == [5, 5, 5, 5, 1]
    scorer.forward(some)
    assert len(notes) == 2  # it knows by now
    assert detector.batches[5:] == [5, 5, 5, 5, 1]


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_a_clip_that_never_fits_is_an_error_row(library: str) -> None:
    (outcome,) = Scorer(Hungry(0, library), lambda _: None).forward(waves(1))
    assert outcome[0] == "error"
    assert "allocate" in outcome[1]


def check(detector: Detector, batch_size: int = 4, precision: str = "float32", **kwargs: object):
    scorer = Scorer(detector, lambda _: None)
    return self_check(
        scorer, waves(10), batch_size=batch_size, precision=precision, threshold=0.0,
        reference=kwargs.get("reference"),  # pyright: ignore[reportArgumentType]
        compiled=bool(kwargs.get("compiled")),
    )  # fmt: skip


def test_a_detector_that_is_the_same_in_every_batch_passes() -> None:
    found = check(Detector())
    assert (found.clips, found.batch_size, found.batch_difference) == (10, 4, 0.0)
    assert found.precision_difference is None


def test_scores_that_depend_on_the_batch_stop_the_run() -> None:
    with pytest.raises(UsageError, match=r"alone and in a batch of 4; --batch-size 1"):
        check(Normalising())
    assert check(Normalising(), batch_size=1).batch_difference == 0


def test_a_detector_that_claims_independent_batches_is_said_to_be_random() -> None:
    detector = Normalising()
    detector.traits = Traits(batch_invariant=True)
    with pytest.raises(UsageError, match="use --batch-size 1; if that fails as well"):
        check(detector)


def test_scores_that_are_random_stop_the_run() -> None:
    with pytest.raises(UsageError, match=r"the same clip gets log-odds that differ by 0\.0"):
        check(Random(), batch_size=1)


def test_a_compiled_detector_is_checked_in_full_batches() -> None:
    detector = Detector()
    found = check(detector, batch_size=16, compiled=True)
    assert (found.clips, found.batch_size, found.batch_difference) == (10, 16, 0.0)
    assert detector.batches == [16] + [1] * 10


def test_a_compiled_detector_that_scores_otherwise_stops_the_run() -> None:
    words = r"differ by 0\.01 \(over 0\.0001\), alone and in a batch of 4 that is compiled"
    with pytest.raises(UsageError, match=words + "; try --no-compile"):
        check(Shifted(), compiled=True)
    assert check(Detector(), compiled=True).batch_difference == 0


def test_low_precision_is_held_against_float32() -> None:
    found = check(Rounding(), precision="fp16", reference=Detector)
    exact = np.array([wave.samples.sum() for wave in waves(10)], dtype=np.float64)
    rounded = exact.astype(np.float16).astype(np.float64)
    assert found.precision_difference == np.abs(exact - rounded).max() > 0
    assert found.precision_flips == ((exact >= 0) != (rounded >= 0)).sum()
    with pytest.raises(UsageError, match=r"log-odds in fp16 differ by .* use --precision float32"):
        check(Coarse(), precision="fp16", reference=Detector)

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.detector.callable import open_callable
from harness.detector.source import open_detector
from harness.engine.scorer import Scorer
from harness.errors import ClipError, UsageError

MODULE = """
import numpy as np

class Energy:
    rate_hz = 8000
    name = "energy"
    def __call__(self, samples, rate_hz):
        assert rate_hz == 8000
        return [float((s ** 2).mean()) for s in samples]

def energy():
    return Energy()

def two_columns():
    return lambda samples, rate_hz: np.array([[1.0, len(s)] for s in samples])

def in_place():
    def score(samples, rate_hz):
        for s in samples:
            s[:] = 0
        return np.zeros(len(samples))
    return score

def not_a_number():
    return lambda samples, rate_hz: [float("nan") if s[0] > 0 else 1.0 for s in samples]

def complex_numbers():
    return lambda samples, rate_hz: np.ones(len(samples)) * 1j

def words():
    return lambda samples, rate_hz: ["fake"] * len(samples)

def pairs():
    return lambda samples, rate_hz: [[1.0], *[[1.0, 2.0]] * (len(samples) - 1)]

def masked():
    return lambda samples, rate_hz: np.ma.array([1, 2, 3], mask=[False, True, False])

def flat():
    return lambda samples, rate_hz: 0.0

def three_columns():
    return lambda samples, rate_hz: np.zeros((len(samples), 3))

def failing():
    def score(samples, rate_hz):
        raise KeyError("two\\nlines")
    return score

def number():
    return 3

def needs_an_argument(x):
    return x

def odd_rate():
    f = two_columns()
    f.rate_hz = "16k"
    return f
"""


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own_detector.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("mine", "mine.own_detector"):
        sys.modules.pop(name, None)


def opened(factory: str) -> Any:
    return open_detector(f"python:mine.own_detector:{factory}")


def waves(rate_hz: int = 16000) -> list[Wave]:
    return [Wave(np.full(n, n / 1000, dtype=np.float32), rate_hz) for n in (100, 200, 300)]


def test_log_odds_from_a_module_in_the_current_directory() -> None:
    detector = opened("energy")
    assert detector.rate_hz == 8000
    assert detector.identity.name == "energy"
    assert detector.identity.kind == "callable"
    assert len(detector.identity.digest) == 64
    logits = detector.score(waves(8000))
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, [[0.01, 0], [0.04, 0], [0.09, 0]], rtol=1e-5)


def test_logits_keep_their_columns() -> None:
    detector = opened("two_columns")
    assert (detector.rate_hz, detector.identity.name) == (16000, "two_columns")
    np.testing.assert_array_equal(detector.score(waves()), [[1, 100], [1, 200], [1, 300]])


def test_a_callable_cannot_spoil_the_waves_of_the_next_detector() -> None:
    clips = waves()
    opened("in_place").score(clips)
    assert all(clip.samples[0] > 0 for clip in clips)


def test_a_nan_is_the_row_of_its_clip_alone() -> None:
    logits = opened("not_a_number").score([waves()[0], Wave(np.zeros(5, dtype=np.float32), 16000)])
    assert np.isfinite(logits).all(axis=1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("factory", "told"),
    [("complex_numbers", "complex"), ("words", "could not convert"), ("pairs", "inhomogeneous")],
)
def test_what_is_no_real_number_is_no_score(factory: str, told: str) -> None:
    with pytest.raises(ClipError, match=told):
        opened(factory).score(waves())


def test_what_is_masked_is_no_score() -> None:
    logits = opened("masked").score(waves())
    assert np.isfinite(logits).all(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("factory", ["flat", "three_columns"])
def test_a_wrong_shape_says_which_is_right(factory: str) -> None:
    with pytest.raises(UsageError, match=r"\(3,\) log-odds of fake or \(3, 2\)"):
        opened(factory).score(waves())


def test_an_exception_is_about_the_clips() -> None:
    with pytest.raises(ClipError, match="KeyError") as failure:
        opened("failing").score(waves())
    assert "\n" not in str(failure.value)


def test_what_has_no_samples_is_not_admitted() -> None:
    detector = opened("energy")
    assert detector.admits(Wave(np.zeros(0, dtype=np.float32), 8000)) != ""
    assert detector.admits(Wave(np.full(1, np.inf, dtype=np.float32), 8000)) != ""
    assert detector.admits(waves(8000)[0]) == ""


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("mine.own_detector", "python:package.module:factory"),
        (":factory", "python:package.module:factory"),
        ("no_such_module:factory", "ModuleNotFoundError"),
        ("mine.own_detector:nothing", "AttributeError"),
        ("mine.own_detector:needs_an_argument", "TypeError"),
        ("mine.own_detector:number", "cannot be called"),
        ("mine.own_detector:odd_rate", "rate_hz"),
    ],
)
def test_what_is_no_factory_says_so_in_one_line(target: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        open_detector(f"python:{target}")
    assert "\n" not in str(refusal.value)


def test_a_callable_has_no_class_names() -> None:
    with pytest.raises(UsageError, match="--fake-label"):
        open_detector("python:mine.own_detector:energy", fake_label="fake")


SAID = {
    "chances": ("probability", "fake", [0.25, 0.5, 1.0]),
    "chances_real": ("probability", "real", [0.25, 0.5, 1.0]),
    "percents": ("percent", "fake", [25.0, 50.0, 100.0]),
    "negated": ("log-odds", "real", [1.5, 0.0, -2.0]),
    "pairs": ("probability", None, [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]),
    "outputs": ("logits", None, [[1.0, 2.0], [0.5, 0.5], [3.0, 0.0]]),
}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["import numpy as np"]
    for name, (kind, higher, values) in SAID.items():
        lines += [
            f"def {name}():",
            f"    f = lambda samples, rate_hz: np.array({values})[: len(samples)]",
            f"    f.kind = {kind!r}",
            *([f"    f.higher = {higher!r}"] if higher else []),
            "    return f",
        ]
    lines += [
        "def wrong_kind():\n    f = chances()\n    f.kind = 'sigmoid'\n    return f",
        "def wrong_value():\n    f = negated()\n    f.kind = 'probability'\n    return f",
        "def both_ways():\n    f = outputs()\n    f.higher = 'real'\n    return f",
        "def two_log_odds():\n    f = outputs()\n    f.kind = 'log-odds'\n    return f",
        "def unsaid():\n    return lambda samples, rate_hz: np.linspace(0, 1, len(samples))",
        "def unsaid_log_odds():",
        "    return lambda samples, rate_hz: np.linspace(-1, 1, len(samples))",
    ]
    (tmp_path / "says_what_it_gives.py").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "says_what_it_gives", raising=False)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("chances", [-np.log(3), 0.0]),
        ("chances_real", [np.log(3), 0.0]),
        ("percents", [-np.log(3), 0.0]),
        ("negated", [-1.5, 0.0, 2.0]),
        ("pairs", [-np.log(3), 0.0]),
        ("outputs", [-1.0, 0.0, 3.0]),
    ],
)
def test_what_it_says_of_its_values_is_converted(factory: str, expected: list[float]) -> None:
    detector: Any = open_detector(f"python:says_what_it_gives:{factory}")
    logits = detector.score(waves(16000))
    scores = logits[:, 0] - logits[:, 1]
    np.testing.assert_allclose(scores[: len(expected)], expected, rtol=1e-12, atol=1e-12)
    assert np.isfinite(scores).all(), "also of a probability of 1"
    assert abs(scores[2]) > abs(scores[:2]).max()
    assert detector.identity.settings["kind"] == SAID[factory][0]
    assert detector.doubt() == ""


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("wrong_kind", "kind is 'sigmoid'; take log-odds, probability"),
        ("both_ways", "two values a clip; leave out higher"),
        ("two_log_odds", "log-odds are one value a clip"),
    ],
)
def test_what_it_says_and_does_not_do_is_refused(factory: str, words: str) -> None:
    def scored() -> None:
        open_callable(f"says_what_it_gives:{factory}", "python:x").score(waves())

    with pytest.raises(UsageError, match=words):
        scored()


@pytest.mark.usefixtures("said")
def test_a_value_that_is_none_of_its_kind_costs_its_row() -> None:
    detector: Any = open_detector("python:says_what_it_gives:wrong_value")
    outcomes = Scorer(detector, lambda note: None).forward(waves())
    assert {status for status, *_ in outcomes} == {"error"}
    assert "1.5 is no probability, and the detector has kind = 'probability'" in outcomes[0][1]


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(("factory", "told"), [("unsaid", True), ("unsaid_log_odds", False)])
def test_values_that_look_like_probabilities_are_told_once(factory: str, told: bool) -> None:
    detector: Any = open_detector(f"python:says_what_it_gives:{factory}")
    notes: list[str] = []
    scorer = Scorer(detector, notes.append)
    for _ in range(3):
        scorer.forward(waves(16000) * 8)
    assert len(notes) == told
    if told:
        assert "lie in [0, 1], as probabilities do, and are taken for log-odds" in notes[0]
        assert "give the object an attribute kind = 'probability'" in notes[0]

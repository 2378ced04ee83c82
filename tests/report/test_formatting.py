import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report import formatting


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.95, "0.950"), (-0.1234, "−0.123"), (-0.0001, "0.000"), (math.nan, "–"), (math.inf, "–")],
)
def test_figure(value: float, text: str) -> None:
    assert formatting.figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.01, "+0.010"), (-0.01, "−0.010"), (0.0001, "0.000"), (math.nan, "–")]
)
def test_signed(value: float, text: str) -> None:
    assert formatting.signed(value) == text


def test_an_interval_without_an_end_is_none() -> None:
    assert formatting.interval(0.1, math.nan) == ""
    assert formatting.measured(0.5, math.nan, math.nan) == "0.500"
    assert formatting.measured(0.5, 0.25, 0.75) == "0.500 (0.250 to 0.750)"


def test_a_probability_is_never_certain() -> None:
    assert formatting.probability(0.0) == "<0.001"
    assert formatting.probability(1.0) == ">0.999"
    assert formatting.probability(0.25) == "0.250"


def test_quantity_has_a_minus_and_a_unit() -> None:
    assert formatting.quantity(-5.0, "dB") == "−5 dB"
    assert formatting.quantity(4.75) == "4.75"


def test_listed() -> None:
    assert formatting.listed(["a"]) == "a"
    assert formatting.listed(["a", "b", "c"]) == "a, b and c"


def test_visible_spells_out_what_would_hide_or_reorder() -> None:
    assert formatting.visible("a\u202egnp.wav") == "a\\u202egnp.wav"
    assert formatting.visible("a\x00b\udcffc") == "a\\u0000b\\udcffc"
    assert formatting.visible("日本語 👩‍🎤\n") == "日本語 👩‍🎤\n"


@given(st.text(st.characters(exclude_categories=())))
def test_visible_text_can_always_be_written(text: str) -> None:
    shown = formatting.visible(text)
    shown.encode("utf-8")
    assert formatting.visible(shown) == shown

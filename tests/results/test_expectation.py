"""What is expected of audio: lengths that compose, and rows that are held against them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.expectation import AS_IT_IS, Expectation, Length

SECONDS = st.floats(0, 100)
LENGTHS = st.one_of(
    st.builds(Length, at_most_s=SECONDS),
    st.builds(Length, at_least_s=SECONDS),
    st.builds(Length, plus_s=SECONDS),
    st.builds(Length, factor=st.floats(0.25, 4)),
)


@given(st.lists(LENGTHS, max_size=5), SECONDS)
def test_lengths_compose_as_the_steps_do(steps: list[Length], clean_s: float) -> None:
    joined, one_by_one = Length(), clean_s
    for step in steps:
        joined, one_by_one = joined.then(step), step.of(one_by_one)
    assert joined.of(clean_s) == pytest.approx(one_by_one, abs=1e-6)
    assert joined.exact


def test_lengths_by_hand() -> None:
    crop, pad = Length(at_most_s=0.3), Length(at_least_s=10.24)
    filled = crop.then(pad)
    assert [filled.of(x) for x in (0.1, 4, 12)] == [10.24, 10.24, 10.24]
    assert [pad.then(crop).of(x) for x in (0.1, 4, 12)] == [0.3, 0.3, 0.3]
    assert crop.then(Length(factor=0.5)).of(4) == 0.15
    assert Length(plus_s=1).then(Length(factor=2)).of(3) == 8
    assert not Length(exact=False).then(crop).exact
    words = [Length(), crop, pad, filled, Length(factor=0.5), Length(plus_s=0.5)]
    assert [each.words for each in words] == [
        "as before",
        "at most 0.3 s",
        "at least 10.24 s",
        "10.24 s",
        "0.5 × the clip",
        "0.5 s more",
    ]
    assert Length(exact=False).words == "not longer"


def told(expects: Expectation, **measured: object) -> str:
    healthy = {"clean_s": 2.0, "seconds": 2.0, "snr_db": math.nan, "changed": True, "silent": False}
    return expects.contradiction(rate_hz=16000, **(healthy | measured))  # type: ignore[arg-type]


@pytest.mark.parametrize("snr_db", [10.0, 10.49, 9.51])
def test_a_ratio_within_half_a_decibel_is_the_one_named(snr_db: float) -> None:
    assert told(Expectation(snr_db=10), snr_db=snr_db) == ""


@pytest.mark.parametrize("snr_db", [10.51, 7.0, math.inf, -math.inf, math.nan])
def test_another_ratio_is_a_contradiction_and_so_is_none(snr_db: float) -> None:
    expected = f"SNR {snr_db:.2f} dB instead of 10 dB"
    assert told(Expectation(snr_db=10), snr_db=snr_db) == expected


def test_a_wrong_length_is_a_contradiction_beyond_rounding() -> None:
    crop = Expectation(changes="maybe", length=Length(at_most_s=0.5))
    assert told(crop, seconds=0.5) == told(crop, seconds=0.5015) == ""
    assert told(crop, seconds=1.0) == "1.000 s long instead of 0.500 s"
    assert told(crop, seconds=0.45) == "0.450 s long instead of 0.500 s"
    assert told(crop, clean_s=0.3, seconds=0.3) == ""
    trim = Expectation(changes="maybe", length=Length(exact=False))
    assert told(trim, seconds=0.1) == told(trim, seconds=2.0) == ""
    assert told(trim, seconds=2.1) == "2.100 s long instead of at most 2.000 s"
    assert told(Expectation(length=None), seconds=77) == ""


def test_what_must_change_and_did_not_is_a_contradiction_unless_it_is_silent() -> None:
    assert told(Expectation(changes="each"), changed=False) == "the clip was not changed"
    assert told(Expectation(changes="each"), changed=False, silent=True) == ""
    assert told(Expectation(changes="some"), changed=False) == ""
    assert told(Expectation(changes="maybe"), changed=False) == ""
    assert told(AS_IT_IS, changed=True) == "the clip was changed"
    assert told(AS_IT_IS, changed=False) == ""


def test_every_fault_of_a_row_is_told() -> None:
    both = told(Expectation(snr_db=0), snr_db=9, seconds=1)
    assert both == "SNR 9.00 dB instead of 0 dB, 1.000 s long instead of 2.000 s"


def test_steps_join() -> None:
    noise, phone = Expectation(snr_db=15), Expectation(band_hz=4000)
    loss = Expectation(changes="some")
    call = AS_IT_IS.then(noise, False).then(phone, False)
    assert (call.snr_db, call.band_hz, call.changes, call.in_place) == (15, 4000, "each", True)
    assert call.then(loss, False).band_hz is None, "holes click at any frequency"
    assert call.then(Expectation(), True).band_hz == 4000
    assert call.then(Expectation(band_hz=8000), True).band_hz == 4000
    assert call.then(Expectation(snr_db=3), False).snr_db == 3
    assert AS_IT_IS.then(loss, False).changes == "some"
    assert call.then(Expectation(length=None, in_place=False), False).length is None


def test_it_survives_the_record() -> None:
    for expects in (AS_IT_IS, Expectation(snr_db=1, length=Length(at_most_s=3, exact=False))):
        assert Expectation.model_validate_json(expects.model_dump_json()) == expects

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.class_names import canonical_label, refusal


@pytest.mark.parametrize(
    "word", ["real", "REAL", "bonafide", "bona-fide", "Bona Fide", "bona_fide", "genuine", "human"]
)
def test_words_for_real(word):
    assert canonical_label(word) == "real"


@pytest.mark.parametrize(
    "word", ["fake", "FAKE", "spoof", "Spoofed", "deepfake", "deep-fake", "ai", "AI-generated"]
)
def test_words_for_fake(word):
    assert canonical_label(word) == "fake"


@pytest.mark.parametrize("word", ["LABEL_0", "LABEL_1", "0", "1", "true", "positive", "", "unreal"])
def test_words_that_name_no_class_are_not_guessed(word):
    assert canonical_label(word) is None


@given(st.text())
def test_blanks_and_case_never_change_the_meaning(word):
    assert canonical_label(f" {word.casefold()}_ ") == canonical_label(word)


def test_the_refusal_says_why():
    assert "1 is fake here and real there" in refusal("1")
    assert "1 is fake here and real there" in refusal("True")
    assert refusal("maybe") == "label 'maybe' names no class"
    assert refusal(" ") == "the label is empty"

import pytest

from harness.detector.labels import check_indices, fake_index
from harness.errors import UsageError


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (("fake", "real"), 0),
        (("real", "fake"), 1),
        (("REAL", "FAKE"), 1),
        (("Bonafide", "Spoof"), 1),
        (("bona-fide", "spoof"), 1),
        (("spoof", "bona_fide"), 0),
        (("genuine", "deepfake"), 1),
        (("human", "ai"), 1),
        (("AI", "Human"), 0),
    ],
)
def test_names_seen_in_the_wild(names: tuple[str, str], index: int) -> None:
    assert fake_index(dict(enumerate(names))) == index


@pytest.mark.parametrize(
    "names",
    [
        ("LABEL_0", "LABEL_1"),
        ("0", "1"),
        ("fake", "not fake"),
        ("real", "not real"),
        ("fake", "LABEL_1"),
        ("fake", "spoof"),
        ("real", "bonafide"),
        ("speech", "music"),
        ("realfake", "fakereal"),
        ("", ""),
    ],
)
def test_names_that_do_not_say_are_refused_and_never_guessed(names: tuple[str, str]) -> None:
    with pytest.raises(UsageError) as refusal:
        fake_index(dict(enumerate(names)), where="some/model")
    message = str(refusal.value)
    assert "\n" not in message
    assert all(name in message for name in (*names, "some/model", "--fake-label"))


@pytest.mark.parametrize(
    "names", [{}, {0: "fake"}, {0: "fake", 1: "real", 2: "music"}, {1: "fake"}]
)
def test_anything_but_two_classes_is_refused_whatever_the_user_says(names: dict[int, str]) -> None:
    for fake_label in (None, "fake", "0"):
        with pytest.raises(UsageError, match="classes"):
            fake_index(names, fake_label)


@pytest.mark.parametrize(
    ("names", "said", "index"),
    [
        (("LABEL_0", "LABEL_1"), "LABEL_1", 1),
        (("LABEL_0", "LABEL_1"), "label_0", 0),
        (("LABEL_0", "LABEL_1"), "1", 1),
        (("fake", "not fake"), "not fake", 1),
        (("fake", "real"), "real", 1),  # the user has the last word
        (("1", "0"), "1", 0),  # a name before an index
    ],
)
def test_the_user_says_which(names: tuple[str, str], said: str, index: int) -> None:
    assert fake_index(dict(enumerate(names)), said) == index


@pytest.mark.parametrize("said", ["2", "-1", "spoof", "", "LABEL"])
def test_what_the_user_says_must_be_there(said: str) -> None:
    with pytest.raises(UsageError, match="LABEL_0"):
        fake_index({0: "LABEL_0", 1: "LABEL_1"}, said)


def test_one_name_for_both_classes_is_no_answer() -> None:
    with pytest.raises(UsageError):
        fake_index({0: "x", 1: "X"}, "x")


@pytest.mark.parametrize(
    "label2id",
    [
        {"real": 0, "fake": 1},
        {"Fake": 1},
        {"bonafide": 0, "spoof": 1},
        {"fake": "1"},
        {"fake": "x"},
    ],
)
def test_label2id_that_contradicts_id2label_is_refused(label2id: dict[str, object]) -> None:
    names = {0: "fake", 1: "real"}
    with pytest.raises(UsageError, match=r"m: id2label \(0: fake, 1: real\) and label2id .*contra"):
        check_indices(names, label2id, where="m")
    with pytest.raises(UsageError, match="contradict"):
        check_indices(names, label2id, "fake")
    check_indices(names, label2id, "0")


@pytest.mark.parametrize(
    "label2id",
    [{}, {"fake": 0, "real": 1}, {"FAKE": "0"}, {"LABEL_0": 0, "LABEL_1": 1}, {"spoof": 0}],
)
def test_label2id_that_says_the_same_or_nothing_is_none(label2id: dict[str, object]) -> None:
    check_indices({0: "fake", 1: "real"}, label2id)

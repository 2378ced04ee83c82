"""Which of the clips that turned are worth a listener's time."""

from typing import Literal

from harness.compare.flips import Flip, worth_hearing


def flip(
    condition: str,
    clip_id: str,
    move: float,
    turned: Literal["right", "wrong"] = "wrong",
    model: str = "m",
) -> Flip:
    return Flip(model, condition, clip_id, "fake", "", turned, move / 2, -move / 2)


def heard(flips: list[Flip], most: int) -> list[tuple[str, str]]:
    return [(each.condition, each.clip_id) for each in worth_hearing(flips, most)]


def test_the_largest_move_comes_first() -> None:
    flips = [flip("x", "a", 1), flip("y", "b", 3), flip("z", "c", -2)]
    assert heard(flips, 3) == [("y", "b"), ("z", "c"), ("x", "a")]


def test_every_condition_has_its_turn_before_one_has_two() -> None:
    flips = [flip("x", "a", 9), flip("x", "b", 8), flip("x", "c", 7), flip("y", "d", 1)]
    assert heard(flips, 3) == [("x", "a"), ("y", "d"), ("x", "b")]


def test_a_clip_is_not_heard_twice_where_there_is_another() -> None:
    flips = [flip("x", "a", 9), flip("y", "a", 8), flip("y", "b", 1), flip("z", "a", 5)]
    assert heard(flips, 4) == [("x", "a"), ("y", "b"), ("z", "a"), ("y", "a")]


def test_what_turned_wrong_comes_before_what_turned_right() -> None:
    flips = [flip("x", "a", 9, "right"), flip("x", "b", 1), flip("x", "c", 2)]
    assert heard(flips, 2) == [("x", "c"), ("x", "b")]
    assert heard(flips, 3) == [("x", "c"), ("x", "b"), ("x", "a")]


def test_every_model_has_as_many() -> None:
    flips = [flip("x", str(number), number + 1, model="m") for number in range(5)]
    flips += [flip("x", "other", 0.1, model="n")]
    assert [each.model for each in worth_hearing(flips, 2)] == ["m", "m", "n"]
    assert worth_hearing([], 2) == []

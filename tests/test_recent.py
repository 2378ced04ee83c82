"""What is kept is found again, within its bytes, what was asked for last longest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.recent import Recent


def recent(most_bytes: int) -> tuple[Recent[int, bytes], list[int]]:
    """Makes as many bytes as its key says; and which keys it made."""
    made: list[int] = []

    def make(key: int) -> bytes:
        made.append(key)
        return bytes(key)

    return Recent(make, len, most_bytes), made


def test_the_one_not_asked_for_longest_makes_room() -> None:
    kept, made = recent(10)
    for key in (4, 5, 4, 3, 4, 5):  # 3 takes the place of 5, and then 5 that of 3
        assert len(kept(key)) == key
    assert made == [4, 5, 3, 5]


def test_what_is_larger_than_all_of_it_is_made_each_time_and_nothing_makes_room_for_it() -> None:
    kept, made = recent(10)
    for key in (10, 11, 11, 10):
        kept(key)
    assert made == [10, 11, 11]


def test_what_cannot_be_made_is_said_each_time() -> None:
    kept, made = recent(10)
    for _ in range(2):
        with pytest.raises(ValueError, match="negative count"):
            kept(-1)
    assert made == [-1, -1]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30)), st.integers(0, 60))
def test_never_more_bytes_than_that(keys: list[int], most_bytes: int) -> None:
    kept, _ = recent(most_bytes)
    for key in keys:
        assert kept(key) == bytes(key)
        held = list(kept._values.values())  # pyright: ignore[reportPrivateUsage]
        assert sum(map(len, held)) <= most_bytes

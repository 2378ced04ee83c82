from pathlib import Path

from harness.data.clip import Clip
from harness.engine.plan import chunks, tasks
from harness.suite.condition import CLEAN, Condition

NOISY = Condition("noisy", "noise", "noise", 1.0, None, "noisy", ())
CLIPS = [Clip(name, "real", Path(name)) for name in "abc"]


def test_blocks_number_the_places_of_the_plan() -> None:
    planned = list(tasks(CLIPS, [CLEAN, NOISY], ["m"], set(), 4))
    assert [task.clip.clip_id for task in planned] == ["a", "b", "c"]
    assert [task.blocks for task in planned] == [(0, 0), (0, 0), (1, 1)]


def test_done_rows_are_left_out_and_the_others_keep_their_block() -> None:
    done = {("a", "clean", "m"), ("a", "noisy", "m"), ("b", "clean", "m")}
    planned = list(tasks(CLIPS, [CLEAN, NOISY], ["m"], done, 3))
    assert [(task.clip.clip_id, task.conditions, task.blocks) for task in planned] == [
        ("b", (NOISY,), (1,)),
        ("c", (CLEAN, NOISY), (1, 1)),
    ]


def test_a_row_is_owed_while_any_model_lacks_it() -> None:
    done = {("a", "clean", "m"), ("b", "clean", "m"), ("b", "clean", "n"), ("c", "clean", "m")}
    planned = list(tasks(CLIPS, [CLEAN], ["m", "n"], done, 3))
    assert [task.clip.clip_id for task in planned] == ["a", "c"]


def test_chunks_are_whole_clips_and_know_what_is_done_of_them() -> None:
    done = {("b", "clean", "m"), ("z", "clean", "m")}
    planned = tasks(CLIPS, [CLEAN, NOISY], ["m", "n"], done, 2)
    first, second = chunks(planned, ["m", "n"], done, 2)
    assert [task.clip.clip_id for task in first.tasks] == ["a", "b"]
    assert first.done == {("b", "clean", "m")}
    assert [task.clip.clip_id for task in second.tasks] == ["c"]
    assert second.done == frozenset()

"""The rows that a run owes, and the blocks in which they are scored.

Rows are ordered by clip as in the source, then by condition as in the suite, and scored in blocks
of consecutive rows. So batches never depend on timing, the number of workers or where an earlier
run was stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.data.clip import Clip
from harness.suite.condition import Condition

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Task:
    """A clip and the conditions under which some model has not scored it yet.

    Parameters
    ----------
    blocks
        The block of each condition's row.
    """

    clip: Clip
    conditions: tuple[Condition, ...]
    blocks: tuple[int, ...]


def tasks(
    clips: Iterable[Clip],
    conditions: Sequence[Condition],
    models: Sequence[str],
    done: set[Key],
    block_rows: int,
) -> Iterator[Task]:
    """Yield the tasks of a run in order, without the rows that every model has scored."""
    for number, clip in enumerate(clips):
        owed = [
            (condition, (number * len(conditions) + place) // block_rows)
            for place, condition in enumerate(conditions)
            if any((clip.clip_id, condition.name, model) not in done for model in models)
        ]
        if owed:
            owed_conditions, blocks = zip(*owed, strict=True)
            yield Task(clip, owed_conditions, blocks)


@dataclass(frozen=True)
class Chunk:
    """Consecutive tasks that one machine does together.

    Parameters
    ----------
    done
        Keys of their rows that some model has scored already.
    """

    tasks: tuple[Task, ...]
    done: frozenset[Key]


def chunks(
    owed: Iterable[Task], models: Sequence[str], done: set[Key], blocks: int
) -> Iterator[Chunk]:
    """Yield the tasks in chunks of whole clips; a clip belongs to the chunk of its first block.

    Which clips share a chunk does not depend on what is still owed.

    Parameters
    ----------
    blocks
        Blocks of a chunk, at least 1; a clip with more is a chunk of its own.
    """
    for _, together in groupby(owed, key=lambda task: task.blocks[0] // blocks):
        yield _chunk(list(together), models, done)


def _chunk(together: Sequence[Task], models: Sequence[str], done: set[Key]) -> Chunk:
    keys = (
        (task.clip.clip_id, condition.name, model)
        for task in together
        for condition in task.conditions
        for model in models
    )
    return Chunk(tuple(together), frozenset(key for key in keys if key in done))

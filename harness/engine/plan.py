"""Which rows a run still owes, and which of them are scored together.

The rows of a run have one order: clips as the source gives them, conditions as the suite lists
them. Rows are scored in blocks of consecutive places in that order, so what shares a batch with
what depends on the plan alone, never on timing, worker count or where an earlier run was stopped.
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
    """One clip and the conditions that it still owes to some model.

    Parameters
    ----------
    blocks
        For each condition the number of the block that its row belongs to.
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
    """The tasks of a run in order, less the rows that are done for every model."""
    for number, clip in enumerate(clips):
        owed = [
            (condition, (number * len(conditions) + place) // block_rows)
            for place, condition in enumerate(conditions)
            if any((clip.clip_id, condition.name, model) not in done for model in models)
        ]
        if owed:
            wanted, blocks = zip(*owed, strict=True)
            yield Task(clip, wanted, blocks)


@dataclass(frozen=True)
class Chunk:
    """Consecutive tasks that are done together on one machine.

    Parameters
    ----------
    done
        Keys of their rows that are in the table already, for some model.
    """

    tasks: tuple[Task, ...]
    done: frozenset[Key]


def chunks(
    owed: Iterable[Task], models: Sequence[str], done: set[Key], blocks: int
) -> Iterator[Chunk]:
    """The tasks in chunks of whole clips, a clip going with its first block.

    Which clips share a chunk depends on the plan alone, whatever is still owed.

    Parameters
    ----------
    blocks
        Of a chunk, at least 1; a clip with more is a chunk of its own.
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

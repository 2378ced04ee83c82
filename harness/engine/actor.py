"""What runs on the nodes of a cluster: actors that take chunks of the plan and give back batches.

Where detectors run on GPUs, preparing and scoring have actors of their own; on processors one actor
does both, and no audio is moved between nodes.
"""

from __future__ import annotations

import io
import os
import pickle
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.audio.encoded import Encoded
from harness.data.clip import Clip
from harness.data.parquet_row import ShardCell
from harness.data.store import in_store
from harness.detector.compilation import compile_all
from harness.detector.detector import ScoreLookup
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.local import batches
from harness.engine.plan import Chunk, Task
from harness.engine.prepare import Prepared, Recipe
from harness.engine.row_sink import Batch
from harness.engine.scorer import Scorer
from harness.engine.self_check import self_checks
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.results.record import MachineRecord, RunRecord, SelfCheckRecord
from harness.suite.condition import Condition
from harness.version import __version__


@dataclass(frozen=True)
class Work:
    """What every actor needs to prepare and score chunks.

    Parameters
    ----------
    conditions
        Of the suite: chunks name them by their places.
    models
        Specs as the user wrote them, with the names that the record has for them.
    lookups
        Those that are scores from files, by these names: their rows are matched with all clips.
    device
        Where detectors compute: `cpu` or `cuda`.
    landmark
        A recording on a disk of the machine that gives the command, which every node must have
        under the same name; None where all lie elsewhere.
    directory
        In which the command was given: names that are relative are so to it.
    """

    recipe: Recipe
    conditions: tuple[Condition, ...]
    models: tuple[tuple[str, str], ...]
    device: str
    fake_label: str | None
    machine: MachineRecord
    landmark: Path | None = None
    lookups: Mapping[str, ScoreLookup] = field(default_factory=dict[str, ScoreLookup])
    directory: str = field(default_factory=os.getcwd)
    version: str = __version__

    def settle(self) -> None:
        """Have this process be one that computes as the command was given.

        Raises
        ------
        UsageError
            As `refuse_unlike`.
        """
        with suppress(OSError):  # where all has a whole name, the directory need not be here
            os.chdir(self.directory)
        refuse_unlike(self)

    def packed(self, chunk: Chunk) -> bytes:
        """A chunk without its conditions, which are the most of it and everywhere the same."""
        file = io.BytesIO()
        _Packer(file, self.conditions).dump(chunk)
        return file.getvalue()

    def unpacked(self, content: bytes) -> Chunk:
        return _Unpacker(io.BytesIO(content), self.conditions).load()


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, conditions: Sequence[Condition]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._places = {condition.name: place for place, condition in enumerate(conditions)}

    def persistent_id(self, obj: Any) -> int | None:
        return self._places[obj.name] if isinstance(obj, Condition) else None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, conditions: Sequence[Condition]) -> None:
        super().__init__(file)
        self._conditions = conditions

    def persistent_load(self, pid: Any) -> Condition:
        return self._conditions[pid]


@dataclass(frozen=True)
class Answer:
    """What became of a chunk.

    Parameters
    ----------
    notes
        What went wrong on the way and was overcome.
    idle_s
        For how long the actor had nothing to do before it.
    """

    batches: Sequence[Batch]
    notes: Sequence[str]
    idle_s: float


class Preparer:
    """An actor that prepares chunks in a process of its own, which may crash or hang."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._notes = work, list[str]()
        self._crew = WorkerPool(1, work.recipe, work.machine.row_seconds, self._notes.append)

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        prepared = [rows for _, rows in self._crew.prepare(chunk.tasks)]
        return {"chunk": cells["chunk"], "prepared": _cell((prepared, _taken(self._notes)))}


class Judge:
    """An actor that scores prepared chunks with every detector."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._panel = work, _Panel(work)

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        prepared, notes = pickle.loads(cells["prepared"][0])  # noqa: S301
        self._panel.notes += notes
        return self._panel.answer(chunk, zip(chunk.tasks, prepared, strict=True))


class Station:
    """An actor that does both, one clip being prepared while the one before is scored."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._panel = work, _Panel(work)
        self._crew = WorkerPool(1, work.recipe, work.machine.row_seconds, self._panel.notes.append)

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        return self._panel.answer(chunk, self._crew.prepare(chunk.tasks))


class _Panel:
    """The detectors of an actor, and when they were last at work."""

    def __init__(self, work: Work) -> None:
        self.notes: list[str] = []
        self._scorers = scorers_of(work, self.notes.append)
        self._ended = time.monotonic()

    def answer(
        self, chunk: Chunk, prepared: Iterable[tuple[Task, list[Prepared]]]
    ) -> dict[str, Any]:
        idle_s = time.monotonic() - self._ended
        scored = list(batches(prepared, self._scorers, chunk.done))
        self._ended = time.monotonic()
        return {"answer": _cell(Answer(scored, _taken(self.notes), idle_s))}


def check(
    work: Work, clips: Sequence[Clip], record: RunRecord
) -> tuple[list[SelfCheckRecord], list[str]]:
    """The self-checks of the detectors where this runs, and what was noted at that.

    Raises
    ------
    UsageError
        As `self_checks`.
    """
    work.settle()
    notes: list[str] = []
    with WorkerPool(0, work.recipe) as crew:
        scorers = scorers_of(work, notes.append)
        return self_checks(crew, scorers, clips, work.conditions, record), notes


def refuse_unlike(work: Work) -> None:
    """Refuse to compute where scores may come out otherwise.

    Raises
    ------
    UsageError
        Where this node has another version of anything that can move a score, or lacks the data.
    """
    here = provenance.packages()
    there = work.machine.packages
    other = [
        f"{name} {here.get(name, 'missing')}, not {each}"
        for name, each in sorted(there.items())
        if here.get(name) != each
    ]
    if work.version != __version__:
        other.insert(0, f"harness {__version__}, not {work.version}")
    if other:
        raise UsageError(
            f"a node has {other[0]}", os.uname().nodename, "install the same lock file everywhere"
        )
    if work.landmark is not None and not work.landmark.exists():
        raise UsageError(
            f"a node has no {work.landmark}",
            os.uname().nodename,
            "put the data where every node finds them: in an object store, or on a shared disk",
        )


def landmark_of(clips: Iterable[Clip]) -> Path | None:
    """The first recording that is on a disk of this machine, by its whole path."""
    files = (_file_of(clip.audio) for clip in clips)
    return next((path.absolute() for path in files if path is not None and path.exists()), None)


def _file_of(audio: Encoded) -> Path | None:
    if isinstance(audio, ShardCell):
        return None if in_store(audio.shard) else Path(audio.shard)
    return audio if isinstance(audio, Path) else None


def scorers_of(work: Work, note: Callable[[str], None]) -> list[Scorer]:
    """The models of the work, opened where this runs; scores from files come with it."""
    import torch

    torch.set_num_threads(1)
    scorers: list[Scorer] = []
    for spec, name in work.models:
        detector = work.lookups.get(name) or open_detector(
            spec, device=work.device, precision=work.machine.precision, fake_label=work.fake_label
        )
        detector.identity = detector.identity.model_copy(update={"name": name})
        scorers.append(Scorer(detector, note))
    if work.machine.compiled:
        compile_all([scorer.detector for scorer in scorers], work.machine.batch_size)
    return scorers


def _taken(notes: list[str]) -> list[str]:
    taken = notes.copy()
    notes.clear()
    return taken


def _cell(content: object) -> Any:
    """One cell of bytes, which Arrow takes as they are."""
    cell = np.empty(1, dtype=object)
    cell[0] = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return cell

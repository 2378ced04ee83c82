"""Actors on the nodes of a cluster, which take chunks of the run and return finished rows.

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
from harness.engine.row_sink import FinishedBatch
from harness.engine.scorer import Scorer
from harness.engine.self_check import self_checks
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.results.record import MachineRecord, RunRecord, SelfCheckRecord
from harness.suite.condition import Condition
from harness.version import __version__


@dataclass(frozen=True)
class Work:
    """The content that an actor needs to prepare and score chunks.

    Parameters
    ----------
    conditions
        Of the suite; chunks refer to them by index.
    models
        Specs as the user wrote them, with the names in the record.
    lookups
        Scores from files by model name, matched to all clips.
    device
        Where detectors compute: `cpu` or `cuda`.
    landmark
        A recording on a disk of the machine that gives the command, which every node must have
        under the same path; None where no recording is on a disk.
    directory
        Working directory of the command, to which relative paths refer.
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
        """Enter the command's directory and check that this node may compute.

        Raises
        ------
        UsageError
            As `refuse_unlike`.
        """
        with suppress(OSError):  # with absolute paths the directory need not exist here
            os.chdir(self.directory)
        refuse_unlike(self)

    def packed(self, chunk: Chunk) -> bytes:
        """Pickle a chunk without its conditions, which are most of it and known to every actor."""
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
class ChunkResult:
    """A scored chunk, with notes of what was overcome and how long its actor had been idle."""

    batches: Sequence[FinishedBatch]
    notes: Sequence[str]
    idle_s: float


class Prepare:
    """Actor that prepares chunks in a process of its own, which may crash or hang."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._notes = work, list[str]()
        self._pool = WorkerPool(1, work.recipe, work.machine.row_seconds, self._notes.append)

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        prepared = [rows for _, rows in self._pool.prepare(chunk.tasks)]
        return {"chunk": cells["chunk"], "prepared": _cell((prepared, _taken(self._notes)))}


class Score:
    """Actor that scores prepared chunks with every detector."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._detectors = work, _Detectors(work)

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        prepared, notes = pickle.loads(cells["prepared"][0])  # noqa: S301
        self._detectors.notes += notes
        return self._detectors.answer(chunk, zip(chunk.tasks, prepared, strict=True))


class PrepareAndScore:
    """Actor that does both: a clip is prepared while the one before is scored."""

    def __init__(self, work: Work) -> None:
        work.settle()
        self._work, self._detectors = work, _Detectors(work)
        self._pool = WorkerPool(
            1, work.recipe, work.machine.row_seconds, self._detectors.notes.append
        )

    def __call__(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        chunk = self._work.unpacked(cells["chunk"][0])
        return self._detectors.answer(chunk, self._pool.prepare(chunk.tasks))


class _Detectors:
    """The detectors of an actor, and when they last finished a chunk."""

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
        return {"answer": _cell(ChunkResult(scored, _taken(self.notes), idle_s))}


def check(
    work: Work, clips: Sequence[Clip], record: RunRecord
) -> tuple[list[SelfCheckRecord], list[str]]:
    """Return the self-checks of the detectors on this node, and notes.

    Raises
    ------
    UsageError
        As `self_checks`.
    """
    work.settle()
    notes: list[str] = []
    with WorkerPool(0, work.recipe) as pool:
        scorers = scorers_of(work, notes.append)
        return self_checks(pool, scorers, clips, work.conditions, record), notes


def refuse_unlike(work: Work) -> None:
    """Refuse a node whose scores might differ.

    Raises
    ------
    UsageError
        Where this node has another version of anything that can move a score, or lacks the data.
    """
    here = provenance.packages()
    other = [
        f"{name} {here.get(name, 'missing')}, not {version}"
        for name, version in sorted(work.machine.packages.items())
        if here.get(name) != version
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
    """Return the absolute path of the first recording that is on a disk of this machine."""
    files = (_file_of(clip.audio) for clip in clips)
    return next((path.absolute() for path in files if path is not None and path.exists()), None)


def _file_of(audio: Encoded) -> Path | None:
    if isinstance(audio, ShardCell):
        return None if in_store(audio.shard) else Path(audio.shard)
    return audio if isinstance(audio, Path) else None


def scorers_of(work: Work, note: Callable[[str], None]) -> list[Scorer]:
    """Open the models on this node; scores from files come with the work."""
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
    """Return a pickle as one cell, which Arrow stores unchanged."""
    cell = np.empty(1, dtype=object)
    cell[0] = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return cell

"""The loop on a Ray cluster: actors prepare and score chunks of the plan, this process writes.

A chunk is a few whole clips under all that they owe. What shares a batch is decided within it, so
it depends on the plan alone, and it comes back whole or not at all: whatever a lost node had begun
is computed again elsewhere, and a row is in the table once. Where detectors run on GPUs, preparing
and scoring are stages of their own; on processors one actor does both, and no audio is moved.

Every node has the same versions installed and finds clips and models where this process does.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from harness import __version__, provenance
from harness.condition import Condition
from harness.data.clip import Clip
from harness.detector.source import open_detector
from harness.engine.crew import Crew
from harness.engine.local import Advance
from harness.engine.plan import Chunk, Task
from harness.engine.prepare import Prepared, Recipe
from harness.engine.scorer import Scored, Scorer
from harness.engine.selfcheck import self_checks
from harness.engine.vigil import Vigil
from harness.errors import UsageError
from harness.record import MachineRecord, RunRecord, SelfCheckRecord
from harness.scores import Row, ScoresWriter

_FLUSH_SECONDS = 30.0
_REACH_SECONDS = 10
_MOST_BLOCKS = 10_000
_IN_FLIGHT = 2
"""Chunks that wait at an actor while it works on one: they bound what the object store holds."""


@dataclass(frozen=True)
class Work:
    """What every actor needs to prepare and score chunks.

    Parameters
    ----------
    models
        Specs as the user wrote them, with the names that the record has for them.
    device
        `cpu` or `cuda`.
    """

    recipe: Recipe
    models: tuple[tuple[str, str], ...]
    device: str
    fake_label: str | None
    machine: MachineRecord
    version: str = __version__

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process has joined.

    Parameters
    ----------
    device
        Where its detectors compute: `cpu` or `cuda`.
    processors, gpus, nodes
        How many it has.
    """

    device: str
    fake_label: str | None
    processors: int
    gpus: int
    nodes: int

    @property
    def words(self) -> str:
        """Its device as a record names it."""
        return f"cuda:* ({self.gpus} GPUs)" if self.device == "cuda" else "cpu"


def connect(address: str | None, device: str, fake_label: str | None) -> Cluster:
    """Join the cluster at an address, or start one of this machine alone.

    Parameters
    ----------
    device
        `auto` takes the GPUs where the cluster has any.

    Raises
    ------
    UsageError
        Where Ray is not installed, there is no cluster at the address, or it has no such device.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as fault:
        raise UsageError(
            "Ray is not installed", "--engine ray", "pip install 'fake-audio-harness[cluster]'"
        ) from fault
    if not ray.is_initialized():
        try:
            _reach(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as fault:
            told = str(fault).strip().splitlines() or [type(fault).__name__]
            raise UsageError(
                f"no Ray cluster can be joined: {told[0]}",
                f"--address {address}" if address else "--engine ray",
                "start one with: ray start --head",
            ) from fault
    has = ray.cluster_resources()
    gpus = int(has.get("GPU", 0))
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    if device not in ("cpu", "cuda"):
        raise UsageError("a cluster chooses its GPUs itself", f"--device {device}", "use cuda")
    if device == "cuda" and not gpus:
        raise UsageError("the cluster has no GPU", "--device cuda", "use --device cpu")
    nodes = sum(bool(node["Alive"]) for node in ray.nodes())
    return Cluster(device, fake_label, max(1, int(has.get("CPU", 1))), gpus, nodes)


def _reach(address: str | None) -> None:
    """Raise OSError where nothing answers at host:port, which Ray takes minutes to find out."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()


def probe(
    work: Work, clips: Sequence[Clip], conditions: Sequence[Condition], record: RunRecord
) -> list[SelfCheckRecord]:
    """The self-checks of the detectors, on the kind of node that scores.

    Raises
    ------
    UsageError
        As `self_checks`.
    """
    import ray

    first = clips[: max(1, record.machine.batch_size)]

    def look() -> list[SelfCheckRecord]:
        with Crew(0, work.recipe) as crew:
            return self_checks(crew, _scorers(work), first, conditions, record)

    task: Any = ray.remote(**_resources(work))(look)
    return _answer(lambda: ray.get(task.remote()))


def run_chunks(
    chunks: Sequence[Chunk],
    work: Work,
    cluster: Cluster,
    writer: ScoresWriter,
    advance: Advance,
) -> None:
    """Prepare and score every chunk on the cluster; rows are written as chunks come back.

    Raises
    ------
    UsageError
        Where a detector cannot be opened on a node or fails on every row of the first chunk, a
        node has other versions, or a condition does not do what its name says.
    """
    if not chunks:
        return
    flushed, first, vigil = time.monotonic(), True, Vigil()
    for rows in _answers(_dataset(chunks, work, cluster)):
        if first and rows and all(row["status"] == "error" for row in rows):
            raise UsageError(f"nothing could be scored: {rows[0]['reason']}", str(rows[0]["model"]))
        first = False
        writer.append(rows)
        advance(len(rows))
        for row in rows:
            vigil.see(str(row["condition"]), str(row["clip_id"]), str(row["reason"]))
        if time.monotonic() - flushed > _FLUSH_SECONDS:
            writer.flush()
            flushed = time.monotonic()


def _dataset(chunks: Sequence[Chunk], work: Work, cluster: Cluster) -> Any:
    """The stages over all chunks, not yet begun."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context.execution_options.preserve_order = False
    items = [{"chunk": pickle.dumps(chunk)} for chunk in chunks]
    dataset: Any = ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS))
    actors = ray.data.ActorPoolStrategy(
        min_size=1, max_size=cluster.processors, max_tasks_in_flight_per_actor=_IN_FLIGHT
    )
    stages: list[tuple[type, dict[str, Any], Any]] = [(Station, {"num_cpus": 1}, actors)]
    if work.on_gpu:
        scoring = ray.data.ActorPoolStrategy(
            min_size=1, max_size=cluster.gpus, max_tasks_in_flight_per_actor=_IN_FLIGHT
        )
        stages = [
            (Preparer, {"num_cpus": 1}, actors),
            (Judge, {"num_cpus": 0.1, "num_gpus": 1}, scoring),
        ]
    for stage, resources, pool in stages:
        dataset = dataset.map_batches(
            stage, fn_constructor_args=(work,), batch_size=1, compute=pool, **resources
        )
    return dataset


class Preparer:
    """An actor that prepares chunks in a process of its own, which may crash or hang."""

    def __init__(self, work: Work) -> None:
        _refuse_other_versions(work)
        self._crew = Crew(1, work.recipe, work.machine.row_seconds)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        chunk: Chunk = pickle.loads(batch["chunk"][0])  # noqa: S301
        prepared = [rows for _, rows in self._crew.prepare(chunk.tasks)]
        return {"chunk": batch["chunk"], "prepared": _packed(prepared)}


class Judge:
    """An actor that scores prepared chunks with every detector."""

    def __init__(self, work: Work) -> None:
        _refuse_other_versions(work)
        self._scorers = _scorers(work)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        chunk: Chunk = pickle.loads(batch["chunk"][0])  # noqa: S301
        prepared: list[list[Prepared]] = pickle.loads(batch["prepared"][0])  # noqa: S301
        return {
            "rows": _packed(_rows(self._scorers, chunk, zip(chunk.tasks, prepared, strict=True)))
        }


class Station:
    """An actor that does both, one clip being prepared while the one before is scored."""

    def __init__(self, work: Work) -> None:
        _refuse_other_versions(work)
        self._crew = Crew(1, work.recipe, work.machine.row_seconds)
        self._scorers = _scorers(work)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        chunk: Chunk = pickle.loads(batch["chunk"][0])  # noqa: S301
        return {"rows": _packed(_rows(self._scorers, chunk, self._crew.prepare(chunk.tasks)))}


def _rows(
    scorers: Sequence[Scorer], chunk: Chunk, prepared: Iterable[tuple[Task, list[Prepared]]]
) -> list[Row]:
    scored = (
        Scored(task.clip, condition, block, row)
        for task, rows in prepared
        for condition, block, row in zip(task.conditions, task.blocks, rows, strict=True)
    )
    return [
        row
        for _, block in groupby(scored, key=lambda one: one.block)
        for together in [list(block)]
        for scorer in scorers
        for row in scorer.rows(together, set(chunk.done))
    ]


def _scorers(work: Work) -> list[Scorer]:
    import torch

    torch.set_num_threads(1)
    scorers: list[Scorer] = []
    for spec, name in work.models:
        detector = open_detector(
            spec, device=work.device, precision=work.machine.precision, fake_label=work.fake_label
        )
        detector.identity = detector.identity.model_copy(update={"name": name})
        scorers.append(Scorer(detector, _quiet))
    return scorers


def _quiet(line: str) -> None:
    del line


def _refuse_other_versions(work: Work) -> None:
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


def _resources(work: Work) -> dict[str, Any]:
    return {"num_cpus": 0.1, "num_gpus": 1} if work.on_gpu else {"num_cpus": 1}


def _packed(content: object) -> Any:
    """One cell of bytes, which Arrow takes as they are."""
    cell = np.empty(1, dtype=object)
    cell[0] = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return cell


def _answers(dataset: Any) -> Iterator[list[Row]]:
    """The rows of every chunk, in the order in which chunks are done."""
    batches = iter(dataset.iter_batches(batch_size=None, prefetch_batches=1))
    while True:
        batch = _answer(lambda: next(batches, None))
        if batch is None:
            return
        for cell in batch["rows"]:
            yield pickle.loads(cell)  # noqa: S301


def _answer(ask: Callable[[], Any]) -> Any:
    """What the cluster says; a `UsageError` that was raised on a node is one here."""
    import ray.exceptions

    try:
        return ask()
    except ray.exceptions.RayError as fault:
        told: BaseException | None = fault
        while told is not None:
            if isinstance(told, UsageError):
                raise told from fault
            told = getattr(told, "cause", None) or told.__cause__
        raise UsageError(
            f"the cluster failed: {str(fault).strip().splitlines()[-1]}",
            "--engine ray",
            "the same command with the same --out goes on",
        ) from fault

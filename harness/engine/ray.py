"""Run on a Ray cluster: actors prepare and score chunks of the run, this process writes.

A chunk is a few whole clips under the conditions they owe. Batches are formed within a chunk, so
that scores do not depend on the cluster, and a chunk comes back whole or not at all: what a lost
node had begun is computed again elsewhere, and every row is in the table once.

Every node has the same versions installed and finds clips and models where this process does.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from harness.data.clip import Clip
from harness.engine.actor import ChunkResult, Prepare, PrepareAndScore, Score, Work, check
from harness.engine.plan import Chunk
from harness.engine.row_sink import RowSink
from harness.errors import UsageError
from harness.results.record import RunRecord, SelfCheckRecord
from harness.timing import WAITING, TimeSplit

_REACH_SECONDS = 10
_LOOK_SECONDS = 2.0
MOST_BLOCKS = 10_000
"""Chunks in all: each costs this process milliseconds."""
_WAITING_CHUNKS = 1
"""Chunks queued at an actor, which bound what the object store holds."""

_PROCESSOR: dict[str, Any] = {"num_cpus": 1}
_GPU: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1}
"""Resources of a scoring actor: no processor, because preparing actors may hold all of them."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process has joined.

    Parameters
    ----------
    device
        Where its detectors compute: `cpu` or `cuda`.
    processors, gpus, nodes
        How many it has.
    apart
        Whether scoring has actors of its own, one for each GPU.
    """

    device: str
    fake_label: str | None
    processors: int
    gpus: int
    nodes: int
    apart: bool = False

    @property
    def preparers(self) -> int:
        """Actors that prepare; a processor beside every GPU is left to the actor that feeds it."""
        return max(1, self.processors - self.gpus) if self.apart else self.processors

    @property
    def scorers(self) -> int:
        """Actors that score."""
        return self.gpus if self.apart else self.processors

    @property
    def words(self) -> str:
        """The device as a record names it."""
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
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError as fault:
        raise UsageError(
            "Ray is not installed", "--engine ray", "pip install 'fake-audio-harness[cluster]'"
        ) from fault
    if not ray.is_initialized():
        try:
            _reach(address)
            with _hushed():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as fault:
            lines = str(fault).strip().splitlines() or [type(fault).__name__]
            raise UsageError(
                f"no Ray cluster can be joined: {lines[0]}",
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
    processors = max(1, int(has.get("CPU", 1)))
    return Cluster(device, fake_label, processors, gpus, nodes, apart=device == "cuda")


@contextmanager
def _hushed() -> Generator[None]:
    """Silence standard error, where Ray prints warnings about its own settings."""
    sys.stderr.flush()
    ours, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)
        os.close(nowhere)


def _reach(address: str | None) -> None:
    """Raise OSError where nothing answers at host:port; Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()


def leave() -> None:
    """Leave the cluster; one that was started by this process ends."""
    import ray

    ray.shutdown()


def probe(
    work: Work, cluster: Cluster, clips: Sequence[Clip], record: RunRecord
) -> tuple[list[SelfCheckRecord], list[str]]:
    """Return the self-checks of the detectors on a node that scores, and notes.

    Raises
    ------
    UsageError
        As `self_checks`.
    """
    import ray

    first = clips[: max(1, record.machine.batch_size)]
    task: Any = ray.remote(**(_GPU if cluster.apart else _PROCESSOR))(check)
    return _call(lambda: ray.get(task.remote(work, first, record)))


def run_chunks(
    chunks: Iterable[Chunk],
    work: Work,
    cluster: Cluster,
    sink: RowSink,
    split: TimeSplit,
    tell: Callable[[str], None],
) -> None:
    """Prepare and score every chunk on the cluster; rows are written as chunks come back.

    Parameters
    ----------
    split
        Counts the time for which actors were idle.
    tell
        Called with notes of actors, and with nodes that are lost.

    Raises
    ------
    UsageError
        Where a detector cannot be opened on a node, a node has other versions, and as
        `RowSink.take`.
    """
    items = [{"chunk": work.packed(chunk)} for chunk in chunks]
    if not items:
        return
    # Ray prints lost nodes to standard output, which belongs to the command's data.
    with _watched(tell), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        for result in _results(_dataset(items, work, cluster)):
            split.scoring.add({WAITING: result.idle_s})
            for line in result.notes:
                tell(line)
            for batch in result.batches:
                sink.take(batch)


def _dataset(items: Sequence[Mapping[str, bytes]], work: Work, cluster: Cluster) -> Any:
    """Return the lazy dataset of results: all chunks, mapped through the actors."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    dataset: Any = ray.data.from_items(
        list(items), override_num_blocks=min(len(items), MOST_BLOCKS)
    )
    stages: list[tuple[type, int, dict[str, Any]]] = [
        (PrepareAndScore, cluster.processors, _PROCESSOR)
    ]
    if cluster.apart:
        stages = [(Prepare, cluster.preparers, _PROCESSOR), (Score, cluster.gpus, _GPU)]
    for stage, actors, resources in stages:
        pool = ray.data.ActorPoolStrategy(
            min_size=1,  # so that it goes on when nodes are lost
            initial_size=min(actors, len(items)),
            max_size=actors,
            max_tasks_in_flight_per_actor=1 + _WAITING_CHUNKS,
        )
        dataset = dataset.map_batches(
            stage, fn_constructor_args=(work,), batch_size=1, compute=pool, **resources
        )
    return dataset


@contextmanager
def _watched(tell: Callable[[str], None]) -> Generator[None]:
    """Report every node that is lost, also while no chunk comes back."""
    ended = Event()
    watch = Thread(target=_watch, args=(tell, ended), name="nodes", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _watch(tell: Callable[[str], None], ended: Event) -> None:
    import ray

    began, known = time.monotonic(), _alive()
    while not ended.wait(_LOOK_SECONDS):
        now = _alive()
        for node in known.keys() - now.keys():
            after_s = time.monotonic() - began
            left = ray.cluster_resources()
            tell(
                f"node {known[node]} was lost after {after_s:.0f} s; what it had not handed over "
                f"is computed again by what is left: {len(now)} node(s), "
                f"{left.get('CPU', 0):.0f} processor(s), {left.get('GPU', 0):.0f} GPU(s)"
            )
        known = now


def _alive() -> dict[str, str]:
    """Return host names of the living nodes by id."""
    import ray

    return {
        node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeID'][:8]})"
        for node in ray.nodes()
        if node["Alive"]
    }


def _results(dataset: Any) -> Iterator[ChunkResult]:
    """Yield the results of chunks as they are done."""
    blocks = iter(dataset.iter_batches(batch_size=None, prefetch_batches=1))
    while True:
        block = _call(lambda: next(blocks, None))
        if block is None:
            return
        for cell in block["answer"]:
            yield pickle.loads(cell)  # noqa: S301


def _call(ask: Callable[[], Any]) -> Any:
    """Call the cluster; a `UsageError` that was raised on a node is raised here."""
    import ray.exceptions

    try:
        return ask()
    except ray.exceptions.RayError as fault:
        cause: BaseException | None = fault
        while cause is not None:
            if isinstance(cause, UsageError):
                raise cause from fault
            cause = getattr(cause, "cause", None) or cause.__cause__
        raise UsageError(
            f"the cluster failed: {str(fault).strip().splitlines()[-1]}",
            "--engine ray",
            "the same command with the same --out goes on",
        ) from fault

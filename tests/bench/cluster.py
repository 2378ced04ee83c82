"""Ray clusters on this machine, each node on processors of its own, and runs on them."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.results.record import RunRecord
from harness.results.scores import KEY, read_scores
from harness.run import RunOptions, run
from tests.support.paths import ROOT

_STORE_BYTES = 300 * 2**20


@dataclass
class Nodes:
    """A cluster; `seconds` is what its start took."""

    made: Any
    added: list[Any]
    seconds: float

    @property
    def address(self) -> str:
        return self.made.address

    def kill_last(self) -> None:
        self.made.remove_node(self.added.pop(), allow_graceful=False)


@contextmanager
def nodes(places: Sequence[Sequence[int]]) -> Generator[Nodes]:
    """A cluster of a node for each set of processors, which its processes are bound to.

    Where a machine has fewer, sets wrap around. This process stays free to run on any.
    """
    import ray
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([path] if path else [])])
    mine = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    made: Any = None
    added: list[Any] = []
    try:
        for cores in places:
            os.sched_setaffinity(0, {mine[core % len(mine)] for core in cores})
            has: dict[str, Any] = {"num_cpus": len(cores), "object_store_memory": _STORE_BYTES}
            if made is None:
                made = Cluster(
                    initialize_head=True, head_node_args=has | {"include_dashboard": False}
                )
            else:
                added.append(made.add_node(**has))
            os.sched_setaffinity(0, mine)
        made.wait_for_nodes()
        yield Nodes(made, added, time.perf_counter() - began)
    finally:
        os.sched_setaffinity(0, mine)
        ray.shutdown()
        if made is not None:
            made.shutdown()


@dataclass
class Measured:
    """A run: seconds from its first line to its last row, and when rows came."""

    record: RunRecord
    table: pd.DataFrame
    seconds: float
    came: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the beginning, and rows by then."""

    @property
    def rows(self) -> int:
        return len(self.table)

    @property
    def start_s(self) -> float:
        """Until the first rows: checks, starting actors, the first chunk."""
        return self.came[0][0]

    @property
    def rate(self) -> float:
        """Rows a second once rows come: from the first that came to the last."""
        (first_s, first), (last_s, last) = self.came[0], self.came[-1]
        return (last - first) / (last_s - first_s)


def measured(out: Path, progress: Any = None, **options: Any) -> Measured:
    """A run in a fresh directory, and its seconds of scoring."""
    shutil.rmtree(out, ignore_errors=True)
    came: list[tuple[float, int]] = []
    began = time.perf_counter()

    def advance(rows: int, total: int, pace: str) -> None:
        came.append((time.perf_counter() - began, rows))
        if progress is not None:
            progress(rows, total)

    done = run(RunOptions(out=out, cache_gb=0, device="cpu", **options), lambda line: None, advance)
    made = Measured(done.record, read_scores(out), done.record.seconds, came)
    say(f"{options}: {made.rows} rows in {made.seconds:.1f} s, first after {made.start_s:.1f} s")
    for line in done.record.parts[-1].notes:
        say(line)
    return made


def largest_difference(some: pd.DataFrame, others: pd.DataFrame) -> float:
    """Of scores; all else has to be the same, to the bit.

    Raises
    ------
    AssertionError
        Where it is not, or a row is there twice or not at all.
    """
    scores = ["score", "logit_fake", "logit_real"]
    assert not some.duplicated(list(KEY)).any()
    pd.testing.assert_frame_equal(some.drop(columns=scores), others.drop(columns=scores))
    return float(np.nanmax(np.abs(some[scores].to_numpy() - others[scores].to_numpy())))


def say(line: str) -> None:
    """What a benchmark of minutes has found so far."""
    print(f"  {line}", file=sys.stderr, flush=True)

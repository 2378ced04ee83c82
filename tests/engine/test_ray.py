"""The same run on a cluster of two nodes, one of which is lost on the way."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.errors import UsageError
from harness.run import RunOptions, run
from harness.scores import KEY, read_scores

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
ray = pytest.importorskip("ray")
_STORE = 300 * 2**20
_SAME = 1e-4
_SCORES = ["score", "logit_fake", "logit_real"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each; this process joins them when it runs."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", here)
    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1, "object_store_memory": _STORE, "include_dashboard": False
        },
    )  # fmt: skip
    made.second = made.add_node(num_cpus=1, object_store_memory=_STORE)
    yield made
    ray.shutdown()
    made.shutdown()


def done(out: Path, progress: Any = None, **more: Any) -> pd.DataFrame:
    options = RunOptions(suite="smoke", out=out, limit=24, cache_gb=0, **more)
    outcome = run(options, lambda line: None, progress or (lambda *_: None))
    assert outcome.record.counts.ok == 24 * 6
    return read_scores(out)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return done(tmp_path_factory.mktemp("local") / "run", workers=2)


def same(there: pd.DataFrame, here: pd.DataFrame) -> None:
    assert not there.duplicated(list(KEY)).any()
    pd.testing.assert_frame_equal(there.drop(columns=_SCORES), here.drop(columns=_SCORES))
    for column in _SCORES:
        assert np.abs(there[column] - here[column]).max() <= _SAME


def test_two_nodes_make_the_table_of_one_machine(
    cluster: Any, here: pd.DataFrame, tmp_path: Path
) -> None:
    there = done(tmp_path / "run", engine="ray", address=cluster.address)
    same(there, here)


def test_a_node_that_is_lost_costs_nothing_but_time(
    cluster: Any, here: pd.DataFrame, tmp_path: Path
) -> None:
    lost = threading.Event()

    def lose(rows: int, total: int, pace: str) -> None:
        if rows > 0 and not lost.is_set():
            lost.set()
            cluster.remove_node(cluster.second, allow_graceful=False)

    began = time.monotonic()
    there = done(tmp_path / "run", lose, engine="ray", address=cluster.address)
    assert lost.is_set()
    same(there, here)
    assert time.monotonic() - began < 300


def test_a_cluster_goes_on_with_what_one_machine_began(
    cluster: Any, here: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    asked = 0

    def stop(rows: int, total: int, pace: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(out, stop, workers=1)
    begun = read_scores(out)
    assert 0 < len(begun) < len(here)
    there = done(out, engine="ray", address=cluster.address)
    same(there, here)
    kept = there.merge(begun, on=list(KEY), suffixes=("", "_begun"))
    assert len(kept) == len(begun)
    assert (kept["score"] == kept["score_begun"]).all()


def test_a_fault_on_a_node_is_one_line(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "fails_elsewhere.py").write_text(
        "import os\n"
        f"HERE = {os.getpid()}\n"
        "def detector():\n"
        "    if os.getpid() != HERE:\n"
        "        raise RuntimeError('no such luck')\n"
        "    return lambda waves, rate_hz: [0.0] * len(waves)\n"
    )
    import sys

    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(UsageError, match=r"no such luck|No module named"):
            done(
                tmp_path / "run",
                models=("python:fails_elsewhere:detector",),
                engine="ray",
                address=cluster.address,
            )
    finally:
        sys.path.remove(str(tmp_path))


def test_no_cluster_at_the_address_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Ray cluster can be joined"):
        done(tmp_path / "run", engine="ray", address="127.0.0.1:1")


def test_an_address_needs_the_engine(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add --engine ray"):
        done(tmp_path / "run", address="127.0.0.1:1")

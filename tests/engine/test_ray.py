"""The same run on a cluster of two nodes, one of which is lost on the way."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.data.source import open_source
from harness.data.subset import limited
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.actor import Work
from harness.engine.job import recipe_of
from harness.engine.plan import chunks, tasks
from harness.engine.ray import Cluster, connect, run_chunks
from harness.engine.row_sink import RowSink
from harness.errors import UsageError
from harness.results.record import read_record
from harness.results.scores import KEY, ScoresWriter, read_scores
from harness.run import RunOptions, run
from harness.suite.suite import load_suite
from harness.timing import TimeSplit
from tests.support.builders import machine_record
from tests.support.ray_cluster import STORE, two_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
pytest.importorskip("ray")
_SAME = 1e-4
_SCORES = ["score", "logit_fake", "logit_real"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with two_nodes(monkeypatch) as made:
        yield made


def done(
    out: Path, progress: Any = None, suite: str = "smoke", limit: int = 24, **more: Any
) -> pd.DataFrame:
    options = RunOptions(suite=suite, out=out, limit=limit, cache_gb=0, **more)
    outcome = run(options, lambda line: None, progress or (lambda *_: None))
    assert outcome.record.counts.ok == limit * len(load_suite(suite).conditions)
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
    record = read_record(tmp_path / "run")
    assert (record.machine.engine, record.machine.workers) == ("ray: 2 node(s)", 2)
    (part,) = record.parts
    assert part.notes == []
    assert {"decode", "attest", "perturb codec"} <= set(part.preparing_seconds)
    assert {"check", "waiting", "features", "forward", "write"} <= set(part.scoring_seconds)


def test_a_node_that_is_lost_costs_nothing_but_time(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole: dict[str, Any] = {"suite": "release", "limit": 6}
    here = done(tmp_path / "local", workers=2, **whole)
    lost = threading.Event()

    def lose(rows: int, total: int, pace: str) -> None:
        if rows > 0 and not lost.is_set():
            lost.set()
            cluster.remove_node(cluster.second, allow_graceful=False)

    there = done(tmp_path / "run", lose, engine="ray", address=cluster.address, **whole)
    assert lost.is_set()
    assert capsys.readouterr().out == ""  # which is for what a command says, as JSON
    same(there, here)
    notes = read_record(tmp_path / "run").parts[-1].notes
    assert sum("was lost after" in line for line in notes) == 1
    assert any("1 node(s), 1 processor(s), 0 GPU(s)" in line for line in notes)


def test_stages_of_their_own_find_room_beside_each_other(
    cluster: Any, here: pd.DataFrame, tmp_path: Path
) -> None:
    """The GPU is only declared; every processor is taken by what prepares."""
    cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=STORE)
    connect(cluster.address, "cpu", None)
    suite, whole = load_suite("smoke"), open_source("embedded")
    clips = list(limited(whole, 24, suite.seed))
    detector = open_detector("embedded", device="cpu")
    machine = machine_record(**provenance.software(), batch_size=8, workers=3)
    recipe, name = recipe_of(suite, whole, [detector]), detector.identity.name
    work = Work(recipe, tuple(suite.conditions), (("embedded", name),), "cpu", None, machine)
    split, notes = TimeSplit(3), list[str]()
    owed = chunks(tasks(clips, suite.conditions, [name], set(), 8), [name], set(), 2)
    with ScoresWriter(tmp_path) as writer:
        sink = RowSink(writer, lambda rows: None, split)
        apart = Cluster("cpu", None, processors=4, gpus=1, nodes=3, apart=True)
        assert apart.preparers == 3
        run_chunks(owed, work, apart, sink, split, notes.append)
    same(read_scores(tmp_path), here)
    assert notes == []
    assert {"waiting", "forward"} <= set(split.scoring.rounded())


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


@pytest.mark.parametrize("more", [{"workers": 2}, {"cache_gb": 5.0}])
def test_what_a_cluster_has_no_use_for_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"a cluster (has an actor|keeps no prepared audio)"):
        run(RunOptions(out=tmp_path / "run", engine="ray", **more), print, lambda *_: None)


def test_names_are_relative_to_where_the_command_is_given(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for clip in limited(open_source("embedded"), 4, seed=1):
        path = tmp_path / "clips" / clip.label / Path(str(clip.audio)).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path(str(clip.audio)).read_bytes())
    monkeypatch.chdir(tmp_path)
    options = RunOptions(
        suite="smoke", data="clips", out=Path("run"), engine="ray", address=cluster.address
    )
    counts = run(options, lambda line: None, lambda *_: None).record.counts
    assert counts.ok == 4 * 6

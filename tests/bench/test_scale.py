"""A run on a cluster: equality of the table, speed-up, and overhead over one machine.

All of it takes half an hour; `HARNESS_SCALE_CLIPS=8` makes a trial of it, of minutes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench import ours, paper
from tests.bench.cluster import Measured, largest_difference, measured, nodes
from tests.bench.contest import Sheet, once, seconds
from tests.bench.test_memory import compare_memory

_TRIAL = os.environ.get("HARNESS_SCALE_CLIPS")
SAME = 1e-4
LONG_CLIPS = 720
"""Clips under the release suite that take one machine of two processors over five minutes."""


def clips(count: int | None) -> int | None:
    return int(_TRIAL) if _TRIAL else count


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The release suite on the whole embedded corpus, on this machine without Ray."""
    return measured(
        tmp_path_factory.mktemp("local") / "run", suite="release", limit=clips(None), workers=2
    )


def test_nodes(benchmark: Any, sheet: Sheet, local: Measured, tmp_path: Path) -> None:
    """The release suite on two nodes, and with one of them killed half way."""
    asked: dict[str, Any] = {"suite": "release", "limit": clips(None), "engine": "ray"}
    found: dict[str, Measured] = {}
    killed: list[float] = []

    def measure() -> None:
        with nodes([[0], [1]]) as two:
            found["two"] = measured(tmp_path / "two", address=two.address, **asked)
        with nodes([[0], [1]]) as two:

            def kill(rows: int, total: int) -> None:
                if not killed and 2 * rows >= total:
                    killed.append(time.perf_counter() - began)
                    two.kill_last()

            began = time.perf_counter()
            found["lost"] = measured(tmp_path / "lost", kill, address=two.address, **asked)

    once(benchmark, measure)
    two, lost = found["two"], found["lost"]
    apart = {name: largest_difference(one.table, local.table) for name, one in found.items()}
    kept = next(rows for at, rows in lost.came if at >= killed[0])
    on_one = (lost.rows - kept) / (two.rate / 2)
    lost_s = lost.came[-1][0] - killed[0] - on_one
    sheet.head = ["", "rows", "scoring", "largest difference of a score"]
    sheet.rows = [
        ["one machine, no Ray, 2 workers", f"{local.rows:,}", seconds(local.seconds), ""],
        ["two nodes of 1 processor", f"{two.rows:,}", seconds(two.seconds), f"{apart['two']:.1g}"],
        ["one killed half way", f"{lost.rows:,}", seconds(lost.seconds), f"{apart['lost']:.1g}"],
    ]
    lost_lines = [line for line in lost.record.parts[-1].notes if "was lost after" in line]
    assert len(lost_lines) == 1, lost.record.parts[-1].notes
    sheet.notes.append(
        f"All else in the tables is the same to the bit. The node was killed after "
        f"{killed[0]:.0f} s with {kept:,} rows kept. At half the rate of two nodes the "
        f"{lost.rows - kept:,} others would take {on_one:.0f} s; they took {lost_s:+.0f} s beside "
        "that: to find out, and to compute again what the node had begun."
    )
    same = max(apart.values()) <= SAME
    sheet.target("nodes", f"same, within {apart['two']:.1g}", same)
    sheet.target("lost", f"same, within {apart['lost']:.1g}; {lost_s:+.0f} s", same)


def test_efficiency(benchmark: Any, sheet: Sheet, tmp_path: Path, folder: Path, cores: int) -> None:
    """Nodes of one processor, to which they are bound, where preparing is all the work."""
    if cores < 2:
        pytest.skip("one processor")
    suite = str(ours.codec_suite(tmp_path / "codecs.toml"))
    found: dict[int, Measured] = {}

    def measure() -> None:
        for count in (1, 2):
            with nodes([[core] for core in range(count)]) as made:
                found[count] = measured(
                    tmp_path / str(count), suite=suite, data=str(folder), limit=clips(180),
                    models=(ours.CHEAP,), engine="ray", address=made.address,
                )  # fmt: skip

    once(benchmark, measure)
    one, two = found[1], found[2]
    whole = one.seconds / (2 * two.seconds)
    efficiency = two.rate / (2 * one.rate)
    sheet.head = ["workers", "rows", "scoring", "until the first rows", "rows/s after that"]
    sheet.rows = [
        [f"{count}", f"{run.rows:,}", seconds(run.seconds), seconds(run.start_s), f"{run.rate:.1f}"]
        for count, run in found.items()
    ]
    sheet.notes.append(
        f"Every codec of the release suite with a detector that takes no time. Efficiency "
        f"{efficiency:.2f} once rows come, {whole:.2f} with the start. The process that writes the "
        f"table and Ray's own have no processor to themselves where two nodes take both."
    )
    sheet.target("efficiency", f"{efficiency:.2f}, with the start {whole:.2f}", efficiency >= 0.85)


def test_overhead(benchmark: Any, sheet: Sheet, tmp_path: Path, folder: Path) -> None:
    """The same run on the same processors with and without Ray, of five minutes or more."""
    asked: dict[str, Any] = {"suite": "release", "data": str(folder), "limit": clips(LONG_CLIPS)}
    found: dict[str, Measured] = {}
    started: list[float] = []

    def measure() -> None:
        found["local"] = measured(tmp_path / "local", workers=2, **asked)
        with nodes([[0, 1]]) as one:
            started.append(one.seconds)
            found["ray"] = measured(tmp_path / "ray", engine="ray", address=one.address, **asked)

    once(benchmark, measure)
    here, there = found["local"], found["ray"]
    apart = largest_difference(there.table, here.table)
    assert apart <= SAME
    over = there.seconds / here.seconds - 1
    with_ray = (there.seconds + started[0]) / here.seconds - 1
    steady = here.rate / there.rate - 1
    sheet.head = ["engine", "rows", "scoring", "until the first rows", "rows/s after that"]
    sheet.rows = [
        [words, f"{run.rows:,}", seconds(run.seconds), seconds(run.start_s), f"{run.rate:.1f}"]
        for words, run in (("local, 2 workers", here), ("Ray, 2 processors", there))
    ]
    sheet.notes.append(
        f"Ray takes {100 * over:+.1f} % for the run, {100 * steady:+.1f} % once rows come, and "
        f"{100 * with_ray:+.1f} % with the start of the cluster itself, {started[0]:.0f} s. Scores "
        f"differ by at most {apart:.1g}."
    )
    long = here.seconds >= 300
    sheet.target("overhead", f"{100 * over:+.1f} %", over <= 0.15 if long else None)


def test_flat(benchmark: Any, sheet: Sheet, tmp_path: Path) -> None:
    """Memory of all processes of a run: this one, Ray's and the actors'."""
    counts = (200, 2_000) if _TRIAL else (2_000, 20_000)
    suite = ours.suite_of(["gain:down@-20dB"], tmp_path / "two.toml")
    once(benchmark, lambda: compare_memory(sheet, suite, counts, scores=2, engine="ray"))
    sheet.notes.append(
        "Files of 0.3 s under two conditions with a detector that takes no time, on a cluster that "
        "the run starts itself; from start to report, with Ray's processes and its object store. "
        "Memory that processes share counts once."
    )


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> paper.Costs:
    return paper.measure_costs(tmp_path_factory.mktemp("costs"), clips(30) or 30)


def test_costs(benchmark: Any, sheet: Sheet, costs: paper.Costs) -> None:
    """What one row takes of everything, on one core of this machine."""
    once(benchmark, lambda: None)
    sheet.head, sheet.rows = ["of the release suite, measured here", ""], costs.table()
    sheet.notes.append(costs.words())


def test_paper(benchmark: Any, sheet: Sheet, costs: paper.Costs) -> None:
    """What two hundred million scorings would take, computed and not measured."""
    once(benchmark, lambda: None)
    sheet.head, sheet.rows = paper.estimate(costs)
    sheet.notes.append(paper.assumptions(costs))

"""A process that crashes, stalls or is killed costs the row it was at, and the pool goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave
from harness.data.clip import Clip, Origin
from harness.data.clip_list import Listing
from harness.data.subset import CompanionPool
from harness.engine.plan import Task, tasks
from harness.engine.prepare import Prepared, Recipe
from harness.engine.worker_pool import WorkerPool
from harness.perturb import PERTURBATIONS
from harness.suite.condition import CLEAN, Condition
from tests.support.poison import Crashing, Fatal, Once, Stalling

RATE_HZ = 16000
GAIN = PERTURBATIONS["gain"].model_validate({"perturb": "gain", "gain_db": -6})
QUIETER = replace(CLEAN, name="quieter", chain=(GAIN,))
FATAL = replace(CLEAN, name="fatal", chain=(Fatal(samples=1700),))


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Six clips of 0.1 s, the fourth a little longer."""
    rng = np.random.default_rng(0)
    found: list[Clip] = []
    for number in range(6):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, rng.uniform(-0.5, 0.5, 1600 + 160 * (number == 3)), RATE_HZ)
        found.append(Clip(str(number), "fake" if number % 2 else "real", path))
    return found


def prepare(
    clips: list[Clip],
    conditions: tuple[Condition, ...],
    row_seconds: float = 60.0,
    size: int = 2,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[dict[tuple[str, str], Prepared], list[str]]:
    notes: list[str] = []
    source = Listing(Origin("", "folder", "", ""), tuple(clips))
    recipe = Recipe(1, (RATE_HZ,), {}, CompanionPool(source))
    rows: dict[tuple[str, str], Prepared] = {}
    order: list[str] = []
    with WorkerPool(size, recipe, row_seconds, notes.append) as pool:
        for task, prepared in pool.prepare(tasks(clips, conditions, ["m"], set(), 8)):
            order.append(task.clip.clip_id)
            progress(len(order))
            for condition, row in zip(task.conditions, prepared, strict=True):
                rows[task.clip.clip_id, condition.name] = row
    assert order == [clip.clip_id for clip in clips]
    return rows, notes


def assert_same(some: Wave, other: Wave) -> None:
    np.testing.assert_array_equal(some.samples, other.samples)


def test_a_decoder_that_crashes_costs_its_file(clips: list[Clip]) -> None:
    plain, _ = prepare(clips, (CLEAN, QUIETER))
    path = clips[2].audio
    assert isinstance(path, Path)
    rows, notes = prepare(
        [*clips[:2], replace(clips[2], audio=Crashing(path)), *clips[3:]], (CLEAN, QUIETER)
    )
    for (clip_id, name), row in rows.items():
        if clip_id == "2":
            assert row.status == "error"
            assert row.reason == "the process that prepared it was ended by SIGSEGV"
        else:
            assert row.status == "ok"
            assert_same(row.waves[RATE_HZ], plain[clip_id, name].waves[RATE_HZ])
    assert len(notes) == 1


def test_a_decoder_that_never_returns_costs_its_file(clips: list[Clip]) -> None:
    path = clips[2].audio
    assert isinstance(path, Path)
    rows, _ = prepare(
        [*clips[:2], replace(clips[2], audio=Stalling(path)), *clips[3:]], (CLEAN,), row_seconds=1
    )
    assert {key: row.status for key, row in rows.items() if row.status != "ok"} == {
        ("2", "clean"): "error"
    }
    assert rows["2", "clean"].reason == "took more than 1 s"


def test_a_perturbation_that_ends_its_process_costs_one_row(clips: list[Clip]) -> None:
    rows, _ = prepare(clips, (CLEAN, FATAL, QUIETER))
    bad = {key: row.reason for key, row in rows.items() if row.status != "ok"}
    assert bad == {("3", "fatal"): "the process that prepared it ended with code 7"}


def test_a_process_killed_once_costs_nothing(clips: list[Clip]) -> None:
    plain, _ = prepare(clips, (CLEAN, QUIETER))
    path = clips[4].audio
    assert isinstance(path, Path)
    rows, notes = prepare(
        [*clips[:4], replace(clips[4], audio=Once(path)), *clips[5:]], (CLEAN, QUIETER)
    )
    for key, row in rows.items():
        assert_same(row.waves[RATE_HZ], plain[key].waves[RATE_HZ])
    assert len(notes) == 1
    assert "SIGKILL, perhaps for want of memory" in notes[0]


def test_processes_killed_again_and_again_lose_nothing(clips: list[Clip]) -> None:
    many = [replace(clip, clip_id=f"{clip.clip_id}-{n}") for n in range(40) for clip in clips]
    plain, _ = prepare(many, (CLEAN, QUIETER))

    def kill(done: int) -> None:
        # By progress, not by the clock: on a busy machine none would live to start.
        if done % 12 == 0 and (children := preparing()):
            os.kill(min(map(int, children)), signal.SIGKILL)

    rows, notes = prepare(many, (CLEAN, QUIETER), progress=kill)
    assert notes
    lost = {key for key, row in rows.items() if row.status != "ok"}
    assert len(lost) <= len(notes)  # only where the same row was hit twice
    for key, row in rows.items():
        if key not in lost:
            assert_same(row.waves[RATE_HZ], plain[key].waves[RATE_HZ])


def preparing() -> list[str]:
    """Processes of this pool: children of the fork server, which is a child of this one."""

    def children(pid: int) -> list[str]:
        try:
            return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []

    return [grandchild for child in children(os.getpid()) for grandchild in children(int(child))]


def test_nothing_is_left_behind(clips: list[Clip]) -> None:
    prepare(clips, (CLEAN,))
    deadline = time.monotonic() + 10
    while preparing() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not preparing()


class Unsendable:
    """Companions that cannot be given to another process."""

    clips = ()

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def choose(self, clip: Clip, rng: np.random.Generator, count: int) -> list[Clip]:
        return []


def test_a_process_that_cannot_be_started_says_why(clips: list[Clip]) -> None:
    recipe = Recipe(1, (RATE_HZ,), {}, Unsendable())
    owed = tasks(clips, (CLEAN,), ["m"], set(), 8)
    with pytest.raises(TypeError, match="cannot pickle"), WorkerPool(1, recipe) as pool:
        list(pool.prepare(owed))


def test_without_processes_it_prepares_here(clips: list[Clip]) -> None:
    there, _ = prepare(clips, (CLEAN, QUIETER))
    here, _ = prepare(clips, (CLEAN, QUIETER), size=0)
    for key, row in there.items():
        assert_same(row.waves[RATE_HZ], here[key].waves[RATE_HZ])
    assert Task(clips[0], (CLEAN,), (0,)).conditions == (CLEAN,)


SCRIPT = """
print("the script runs")
from pathlib import Path
from harness.data.clip import Clip
from harness.engine.plan import Task
from harness.engine.prepare import Recipe
from harness.engine.worker_pool import WorkerPool
from harness.suite.condition import CLEAN

with WorkerPool(1, Recipe(1, (16000,), {{}}, None)) as pool:
    [(_, [row])] = pool.prepare([Task(Clip("x", "real", Path({path!r})), (CLEAN,), (0,))])
    print(row.status)
"""


@pytest.mark.parametrize("by", ["name", "standard input"])
def test_a_script_without_a_guard_is_run_once(by: str, clips: list[Clip], tmp_path: Path) -> None:
    text = SCRIPT.format(path=str(clips[0].audio))
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    name = str(tmp_path / "script.py") if by == "name" else "-"
    done = subprocess.run([sys.executable, name], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the script runs", "ok"]

"""What a night brings: one run killed, cut off while writing, damaged, stopped, and then finished.

The run goes through all of it, one after the other and for real; each test looks at what one of
these did. At the end its table must be that of a run that nothing happened to.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from harness.results.record import read_record
from harness.results.scores import KEY, read_scores
from tests.support.in_process import command

RATE_HZ = 16000
CLIPS, CONDITIONS = 270, 10
ROWS = CLIPS * CONDITIONS

DETECTOR = '''
import os, signal
import numpy as np

fsync = os.fsync

def cut_off(file):
    """The power fails when the second shard is written and not yet renamed."""
    if os.readlink(f"/proc/self/fd/{file}").endswith(".tmp") and len(os.listdir("run/scores")) >= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(file)

def factory():
    if os.environ.get("CUT_OFF"):
        os.fsync = cut_off
    return lambda samples, rate_hz: np.array([wave.sum() * 7.1 for wave in samples])
'''

SUITE = f"""
version = 1
name = "night"
[[condition]]
perturb = "gain"
gain_db = {[round(-0.25 * step, 2) for step in range(1, CONDITIONS)]}
"""

ARGUMENTS = [
    *("run", "night.toml", "--data", "clips", "--model", "python:night_sums:factory"),
    *("--workers", "2", "--out"),
]


@dataclass(frozen=True)
class Ended:
    """How one go at the run ended, and what the directory held then."""

    code: int
    seconds_to_end: float
    told: str
    shards: dict[str, bytes]
    left: list[str]


@dataclass(frozen=True)
class Night:
    place: Path
    killed: Ended
    cut_off: Ended
    second: tuple[int, str]
    stopped: Ended


def start(place: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *ARGUMENTS, "run", *more],
        cwd=place,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """As at a terminal: a shell has what it starts in the background ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(place: Path, process: subprocess.Popen[str], number: int | None = None) -> Ended:
    if number is not None:
        process.send_signal(number)
    began = time.monotonic()
    _, told = process.communicate(timeout=120)
    taken = time.monotonic() - began
    return Ended(process.returncode, taken, told, *held(place))


def here(place: Path, out: str) -> tuple[int, str]:
    """Run in this process; returns the exit code and what was told."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(told):
        patch.chdir(place)
        patch.setattr(sys, "path", [*sys.path])
        return command(*ARGUMENTS, out), told.getvalue()


def held(place: Path) -> tuple[dict[str, bytes], list[str]]:
    folder = place / "run" / "scores"
    shards = {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}
    return shards, sorted(path.name for path in folder.iterdir() if path.suffix == ".tmp")


def wait_for_shards(place: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    folder = place / "run" / "scores"
    while len(list(folder.glob("*.parquet"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    place = tmp_path_factory.mktemp("night")
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        path = place / "clips" / ("fake" if number % 2 else "real") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, 600 + number), RATE_HZ, subtype="FLOAT")
    (place / "night_sums.py").write_text(DETECTOR)
    (place / "night.toml").write_text(SUITE)

    plain = here(place, "plain")
    assert plain[0] == 0, plain[1]

    process = start(place)
    wait_for_shards(place, 1, process)
    killed = end(place, process, signal.SIGKILL)

    cut_off = end(place, start(place, "--workers", "0", CUT_OFF="1"))

    (place / "run" / "scores" / "part-000000.parquet").write_bytes(
        flipped(killed.shards["part-000000.parquet"])
    )
    process = start(place)
    while "part-000000.parquet.damaged" not in os.listdir(place / "run" / "scores"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    wait_for_shards(place, 1, process)
    process.send_signal(signal.SIGSTOP)
    second = here(place, "run")
    process.send_signal(signal.SIGCONT)
    stopped = end(place, process, signal.SIGINT)

    finished = here(place, "run")
    assert finished[0] == 0, finished[1]
    return Night(place, killed, cut_off, second, stopped)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_the_table_is_that_of_a_run_never_disturbed(night: Night) -> None:
    tables = [read_scores(night.place / name) for name in ("plain", "run")]
    assert len(tables[0]) == ROWS
    pd.testing.assert_frame_equal(*tables, check_exact=True, check_dtype=True)
    plain, run = (
        json.loads((night.place / name / "metrics.json").read_text()) for name in ("plain", "run")
    )
    assert plain == run


def test_no_finished_row_is_computed_again(night: Night) -> None:
    assert 0 < len(night.killed.shards) < ROWS / 1000
    assert night.cut_off.shards == night.killed.shards
    assert night.stopped.shards
    finished, _ = held(night.place)
    for name, content in night.stopped.shards.items():
        assert finished[name] == content
    keys = pd.concat(
        pq.read_table(path, columns=list(KEY)).to_pandas()
        for path in (night.place / "run" / "scores").glob("*.parquet")
    )
    assert len(keys) == ROWS
    assert not keys.duplicated().any()


def test_a_shard_cut_off_before_its_rename_is_no_shard(night: Night) -> None:
    assert night.cut_off.code == -signal.SIGKILL
    (left,) = night.cut_off.left
    assert fnmatch(left, "part-000001.parquet.*.tmp")
    assert not held(night.place)[1]


def test_a_damaged_shard_is_named_and_set_aside(night: Night) -> None:
    told = "part-000000.parquet.damaged: damaged and set aside; its rows are scored again"
    assert told in night.stopped.told
    assert (night.place / "run" / "scores" / "part-000000.parquet.damaged").exists()


def test_a_second_run_in_the_same_directory_refuses(night: Night) -> None:
    code, told = night.second
    assert code == 2
    assert "harness: run: another run is at work in it; wait for it, or choose another" in told


def test_an_interrupt_ends_soon_and_says_how_to_go_on(night: Night) -> None:
    assert night.stopped.code == 130
    assert night.stopped.seconds_to_end < 30  # 1 s where the machine does nothing else
    kept = sum(len(pq.read_table(night.place / "run" / "scores" / name, columns=[]))
               for name in night.stopped.shards)  # fmt: skip
    assert f"Stopped with {kept} of {ROWS} scores kept; --out run goes on." in night.stopped.told
    assert "Traceback" not in night.stopped.told


def test_the_record_tells_of_every_part(night: Night) -> None:
    record = read_record(night.place / "run")
    parts = record.parts
    assert [part.ended for part in parts] == ["", "", "stopped", "finished"]
    known = [part for part in parts if part.ended]
    assert all(part.rows > 0 and part.seconds > 0 for part in known)
    assert record.seconds == pytest.approx(sum(part.seconds for part in known))
    assert record.counts.ok == ROWS

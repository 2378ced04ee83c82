"""Faults that a run meets, injected for real: a full disk, a stalled file, other versions."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pyarrow.parquet import read_table

from harness.errors import UsageError
from harness.results.record import read_record
from harness.results.scores import read_scores, shards
from harness.run import RunOptions, run
from tests.support.in_process import harness

RATE_HZ = 16000

DETECTOR = """
import numpy as np

def factory():
    return lambda samples, rate_hz: np.array([wave.sum() for wave in samples])

def normalising():
    def score(samples, rate_hz):
        sums = np.array([wave.sum() for wave in samples])
        return sums - sums.mean()
    return score

def silent():
    return lambda waves, rate_hz: np.array([one.sum() if one.any() else np.nan for one in waves])
"""

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-1, -2, -3, -4]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for number in range(100):
        path = tmp_path / "clips" / ("fake" if number % 2 else "real") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, 500 + number), RATE_HZ, subtype="FLOAT")
    (tmp_path / "sums.py").write_text(DETECTOR)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def options(**changes: object) -> RunOptions:
    given: dict[str, object] = {
        "suite": "small.toml",
        "data": "clips",
        "models": ("python:sums:factory",),
        "out": Path("run"),
        "workers": 0,
    }
    return RunOptions(**(given | changes))  # pyright: ignore[reportArgumentType]


def quiet(*values: object) -> None:
    del values


ARGUMENTS = [
    *("run", "small.toml", "--data", "clips", "--model", "python:sums:factory"),
    *("--workers", "0", "--out", "run"),
]
COMMAND = [sys.executable, "-m", "harness", *ARGUMENTS]


def assert_full(place: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    told = done.stderr.splitlines()[-1]
    assert told.startswith("harness: run: the disk is full (")
    assert told.endswith("; make room; the same command with --out run goes on")
    assert not list(place.rglob("*.tmp"))


def test_a_file_that_may_not_grow_is_a_full_disk(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}  # which would be cut off as well
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, preexec_fn=limit, env=environment
    )
    assert_full(place, done)
    assert len(read_record(place / "run").parts) == 1
    assert harness(capsys, *ARGUMENTS)[0] == 0
    assert len(read_scores(place / "run")) == 100 * 5


def test_a_full_file_system_keeps_what_was_finished(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard fits, a second one does not."""
    text = SUITE.replace("[-1, -2, -3, -4]", str([-step for step in range(1, 15)]))
    (place / "small.toml").write_text(text)
    script = " ".join(COMMAND)
    inside = (
        "mount -t tmpfs -o size=44k none run 2>/dev/null || exit 77; "
        f"{script}; code=$?; cp -r run/. kept; exit $code"
    )
    (place / "run").mkdir()
    (place / "kept").mkdir()
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, check=False
    )
    if done.returncode in (1, 77):
        pytest.skip("this machine lets nobody mount a file system of their own")
    assert_full(place, done)
    kept = read_scores(place / "kept")
    assert len(read_record(place / "kept").parts) == 1
    assert 0 < len(kept) < 100 * 15
    code, _, told = harness(capsys, *ARGUMENTS, "--out", "kept")
    assert code == 0, told
    assert f"{len(kept)} of them done already" in told
    assert len(read_scores(place / "kept")) == 100 * 15


def test_a_file_that_takes_more_than_its_time_costs_its_rows(place: Path) -> None:
    """Eight minutes of sound through a slow condition, in a second."""
    long = np.tile(np.random.default_rng(0).uniform(-0.5, 0.5, 48000), 480)
    soundfile.write(place / "clips" / "real" / "long.flac", long, 48000)
    (place / "slow.toml").write_text(
        'version = 1\nname = "slow"\n[[condition]]\nperturb = "pitch"\nsemitones = 2\n'
    )
    outcome = run(options(suite="slow.toml", workers=1, row_seconds=1.0), quiet, quiet)
    table = read_scores(outcome.folder)
    bad = table[table.status != "ok"]
    assert set(bad.clip_id) == {"real/long.flac"}
    assert set(bad.status) == {"error"}
    assert set(bad.reason) == {"took more than 1 s"}
    assert len(table) == 101 * 2
    assert any(
        "real/long.flac: took more than 1 s" in line for line in outcome.record.parts[0].notes
    )


def test_no_number_is_never_a_score(place: Path) -> None:
    soundfile.write(place / "clips" / "real" / "silent.wav", np.zeros(800), RATE_HZ)
    outcome = run(options(models=("python:sums:silent",)), quiet, quiet)
    table = read_scores(outcome.folder)
    bad = table[table.status != "ok"]
    assert set(bad.clip_id) == {"real/silent.wav"}
    assert "logits are nan and 0.0" in set(bad.reason)
    assert bad.score.isna().all()


def test_a_detector_whose_scores_depend_on_the_batch_is_not_run(place: Path) -> None:
    with pytest.raises(UsageError, match="alone and in a batch of 16"):
        run(options(models=("python:sums:normalising",)), quiet, quiet)
    assert not list((place / "run" / "scores").glob("*.parquet"))
    assert read_record(place / "run").parts[0].ended == "failed"
    outcome = run(options(models=("python:sums:factory",), out=Path("other")), quiet, quiet)
    (check,) = outcome.record.self_checks
    assert (check.clips, check.batch_size, check.batch_difference) == (16, 16, 0.0)


def test_a_run_made_with_other_things_is_not_gone_on_with(place: Path) -> None:
    run(options(limit=10), quiet, quiet)
    path = place / "run" / "run.json"
    content = json.loads(path.read_text())
    made = content["machine"]
    packages = made["packages"]
    for changed, told in (
        ({"packages": packages | {"av": "1.0"}}, "av 1.0, now "),
        ({"packages": packages | {"libmp3lame": "3.0"}}, "libmp3lame 3.0, now "),
        ({"device": "cuda:0 (a GPU)"}, "device cuda, now its own"),
        ({"precision": "bf16"}, "precision bf16, now float32"),
    ):
        path.write_text(json.dumps(content | {"machine": made | changed}))
        with pytest.raises(UsageError, match=f"holds a run made with {re.escape(told)}"):
            run(options(limit=10), quiet, quiet)


def test_a_directory_that_cannot_be_made_is_said(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be made: .*; choose another --out"):
        run(options(out=Path("file/run")), quiet, quiet)


def stopped(numbers: tuple[int, ...], handler: Any = signal.SIG_DFL) -> tuple[int, str]:
    """Exit code and stderr of a run that gets these signals once it scores."""
    process = subprocess.Popen(
        [*COMMAND, "--json"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: [signal.signal(number, handler) for number in numbers],
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "of them done already" in line:
            for number in numbers:
                process.send_signal(number)
            break
    told = process.stderr.read()
    process.stderr.close()
    return process.wait(20), told


def test_a_polite_request_to_end_is_an_interrupt(place: Path) -> None:
    code, told = stopped((signal.SIGTERM,))
    assert code == 130
    assert "scores kept; --out run goes on." in told


def test_a_terminal_that_is_closed_is_an_interrupt(place: Path) -> None:
    """Some shells and schedulers send both; nothing is lost because of the second."""
    code, told = stopped((signal.SIGHUP, signal.SIGTERM))
    assert code == 130
    kept = int(told.partition("Stopped with ")[2].split()[0])
    assert kept == sum(len(read_table(path)) for path in shards(place / "run"))


def test_a_run_under_nohup_goes_on(place: Path) -> None:
    code, _ = stopped((signal.SIGHUP,), signal.SIG_IGN)
    assert code in (0, 3)
    assert len(read_scores(place / "run")) == 100 * 5

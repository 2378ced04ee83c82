"""A user's detector that ends, moves, silences or outlives the run: exit code and answer hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from harness.results.scores import read_scores
from tests.support.in_process import harness

RATE_HZ = 16000

DETECTOR = """
import ctypes, io, logging, os, subprocess, sys, threading, time
import numpy as np

class Farewell(BaseException):
    pass

def sums(samples, rate_hz):
    return np.array([wave.sum() for wave in samples])

def plain():
    return sums

def leaves():
    sys.exit(0)

def leaves_when_called():
    def score(samples, rate_hz):
        raise SystemExit(0)
    return score

def obeys():
    def score(samples, rate_hz):
        if os.path.exists("leave"):
            sys.exit(0)
        return sums(samples, rate_hz)
    return score

def leaves_late():
    calls = []
    def score(samples, rate_hz):
        calls.append(samples)
        if len(calls) > 20:
            sys.exit(0)
        return sums(samples, rate_hz)
    return score

def farewell():
    def score(samples, rate_hz):
        raise Farewell("so\\nlong")
    return score

def moves():
    os.chdir("/")
    def score(samples, rate_hz):
        os.chdir("/usr")
        return sums(samples, rate_hz)
    return score

def prints():
    print("from the factory")
    threading.Thread(target=time.sleep, args=(600,)).start()
    C = ctypes.CDLL(None)
    logging.basicConfig(stream=sys.stdout)
    threading.Thread(target=lambda: [(print("from a thread"), time.sleep(0.01)) for _ in range(20)],
                     daemon=True).start()
    def score(samples, rate_hz):
        print("from a call")
        logging.warning("from a log")
        os.write(1, b"from a descriptor\\n")
        C.puts(b"from C")
        subprocess.run(["echo", "from a child"])
        return sums(samples, rate_hz)
    return score

def closes():
    sys.stdout.close()
    sys.stderr = io.StringIO()
    return sums

def changes():
    import torch
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    np.seterr(all="raise")
    np.random.seed(0)
    import warnings
    warnings.simplefilter("error")
    import signal
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *about: sys.exit(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    def score(samples, rate_hz):
        assert torch.get_default_dtype() == torch.float64
        return sums(samples, rate_hz)
    return score
"""

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-1, -2, -3]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "clips" / ("fake" if number % 2 else "real") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = rng.uniform(-0.5, 0.5, 500 + number) + 0.01 * (number % 2)
        soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    (tmp_path / "guests.py").write_text(DETECTOR)
    (tmp_path / "ending.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("guests", None)
    return tmp_path


def arguments(*factories: str, workers: int = 0) -> list[str]:
    models = [each for name in factories for each in ("--model", f"python:guests:{name}")]
    return [
        *("run", "small.toml", "--data", "clips", "--out", "run", "--batch-size", "4"),
        *(*models, "--workers", str(workers), "--cache-gb", "0"),
    ]


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("leaves", "SystemExit: 0"),
        ("leaves_when_called", "SystemExit: 0"),
        ("leaves_late", "SystemExit: 0"),
        ("farewell", "Farewell: so long"),
    ],
)
def test_a_detector_that_would_end_the_run_fails_it(
    place: Path, capsys: pytest.CaptureFixture[str], factory: str, told: str
) -> None:
    code, out, err = harness(capsys, *arguments(factory), "--json")
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith(f"harness: python:guests:{factory}: tried to end the run ({told})")
    assert not (place / "run" / "report.html").exists()


def test_what_was_scored_before_a_detector_would_end_the_run_is_kept(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(capsys, *arguments("leaves_late"))[0] == 2
    kept = len(read_scores(place / "run"))
    assert kept > 0
    told = harness(capsys, *arguments("leaves_late"))[2]
    assert f"{kept} of them done already" in told


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_module_that_ends_the_process_when_it_is_imported_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    given = (command, "small.toml", "--data", "clips", "--model", "python:ending:x")
    code, _, err = harness(capsys, *given)
    assert code == 2
    assert "harness: python:ending:x: tried to end the run (SystemExit: 0)" in err


@pytest.mark.parametrize("command", ["plan", "inspect"])
def test_every_command_that_calls_a_detector_outlives_it(
    place: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    given = ("plan", "small.toml", "--data", "clips", "--model", "python:guests:obeys")
    if command == "inspect":
        assert harness(capsys, *arguments("obeys"))[0] in (0, 3)
        given = ("inspect", "clips/real/0.wav", "--run", "run")
    (place / "leave").touch()
    code, _, err = harness(capsys, *given)
    assert code == 2
    assert "tried to end the run (SystemExit: 0)" in err.splitlines()[-1]


def test_a_detector_that_changes_directory_does_not_move_the_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = harness(capsys, *arguments("moves", workers=1)[:-2], "--cache-gb", "1")
    assert code in (0, 3), err
    assert len(read_scores(place / "run")) == 24 * 4
    assert (place / "run" / "report.html").exists()
    assert Path.cwd() == place


def test_what_a_detector_changes_for_itself_changes_nobody_else(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two models, the second as if it were alone."""
    import torch

    def settings() -> list[object]:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)]
        return [torch.get_default_dtype(), torch.get_num_threads(), np.geterr(), *handlers]

    torch.set_num_threads(2)
    before = settings()
    code, _, err = harness(capsys, *arguments("changes", "plain", workers=1))
    assert code in (0, 3), err
    after = settings()
    assert after[0] == before[0]
    assert after[2:3] == before[2:3]
    assert after[-1] == before[-1]
    table = read_scores(place / "run")
    assert set(table.status) == {"ok"}
    changed, plain = (table[table.model == name].score.to_numpy() for name in ("changes", "plain"))
    np.testing.assert_array_equal(changed, plain)


def test_a_detector_that_prints_and_stays_leaves_the_answer_alone_and_lets_the_process_end(
    place: Path,
) -> None:
    command = [sys.executable, "-m", "harness", *arguments("prints"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, 3), done.stderr
    assert json.loads(done.stdout)
    told = done.stderr.replace("WARNING:root:", "")
    for one in ("the factory", "a thread", "a call", "a log", "a descriptor", "C", "a child"):
        assert f"from {one}\n" in told


def test_a_detector_that_closes_stdout_does_not_lose_the_answer(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = harness(capsys, *arguments("closes"), "--json")
    assert code in (0, 3), err
    assert json.loads(out)
    assert "scores" in err


def running_after(group: int, limit_s: float) -> list[str]:
    """Name the processes of a group that still run when the time is up; a zombie has ended."""
    give_up_at = time.monotonic() + limit_s
    while True:
        running = [
            process.info["name"]
            for process in psutil.process_iter(["name", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE and group_of(process.pid) == group
        ]
        if not running or time.monotonic() > give_up_at:
            return running
        time.sleep(0.05)


def group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


@pytest.mark.parametrize("after_s", [0.2, 0.8, 2.0])
def test_an_interrupt_in_the_first_second_is_one_line(place: Path, after_s: float) -> None:
    """Counted from when the harness's own code begins; Python itself takes what comes before."""
    code = (
        "import os, signal, threading\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from harness.__main__ import main\n"
        f"threading.Timer({after_s}, lambda: os.killpg(0, signal.SIGINT)).start()\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, *arguments("plain", workers=2)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    out, err = process.communicate(timeout=120)
    lines = [line for line in err.splitlines() if not line.startswith(("Opening", "small: "))]
    assert process.returncode in (130, -signal.SIGINT), err
    assert len(lines) <= 1, err
    assert out == ""
    assert not running_after(process.pid, 10.0)

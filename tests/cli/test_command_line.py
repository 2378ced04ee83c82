"""How a command ends where something goes wrong that is no fault of its arguments."""

from __future__ import annotations

import io
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import show
from tests.support.in_process import harness
from tests.support.paths import RUNS

RUN = RUNS / "version-2"
HARNESS = [sys.executable, "-m", "harness"]


def raising(fault: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise fault

    return fail


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: BaseException
) -> tuple[int, str, str]:
    monkeypatch.setattr("harness.suite.suite.suite_names", raising(fault))
    return harness(capsys, "suites", "list")


def test_a_fault_that_nothing_foresaw_is_one_line_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ended(monkeypatch, capsys, KeyError("a\nb"))
    assert (code, out) == (2, "")
    match = re.fullmatch(
        r"harness: unexpected KeyError: 'a\\nb'; traceback in (\S+); report it with the command",
        err.rstrip("\n"),
    )
    assert match, err
    text = Path(match[1]).read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert "['harness', 'suites', 'list']" in text


def test_a_traceback_that_cannot_be_kept_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(place / "missing"))
    code, _, err = ended(monkeypatch, capsys, ZeroDivisionError("x"))
    assert code == 2
    assert err == "harness: unexpected ZeroDivisionError: x; its traceback could not be kept\n"


@pytest.mark.parametrize("status", [0, 1, None, "done"])
def test_a_library_that_ends_the_process_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: object
) -> None:
    code, _, err = ended(monkeypatch, capsys, SystemExit(status))
    assert code == 2
    assert err.startswith(
        "harness: a detector or a library ended the command with "
        f"sys.exit({status!r}); traceback in "
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize("fault", [EOFError("short"), MemoryError(), RecursionError("deep")])
def test_no_fault_is_an_exit_code_of_the_gate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception
) -> None:
    code, _, err = ended(monkeypatch, capsys, fault)
    assert (code, err.strip().count("\n")) == (2, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "run/report.html: is a directory; name a file"),
        (Path.touch, "run/run.json: is a directory; name a file"),
    ],
)
def test_what_the_system_refuses_names_the_file(
    capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], message: str
) -> None:
    shutil.copytree(RUN, "run")
    path = Path(message.partition(":")[0])
    if path.name == "run.json":
        path.unlink()
        path.mkdir()
    else:
        make(path)
    code, out, err = harness(capsys, "report", "run")
    assert (code, out, err) == (2, "", f"harness: {message}\n")


def test_an_unwritable_page_names_itself_and_not_what_stood_in_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "x" * 251 + ".html"
    code, _, err = harness(capsys, "history", "none", "--out", f"{name}x")
    assert code == 2
    assert err == f"harness: {name}x: file name too long; use a shorter name\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("gate", "run", "--baseline", "published", "--policy", "zero.toml"),
        ("gate", "run", "--published", "zero.toml"),
        ("audit", "claims", "zero.toml"),
        ("audit", "claims", "--model-card", "zero.toml"),
        ("plan", "--after", "run", "--plan", "zero.toml"),
        ("suites", "show", "zero.toml"),
    ],
)
def test_a_device_without_an_end_is_no_file(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    shutil.copytree(RUN, "run")
    Path("zero.toml").symlink_to("/dev/zero")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, limits[1]))
    try:
        code, out, err = harness(capsys, *arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert (code, out, err.count("\n")) == (2, "", 1), err


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--limit", "1_0"),
        ("plan", "--limit", "\u0663"),
        ("plan", "--limit", "9" * 40),
        ("plan", "--limit", "9" * 5000),
        ("run", "--cache-gb", "inf"),
        ("run", "--row-seconds", "nan"),
        ("run", "--row-seconds", "1e400"),
        ("forensic", "run", "--cost", "0.05", "nan", "10"),
        ("train", "--out", "x", "--data", "y", "--learning-rate", "nan"),
        ("train", "--out", "x", "--data", "y", "--seed", "-1"),
        ("plan", "--workers", "1,٣"),
    ],
)
def test_odd_numbers_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = harness(capsys, *arguments)
    option = next(
        argument for argument in arguments if argument.startswith("--") and argument[2:3] in "lcrsw"
    )
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("harness: ")
    assert ("--learning-rate" if "--learning-rate" in arguments else option) in err or (
        arguments[0] == "train"
    )


def test_a_verdict_outlives_a_full_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for code, expected in ((0, 2), (1, 1), (3, 3)):
        monkeypatch.setattr(show, "stdout", raising(show.typer.Exit(code)))
        with open("/dev/full", "w") as full, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            monkeypatch.setattr("harness.suite.suite.suite_names", printing)
            ended_with, _, err = harness(capsys, "suites", "list")
        assert ended_with == expected
        assert err.startswith("harness: standard output: no space left on device; ")


def printing() -> list[str]:
    print("figures")
    return []


def test_a_reader_that_has_enough_changes_no_exit_code() -> None:
    arguments = [*HARNESS, "suites", "show", "release", "--json"]
    piped = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()
    assert piped.stderr.read() == ""
    piped.stderr.close()
    assert piped.wait() == 0


def test_closed_streams_are_missed() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" suites list >&-', "sh", *HARNESS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "harness: standard output: bad file descriptor; check the path\n"
    done = subprocess.run(
        ["sh", "-c", '"$@" suites show nothing 2>&-', "sh", *HARNESS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_an_encoding_that_lacks_a_character_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = io.BytesIO()
    with io.TextIOWrapper(kept, encoding="ascii", errors="strict") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr("harness.suite.suite.suite_names", speaking)
        code, _, err = harness(capsys, "suites", "list")
        assert (code, err) == (0, "")
        assert kept.getvalue().startswith(b"\\u2500\\u03bc\n")


def speaking() -> list[str]:
    print("\u2500\u03bc")
    return []


def test_a_summary_file_never_costs_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    shutil.copytree(RUN, "run")
    shutil.copytree(RUN, "other")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    code, out, err = harness(capsys, "gate", "run", "--baseline", "other")
    assert code == exit_code(out)
    assert err == f"harness: {place}: is a directory; name a file\n"


def exit_code(out: str) -> int:
    """What the verdict in the terminal stands for."""
    word = out.partition("Gate: ")[2].split()[0]
    return {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[word]

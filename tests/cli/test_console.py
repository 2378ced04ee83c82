"""A terminal shows what files say and obeys none of it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.cli.console import print_sections
from harness.report.history import OPENING, PER_LINE, lines_of
from harness.results.record import RunRecord
from tests.results.test_coverage import kept
from tests.summary.test_summary import CLEAN_SCORES, record, rows
from tests.support.over_time import history
from tests.support.paths import ROOT

ESCAPES = "\x1b[31m\x1b[2J\x1b[1A\x1b]0;taken\x07\x1b]8;;http://localhost:9\x1b\\\x9b31m\x00\x08\r"
HOSTILE = f"a\nReport: /elsewhere\t{ESCAPES}[red]b[/red][link=http://localhost:9]c[/link]:warning:"
HOSTILE += "\u202egnp.exe\u2066\u2028"


def hostile_run(folder: Path) -> Path:
    """A run with hostile names of model, condition and suite, and a hostile reason."""
    condition = f"codec {HOSTILE}"
    scores = CLEAN_SCORES | {"f4": 1.0}
    table = pd.DataFrame(
        rows("clean", "clean", scores)
        + rows(condition, "codec", scores | {"f1": -2.0, "f2": None, "r1": 3.0})
    )
    table["model"] = HOSTILE
    table.loc[table["status"] == "rejected", "reason"] = HOSTILE
    run: RunRecord = record([("clean", "clean"), (condition, "codec")], [HOSTILE, f"b{HOSTILE}"])
    both = pd.concat([table, table.assign(model=f"b{HOSTILE}")])
    kept(folder, both, run, command=["harness", f"run\udcff{HOSTILE}"])
    return folder


def run_in_terminal(*command: str | bytes) -> tuple[int, bytes]:
    """What a command writes where stdout and stderr are a terminal, and its exit code."""
    control, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *command],
        stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, cwd=ROOT, env=environment,
    ) as process:  # fmt: skip
        os.close(terminal)
        output = b""
        while True:
            try:
                part = os.read(control, 65536)
            except OSError:  # how the end of a terminal reads on Linux
                break
            if not part:
                break
            output += part
    os.close(control)
    return process.returncode, output


def test_names_and_reasons_are_text_in_a_terminal(tmp_path: Path) -> None:
    code, output = run_in_terminal("report", str(hostile_run(tmp_path / "run")))
    text = output.decode("utf-8")
    assert code == 3, text
    assert "[red]b[/red]" in text
    assert "\\x1b[31m\\x1b[2J" in text
    assert ":warning:" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.replace("\r\n", "\n"))  # weights of the table head
    left = [character for character in plain if not character.isprintable() and character != "\n"]
    assert left == []
    assert "\x1b[31m" not in text
    assert [line for line in plain.splitlines() if line.startswith("Report: ")] == [
        f"Report: {tmp_path}/run/report.html"
    ]


def test_a_path_that_is_no_text_is_shown_and_stops_nothing(tmp_path: Path) -> None:
    folder = os.fsencode(hostile_run(tmp_path / "run")).replace(b"run", b"r\xffn\x1b[31m")
    os.rename(tmp_path / "run", folder)
    code, output = run_in_terminal("report", folder)
    assert code == 3, output
    assert b"r\\udcffn\\x1b[31m/report.html" in output
    code, output = run_in_terminal("report", folder + b"\x1b[31m\nno")
    assert code == 2
    assert output.count(b"\n") == 1
    assert b"not a run directory" in output
    assert b"\x1b" not in output


def test_json_is_ascii(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(hostile_run(tmp_path)), "--json"],
        capture_output=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stdout.isascii()
    assert b"\x1b" not in done.stdout
    content = json.loads(done.stdout)
    assert content["shortfalls"][0]["reasons"][0]["words"] == HOSTILE


def test_what_a_data_source_names_is_text_in_a_terminal(tmp_path: Path) -> None:
    clips = pd.DataFrame(
        {
            "path": ["a.wav", "b.wav"],
            "label": ["real", "fake"],
            "generator": ["", f"x\x1b[31m\x9b2J[red]y[/red]\u202e{chr(7)}"],
        }
    )
    for name in clips["path"]:
        (tmp_path / name).touch()
    clips.to_csv(tmp_path / "clips.csv", index=False)
    code, output = run_in_terminal("data", str(tmp_path / "clips.csv"))
    text = output.decode("utf-8")
    assert code == 0, text
    assert "x\\x1b[31m\\x9b2J[red]y[/red]\\u202e\\x07 1" in text
    assert not [
        character for character in text if not character.isprintable() and character not in "\r\n"
    ]


def test_sections_of_a_page_are_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """With their sentences and tables, as wide as the terminal; folded tables in short."""
    full = history()
    print_sections(OPENING, full)
    for line in lines_of(full):
        print_sections(PER_LINE, line, below=1)
    text = capsys.readouterr().out
    assert "6 runs on 2 curves: 1 is significantly worse" in text
    figures = [line for line in text.splitlines() if "▼" in line and "│" in line]
    assert figures
    assert "p 0.0" not in text
    assert max(map(len, (line for line in text.splitlines() if line[:1] in "┃│"))) <= 120
    assert not [letter for letter in text if not letter.isprintable() and letter != "\n"]

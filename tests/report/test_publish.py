"""What is left in a run's directory, and what goes with the report that it belonged to."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import main
from harness.compare.gate import Ruling
from harness.compare.verdict import Gate, Verdict
from harness.report.publish import publish
from harness.results.run_folder import read_run
from harness.summary.summary import figures
from tests.support.paths import RUNS

RUN = RUNS / "version-1"
FORMS = ("gate.json", "junit.xml", "gate.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run that was held to a gate."""
    shutil.copytree(RUN, tmp_path / "run")
    run = read_run(tmp_path / "run")
    verdict = Verdict(run.record.models[0].name, "auc", "clean", "at least 0.9", "PASS", 0.98)
    gate = Gate("release", "run", "baseline", "none", [verdict], [])
    outcome = publish(run, figures(run, resamples=20), Ruling(gate, None))
    assert outcome.withdrawn == ()
    return tmp_path / "run"


def test_a_gate_is_withdrawn_with_its_report(folder: Path) -> None:
    assert all((folder / name).exists() for name in FORMS)
    assert 'id="gate"' in (folder / "report.html").read_text(encoding="utf-8")
    run = read_run(folder)
    outcome = publish(run, figures(run, resamples=20))
    assert outcome.withdrawn == FORMS
    assert not any((folder / name).exists() for name in FORMS)
    assert 'id="gate"' not in (folder / "report.html").read_text(encoding="utf-8")
    assert publish(run, replace(outcome.summary)).withdrawn == ()


def test_the_user_is_told_once_what_was_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: list[str] = []
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["harness", "report", str(folder), "--json"])
        with pytest.raises(SystemExit, match=r"^(0|3)$"):
            main.main()
        messages += [line for line in capsys.readouterr().err.splitlines() if "removed" in line]
    assert messages == [
        "harness: gate.json, junit.xml, gate.md: removed, because this report has no gate; "
        f"harness gate {folder} writes them again"
    ]

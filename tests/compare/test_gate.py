"""Gates that are refused before anything is scored, and runs that are not gated."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.compare.gate import rule_or_note
from harness.errors import UsageError
from harness.results.run_folder import read_run
from harness.summary.summary import figures
from tests.support.in_process import harness
from tests.support.paths import RUNS

RUN = RUNS / "version-1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--baseline", "accepted"), r"no baseline smoke-embedded-12-\w+ was accepted, the one of"),
        (("--baseline", "nowhere"), "no such run or baseline"),
        (("--policy", "release"), "a policy needs a baseline"),
        (("--baseline", "if-accepted", "--policy", "nowhere"), "no such policy"),
        (("--baseline", "itself"), "is the run itself"),
    ],
)
def test_an_impossible_gate_is_refused_before_scoring(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RUN, tmp_path / "itself")
    before = sorted((tmp_path / "itself").rglob("*"))
    out = "itself" if "itself" in arguments else "new"
    code, _, err = harness(capsys, "run", "smoke", "--limit", "12", "--out", out, *arguments)
    assert code == 2, err
    assert re.search(told, err.splitlines()[-1])
    assert not (tmp_path / "new").exists()
    assert sorted((tmp_path / "itself").rglob("*")) == before


def test_a_missing_accepted_baseline_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, told = read_run(RUN), list[str]()
    assert rule_or_note(run, figures(run, 50), "if-accepted", None, told.append) is None
    assert re.match(r"Not gated: no baseline smoke-embedded-12-\w+ was accepted yet", told[0])
    with pytest.raises(UsageError, match="is the run itself"):
        rule_or_note(run, figures(run, 50), str(RUN), None, told.append)

"""`harness forensic` on a run directory."""

from __future__ import annotations

import json
from pathlib import Path

from evidence_run import MODEL, finished
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UsageError
from harness.record import write_record
from harness.scores import ScoresWriter

runner = CliRunner()


def written(folder: Path, prefix: str, seed: int) -> Path:
    run = finished(groups=12, prefix=prefix, seed=seed)
    folder.mkdir()
    with ScoresWriter(folder) as writer:
        writer.append(run.table.to_dict("records"))
    write_record(run.record, folder)
    return folder


def test_command(tmp_path: Path) -> None:
    run, development = written(tmp_path / "run", "test", 0), written(tmp_path / "dev", "dev", 1)
    told = runner.invoke(app, ["forensic", str(run)])
    assert told.exit_code == 0, told.output
    assert "0 is perfect, 1 says nothing" in told.output
    assert (run / "forensic.html").exists()
    printed = runner.invoke(
        app, ["forensic", str(run), "--development", str(development), "--json"]
    )
    content = json.loads(printed.stdout)
    assert (content["models"], content["development"]) == ([MODEL], "dev")
    assert content == json.loads((run / "forensic.json").read_text())


def test_a_run_is_no_development_of_itself(tmp_path: Path) -> None:
    run = written(tmp_path / "run", "test", 0)
    told = runner.invoke(app, ["forensic", str(run), "--development", str(run)])
    assert isinstance(told.exception, UsageError)
    assert "among those judged" in str(told.exception)
    assert not (run / "forensic.json").exists()

"""`harness forensic` on a run directory."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.main import app
from harness.errors import UsageError
from harness.results.record import write_record
from harness.results.scores import ScoresWriter
from tests.support.evidence_run import MODEL, finished

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
    result = runner.invoke(app, ["forensic", str(run)])
    assert result.exit_code == 0, result.output
    assert "0 is perfect, 1 is no information" in result.output
    assert (run / "forensic.html").exists()
    printed = runner.invoke(
        app, ["forensic", str(run), "--development", str(development), "--json"]
    )
    content = json.loads(printed.stdout)
    assert (content["models"], content["development"]) == ([MODEL], "dev")
    assert content == json.loads((run / "forensic.json").read_text())


def test_a_run_is_no_development_of_itself(tmp_path: Path) -> None:
    run = written(tmp_path / "run", "test", 0)
    result = runner.invoke(app, ["forensic", str(run), "--development", str(run)])
    assert isinstance(result.exception, UsageError)
    assert "also in the judged run" in str(result.exception)
    assert not (run / "forensic.json").exists()


def test_costs_are_the_users(tmp_path: Path) -> None:
    run = written(tmp_path / "run", "test", 0)
    printed = runner.invoke(app, ["forensic", str(run), "--cost", "0.5", "1", "3", "--json"])
    assert printed.exit_code == 0, printed.output
    content = json.loads(printed.stdout)
    assert content["cost"] == {"fake_share": 0.5, "miss": 1.0, "false_acceptance": 3.0}
    table = finished(groups=12, prefix="test", seed=0).table
    clean = table[(table["condition"] == "clean") & (table["status"] == "ok")]
    real, fake = (clean.loc[clean["label"] == label, "score"] for label in ("real", "fake"))
    (raw,) = [
        quality for quality in content["worth"]
        if (quality["condition"], quality["method"]) == ("clean", "none")
    ]  # fmt: skip
    # Half are fake, letting one in costs three times as much: called fake at ln(1/3) and above.
    threshold = math.log(1 / 3)
    cost = (real >= threshold).mean() + 3 * (fake < threshold).mean()
    assert raw["act_dcf"]["value"] == pytest.approx(cost, abs=1e-12)
    least = min((real >= at).mean() + 3 * (fake < at).mean() for at in [*clean["score"], math.inf])
    assert raw["min_dcf"]["value"] == pytest.approx(least, abs=1e-12)
    assert raw["act_dcf"]["low"] <= cost <= raw["act_dcf"]["high"]


@pytest.mark.parametrize("cost", [("1", "1", "1"), ("0.1", "0", "1"), ("0.1", "1", "inf")])
def test_impossible_costs_are_refused(tmp_path: Path, cost: tuple[str, ...]) -> None:
    result = runner.invoke(app, ["forensic", str(tmp_path), "--cost", *cost])
    assert isinstance(result.exception, UsageError)

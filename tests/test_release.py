"""A release from end to end: a baseline is accepted, candidates are held against it.

The candidates are the embedded detector itself and a copy whose head was damaged by noise until it
loses three points of accuracy on clean clips.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.compare.baseline import accept
from harness.detector.source import find
from harness.results.record import read_record
from harness.results.run_folder import read_run
from harness.results.scores import SCHEMA, read_scores
from harness.run import RunOptions, run
from tests.support.in_process import command

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "codec"
codec = "g711-alaw"
[[condition]]
perturb = "noise"
color = "white"
snr_db = 30
"""


def quiet(*values: object) -> None:
    del values


@dataclass(frozen=True)
class Release:
    place: Path
    baseline: Path
    damaged: Path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    place = tmp_path_factory.mktemp("release")
    (place / "small.toml").write_text(SUITE)
    run(RunOptions(suite=str(place / "small.toml"), out=place / "first", limit=90), quiet, quiet)
    baseline = accept(place / "first", folder=place / "baselines")
    return Release(place, baseline, damaged_copy(place / "damaged"))


def damaged_copy(folder: Path) -> Path:
    """The embedded detector with noise on its head, three points or more worse on clean clips."""
    shutil.copytree(find("embedded").folder, folder)
    weights = load_file(folder / "model.safetensors")
    head = next(
        name for name in weights if name.endswith("dense.weight") and len(weights[name]) == 2
    )
    noise = torch.randn(weights[head].shape, generator=torch.Generator().manual_seed(1))
    weights[head] += noise
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def held(release: Release, out: str, *arguments: str) -> int:
    return command(
        *("run", str(release.place / "small.toml"), "--out", str(release.place / out)),
        *("--baseline", str(release.baseline), "--limit", "90", *arguments),
    )


def clean_accuracy(run_folder: Path) -> float:
    table = read_scores(run_folder).query("condition == 'clean'")
    return float(((table.score >= 0) == (table.label == "fake")).mean())


def verdicts(run_folder: Path) -> dict[str, object]:
    return json.loads((run_folder / "gate.json").read_text())


def test_the_detector_against_itself_passes(
    release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    assert held(release, "itself") == 0
    assert "Gate: PASS" in capsys.readouterr().out
    assert verdicts(release.place / "itself")["verdict"] == "PASS"


def test_a_damaged_copy_fails_and_the_conditions_are_named(
    release: Release,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    policy = tmp_path / "strict.toml"
    policy.write_text(
        'version = 1\nname = "strict"\n[[require]]\nmetric = "accuracy"\nmargin = 0.0\n'
        '[[require]]\nmetric = "auc"\nmargin = 0.0\n'
    )
    code = held(release, "worse", "--model", str(release.damaged), "--policy", str(policy))
    out = capsys.readouterr().out
    assert code == 1, out
    before, after = (clean_accuracy(release.place / name) for name in ("first", "worse"))
    assert after <= before - 0.03
    gate = verdicts(release.place / "worse")
    assert gate["verdict"] == "FAIL"
    failed = {one["condition"] for one in gate["requirements"] if one["word"] == "FAIL"}  # pyright: ignore
    assert failed
    for condition in failed:
        assert condition in out
        assert f"`{condition}`" in (tmp_path / "summary.md").read_text()
    root = ElementTree.parse(release.place / "worse" / "junit.xml").getroot()
    assert int(root.attrib["failures"]) == len(root.findall(".//failure")) > 0
    assert "The gate" in (release.place / "worse" / "report.html").read_text()


def test_twenty_clips_cannot_tell(release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    """Of decisions; stated probabilities are shown to be worse, not by how much."""
    few = ("--model", str(release.damaged), "--limit", "20")
    code = held(release, "few", *few, "--policy", "release-1")
    out = capsys.readouterr().out
    assert code == 3, out
    assert "Gate: INCONCLUSIVE" in out
    code = command("gate", str(release.place / "few"), "--baseline", str(release.baseline))
    assert (code, verdicts(release.place / "few")["finding"]) == (
        3,
        "WORSE BY AN UNKNOWN AMOUNT",
    )


def edited(release: Release, name: str, edit: Callable[[Path], None]) -> Path:
    folder = release.place / name
    shutil.copytree(release.baseline, folder)
    edit(folder)
    return folder


def write_scores(folder: Path, table: pd.DataFrame) -> None:
    path = folder / "scores" / "part-000000.parquet"
    pq.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False), path)


def _without_condition(folder: Path) -> None:
    table = read_scores(folder)
    write_scores(folder, table[table.condition != "noise:white@30dB"])
    record = json.loads((folder / "run.json").read_text())
    record["suite"]["conditions"] = [
        one for one in record["suite"]["conditions"] if one["name"] != "noise:white@30dB"
    ]
    (folder / "run.json").write_text(json.dumps(record))


def _unscored(folder: Path) -> None:
    table = read_scores(folder)
    lost = table.condition == "noise:white@30dB"
    table.loc[lost, ["score", "logit_fake", "logit_real"]] = np.nan
    table.loc[lost, "status"] = "error"
    write_scores(folder, table)


def _another_suite(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    record["suite"]["conditions"][2]["digest"] = "0123456789abcdef"
    (folder / "run.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_without_condition, "new: the baseline does not have this condition"),
        (_unscored, "new: had no value before"),
        (_another_suite, "not comparable: "),
    ],
)
def test_what_cannot_be_compared_fails_as_what_it_is(
    release: Release, edit: Callable[[Path], None], reason: str
) -> None:
    baseline = edited(release, edit.__name__, edit)
    assert command("gate", str(release.place / "first"), "--baseline", str(baseline)) == 1
    failed = [
        one for one in verdicts(release.place / "first")["requirements"] if one["word"] == "FAIL"  # pyright: ignore
    ]  # fmt: skip
    mean, veto = failed
    assert (mean["tier"], veto["tier"]) == ("mean", "veto")
    assert veto["condition"] == "noise:white@30dB"
    assert str(veto["reason"]).startswith(reason), failed
    status, why = reason.split(": ", 1)
    assert str(mean["reason"]).startswith(f"{status}: noise:white@30dB: {why}"), failed
    assert {one["finding"] for one in failed} == {"FAIL"}


def test_a_baseline_is_a_small_run(release: Release) -> None:
    assert read_record(release.baseline).counts == read_record(release.place / "first").counts
    first, kept = read_scores(release.place / "first"), read_scores(release.baseline)
    assert first.equals(kept)
    size = sum(path.stat().st_size for path in release.baseline.rglob("*") if path.is_file())
    assert size < 100_000
    assert read_run(release.baseline).record.command == []

"""Baselines: how they are named, found, kept and replaced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness.compare.baseline import accept, name_of, open_baseline
from harness.errors import UsageError
from harness.results.run_folder import read_run
from tests.support.paths import RUNS

RUN = RUNS / "version-1"


def test_an_accepted_baseline_is_found_by_the_suite_and_the_data(tmp_path: Path) -> None:
    run = read_run(RUN)
    assert open_baseline("if-accepted", run.record, tmp_path) is None
    with pytest.raises(UsageError, match=r"no baseline smoke-embedded-12-\w+ was.*accept RUN"):
        open_baseline("accepted", run.record, tmp_path)
    path = accept(RUN, folder=tmp_path)
    name = f"smoke-embedded-12-{run.record.data.digest[:8]}"
    assert path.name == name_of(run.record) == name
    found = open_baseline("accepted", run.record, tmp_path)
    assert found is not None
    pd.testing.assert_frame_equal(found.table, run.table)
    assert open_baseline(name, run.record, tmp_path) is not None
    with pytest.raises(UsageError, match="is a baseline already; give --force"):
        accept(RUN, folder=tmp_path)
    accept(RUN, folder=tmp_path, force=True)  # in place of the one before
    assert sorted(each.name for each in tmp_path.iterdir()) == [name]
    with pytest.raises(UsageError, match=f"name a run directory, or one of {name}"):
        open_baseline("smoke", run.record, tmp_path)
    with pytest.raises(UsageError, match="no name for a directory"):
        accept(RUN, "../out", tmp_path)


def test_baselines_of_other_data_are_kept_apart(tmp_path: Path) -> None:
    first = accept(RUN, folder=tmp_path / "baselines")
    other = Path(shutil.copytree(RUN, tmp_path / "run"))
    record = json.loads((other / "run.json").read_text())
    record["data"]["digest"] = "0123456789abcdef"
    (other / "run.json").write_text(json.dumps(record))
    second = accept(other, folder=tmp_path / "baselines")
    assert second.name == "smoke-embedded-12-01234567"
    assert first.is_dir()


def test_a_baseline_under_the_name_of_earlier_versions_is_found(tmp_path: Path) -> None:
    run = read_run(RUN)
    accept(RUN, folder=tmp_path).rename(tmp_path / "smoke-embedded-12")
    found = open_baseline("accepted", run.record, tmp_path)
    assert found is not None
    assert found.folder.name == "smoke-embedded-12"


def test_accepting_replaces_neither_the_run_nor_other_folders(tmp_path: Path) -> None:
    accepted = accept(RUN, "mine", tmp_path)
    with pytest.raises(UsageError, match="is that baseline, or within it"):
        accept(accepted, "mine", tmp_path, force=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "kept.txt").touch()
    with pytest.raises(UsageError, match="exists and is no baseline"):
        accept(RUN, "notes", tmp_path, force=True)
    assert (tmp_path / "notes" / "kept.txt").exists()


def test_a_newer_baseline_is_refused_with_an_instruction(tmp_path: Path) -> None:
    path = accept(RUN, folder=tmp_path)
    record = json.loads((path / "run.json").read_text()) | {"version": 99}
    (path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"version 99.*use a newer harness"):
        open_baseline("accepted", read_run(RUN).record, tmp_path)

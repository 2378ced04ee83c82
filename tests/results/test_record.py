"""Runs of earlier versions of the format still open; those of a later one are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.report.publish import publish
from harness.results.record import VERSION, read_record
from harness.results.run_folder import read_run
from harness.summary.summary import figures
from tests.support.paths import RUNS


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_run_of_an_earlier_version_opens_and_is_reported_on(tmp_path: Path, version: int) -> None:
    shutil.copytree(RUNS / f"version-{version}", tmp_path / "run")
    record = read_record(tmp_path / "run")
    assert record.version == VERSION
    (part,) = record.parts
    assert (part.rows, part.seconds, part.ended) == (72, record.seconds, "finished")
    run = read_run(tmp_path / "run")
    outcome = publish(run, figures(run, resamples=50))
    (accuracy,) = [
        row.value
        for row in outcome.summary.rows
        if (row.condition, row.slice, row.metric) == ("clean", "all", "accuracy")
    ]
    clean = run.table[run.table.condition == "clean"]
    assert accuracy == ((clean.score >= 0) == (clean.label == "fake")).mean()
    assert outcome.report.stat().st_size > 100_000


def test_columns_that_became_slices_are_read_from_the_note_of_earlier_versions(
    tmp_path: Path,
) -> None:
    content = json.loads((RUNS / "version-4" / "run.json").read_text())
    assert content["version"] == 4
    content["data"]["notes"] = [
        "label 'bona-fide' read as real",
        "slices from columns channel, snr",
    ]
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert read_record(tmp_path).data.columns == ["channel", "snr"]
    assert read_record(RUNS / "version-4").data.columns == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(f'"version":{VERSION}', '"version":99'), "use a newer harness"),
        (lambda text: text[: len(text) // 2], "a damaged record"),
        (lambda text: text.replace('"suite"', '"suit"'), "a damaged record"),
        (lambda _: "[]", "a damaged record"),
    ],
)
def test_a_record_that_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    content = json.loads((RUNS / "version-1" / "run.json").read_text()) | {"version": VERSION}
    text = change(json.dumps(content, separators=(",", ":")))
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_record(tmp_path)

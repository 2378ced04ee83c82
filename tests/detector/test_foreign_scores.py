"""Whole runs on scores from elsewhere: the published ones, and the ways people write them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.data.source import open_source
from harness.detector.source import open_detector
from harness.errors import UsageError
from harness.results.record import RunRecord
from harness.results.run_folder import read_run
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.paths import SHARED

PUBLISHED = SHARED / "scores"
KEY = PUBLISHED / "asvspoof2019-la-eval.key.txt.gz"
SCORES = PUBLISHED / "rawgat-st-mul.asvspoof2019-la-eval.txt.gz"
SPAN = 400
"""Clips of the small part of the published scores."""

needs_published = pytest.mark.skipif(not KEY.exists(), reason="needs the scores beside the project")

Lines = list[list[str]]


def quiet(*values: object) -> None:
    del values


def protocol(place: Path, key: Lines) -> str:
    """A folder as ASVspoof 2019 has it, with the key and no recordings."""
    (place / "ASVspoof2019_LA_eval" / "flac").mkdir(parents=True)
    table = place / "ASVspoof2019.LA.cm.eval.trl.txt"
    table.write_text("".join(" ".join(cells) + "\n" for cells in key))
    return f"asvspoof2019-la:{place}"


def judged(data: str, spec: str, out: Path) -> tuple[RunRecord, pd.DataFrame, dict[str, float]]:
    """The record, the table, and the figures of all clips by metric."""
    outcome = run(RunOptions(suite="heldout", data=data, models=(spec,), out=out), quiet, quiet)
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    figures = {row["metric"]: row["value"] for row in rows if row["slice"] == "all"}
    return read_run(outcome.folder).record, read_scores(out), figures


def part(path: Path, lines: int | None = None) -> Lines:
    with gzip.open(path, "rt") as file:
        found = [line.split() for line in file]
    return found if lines is None else found[:lines]


@needs_published
def test_the_published_figures_come_out(tmp_path: Path) -> None:
    """EER 1.06 % (arXiv 2107.12710); worst by attack A18, then A17; 71,237 scores."""
    data = protocol(tmp_path / "la", part(KEY))
    with gzip.open(SCORES) as file:
        (tmp_path / "rawgat.txt").write_bytes(file.read())
    out = tmp_path / "run"
    _, table, figures = judged(data, f"scores:{tmp_path / 'rawgat.txt'}", out)
    assert len(table) == 71237
    assert (table.status == "ok").all()
    assert figures["eer"] == pytest.approx(0.010605, abs=1e-5)
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    by_attack = {
        row["slice"].removeprefix("generator="): row["value"]
        for row in rows
        if row["metric"] == "eer" and row["slice"].startswith("generator=")
    }
    assert len(by_attack) == 13
    worst, second = sorted(by_attack, key=by_attack.__getitem__, reverse=True)[:2]
    assert (worst, second) == ("A18", "A17")
    assert by_attack["A18"] == pytest.approx(0.0309, abs=5e-5)
    assert by_attack["A17"] == pytest.approx(0.0174, abs=5e-5)


def _sigmoid(score: float) -> float:
    return 1 / (1 + float(np.exp(-score)))


WAYS: dict[str, tuple[Callable[[list[str]], str], str]] = {
    "as it is": (" ".join, ""),
    "reversed, and stated": (lambda c: f"{c[0]} {-float(c[3])!r}", "?higher=fake"),
    "probabilities": (lambda c: f"{c[0]} {_sigmoid(float(c[3]))!r}", "?score=probability"),
    "percents": (lambda c: f"{c[0]} {100 * _sigmoid(float(c[3]))!r}", "?score=percent"),
    "three columns": (lambda c: f"{c[0]},{c[3]},{c[2]}", ""),
    "two logits": (
        lambda c: f"{c[0]}.flac;{0.25 - float(c[3])!r};0.25",
        "?columns=clip,fake,real&score=logits",
    ),
}


@needs_published
@pytest.mark.parametrize("way", WAYS)
def test_however_they_are_written_the_scores_are_the_same(tmp_path: Path, way: str) -> None:
    written, options = WAYS[way]
    lines = part(SCORES, SPAN)
    (tmp_path / "t.txt").write_text("".join(written(cells) + "\n" for cells in lines))
    clips = list(open_source(protocol(tmp_path / "la", part(KEY, SPAN))))
    scores: Any = open_detector(f"scores:{tmp_path / 't.txt'}{options}")
    scores = scores.match(clips, ("clean",))
    found = {clip.clip_id: scores.lookup(clip.clip_id, "clean")[2] for clip in clips}
    exact = way in ("as it is", "reversed, and stated", "three columns")
    for cells in lines:
        score = found[f"ASVspoof2019_LA_eval/flac/{cells[0]}.flac"]
        assert score == pytest.approx(-float(cells[3]), rel=0, abs=0 if exact else 1e-4)


@needs_published
@pytest.mark.parametrize(
    ("written", "told"),
    [
        (lambda c: f"{c[0]} {_sigmoid(float(c[3]))!r}", "as probabilities do; add ?score="),
        (lambda c: f"{c[0]} {100 * _sigmoid(float(c[3]))!r}", "as percents do; add ?score="),
        (lambda c: f"{c[0]},{c[3]}", "2 columns without names (comma)"),
        (lambda c: f"{c[0]} {float(c[3]) - 25!r}", "called fake although the AUC is"),
    ],
    ids=["probabilities", "percents", "no convention", "one class"],
)
def test_what_is_not_stated_ends_before_anything_is_scored(
    tmp_path: Path, written: Callable[[list[str]], str], told: str
) -> None:
    data = protocol(tmp_path / "la", part(KEY, SPAN))
    lines = [written(cells) + "\n" for cells in part(SCORES, SPAN)]
    (tmp_path / "scores.txt").write_text("".join(lines))
    with pytest.raises(UsageError, match=r"scores\.txt") as refusal:
        judged(data, f"scores:{tmp_path / 'scores.txt'}", tmp_path / "run")
    assert told in str(refusal.value)
    assert not (tmp_path / "run").exists()


@needs_published
def test_trials_that_are_missing_are_rejected_rows(tmp_path: Path) -> None:
    data, lines = protocol(tmp_path / "la", part(KEY, SPAN)), part(SCORES, SPAN)
    (tmp_path / "scores.txt").write_text("".join(" ".join(c) + "\n" for c in lines[5:]))
    record, table, figures = judged(data, f"scores:{tmp_path / 'scores.txt'}", tmp_path / "run")
    rejected = table[table.status == "rejected"]
    assert len(rejected) == 5
    assert set(rejected.reason) == {"no score in the file for this clip and condition"}
    assert figures["coverage"] == 1 - 5 / SPAN
    assert f"5 of the data's {SPAN} clips are not in the file" in " ".join(record.models[0].notes)


def test_ties_cross_together(tmp_path: Path) -> None:
    """Real at 0, 0, 1, 1; fake at 1, 1, 2, 2: the rates cross within the tie of the four at 1.

    From (fpr, fnr) = (0, 1/2) above it to (1/2, 0) with it: both are 1/4 half way.
    """
    scores = {"real": (0, 0, 1, 1), "fake": (1, 1, 2, 2)}
    key: Lines = []
    lines: list[str] = []
    for label, values in scores.items():
        word = "bonafide" if label == "real" else "spoof"
        for number, value in enumerate(values):
            key.append(["LA_1", f"{label}{number}", "-", "-", word])
            lines.append(f"{label}{number} {-value + 1}\n")
    (tmp_path / "ties.txt").write_text("".join(lines))
    data = protocol(tmp_path / "la", key)
    spec = f"scores:{tmp_path / 'ties.txt'}?score=log-odds"
    _, _, figures = judged(data, spec, tmp_path / "run")
    assert figures["eer"] == 0.25
    assert figures["auc"] == (12 + 4 / 2) / 16


def test_a_row_that_two_clips_could_have_does_not_end_the_run(tmp_path: Path) -> None:
    names = [f"{label}/{number}.wav" for label in ("real", "fake") for number in range(4)]
    manifest = "path,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in names)
    (tmp_path / "clips.csv").write_text(manifest)
    lines = [f"{name.removesuffix('.wav')},{-2 if 'real' in name else 2}\n" for name in names[:-1]]
    (tmp_path / "scores.csv").write_text("clip_id,score\n" + "".join([*lines[:-1], "2,2\n"]))
    spec = f"scores:{tmp_path / 'scores.csv'}"
    record, table, _ = judged(str(tmp_path / "clips.csv"), spec, tmp_path / "run")
    by_id = table.set_index("clip_id")
    assert (by_id.status == "ok").sum() == 6
    assert by_id.status["fake/2.wav"] == by_id.status["fake/3.wav"] == "rejected"
    told = " ".join(record.models[0].notes)
    assert "clips are found without the endings of audio files: 'real/0.wav' by 'real/0'" in told
    assert "1 of its 7 clips are not in the data, first '2'" in told


def test_a_limit_does_not_make_a_row_fit_one_clip(tmp_path: Path) -> None:
    names = [f"{label}/{number}.wav" for label in ("real", "fake") for number in range(4)]
    manifest = "path,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in names)
    (tmp_path / "clips.csv").write_text(manifest)
    (tmp_path / "scores.csv").write_text("clip_id,score\n0,-1.5\n1,2\n2,3\n3,1\n")
    options = RunOptions(
        suite="heldout",
        data=str(tmp_path / "clips.csv"),
        models=(f"scores:{tmp_path / 'scores.csv'}",),
        out=tmp_path / "run",
        limit=2,
    )
    with pytest.raises(UsageError, match="no row fits exactly one clip"):
        run(options, quiet, quiet)

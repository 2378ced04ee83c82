"""From a finished table to `metrics.json` and `report.html`: no audio, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.published import Published, find_published, load_published
from harness.record import RunRecord, read_record, write_whole
from harness.scores import read_scores
from harness.summary import Summary, metrics_json, summarise

RESAMPLES = 1000
DEFAULT_PUBLISHED = "ast-fakeaudio-detector"


@dataclass(frozen=True)
class Shortfall:
    """A condition and label of which less was scored than the suite demands."""

    model: str
    condition: str
    label: str
    coverage: float
    rows: int


@dataclass(frozen=True, eq=False)
class Finished:
    """What a run left on disk, read once, and the published figures to hold it against."""

    folder: Path
    record: RunRecord
    table: pd.DataFrame
    published: Published


@dataclass(frozen=True)
class Outcome:
    """A finished run: where it is, what it was, what it came to."""

    folder: Path
    record: RunRecord
    summary: Summary
    published: Published
    shortfalls: list[Shortfall]
    report: Path


def read_run(folder: Path, published: str | None = None) -> Finished:
    """Read the record and the table of a run directory.

    Raises
    ------
    UsageError
        Where it is not a run, or holds what this harness cannot read.
    """
    record = read_record(folder)
    return Finished(folder, record, read_scores(folder), claims(record, published))


def figures(run: Finished, resamples: int = RESAMPLES) -> Summary:
    """Every figure of a run, from its table and its record alone."""
    return summarise(run.table, run.record, run.published, resamples=resamples, seed=0)


def publish(run: Finished, summary: Summary) -> Outcome:
    """Write `metrics.json` and `report.html` into the run directory."""
    from harness.report.example import read_examples  # charts are slow to import
    from harness.report.page import render

    write_whole(run.folder / "metrics.json", metrics_json(summary))
    path = run.folder / "report.html"
    write_whole(path, render(summary, run.record, run.published, read_examples(run.folder)))
    low = shortfalls(run.table, run.record)
    return Outcome(run.folder, run.record, summary, run.published, low, path)


def shortfalls(table: pd.DataFrame, record: RunRecord) -> list[Shortfall]:
    """Where the scored share of a model's rows of one condition and label is below the minimum."""
    keys = ["model", "condition", "label"]
    scored = (table["status"] == "ok").groupby([table[key] for key in keys])
    shares = scored.agg(["mean", "size"]).reset_index()
    low = shares[shares["mean"] < record.suite.min_coverage]
    return [
        Shortfall(model, condition, label, float(share), int(rows))
        for model, condition, label, share, rows in low.itertuples(index=False, name=None)
    ]


def claims(record: RunRecord, published: str | None) -> Published:
    """The published figures to hold a run against.

    Those that the user named, else those of the model's own card, else the first target's: the page
    says which, and that another model's card is no claim about this one.
    """
    if published is not None:
        return load_published(published)
    for model in record.models:
        found = find_published(model.spec)
        if found is not None:
            return found
    return load_published(DEFAULT_PUBLISHED)

"""From a finished table to `metrics.json` and `report.html`: no audio, no torch."""

from __future__ import annotations

from pathlib import Path

from harness.published import Published, find_published, load_published
from harness.record import RunRecord, read_record, write_whole
from harness.report.example import read_examples
from harness.report.page import render
from harness.scores import read_scores
from harness.summary import Summary, metrics_json, summarise

RESAMPLES = 1000
DEFAULT_PUBLISHED = "ast-fakeaudio-detector"


def figures(run: Path, published: str | None = None, resamples: int = RESAMPLES) -> Summary:
    """Every figure of a run, from its table and its record alone."""
    record = read_record(run)
    return summarise(
        read_scores(run), record, claims(record, published), resamples=resamples, seed=0
    )


def publish(run: Path, summary: Summary, published: str | None = None) -> Path:
    """Write `metrics.json` and `report.html` into the run directory; returns the report's path."""
    record = read_record(run)
    write_whole(run / "metrics.json", metrics_json(summary))
    page = render(summary, record, claims(record, published), read_examples(run))
    path = run / "report.html"
    write_whole(path, page)
    return path


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

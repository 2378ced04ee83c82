"""From a finished table to `metrics.json` and `report.html`: no audio, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from harness.metrics.classification import Policy
from harness.published import Published, find_published, load_published
from harness.record import RunRecord, read_record, write_record
from harness.scores import read_scores
from harness.storage import names, remove, write_whole
from harness.summary import Summary, metrics_json, summarise

if TYPE_CHECKING:
    from harness.gate import Ruling

RESAMPLES = 1000
DEFAULT_PUBLISHED = "ast-fakeaudio-detector"


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
    report: Path
    ruling: Ruling | None = None
    withdrawn: tuple[str, ...] = ()
    """Files of an earlier gate that went with the report which they belonged to."""


def read_run(
    folder: Path, published: str | None = None, unscored: Policy | None = None
) -> Finished:
    """Read the record and the table of a run directory.

    Parameters
    ----------
    unscored
        What its figures are to make of clips without a score; else as the record says.

    Raises
    ------
    UsageError
        Where it is not a run, or holds what this harness cannot read.
    """
    record = read_record(folder)
    if unscored is not None:
        suite = record.suite.model_copy(update={"unscored": unscored})
        record = record.model_copy(update={"suite": suite})
    return Finished(folder, record, read_scores(folder), claims(record, published))


def figures(run: Finished, resamples: int = RESAMPLES) -> Summary:
    """Every figure of a run, from its table and its record alone."""
    return summarise(run.table, run.record, run.published, resamples=resamples, seed=0)


def publish(run: Finished, summary: Summary, ruling: Ruling | None = None) -> Outcome:
    """Write `metrics.json` and `report.html` into the run directory.

    The record is written as well where it did not have the policy that these figures have. What a
    gate found goes into `gate.json`, `junit.xml` and `gate.md`, the comparison that it rests on
    into `comparison.json`; without a gate, those of an earlier one are withdrawn.
    """
    from harness.report.example import read_examples  # charts are slow to import
    from harness.report.page import render

    if read_record(run.folder).suite.unscored != run.record.suite.unscored:
        write_record(run.record, run.folder)
    write_whole(run.folder / "metrics.json", metrics_json(summary))
    path = run.folder / "report.html"
    gate, comparison = (None, None) if ruling is None else (ruling.gate, ruling.comparison)
    examples = read_examples(run.folder)
    page = render(summary, run.record, run.published, examples, gate, comparison)
    write_whole(path, page)
    withdrawn = _write_ruling(run.folder, ruling)
    return Outcome(run.folder, run.record, summary, run.published, path, ruling, withdrawn)


def _write_ruling(folder: Path, ruling: Ruling | None) -> tuple[str, ...]:
    """Write the forms of a gate; none outlives the report that it belongs to.

    Returns the names of those of an earlier gate that were removed.
    """
    forms = dict.fromkeys(("gate.json", "junit.xml", "gate.md", "comparison.json"), "")
    if ruling is not None:
        from harness.compare import comparison_json
        from harness.verdict import as_json, as_junit, as_markdown

        forms["gate.json"] = as_json(ruling.gate)
        forms["junit.xml"] = as_junit(ruling.gate)
        forms["gate.md"] = as_markdown(ruling.gate)
        if ruling.comparison is not None:
            forms["comparison.json"] = comparison_json(ruling.comparison)
    there = names(folder)
    withdrawn = tuple(name for name in forms if not forms[name] and name in there)
    for name in withdrawn:
        remove(folder / name)
    for name, text in forms.items():
        if text:
            write_whole(folder / name, text)
    return withdrawn


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

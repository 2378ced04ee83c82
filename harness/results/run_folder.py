"""A run directory as it lies on disk, read once: its record and its scores table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.results.record import RunRecord, read_record
from harness.results.scores import read_scores
from harness.terms import UnscoredPolicy


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The record and the table of a run, and the published figures to hold it against.

    `published` is as the user named them; None stands for those of the model's own card.
    """

    folder: Path
    record: RunRecord
    table: pd.DataFrame
    published: str | None = None


def read_run(
    folder: Path, published: str | None = None, unscored: UnscoredPolicy | None = None
) -> RunFolder:
    """Read the record and the table of a run directory.

    `unscored` replaces the record's policy for clips without a score.

    Raises
    ------
    UsageError
        Where it is not a run, or holds what this harness cannot read.
    """
    record = read_record(folder)
    if unscored is not None:
        suite = record.suite.model_copy(update={"unscored": unscored})
        record = record.model_copy(update={"suite": suite})
    return RunFolder(folder, record, read_scores(folder), published)

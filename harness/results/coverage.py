"""What a run owes and what came of it: rows that are missing, and where too little was scored.

A run owes a row for every clip x condition x model of its record. Of a run that was interrupted, or
whose table was damaged, some are not there; they are put back as rows of the status `missing`, so
that they are in every denominator that claims coverage.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from harness.results.clip_facts import columns_of
from harness.results.figures import Reason, Shortfall, Tally
from harness.results.record import RunRecord

MISSING = "missing"
REASONS = 2


def complete(table: pd.DataFrame, record: RunRecord) -> pd.DataFrame:
    """The table with a row for everything that the run owes; the same object where none is missing.

    Clips that have no row anywhere are known only by their number and class: each gets a name and a
    group of its own.
    """
    clips = _clips(table, record)
    models = [model.name for model in record.models]
    conditions = {condition.name: condition.family for condition in record.suite.conditions}
    had: dict[Any, int] = table.groupby(["model", "condition"]).size().to_dict()
    if all(had.get((model, name), 0) >= len(clips) for model in models for name in conditions):
        return table
    names = ["model", "condition", "clip_id"]
    owed = pd.MultiIndex.from_product([models, conditions, clips["clip_id"]], names=names)
    keys: Any = table[names]
    lacking = owed.difference(pd.MultiIndex.from_frame(keys)).to_frame(index=False)
    added: Any = lacking.merge(clips, on="clip_id").assign(
        family=lambda rows: rows["condition"].map(conditions), status=MISSING, reason=""
    )
    return pd.concat([table, added], ignore_index=True)


def _clips(table: pd.DataFrame, record: RunRecord) -> pd.DataFrame:
    """What is known of every clip of the run, one row each."""
    names = ["clip_id", "label", *columns_of(table)]
    seen: Any = table.drop_duplicates("clip_id")[names]
    known: dict[str, int] = seen["label"].value_counts().to_dict()
    unseen = [
        # No file or manifest has such a name.
        (f"\0{label} {number}", label, *("" for _ in names[2:]))
        for label, clips in (("real", record.data.real), ("fake", record.data.fake))
        for number in range(clips - known.get(label, 0))
    ]
    return pd.concat([seen, pd.DataFrame(unseen, columns=names)]) if unseen else seen


def tally(table: pd.DataFrame) -> Tally:
    """Rows of a complete table by status."""
    counts: dict[str, int] = table["status"].value_counts().to_dict()
    return Tally(*(int(counts.get(status, 0)) for status in ("ok", "rejected", "error", MISSING)))


def shortfalls(table: pd.DataFrame, record: RunRecord) -> list[Shortfall]:
    """Where less of a model's rows of one condition and label was scored than the suite demands.

    Rows that are missing count as not scored. The least covered come first.
    """
    whole = complete(table, record)
    keys = ["model", "condition", "label"]
    scored = (whole["status"] == "ok").groupby([whole[key] for key in keys])
    shares: Any = scored.agg(["mean", "sum", "size"]).reset_index()
    low = shares[shares["mean"] < record.suite.min_coverage].sort_values("mean", kind="stable")
    lost: Any = whole[whole["status"] != "ok"]
    places: dict[Any, Any] = lost.groupby(keys).indices
    return [
        Shortfall(*row, reasons=_reasons(lost.iloc[places[tuple(row[:3])]]))
        for row in low.to_numpy().tolist()
    ]


def _reasons(lost: Any) -> tuple[Reason, ...]:
    """The commonest reasons of some rows, equally common ones by name."""
    counts = Counter((row.status, row.reason or "") for row in lost.itertuples())
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:REASONS]
    return tuple(Reason(status, words, rows) for (status, words), rows in commonest)

"""Rows that a run owes, those that are missing, and conditions of which too little was scored.

A run owes a row for every clip x condition x model of its record. Rows that an interrupted run or a
damaged table lacks are put back with the status `missing`, so that they are in every denominator
that claims coverage.
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
    """Return the table with every row that the run owes; the same object where none is missing.

    Clips without any row are known only by their number and class: each gets a name and a group of
    its own.
    """
    clips = _clips(table, record)
    models = [model.name for model in record.models]
    conditions = {condition.name: condition.family for condition in record.suite.conditions}
    sizes: dict[Any, int] = table.groupby(["model", "condition"]).size().to_dict()
    if all(sizes.get((model, name), 0) >= len(clips) for model in models for name in conditions):
        return table
    key = ["model", "condition", "clip_id"]
    owed = pd.MultiIndex.from_product([models, conditions, clips["clip_id"]], names=key)
    keys: Any = table[key]
    missing = owed.difference(pd.MultiIndex.from_frame(keys)).to_frame(index=False)
    added: Any = missing.merge(clips, on="clip_id").assign(
        family=lambda rows: rows["condition"].map(conditions), status=MISSING, reason=""
    )
    return pd.concat([table, added], ignore_index=True)


def _clips(table: pd.DataFrame, record: RunRecord) -> pd.DataFrame:
    """Return the label and the facts of every clip of the run, one row each."""
    facts = columns_of(table)
    columns = ["clip_id", "label", *facts]
    seen: Any = table.drop_duplicates("clip_id")[columns]
    known: dict[str, int] = seen["label"].value_counts().to_dict()
    unseen = [
        # No file or manifest has such a name.
        (f"\0{label} {number}", label, *("" for _ in facts))
        for label, clips in (("real", record.data.real), ("fake", record.data.fake))
        for number in range(clips - known.get(label, 0))
    ]
    return pd.concat([seen, pd.DataFrame(unseen, columns=columns)]) if unseen else seen


def tally(table: pd.DataFrame) -> Tally:
    """Count the rows of a complete table by status."""
    counts: dict[str, int] = table["status"].value_counts().to_dict()
    return Tally(*(int(counts.get(status, 0)) for status in ("ok", "rejected", "error", MISSING)))


def shortfalls(table: pd.DataFrame, record: RunRecord) -> list[Shortfall]:
    """Return the conditions and labels of which less was scored than the suite demands.

    Missing rows count as not scored. The least covered come first.
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
    """Return the commonest reasons of some rows, equally common ones by name."""
    counts = Counter((row.status, row.reason or "") for row in lost.itertuples())
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:REASONS]
    return tuple(Reason(status, words, rows) for (status, words), rows in commonest)

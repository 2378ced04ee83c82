"""Check the measured audio of every condition against its name, from the scores table alone.

A row that contradicts its condition by itself was rejected when it was scored, with a reason. This
module judges what shows only over many clips: whether content stayed in place, whether the band
ends where it must, and whether anything changed at all. Measurements do not depend on the model, so
a clip counts once per condition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.results.expectation import BAND_TOLERANCE, DELAY_TOLERANCE_S, PREFIX, Expectation
from harness.results.figures import Attested, Contradiction, Spread
from harness.results.record import ConditionRecord, RunRecord
from harness.terms import CLEAN

LATE_SHARE = 0.75
"""Share of clips that must be off to the same side. The lag of a clip that is damaged beyond
recognition is random, so half of such lags are to either side."""

LEAST_CLIPS = 20
"""Clips that must all be unchanged before a perturbation that may skip clips counts as inactive."""


def conditions(table: pd.DataFrame, record: RunRecord) -> list[Attested]:
    """Check every condition of the record; one without measurements has no clips and NaN."""
    rows = _measured(table)
    indices: dict[Any, Any] = rows.groupby("condition").indices
    rate_hz = next((model.rate_hz for model in record.models if model.rate_hz), np.nan)
    limit = min(1 - record.suite.min_coverage, 0.5)
    empty = np.array([], dtype=np.int64)
    return [
        _attested(condition, rows.iloc[indices.get(condition.name, empty)], rate_hz, limit)
        for condition in record.suite.conditions
    ]


def _measured(table: pd.DataFrame) -> Any:
    """One row per measured clip and condition, with facts of the clean clip."""
    rows: Any = table[table["seconds"].notna() & table["changed"].notna()]
    rejected = rows["reason"].fillna("").str.startswith(PREFIX)
    rows = rows.assign(contradicted=rejected)
    rows = rows.sort_values("contradicted", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["clip_id", "condition"]).sort_values("clip_id", kind="stable")
    clean = rows[rows["condition"] == CLEAN].set_index("clip_id")
    return rows.assign(
        changed=rows["changed"].astype(bool),
        clean_s=rows["clip_id"].map(clean["seconds"]).astype(float),
        silent=rows["clip_id"].map(clean["bandwidth_hz"]).astype(float) == 0,
    )


def _attested(condition: ConditionRecord, rows: Any, rate_hz: float, limit: float) -> Attested:
    delay_s = rows["delay_samples"].to_numpy(float) / rate_hz
    faults: list[Contradiction] = []
    if condition.expects is not None and len(rows):
        faults = _contradictions(condition, condition.expects, rows, delay_s, limit)
    return Attested(
        condition=condition.name,
        clips=len(rows),
        changed=int(rows["changed"].sum()),
        silent=int(rows["silent"].sum()),
        contradicted=int(rows["contradicted"].sum()),
        snr_db=_spread(rows["snr_db"]),
        seconds=_spread(rows["seconds"]),
        factor=_spread(rows["seconds"] / rows["clean_s"]),
        delay_ms=_spread(1000 * delay_s),
        bandwidth_hz=_spread(rows["bandwidth_hz"]),
        contradictions=faults,
    )


def _contradictions(
    condition: ConditionRecord,
    expects: Expectation,
    rows: Any,
    delay_s: Any,
    limit: float,
) -> list[Contradiction]:
    contradictions: list[Contradiction] = []

    def add(expected: str, measured: str, example: int) -> None:
        clip_id = str(rows["clip_id"].iloc[example])
        contradictions.append(
            Contradiction(condition.name, condition.words, expected, measured, len(rows), clip_id)
        )

    rejected = np.flatnonzero(rows["contradicted"])
    if len(rejected) > limit * len(rows):
        first = str(rows["reason"].iloc[rejected[0]]).removeprefix(PREFIX)
        add(", ".join(expects.words), f"not so for {len(rejected)} clips: {first}", rejected[0])
    elif _did_nothing(expects, rows):
        add("a changed signal", "no clip was changed", 0)
    late_by, late = _late(delay_s)
    if expects.in_place and len(late):
        side = "late" if late_by > 0 else "early"
        measured = f"{len(late)} clips {side}, by {1000 * abs(late_by):.1f} ms in the median"
        add("content in place", measured, late[0])
    sounding = rows["bandwidth_hz"].to_numpy(float)
    band_hz = float(np.median(sounding[sounding > 0])) if (sounding > 0).any() else 0.0
    if expects.band_hz is not None and band_hz > BAND_TOLERANCE * expects.band_hz:
        example = int(np.argmax(sounding >= band_hz))
        expected = f"nothing above {expects.band_hz / 1000:.4g} kHz"
        add(expected, f"sound up to {band_hz / 1000:.4g} kHz in the median clip", example)
    return contradictions


def _did_nothing(expects: Expectation, rows: Any) -> bool:
    """Whether no clip was changed, though enough of them are not silent."""
    least = {"each": 1, "some": LEAST_CLIPS}.get(expects.changes, np.inf)
    return int((~rows["silent"]).sum()) >= least and not rows["changed"].any()


def _late(delay_s: Any) -> tuple[float, Any]:
    """The median delay and the indices of the clips that are off, if most are to one side."""
    known = np.isfinite(delay_s)
    for side in (1, -1):
        late = np.flatnonzero(known & (side * delay_s > DELAY_TOLERANCE_S))
        if len(late) and len(late) >= LATE_SHARE * known.sum():
            return float(np.median(delay_s[known])), late
    return 0.0, np.array([], dtype=np.int64)


def _spread(values: Any) -> Spread:
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return Spread(np.nan, np.nan, np.nan, 0)
    return Spread(float(np.median(finite)), float(finite.min()), float(finite.max()), len(finite))

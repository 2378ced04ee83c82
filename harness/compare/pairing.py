"""Pair two runs on the clips of both.

Clips are matched by name; clips whose recordings differ under the same name are left out of every
comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.compare.matching import (
    MatchedName,
    match_conditions,
    match_models,
    reason_against,
)
from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet
from harness.results.clip_facts import IDENTITY, columns_of
from harness.results.coverage import complete
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.results.shared_clips import SharedClips
from harness.summary.cells import Grid, Rows

_RUN, _BASELINE = "run ", "baseline "


@dataclass(frozen=True, eq=False)
class PairedCells:
    """The same clips in both runs, for metrics that share one rule of which clips count."""

    run: ClipSet
    baseline: ClipSet
    run_rows: Rows
    baseline_rows: Rows

    @property
    def rows(self) -> tuple[Rows, Rows]:
        return self.run_rows, self.baseline_rows


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two runs side by side.

    Parameters
    ----------
    run, baseline
        Each run alone, with its own thresholds and policy for unscored clips.
    both
        The rows of both runs with common clip and group numbers, each with its own threshold, and
        the run's policy.
    table
        The table behind `both`.
    comparable
        Rows of `both` whose clip is the same recording in both runs, or in one run only.
    shared
        The clips of both.
    """

    run: Grid
    baseline: Grid
    both: Grid
    table: pd.DataFrame
    run_record: RunRecord
    baseline_record: RunRecord
    models: list[MatchedName]
    conditions: list[MatchedName]
    comparable: NDArray[np.bool_]
    shared: SharedClips

    @classmethod
    def of(cls, run: RunFolder, baseline: RunFolder) -> Pairing:
        """Complete both tables and number their clips and groups alike."""
        records = run.record, baseline.record
        tables = [complete(folder.table, folder.record) for folder in (run, baseline)]
        if records[0].data.digest == records[1].data.digest:
            tables = [_identified(*tables), _identified(*tables[::-1])]
        grids = [Grid.of(table, record) for table, record in zip(tables, records, strict=True)]
        sides = [
            table.assign(model=side + table["model"].astype(str))
            for side, table in zip((_RUN, _BASELINE), tables, strict=True)
        ]
        joined: Any = pd.concat(sides, ignore_index=True)

        def threshold_of(name: str) -> float:
            record, side = (records[0], _RUN) if name.startswith(_RUN) else (records[1], _BASELINE)
            return record.threshold_of(name.removeprefix(side))

        shared = SharedClips.of(*tables)
        return cls(
            run=grids[0],
            baseline=grids[1],
            both=Grid.of(joined, run.record, threshold_of),
            table=joined,
            run_record=run.record,
            baseline_record=baseline.record,
            models=match_models(*(grid.models for grid in grids)),
            conditions=match_conditions(*records, *(grid.conditions for grid in grids)),
            comparable=~joined["clip_id"].isin(shared.exchanged).to_numpy(dtype=bool),
            shared=shared,
        )

    def cells(
        self, model: MatchedName, condition: MatchedName, metrics: tuple[str, ...]
    ) -> PairedCells:
        """The comparable clips that count in both runs.

        For coverage: all clips that both owe. For rankings, and for decisions where unscored clips
        are excluded: the clips that both scored. For decisions where a policy decides unscored
        clips: those that both tried.
        """
        both = self.both
        counts = self.comparable
        decided = METRICS.is_decided(metrics[0])
        if METRICS.needs_score(metrics[0]) or (decided and both.policy == "excluded"):
            counts = counts & both.ok
        elif decided:
            counts = counts & both.tried
        run_rows = both.rows_of(_RUN + model.run, condition.run)
        baseline_rows = both.rows_of(_BASELINE + model.baseline, condition.baseline)
        run_rows, baseline_rows = run_rows[counts[run_rows]], baseline_rows[counts[baseline_rows]]
        _, first, second = np.intersect1d(
            both.clip[run_rows], both.clip[baseline_rows], assume_unique=True, return_indices=True
        )
        run_rows, baseline_rows = run_rows[first], baseline_rows[second]
        return PairedCells(
            both.cell(run_rows, metrics), both.cell(baseline_rows, metrics), run_rows, baseline_rows
        )

    def reason_against(self, model: MatchedName, condition: MatchedName, metric: str) -> str:
        """Why a figure under a condition may not be compared; empty where it may."""
        return self.other_data or reason_against(
            self.run_record, self.baseline_record, model, condition, metric
        )

    @cached_property
    def other_data(self) -> str:
        """Why the runs are of different data; empty where they share all clips or a part."""
        now, before = self.run_record.data, self.baseline_record.data
        if now.digest != before.digest and not self._is_part:
            return f"other data: digest {now.digest}, was {before.digest}"
        return f"other data: {self.shared.words}" if self.shared.other_data else ""

    @cached_property
    def _is_part(self) -> bool:
        """Whether one run took, by `--limit`, a subset of the clips of the other."""
        table: Any = self.table
        clips: list[Any] = [
            table[table["model"].str.startswith(side)]
            .drop_duplicates("clip_id")
            .set_index("clip_id")[["label", *IDENTITY]]
            .fillna("")
            .astype(str)
            for side in (_RUN, _BASELINE)
        ]
        for record, part, whole in (
            (self.run_record, *clips),
            (self.baseline_record, *clips[::-1]),
        ):
            known = record.data.limit is not None and part.index.isin(whole.index).all()
            if known and (part == whole.loc[part.index]).all(axis=None):
                return True
        return False


def _identified(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Give clips without any row of their own a name that only the other run of the data knows.

    The assignment within a class is arbitrary: it has as many unnamed clips as names are left.
    """
    frame: Any = table
    unnamed = frame["clip_id"].str.startswith("\0")
    if not unnamed.any():
        return table
    known: Any = other.drop_duplicates("clip_id")
    known = known[~known["clip_id"].isin(set(frame["clip_id"]))]
    known = known[~known["clip_id"].str.startswith("\0")]
    parts: list[pd.DataFrame] = [frame[~unnamed]]
    facts = [name for name in columns_of(frame) if name in known]
    for label in ("real", "fake"):
        rows = frame[unnamed & (frame["label"] == label)].copy()
        placeholders = rows["clip_id"].unique()
        clips = known[known["label"] == label].head(len(placeholders)).set_index("clip_id")
        names = dict(zip(placeholders, clips.index, strict=False))
        rows["clip_id"] = [names.get(name, name) for name in rows["clip_id"]]
        for fact in facts:
            values = clips[fact].reindex(rows["clip_id"])
            rows[fact] = values.fillna(rows.set_index("clip_id")[fact]).to_numpy()
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)

"""The clips of several data sets as one test set: one threshold for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.leaderboard.comparable_runs import Field
from harness.leaderboard.rank import Bounded, one_bounded, unknown
from harness.metrics import METRICS
from harness.metrics.bootstrap import Cell, estimate
from harness.terms import CLEAN


def pool(fields: Sequence[Field], metric: str, resamples: int, seed: int) -> list[Bounded]:
    """Of all clips of all fields as one test set; groups of all are drawn together."""
    models = fields[0].models
    parts = [[field.cells[CLEAN, model] for field in fields] for model in models]
    alike = METRICS.needs_score(metric) or all(
        len({cell.threshold for cell in each}) == 1 for each in parts
    )
    if len(fields) < 2 or not alike:
        return [unknown() for _ in models]
    offsets = np.cumsum([0, *(field.grid.groups for field in fields)]).tolist()
    cells = [_joined(each, offsets, metric) for each in parts]
    drawn = estimate(cells, offsets[-1], resamples, seed)
    return [one_bounded(drawn[cell][metric]) for cell in cells]


def _joined(cells: Sequence[Cell], offsets: Sequence[int], metric: str) -> Cell:
    def groups(name: str) -> Any:
        each = [getattr(cell, name) + start for cell, start in zip(cells, offsets, strict=False)]
        return np.concatenate(each)

    return replace(
        cells[0],
        real=np.concatenate([cell.real for cell in cells]),
        fake=np.concatenate([cell.fake for cell in cells]),
        metrics=(metric,),
        **{
            name: groups(name)
            for name in (
                "real_group",
                "fake_group",
                "unscored_real_group",
                "unscored_fake_group",
                "missing_group",
            )
        },
    )

"""Differences of means over conditions: of all perturbed ones, and of every family.

A mean weighs its conditions alike and is of the same draws, so that what conditions have in common
counts. It is compared only where all its conditions are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.difference import Difference
from harness.metrics.paired import Paired, mean_of_pairs

FEWEST = 2
"""A family of a single condition has no mean of its own."""

_Figures = Mapping[tuple[str, str, str], Paired]


@dataclass(frozen=True)
class MeanDifference(Difference):
    """The mean of a figure over conditions in both runs; `condition` says in words of which.

    Parameters
    ----------
    family
        Empty for the mean over all perturbed conditions.
    conditions
        Of the mean, in either run.
    """

    family: str = ""
    conditions: tuple[str, ...] = ()


def draft_means(
    cells: Sequence[Difference], families: Mapping[str, Sequence[str]]
) -> Iterator[MeanDifference]:
    """The means of every metric, with a status; nothing is compared yet.

    Parameters
    ----------
    families
        The conditions of every family, without `clean`.
    """
    parts = {"": [name for names in families.values() for name in names], **families}
    by_key = {cell.key: cell for cell in cells}
    for model, metric in dict.fromkeys((cell.model, cell.metric) for cell in cells):
        for family, names in parts.items():
            if len(names) < (FEWEST if family else 1):
                continue
            of = [by_key[model, name, metric] for name in names if (model, name, metric) in by_key]
            barred = next((cell for cell in of if cell.status != "compared"), None)
            many = f"{len(names)} condition{'s' * (len(names) != 1)}"
            yield MeanDifference(
                model,
                f"mean of {family} ({many})" if family else f"mean of {many}",
                metric,
                "compared" if barred is None else barred.status,
                "" if barred is None else f"{barred.condition}: {barred.reason}",
                math.nan,
                math.nan,
                family=family,
                conditions=tuple(names),
                n=max((cell.n for cell in of), default=0) if barred is None else 0,
            )


def mean_figure(cell: MeanDifference, figures: _Figures) -> Paired:
    """The figure of a mean whose conditions are all compared."""
    return mean_of_pairs([figures[cell.model, name, cell.metric] for name in cell.conditions])

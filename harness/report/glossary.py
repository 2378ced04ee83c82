"""Titles and meanings of all metrics, from the table of metrics."""

from __future__ import annotations

from dataclasses import dataclass

from harness.metrics import METRICS, Metric
from harness.metrics.metric import GROUPS as METRIC_GROUPS

GROUPS = {**METRIC_GROUPS, "damage": "Damage against clean", "other": "Other"}


@dataclass(frozen=True)
class Term:
    """A metric for readers; `prose` is its title within a sentence."""

    metric: str
    title: str
    group: str
    better: str
    meaning: str
    prose: str

    @classmethod
    def of(cls, metric: Metric) -> Term:
        return cls(
            metric.name, metric.title, metric.group, metric.better, metric.meaning, metric.prose
        )


def terms() -> list[Term]:
    """Every metric, by group."""
    order = list(GROUPS)
    return [
        Term.of(metric) for metric in sorted(METRICS.values(), key=lambda m: order.index(m.group))
    ]


def term(metric: str) -> Term:
    """The entry of a metric; an unknown one is shown under its own name."""
    if metric in METRICS:
        return Term.of(METRICS[metric])
    return Term(metric, metric, "other", "", "", metric)

"""Titles and meanings of all metrics, from the table of metrics."""

from __future__ import annotations

from harness.metrics import METRICS, Metric
from harness.metrics.metric import GROUPS as METRIC_GROUPS

GROUPS: dict[str, str] = {**METRIC_GROUPS, "damage": "Damage against clean", "other": "Other"}


def terms() -> list[Metric]:
    """Return every metric, by group."""
    order = list(GROUPS)
    return sorted(METRICS.values(), key=lambda metric: order.index(metric.group))


def term(name: str) -> Metric:
    """Return a metric; one that is unknown here, as of a newer run, is shown under its own name."""
    return METRICS.get(name) or Metric(name=name, title=name, meaning="", group="other")

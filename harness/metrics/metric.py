"""The types of metrics: words, range, formula, and where each is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

from harness.metrics.account import Account, account_of
from harness.metrics.classification import Array, Confusion, count
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.detection import ThresholdSweep, sweep

Support = Literal["clips", "both", "real", "fake", "called_real", "called_fake", "owed"]
"""The clips in a metric's denominator: all that count; all, with both classes present; those of one
class; those called one class; all that the run owes. Scored clips count and, for decision metrics,
those that a policy decides."""

Group = Literal["decision", "real", "threshold", "ranking", "likelihood", "selective", "other"]
GROUPS: dict[Group, str] = {
    "decision": "Decisions, fake positive",
    "real": "Decisions, real positive",
    "threshold": "Decisions, by class and by cost",
    "ranking": "Ranking",
    "likelihood": "Likelihood and calibration",
    "selective": "Selective use",
}


class Range(NamedTuple):
    """Smallest and largest possible value; either may be infinite."""

    least: float
    most: float

    @property
    def span(self) -> float:
        """The largest possible difference."""
        return self.most - self.least


SHARE = Range(0.0, 1.0)
POSITIVE = Range(0.0, math.inf)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table.

    A list in which metrics are shown has them in an order of its own: `compared`, `damage`,
    `headline` and `released` are the metric's place in that list, counted from 1, or 0 where it is
    not in it.

    Parameters
    ----------
    title, meaning
        For readers of the report and its glossary.
    group
        Metrics of a group are shown together in the table of all metrics.
    better
        Which direction is good.
    support
        The clips in its denominator.
    best
        Metric that is the same at the best threshold for the clips themselves.
    costed
        Whether its formula depends on the detection costs, as its keyword `cost`.
    compared
        In comparisons of two runs, and so in gates and leaderboards.
    damage
        In what perturbations cost against `clean`.
    headline
        In the summary on the terminal.
    released
        In histories of releases and in leaderboards.
    brief
        Whether slices of perturbed conditions have it.
    """

    name: str
    title: str
    meaning: str
    group: Group
    better: Literal["higher", "lower"] = "higher"
    support: Support = "both"
    range: Range = SHARE
    best: str = ""
    costed: bool = False
    compared: int = 0
    damage: int = 0
    headline: int = 0
    released: int = 0
    brief: bool = False
    fitted: bool = False

    @property
    def is_count(self) -> bool:
        """Whether it counts what is there, and so has no interval."""
        return self.support == "owed"

    @property
    def prose(self) -> str:
        """The title within a sentence: abbreviations and names keep their capitals."""
        title = self.title
        return title if any(c.isupper() or c.isdigit() for c in title[1:]) else title.lower()


@dataclass(frozen=True, kw_only=True)
class DecisionMetric(Metric):
    """A metric of the decisions at a threshold; a policy may decide clips without a score."""

    formula: Callable[[Confusion], Array]

    def value(self, real: Array, fake: Array, threshold: float = 0.0) -> float:
        return float(self.formula(count(real, fake, threshold)))


@dataclass(frozen=True, kw_only=True)
class RankingMetric(Metric):
    """A metric of the order of the scores, and so of scored clips alone.

    Parameters
    ----------
    weights
        The most that it changes where every real clip, or every fake, moves in the order.
    """

    formula: Callable[[ThresholdSweep], Array]
    weights: tuple[float, float] = (0.5, 0.5)

    def value(self, real: Array, fake: Array, _threshold: float = 0.0) -> float:
        return float(self.formula(sweep(real, fake))[0])


@dataclass(frozen=True, kw_only=True)
class CalibrationMetric(Metric):
    """A metric of the scores as the log-odds that they claim to be, and so of scored clips alone.

    Likelihood metrics take the scores for log-likelihood ratios, which is the same at an even
    prior. With `fitted` it is fitted to the clips that it judges, so its bias grows as they get
    fewer.

    Parameters
    ----------
    summed
        Whether it is read off sums over clips alone, without their order.
    """

    formula: Callable[[Account], Array]
    summed: bool = False

    def value(self, real: Array, fake: Array, threshold: float = 0.0) -> float:
        return float(self.formula(account_of(real, fake, threshold)))


AnyMetric = DecisionMetric | RankingMetric | CalibrationMetric


class MetricTable(dict[str, AnyMetric]):
    """All metrics by name, and the lists that are derived from their rows."""

    def __init__(self, *metrics: AnyMetric) -> None:
        super().__init__({metric.name: metric for metric in metrics})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self)

    @property
    def compared(self) -> tuple[str, ...]:
        return self._listed(lambda metric: metric.compared)

    @property
    def damage(self) -> tuple[str, ...]:
        return self._listed(lambda metric: metric.damage)

    @property
    def headline(self) -> tuple[str, ...]:
        return self._listed(lambda metric: metric.headline)

    @property
    def released(self) -> tuple[str, ...]:
        return self._listed(lambda metric: metric.released)

    def without_coverage(self, names: Iterable[str]) -> tuple[str, ...]:
        """The metrics that several models can have on shared clips."""
        return tuple(name for name in names if self[name].support != "owed")

    def chosen(self, condition: Callable[[AnyMetric], bool]) -> tuple[str, ...]:
        """Names of the metrics that fulfil a condition, in the order of the table."""
        return tuple(name for name, metric in self.items() if condition(metric))

    def kinds(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """Split names by the clips they are of: decisions, ranking, coverage; empty kinds left out.

        Clips that a policy decides count in decisions, only scored clips in a ranking, and all
        clips that the run owes in coverage.
        """
        kinds: dict[str, list[str]] = {"decided": [], "ranked": [], "owed": []}
        for name in dict.fromkeys(names):
            decided = "decided" if self.is_decided(name) else "owed"
            kinds["ranked" if self.needs_score(name) else decided].append(name)
        return [tuple(kind) for kind in kinds.values() if kind]

    def is_decided(self, name: str) -> bool:
        """Whether a metric is of decisions, and so of the threshold and the policy."""
        return not self.needs_score(name) and self[name].support != "owed"

    def needs_score(self, name: str) -> bool:
        """Whether a metric is of scored clips alone, whatever the policy decides."""
        return not isinstance(self[name], DecisionMetric)

    def at(self, name: str, cost: DetectionCost = ASVSPOOF_5) -> AnyMetric:
        """The metric of that name; one that depends on detection costs with these costs."""
        metric = self[name]
        if not metric.costed or cost == ASVSPOOF_5:
            return metric
        return with_cost(metric, cost)

    def _listed(self, place: Callable[[AnyMetric], int]) -> tuple[str, ...]:
        listed = [metric for metric in self.values() if place(metric)]
        return tuple(metric.name for metric in sorted(listed, key=place))


def with_cost(metric: AnyMetric, cost: DetectionCost) -> AnyMetric:
    """A metric of detection cost with other costs; its range and weights follow."""
    weights = (cost.real_weight, cost.fake_weight)
    formula = partial(metric.formula, cost=cost)
    if isinstance(metric, RankingMetric):
        return replace(metric, formula=formula, weights=weights)
    return replace(metric, formula=formula, range=Range(0.0, sum(weights)))

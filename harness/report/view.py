"""Views of a run and its models, from which the sections of its page are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.claims.published import Published
from harness.report.chart import Chart
from harness.report.example import Example
from harness.report.lookup import Index
from harness.results.figures import Damage, MetricRow
from harness.results.record import ConditionRecord
from harness.terms import CLEAN

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.flips import Flip
    from harness.compare.verdict import Gate

ExampleKey = tuple[str, str, str]
"""Model, condition and clip."""


@dataclass(frozen=True)
class RunView:
    """A run as shown on its page.

    Parameters
    ----------
    examples
        Those that the page has room for; `left_out` is the number of the others.
    """

    index: Index
    published: Published | None = None
    gate: Gate | None = None
    comparison: Comparison | None = None
    examples: Sequence[Example] = ()
    left_out: int = 0

    @cached_property
    def mistakes(self) -> set[ExampleKey]:
        return {(m.model, m.condition, m.clip_id) for m in self.index.summary.mistakes}

    @cached_property
    def flips(self) -> dict[ExampleKey, Flip]:
        flips = [] if self.comparison is None else self.comparison.flips
        return {(flip.model, flip.condition, flip.clip_id): flip for flip in flips}

    @cached_property
    def anchors(self) -> dict[ExampleKey, str]:
        """Anchors of the clips that changed verdict and can be played."""
        return {
            example.key: f"example-{place}"
            for place, example in enumerate(self.examples)
            if example.key in self.flips
        }


@dataclass(frozen=True)
class ModelView:
    """One model of a run; `number` is its place among the models."""

    run: RunView
    number: int
    name: str

    @property
    def index(self) -> Index:
        return self.run.index

    def row(self, condition: str, metric: str, part: str = "all") -> MetricRow:
        return self.index.row(self.name, condition, metric, part)

    def damage(self, condition: str, metric: str = "accuracy") -> Damage:
        return self.index.damage(self.name, condition, metric)

    def anchor(self, name: str) -> str:
        """Return the name of a table or chart, unique to this model."""
        return f"{name}-{self.number}"

    @cached_property
    def choices(self) -> list[ConditionRecord]:
        """All conditions: clean first, then by loss of accuracy."""
        clean = [c for c in self.index.conditions if c.name == CLEAN]
        return clean + [loss.condition for loss in self.index.losses(self.name)]

    def beside(self, name: str, draw: Callable[[str], Chart | None]) -> Beside:
        """Return charts of every condition that has something to draw, clean first."""
        name = self.anchor(name)
        drawn = {
            (f"{name}-{place}", condition.words): chart
            for place, condition in enumerate(self.choices)
            if (chart := draw(condition.name)) is not None
        }
        return Beside(name, list(drawn), {key: chart for (key, _), chart in drawn.items()})

    @property
    def worst(self) -> ConditionRecord | None:
        return self.choices[1] if len(self.choices) > 1 else None


@dataclass(frozen=True)
class Beside:
    """Charts of one kind: the first, and beside it one that the reader chooses.

    Parameters
    ----------
    charts
        Key and words of each.
    drawn
        Each by its key.
    """

    name: str
    charts: Sequence[tuple[str, str]]
    drawn: dict[str, Chart] = field(default_factory=dict[str, Chart])

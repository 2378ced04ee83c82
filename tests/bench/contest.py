"""Contenders timed side by side, and the sheets on which the results are kept.

Contenders take turns in one process, every other round in reverse order, so that a machine that
slows down or speeds up favours none. The first round is not counted; medians are reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Contender = Callable[[], object]
"""Does its work; may return the seconds to count, where not all count."""


@dataclass(frozen=True)
class Times:
    """Seconds of every round by contender."""

    seconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        return median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Median over rounds of the seconds of one over those of the other."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return median(one / other for one, other in pairs)

    def spread(self, name: str) -> str:
        """The median, with the range where that exceeds a twentieth of it."""
        each, middle = self.seconds[name], self.median(name)
        if max(each) - min(each) < middle / 20:
            return seconds(middle)
        return f"{seconds(middle)} ({seconds(min(each))}–{seconds(max(each))})"


def take_turns(benchmark: Any, contenders: Mapping[str, Contender], rounds: int) -> Times:
    """Run every contender once a round; the benchmark's own figure is a whole round."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)

    def one_round() -> None:
        for name in order:
            began = time.perf_counter()
            counted = contenders[name]()
            took = time.perf_counter() - began
            found[name].append(counted if isinstance(counted, float) else took)
        order.reverse()

    benchmark.pedantic(one_round, rounds=rounds, iterations=1, warmup_rounds=1)
    return Times({name: each[1:] for name, each in found.items()})


def once(benchmark: Any, measure: Callable[[], object]) -> None:
    """Run a measurement a single time, as a benchmark."""
    benchmark.pedantic(measure, rounds=1, iterations=1)


@dataclass
class Sheet:
    """Results of a benchmark: a table for the page, and its targets."""

    section: str
    """Name of the page's table."""
    head: list[str] = field(default_factory=list[str])
    rows: list[list[str]] = field(default_factory=list[list[str]])
    notes: list[str] = field(default_factory=list[str])
    targets: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def target(self, name: str, measured: str, met: bool | None) -> None:
        """Add a line to the table of targets; `met` is None where not measured."""
        self.targets[name] = {"measured": measured, "met": met}


def seconds(value: float) -> str:
    if value < 0.1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"


def times(ratio: float) -> str:
    return f"{ratio:.3g} ×" if ratio < 100 else f"{ratio:.0f} ×"

"""The page of one questioned recording: finished values, drawn without a script."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.forensic.case import Case, Timeline
from harness.forensic.likelihood_ratio import ratio
from harness.report import formatting
from harness.report.page_base import asset, environment, security, trusted

CLEAR_STEP = 0.6
"""A step that explains this share of the windows' variance is drawn."""

_TICKS = (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200)
_MOST_TICKS = 8
_STEPS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_PLOT_TOP, _PLOT_HEIGHT = 134.0, 150.0
_ROW_HEIGHT = 16


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis: a percentage across, or pixels down."""

    at: float
    label: str


Segment = tuple[float, float, float, float]
"""A piece of a line, from x and y to x and y: percentages across, pixels down."""


@dataclass(frozen=True)
class Drawing:
    """The timeline over the spectrogram; `lines` are the class and segments of each timeline."""

    across: list[Tick]
    down: list[Tick]
    threshold: float
    lines: list[tuple[str, list[Segment]]]
    steps: list[Tick]
    scored: float


def render_case(case: Case) -> str:
    """Write the page of one case."""
    style = asset("style.css") + asset("case.css")
    content: dict[str, Any] = {
        "case": case,
        "style": trusted(style),
        "scripts": [],
        "security": security([style], []),
        "drawing": drawing(case),
        "cells": _cells(case),
        "rows_height": 8 * _ROW_HEIGHT,
        "heard_ticks": _across(case.attribution.seconds) if case.attribution else [],
        "ratio": ratio,
        "bound": _bound,
        "interval_words": _interval_words(case),
        "bits": formatting.MISSING if case.file.bits is None else f"{case.file.bits} bit",
        "coding_words": _coding(case),
        "spread": _spread(case),
        "clear": CLEAR_STEP,
    }
    return environment().get_template("case.html.j2").render(content)


def drawing(case: Case) -> Drawing | None:
    """Return the layout of the timeline; None without a scored window."""
    known = [
        window.score
        for timeline in case.timelines
        for window in timeline.windows
        if math.isfinite(window.score)
    ]
    if not known:
        return None
    threshold, seconds = case.subject.threshold, case.file.seconds
    low, high = min([*known, threshold, case.score]), max([*known, threshold, case.score])
    room = 0.08 * (high - low) or 0.5
    low, high = low - room, high + room

    def down(score: float) -> float:
        return round(_PLOT_TOP + _PLOT_HEIGHT * (high - score) / (high - low), 1)

    step = next((size for size in _STEPS if (high - low) / size <= 6), _STEPS[-1])
    first = math.ceil(low / step)
    marks = [place * step for place in range(first, int(high // step) + 1)]
    return Drawing(
        across=_across(seconds),
        down=[Tick(down(mark), formatting.quantity(mark)) for mark in marks],
        threshold=down(threshold),
        lines=[
            ("short" if timeline.padded else "own", _segments(timeline, seconds, down))
            for timeline in case.timelines
        ],
        steps=[
            Tick(100 * timeline.step.at_s / seconds, f"{timeline.step.at_s:.1f} s")
            for timeline in case.timelines
            if timeline.step is not None and timeline.step.strength >= CLEAR_STEP
        ],
        scored=min(100.0, 100 * case.heard_s / seconds),
    )


def _segments(timeline: Timeline, seconds: float, down: Any) -> list[Segment]:
    places = [
        (round(100 * window.middle_s / seconds, 3), window.score) for window in timeline.windows
    ]
    if len(places) == 1:  # a dash, so that it is seen
        (at, score) = places[0]
        places = [(at - 0.5, score), (at + 0.5, score)]
    return [
        (x1, down(first), x2, down(second))
        for (x1, first), (x2, second) in pairwise(places)
        if math.isfinite(first) and math.isfinite(second)
    ]


def _across(seconds: float) -> list[Tick]:
    if not seconds > 0:
        return []
    step = next((size for size in _TICKS if seconds / size <= _MOST_TICKS), _TICKS[-1])
    return [
        Tick(round(100 * place * step / seconds, 3), formatting.quantity(place * step, "s"))
        for place in range(int(seconds / step) + 1)
        if place * step <= 0.97 * seconds
    ]


def _cells(case: Case) -> list[dict[str, Any]]:
    """Return the cells of the picture of the evidence: percentages across, pixels down.

    The lowest band is at the bottom; opacity is relative to the largest value.
    """
    attribution = case.attribution
    if attribution is None or not attribution.cells:
        return []
    largest = max(abs(value) for row in attribution.cells for value in row) or 1.0
    rows, columns = len(attribution.cells), len(attribution.cells[0])
    return [
        {
            "x": round(100 * place / columns, 3),
            "y": (rows - 1 - row) * _ROW_HEIGHT,
            "width": round(100 / columns + 0.05, 3),
            "toward": "fake" if value > 0 else "real",
            "opacity": round(abs(value) / largest, 3),
            "words": f"{attribution.seconds * place / columns:.2f} s, band {row + 1} of {rows}: "
            f"{formatting.signed(value, 2)}",
        }
        for row, values in enumerate(attribution.cells)
        for place, value in enumerate(values)
    ]


def _bound(llr: float) -> str:
    """Return a bound in words: `17 for fake`."""
    return f"{ratio(llr)} for {'fake' if llr > 0 else 'real'}"


def _interval_words(case: Case) -> str:
    weight = case.weight
    if not (math.isfinite(weight.low) and math.isfinite(weight.high)):
        return ""
    return f"{_bound(weight.low)} to {_bound(weight.high)}"


def _coding(case: Case) -> str:
    match case.file.lossy_now:
        case True:
            return "lossy"
        case False:
            return "lossless in its present form"
        case None:
            return "lossy or not: unknown"


def _spread(case: Case) -> str:
    known = [change.score for change in case.changes if math.isfinite(change.score)]
    if not known:
        return ""
    low, high = min([*known, case.score]), max([*known, case.score])
    turned = [change.words for change in case.changes if change.turned]
    crossed = (
        f"It crosses the run's threshold of {formatting.quantity(case.subject.threshold)} after "
        f"{formatting.listed(turned)}."
        if turned
        else f"None of them takes it across the run's threshold of "
        f"{formatting.quantity(case.subject.threshold)}."
    )
    return (
        f"Between {formatting.figure(low, 2)} and {formatting.figure(high, 2)}, a spread of "
        f"{formatting.figure(high - low, 2)}. {crossed}"
    )

"""ROC curves, distributions of scores, the worst mistakes, and the clips without a score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.detection import Roc, roc
from harness.results.figures import AudioNote, Curve, Histogram, Mistake, Unscored
from harness.summary.cells import Grid
from harness.terms import CLEAN

Array = NDArray[np.float64]

POINTS = 200
BINS = 40
MISTAKES = 12
MISTAKES_PER_CONDITION = 2


def curves(grid: Grid) -> Iterator[Curve]:
    """The ROC of every condition that has scores of both classes."""
    for model in grid.models:
        for condition in grid.conditions:
            cell = grid.whole(model, condition)
            if len(cell.real) and len(cell.fake):
                points = roc(cell.real, cell.fake)
                kept = thin(points)
                yield Curve(model, condition, points.fpr[kept].tolist(), points.tpr[kept].tolist())


def thin(points: Roc, most: int = POINTS) -> NDArray[np.intp]:
    """Indices of the points of a ROC to draw: its corners, thinned if there are too many.

    Thinning keeps the ends, fills up to half of the places with points of the convex hull, and the
    rest with points spread evenly along the curve.
    """
    x, y = points.fpr, points.tpr
    turns = np.diff(x)[1:] * np.diff(y)[:-1] != np.diff(x)[:-1] * np.diff(y)[1:]
    corners = np.concatenate([[0], np.flatnonzero(turns) + 1, [len(x) - 1]])
    if len(corners) <= most:
        return corners
    way = x[corners] + y[corners]
    hull = _hull(x[corners], y[corners])
    hull = hull[np.unique(np.linspace(0, len(hull) - 1, most // 2).round().astype(np.intp))]
    even = np.searchsorted(way, np.linspace(0, 2, most - len(hull)).clip(0, way[-1]))
    return corners[np.unique(np.concatenate([hull, even]))]


def _hull(x: Array, y: Array) -> NDArray[np.intp]:
    """Indices of the points on the upper convex hull, in the order of the curve."""
    from scipy.spatial import ConvexHull, QhullError  # slow to import and seldom needed

    try:
        vertices = ConvexHull(np.column_stack([x, y])).vertices
    except QhullError:  # all on one line
        return np.array([0, len(x) - 1], dtype=np.intp)
    return np.sort(vertices[y[vertices] >= x[vertices]]).astype(np.intp)


def histograms(grid: Grid) -> Iterator[Histogram]:
    """Scores by class for every condition that has any, on edges shared within a model."""
    for model in grid.models:
        cells = {name: grid.whole(model, name) for name in grid.conditions}
        scores = np.concatenate(
            [part for cell in cells.values() for part in (cell.real, cell.fake)]
        )
        if not len(scores):
            continue
        edges = bin_edges(scores, grid.threshold[model])
        for condition, cell in cells.items():
            for label, part in (("real", cell.real), ("fake", cell.fake)):
                if len(part):
                    inside = np.clip(np.searchsorted(edges, part, side="right") - 1, 0, BINS - 1)
                    counts = np.bincount(inside, minlength=BINS)
                    yield Histogram(model, condition, label, edges.tolist(), counts.tolist())


def bin_edges(scores: Array, threshold: float) -> Array:
    """`BINS` equal bins over all but the outermost 0.5 % of the finite scores on either side.

    The bins are moved by less than one so that the threshold, where it is among them, is an edge.
    """
    finite = scores[np.isfinite(scores)]
    low, high = np.quantile(finite, [0.005, 0.995]) if len(finite) else (threshold, threshold)
    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    width = (high - low) / (BINS - 1)
    start, below = low, 0
    if low < threshold < high:
        # Counted from the threshold, so that it is exactly an edge and a score on it lies above.
        start, below = threshold, math.ceil((threshold - low) / width)
    return np.asarray(start + width * (np.arange(BINS + 1) - below), dtype=np.float64)


def mistakes(table: pd.DataFrame, grid: Grid) -> Iterator[Mistake]:
    """The most confident errors of every model, those under `clean` first.

    At most `MISTAKES` per model, one per clip and `MISTAKES_PER_CONDITION` per condition, so that
    they show different kinds of errors.
    """
    wrong = grid.ok & ((grid.score >= grid.bar) != grid.fake)
    errors: Any = table[wrong].assign(
        _margin=np.abs(grid.score - grid.bar)[wrong],
        _clean=(table["condition"] == CLEAN)[wrong],
    )
    order = errors.sort_values(
        ["_clean", "_margin", "clip_id", "condition"], ascending=[False, False, True, True]
    )
    for model in grid.models:
        own = order[order["model"] == model]
        best = own[own["_clean"]].head(MISTAKES_PER_CONDITION)
        rest = own[~own["_clean"] & ~own["clip_id"].isin(best["clip_id"])]
        rest = rest.drop_duplicates("clip_id").groupby("condition", sort=False)
        chosen = pd.concat([best, rest.head(MISTAKES_PER_CONDITION)]).head(MISTAKES)
        for row in chosen.to_dict("records"):
            yield _mistake(row)


def _mistake(row: dict[Any, Any]) -> Mistake:
    texts = {
        name: _text(row[name])
        for name in ("model", "condition", "clip_id", "label", "generator", "source")
    }
    return Mistake(**texts, score=float(row["score"]), seconds=float(row["seconds"]))


def unscored(table: pd.DataFrame, grid: Grid) -> Iterator[Unscored]:
    """Rows that have no score, counted by status and reason, the most frequent first."""
    lost: Any = table[~grid.ok]
    keys = ["model", "condition", "status", "reason"]
    counts = lost.fillna({"reason": ""}).groupby(keys, sort=True, observed=True).size()
    counts = counts.sort_values(ascending=False, kind="stable")
    for (model, condition, status, reason), rows in counts.items():
        yield Unscored(model, condition, status, reason, int(rows))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def audio_notes(table: pd.DataFrame) -> list[AudioNote]:
    """Count the clips with each kind of note on how they were read, the most frequent first.

    The text of a note before its colon is its kind; what follows is specific to one file.
    """
    if "audio_notes" not in table:  # a table that is of scores alone
        return []
    noted: Any = table[table["audio_notes"].fillna("") != ""]
    counts = Counter(
        words
        for notes in noted.drop_duplicates("clip_id")["audio_notes"]
        for words in {note.partition(":")[0] for note in notes.split("; ")}
    )
    return [
        AudioNote(*note_count)
        for note_count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]

"""The numbers of a score file as logits, and the doubts for which they are refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.data.class_names import canonical_label
from harness.data.clip import Label
from harness.detector.scale import (
    COMPUTED,
    LOOKS_LIKE,
    Array,
    Kind,
    logits_of,
    range_doubt,
    written_rounding,
)
from harness.detector.score_file.columns import ScoreColumns, ScoreOptions, add_options
from harness.detector.score_file.file import ScoreTable, is_number
from harness.errors import UsageError
from harness.metrics.detection import auc

_SENTINELS = (0.0, -1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Numbers that people write for a missing score; 0 is one among log-odds only."""
_LEAST_OTHERS = 20


class ScoreValues(NamedTuple):
    """Logits [fake, real] of every row, shape (n, 2), NaN for no answer; and how they were read."""

    logits: Array
    notes: list[str]
    settings: dict[str, object]


def read_values(
    table: ScoreTable, columns: ScoreColumns, options: ScoreOptions, spec: str
) -> ScoreValues:
    """Convert the scores of every row to log-odds of fake.

    Raises UsageError if a cell is not a finite number or outside its scale, or if neither the
    layout nor the user says what must be known.
    """
    missing = options.missing or ()
    texts, values = _numbers(table, columns, missing, spec)
    double = len(columns.values) == 2
    kind, higher = options.kind or columns.kind, options.higher or columns.higher
    if options.missing is None:
        _refuse_sentinel(values, kind, spec)
    _refuse_unstated(table, columns, options, values, spec)
    if double and (options.higher is not None or kind == "log-odds"):
        raise UsageError(
            "two columns are the outputs for fake and for real",
            spec,
            "leave out higher=, and say score=logits, probability or percent",
        )
    kind, higher = kind or "log-odds", higher or "fake"
    rounding = written_rounding(texts, kind) if kind in LOOKS_LIKE else COMPUTED
    try:
        logits = logits_of(values if double else values[:, 0], kind, higher, rounding)
    except ValueError as fault:
        hint = "say missing=VALUE for what is no answer, and score= for what the others are"
        raise UsageError(f"{fault}, as {kind} is to be read", spec, hint) from fault
    notes = [_reading_note(table, columns, kind, higher)]
    if kind in LOOKS_LIKE:
        whole = 1 if kind == "probability" else 100
        low, high = int((values <= 0).any(axis=1).sum()), int((values >= whole).any(axis=1).sum())
        if low or high:
            notes.append(
                f"{low} rows have 0 and {high} have {whole}: taken as "
                f"{rounding.from_zero * whole:g} from it, half of the last digit that the file "
                "writes"
            )
    if absent := int(np.isnan(values).all(axis=1).sum()):
        notes.append(f"{absent} rows have {' or '.join(map(repr, missing))}: no score")
    settings: dict[str, object] = {
        "score": kind,
        "higher": None if double else higher,
        "columns": {
            "clip": columns.clip,
            "values": columns.values,
            "condition": columns.condition,
        },
        "missing": missing,
        "floor": rounding.from_zero if kind in LOOKS_LIKE else None,
    }
    return ScoreValues(logits, notes, settings)


def _numbers(
    table: ScoreTable, columns: ScoreColumns, missing: Sequence[str], spec: str
) -> tuple[list[str], Array]:
    """Return the cells that are scores, and the values of all rows with NaN for no answer."""
    texts: list[str] = []
    rows: list[list[float]] = []
    sentinels = {float(word) for word in missing if is_number(word)}
    for line, row in zip(table.lines, table.rows, strict=True):
        cells = [row[place] for place in columns.values]
        if any(cell in missing or (is_number(cell) and float(cell) in sentinels) for cell in cells):
            rows.append([np.nan] * len(cells))
        else:
            rows.append([_number(cell, spec, line) for cell in cells])
            texts += cells
    if not texts:
        raise UsageError("has no scores", spec, "check missing=")
    return texts, np.array(rows, dtype=np.float64)


def _number(cell: str, spec: str, line: int) -> float:
    if is_number(cell):
        value = float(cell)
        if math.isfinite(value):
            return value
        what, fix = f"the score is {value}", f"leave out what has no score, or say missing={cell}"
    elif cell.count(",") == 1 and is_number(cell.replace(",", ".")):
        what, fix = f"{cell!r} is not a number", "write decimals with a point"
    else:
        what = f"{cell!r} is not a number"
        fix = f"leave out what has no score, or say missing={cell or 'empty'}"
    raise UsageError(what, f"{spec}, line {line}", fix)


def _refuse_sentinel(values: Array, kind: Kind | None, spec: str) -> None:
    """Refuse a number that stands out as a mark for no answer, if nobody said what it is."""
    scores = values[np.isfinite(values).all(axis=1)].ravel()
    for sentinel, count in Counter(scores[np.isin(scores, _SENTINELS)].tolist()).items():
        if not sentinel and kind not in (None, "log-odds"):
            continue
        others = scores[scores != sentinel]
        whole = (others == np.round(others)).sum()
        distinct = len(np.unique(others)) >= 0.9 * len(others)
        alone = count > 1 and len(others) >= _LEAST_OTHERS and distinct and not whole
        like = range_doubt(others) if sentinel < 0 and whole < len(others) and not kind else None
        if alone or like:
            shape = f"that lie in {LOOKS_LIKE[like]}" if like else "that hardly repeat"
            raise UsageError(
                f"{sentinel:g} occurs {count} time{'s' * (count > 1)} among scores {shape}",
                spec,
                f"say missing={sentinel:g} if it means no answer, missing=none if it is a score",
            )


def _refuse_unstated(
    table: ScoreTable, columns: ScoreColumns, options: ScoreOptions, values: Array, spec: str
) -> None:
    """Refuse scores whose scale or direction is not stated, with all that must be added."""
    kind = options.kind or columns.kind
    double = len(columns.values) == 2
    doubts: list[str] = []
    fixes: list[str] = []
    like = range_doubt(values.ravel())
    if kind is None and double:
        doubts.append("does not say whether its two columns are logits or probabilities")
        fixes.append(f"score={like or 'logits'}")
    elif kind is None and like:
        count = int(np.isfinite(values).sum())
        every = f"all {count} scores lie" if count > 1 else "its only score lies"
        doubts.append(f"{every} in {LOOKS_LIKE[like]}")
        fixes.append(f"score={like} (or log-odds)")
    elif kind == "probability" and options.kind is None and like == "percent":
        doubts.append(f"calls them probabilities, and they lie in {LOOKS_LIKE[like]}")
        fixes.append("score=percent")
    if not double and (options.higher or columns.higher) is None:
        leaning = _leaning(table, columns, values[:, 0])
        other = "fake" if leaning == "real" else "real"
        by_key = f" (by its own key {leaning})" if leaning else ""
        doubts.append(f"does not say which class a higher score speaks for{by_key}")
        fixes.append(f"higher={leaning or 'fake'} (or {other})")
    if doubts:
        raise UsageError(", and ".join(doubts), spec, add_options(spec, "&".join(fixes)))


def _leaning(table: ScoreTable, columns: ScoreColumns, values: Array) -> Label | None:
    """Return the class that higher values go with by the file's own key, if it has one."""
    if columns.key is None:
        return None
    labels = np.array([canonical_label(word) or "" for word in table.column(columns.key)])
    finite = np.isfinite(values)
    real, fake = values[finite & (labels == "real")], values[finite & (labels == "fake")]
    if not len(real) or not len(fake) or auc(real, fake) == 0.5:
        return None
    return "fake" if auc(real, fake) > 0.5 else "real"


def _reading_note(table: ScoreTable, columns: ScoreColumns, kind: Kind, higher: Label) -> str:
    converted = {"log-odds": "log-odds", "logits": "two logits", "percent": "percents"}
    scale = converted.get(kind, "probabilities")
    direction = ""
    if len(columns.values) == 1:
        turned = "; the sign is turned" if higher == "real" else ""
        direction = f", higher = {higher}{turned}"
    clip = f", clips by {table.header[columns.clip]}" if table.header else ""
    parquet = table.separator == "Parquet"
    format_ = "from Parquet" if parquet else f"separated by {table.separator}"
    return f"read as {columns.words}{clip}, {format_}: {scale}{direction}"

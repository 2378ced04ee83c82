"""Numbers of a score file, and the doubts on which it is refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.data.class_names import canonical_label
from harness.data.clip import Label
from harness.detector.score_file.column import Layout
from harness.detector.score_file.option import Wanted
from harness.detector.score_file.scale import (
    COMPUTED,
    LOOKS_LIKE,
    Array,
    Kind,
    logits_of,
    range_doubt,
    written_floor,
)
from harness.detector.score_file.sheet import Sheet, is_number
from harness.errors import UsageError
from harness.metrics.detection import auc

_SENTINELS = (0.0, -1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Numbers that people write where there is no answer; 0 is one among log-odds alone."""
_LEAST_OTHERS = 20
_PLACES = ("clip", "values", "condition")


class Reading(NamedTuple):
    """Logits [fake, real] of every row, shape (n, 2), NaN for no answer; and how they were read."""

    logits: Array
    notes: list[str]
    settings: dict[str, object]


def read_values(sheet: Sheet, layout: Layout, wanted: Wanted, spec: str) -> Reading:
    """The scores of every row, as log-odds of fake.

    Raises
    ------
    UsageError
        Where a cell is no finite number or not of its scale, or neither the layout nor the user
        says what must be known.
    """
    texts, values, absent = _numbers(sheet, layout, wanted.missing or (), spec)
    if wanted.missing is None:
        _refuse_sentinel(values, wanted.kind or layout.kind, spec)
    doubles = len(layout.values) == 2
    kind = wanted.kind or layout.kind
    higher = wanted.higher or layout.higher
    _refuse_unsaid(sheet, layout, wanted, values, spec)
    if doubles and (wanted.higher is not None or kind == "log-odds"):
        raise UsageError(
            "two columns are the outputs for fake and for real",
            spec,
            "leave out higher=, and say score=logits, probability or percent",
        )
    kind, higher = kind or "log-odds", higher or "fake"
    written = (text for row in texts for text in row)
    floor = written_floor(written, kind) if kind in LOOKS_LIKE else COMPUTED
    given = values if doubles else values[:, 0]
    try:
        logits = logits_of(given, kind, higher, floor)
    except ValueError as fault:
        hint = "say missing=VALUE for what is no answer, and score= for what the others are"
        raise UsageError(f"{fault}, as {kind} is to be read", spec, hint) from fault
    notes = [_told(sheet, layout, kind, higher)]
    if kind in LOOKS_LIKE:
        whole = 1 if kind == "probability" else 100
        low, high = int((values <= 0).any(axis=1).sum()), int((values >= whole).any(axis=1).sum())
        if low or high:
            notes.append(
                f"{low} rows have 0 and {high} have {whole}: taken as {floor.zero * whole:g} from "
                "it, half of the last digit that the file writes"
            )
    if absent:
        notes.append(f"{absent} rows have {' or '.join(map(repr, wanted.missing or ()))}: no score")
    settings: dict[str, object] = {
        "score": kind,
        "higher": None if doubles else higher,
        "columns": {name: place for name, place in layout._asdict().items() if name in _PLACES},
        "missing": wanted.missing or (),
        "floor": floor.zero if kind in LOOKS_LIKE else None,
    }
    return Reading(logits, notes, settings)


def _numbers(
    sheet: Sheet, layout: Layout, missing: Sequence[str], spec: str
) -> tuple[list[list[str]], Array, int]:
    """Cells that are numbers, their values with NaN for no answer, and how many rows have none."""
    texts: list[list[str]] = []
    rows: list[list[float]] = []
    absent = 0
    sentinels = {float(word) for word in missing if is_number(word)}
    for line, cells in zip(sheet.lines, sheet.rows, strict=True):
        found = [cells[place] for place in layout.values]
        if missing and any(cell in missing or _is_one_of(cell, sentinels) for cell in found):
            rows.append([np.nan] * len(found))
            absent += 1
            continue
        rows.append([_number(cell, spec, line) for cell in found])
        texts.append(found)
    if not texts:
        raise UsageError("has no scores", spec, "check missing=")
    return texts, np.array(rows, dtype=np.float64), absent


def _is_one_of(cell: str, sentinels: set[float]) -> bool:
    return bool(sentinels) and is_number(cell) and float(cell) in sentinels


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


def _refuse_sentinel(values: Array, said: Kind | None, spec: str) -> None:
    """Refuse a number that stands out as one for no answer, where nobody said what it is."""
    found = values[np.isfinite(values).all(axis=1)].ravel()
    for sentinel, count in Counter(found[np.isin(found, _SENTINELS)].tolist()).items():
        if not sentinel and said not in (None, "log-odds"):
            continue
        others = found[found != sentinel]
        whole = (others == np.round(others)).sum()
        distinct = len(np.unique(others)) >= 0.9 * len(others)
        alone = count > 1 and len(others) >= _LEAST_OTHERS and distinct and not whole
        like = range_doubt(others) if sentinel < 0 and whole < len(others) and not said else None
        if alone or like:
            shape = f"that lie in {LOOKS_LIKE[like]}" if like else "that hardly repeat"
            raise UsageError(
                f"{sentinel:g} occurs {count} time{'s' * (count > 1)} among scores {shape}",
                spec,
                f"say missing={sentinel:g} if it means no answer, missing=none if it is a score",
            )


def _refuse_unsaid(sheet: Sheet, layout: Layout, wanted: Wanted, values: Array, spec: str) -> None:
    """Refuse, in one line, whatever about scale and direction nothing says."""
    said = wanted.kind or layout.kind
    doubles = len(layout.values) == 2
    what: list[str] = []
    add: list[str] = []
    like = range_doubt(values.ravel())
    if said is None and doubles:
        what.append("does not say whether its two columns are logits or probabilities")
        add.append(f"score={like or 'logits'}")
    elif said is None and like:
        count = int(np.isfinite(values).sum())
        every = f"all {count} scores lie" if count > 1 else "its only score lies"
        what.append(f"{every} in {LOOKS_LIKE[like]}")
        add.append(f"score={like} (or log-odds)")
    elif said == "probability" and wanted.kind is None and like == "percent":
        what.append(f"calls them probabilities, and they lie in {LOOKS_LIKE[like]}")
        add.append("score=percent")
    if not doubles and (wanted.higher or layout.higher) is None:
        leaning = _leaning(sheet, layout, values[:, 0])
        other = "fake" if leaning == "real" else "real"
        by_key = f" (by its own key {leaning})" if leaning else ""
        what.append(f"does not say which class a higher score speaks for{by_key}")
        add.append(f"higher={leaning or 'fake'} (or {other})")
    if what:
        mark = "&" if "?" in spec else "?"
        raise UsageError(", and ".join(what), spec, f"add {mark}{'&'.join(add)}")


def _leaning(sheet: Sheet, layout: Layout, values: Array) -> Label | None:
    """The class that higher values go with in the file's own key, where it has one."""
    if layout.key is None:
        return None
    labels = np.array([canonical_label(word) or "" for word in sheet.column(layout.key)])
    finite = np.isfinite(values)
    real, fake = values[finite & (labels == "real")], values[finite & (labels == "fake")]
    if not len(real) or not len(fake) or auc(real, fake) == 0.5:
        return None
    return "fake" if auc(real, fake) > 0.5 else "real"


def _told(sheet: Sheet, layout: Layout, kind: Kind, higher: Label) -> str:
    converted = {"log-odds": "log-odds", "logits": "two logits", "percent": "percents"}
    scale = converted.get(kind, "probabilities")
    way = ""
    if len(layout.values) == 1:
        way = f", higher = {higher}" + ("; the sign is turned" if higher == "real" else "")
    clip = f", clips by {sheet.header[layout.clip]}" if sheet.header else ""
    return f"read as {layout.words}{clip}, separated by {sheet.separator}: {scale}{way}"

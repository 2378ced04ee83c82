"""Cells of a table as text, and whether that stands for a missing value.

Every reader uses this, so that `NA` in a CSV file, null in JSON, NaN in Parquet and `-` in a
protocol are all missing. Taken for a name, such a word would make one speaker of all clips whose
speaker is unknown.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from harness.data.class_names import is_missing
from harness.data.clip import Label
from harness.results.clip_facts import FAKES_ONLY

_SHOWN = 6


def cell_text(cell: Any) -> str:
    """Return a cell as text, without blanks around it; empty for null and NaN.

    Numbers keep the digits that they were stored with (`1`, `1.0`), text keeps its own (`001`,
    `1e5`, `None`).
    """
    if cell is None or cell != cell:  # NaN alone differs from itself
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace").strip()
    return str(cell).strip()


class OptionalCells:
    """Reads optional cells, and counts the words that stand for missing.

    Values are returned in Unicode form NFC, so that one name in two forms is one name.
    """

    def __init__(self) -> None:
        self._missing: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def read(self, column: str, cell: Any) -> str:
        """Return the value of a cell of this column; empty where it is missing."""
        text = cell_text(cell)
        if not is_missing(text):
            return unicodedata.normalize("NFC", text)
        if text:
            self._missing[column][text] += 1
        return ""

    def facts(self, cells: Mapping[str, Any], label: Label) -> dict[str, str]:
        """Read the facts of a clip from a cell each; those that only fakes have, of a fake."""
        return {
            name: self.read(name, cell)
            for name, cell in cells.items()
            if label == "fake" or name not in FAKES_ONLY
        }

    @property
    def notes(self) -> list[str]:
        """Number of values that stood for missing, a line for each column that had some."""
        return [
            f"{words.total()} value{'s' * (words.total() > 1)} of {column} read as missing: "
            f"{counted(words)}"
            for column, words in sorted(self._missing.items())
        ]


def counted(names: Counter[str]) -> str:
    """Return the most frequent names with their counts; the name alone where there is one."""
    if len(names) == 1:
        return next(iter(names))
    ranked = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} ({count})" for name, count in ranked[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(ranked) - _SHOWN} more" if len(ranked) > _SHOWN else "")

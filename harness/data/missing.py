"""What a cell of a table says: its text, and whether that stands for a missing value.

Every reader asks here, so that `NA` in a CSV file, null in JSON, NaN in Parquet and `-` in a
protocol are the same: nothing. Taken for a name, one such word would make one speaker of all clips
whose speaker is unknown.
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
    """A cell as text, without blanks around it; empty for null and NaN.

    Numbers keep the digits that they were stored with (`1`, `1.0`), text keeps all of its own
    (`001`, `1e5`, `None`).
    """
    if cell is None or cell != cell:  # NaN alone differs from itself
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace").strip()
    return str(cell).strip()


class OptionalCells:
    """Reads what need not be known of a clip (its speaker, say), and counts words for missing.

    One name in two Unicode forms is one name: values are returned in form NFC.
    """

    def __init__(self) -> None:
        self._missing: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def read(self, column: str, cell: Any) -> str:
        """The value of a cell of this column; empty where it is missing."""
        text = cell_text(cell)
        if not is_missing(text):
            return unicodedata.normalize("NFC", text)
        if text:
            self._missing[column][text] += 1
        return ""

    def facts(self, cells: Mapping[str, Any], label: Label) -> dict[str, str]:
        """Read the facts of a clip from a cell each, by name; those of fakes only, of a fake."""
        return {
            name: self.read(name, cell)
            for name, cell in cells.items()
            if label == "fake" or name not in FAKES_ONLY
        }

    @property
    def notes(self) -> list[str]:
        """How many values were words for missing, a line for each column that had some."""
        return [
            f"{words.total()} value{'s' * (words.total() > 1)} of {column} read as missing: "
            f"{counted(words)}"
            for column, words in sorted(self._missing.items())
        ]


def counted(names: Counter[str]) -> str:
    """The most frequent of some names with their numbers; the name alone where there is one."""
    if len(names) == 1:
        return next(iter(names))
    ranked = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} ({count})" for name, count in ranked[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(ranked) - _SHOWN} more" if len(ranked) > _SHOWN else "")

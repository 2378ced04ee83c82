"""Choice of the columns of an external table that hold the audio, labels and facts of clips.

Columns are found by type and name. Where that leaves two readings, both are refused by name, and
the user says which one is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness.data.class_names import canonical_label, is_missing
from harness.data.clip import Label
from harness.data.missing import OptionalCells, cell_text
from harness.errors import UsageError, closest
from harness.results.clip_facts import FACTS

_SAY_LABEL = "say it with ?label=COLUMN,fake=VALUE"
LABEL_NAMES = (
    *("label", "labels", "label_name", "label_text", "label_str", "class", "class_name"),
    *("class_label", "target", "key", "category", "ground_truth", "authenticity"),
)


@dataclass(frozen=True)
class DataColumn:
    """A column and the type that its data set declares for it.

    Parameters
    ----------
    names
        Names of the classes, where `type` is `class`; values are then indices into it.
    """

    name: str
    type: Literal["audio", "class", "text", "number", "bool", "other"]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({' | '.join(self.names) if self.type == 'class' else self.type})"

    def text(self, value: Any) -> str:
        """Return a cell as the word that it stands for; empty where it is missing."""
        if self.type != "class" or not isinstance(value, int):
            return cell_text(value)
        if value < 0:  # how `datasets` writes a missing class
            return ""
        return self.names[value] if value < len(self.names) else str(value)


Columns = Sequence[DataColumn]


class ColumnChoice(NamedTuple):
    """Names of columns that the user gave, and the label value that means fake."""

    audio: str | None = None
    label: str | None = None
    fake: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> ColumnChoice:
        return cls(options.get("audio"), options.get("label"), options.get("fake"))


def parsed(
    pattern: re.Pattern[str], known: Sequence[str], rest: str, spec: str, form: str
) -> tuple[re.Match[str], dict[str, str]]:
    """Parse an address and its options `?key=value,key=value` or `?key=value&…`.

    A comma within a value stays there: it ends an option only where a key follows.

    Parameters
    ----------
    pattern
        Matches the whole address, with a group `options`.
    form
        How the address is written, without its options.

    Raises
    ------
    UsageError
        Where it does not match, or an option is unknown, empty or given twice.
    """
    usage = f"write {form}[?{'=…,'.join(known)}=…]"
    match = pattern.fullmatch(rest)
    if not match:
        raise UsageError("cannot be understood", spec, usage)
    options: dict[str, str] = {}
    for pair in re.split(r"&|,(?=\w+=)", match["options"] or ""):
        key, _, value = pair.partition("=")
        if not key:
            continue
        if key not in known:
            near = closest(key, known)
            meant = f"did you mean {near}=? {usage}" if near else usage
            raise UsageError(f"has no option {key!r}", spec, meant)
        if key in options:
            raise UsageError(f"has {key}= twice", spec, "give it once")
        if not value:
            raise UsageError(f"has no value after {key}=", spec, usage)
        options[key] = value
    return match, options


def audio_column(columns: Columns, choice: ColumnChoice, spec: str) -> DataColumn:
    """Return the one column of audio.

    Raises
    ------
    UsageError
        Where there is none, or more than one and none of those is called `audio`.
    """
    audio = [column for column in columns if column.type == "audio"]
    name = choice.audio or ("audio" if len(audio) > 1 else None)
    chosen = [column for column in audio if name in (None, column.name)]
    if len(chosen) != 1:
        raise UsageError(
            f"{'more than one' if audio else 'no'} audio column in {_listed(columns)}",
            spec,
            "say which with ?audio=COLUMN" if audio else "name a data set of recordings",
        )
    return chosen[0]


def label_candidates(columns: Columns, choice: ColumnChoice, spec: str) -> list[DataColumn]:
    """Return the columns that may hold the labels by type and name; their values decide.

    Raises
    ------
    UsageError
        Where there is none.
    """
    if choice.label is not None:
        candidates = [column for column in columns if column.name == choice.label]
    else:
        candidates = [column for column in columns if _may_label(column)]
    if not candidates:
        what = f"no column says which clips are fake: {_listed(columns)}"
        raise UsageError(what, spec, _SAY_LABEL)
    return candidates


def choose_label(
    candidates: Columns, values: dict[str, list[Any]], choice: ColumnChoice, spec: str
) -> tuple[DataColumn, list[Label]]:
    """Return the first column whose every value names a class, and its labels.

    Raises
    ------
    UsageError
        Where there is none, or another column contradicts it in a row.
    """
    read = {column: _labels(column, values[column.name], choice) for column in candidates}
    for chosen, known in read.items():
        labels: list[Label] = [label for label in known if label is not None]
        if len(labels) < len(known):
            continue
        for other, others in read.items():
            if differ := differing(labels, others):
                seen = _seen([chosen, other], values)
                raise UsageError(
                    f"two label columns disagree in {len(differ)} of {len(labels)} rows ({seen}), "
                    f"first in row {differ[0] + 1}",
                    spec,
                    _SAY_LABEL,
                )
        return chosen, labels
    first = candidates[0]
    row = read[first].index(None)
    word = first.text(values[first.name][row]) or "(empty)"
    raise UsageError(
        f"the labels do not say which clips are fake ({_seen(candidates, values)}): "
        f"row {row + 1} of {first.name} has {word!r}",
        spec,
        _SAY_LABEL,
    )


def differing(labels: Sequence[Label | None], others: Sequence[Label | None]) -> list[int]:
    """Return the rows where another label is known and not the same."""
    pairs = zip(labels, others, strict=True)
    return [row for row, (label, other) in enumerate(pairs) if other not in (None, label)]


def stated_labels(name: str, values: list[str]) -> list[Label | None] | None:
    """Return what a further column says of the labels; None where it does not state labels.

    It does where it is named so (`key`, `is_fake`) and every value that is there names a class.
    """
    if name not in LABEL_NAMES and _meant_by_true(name) is None:
        return None
    column = DataColumn(name, "text" if name in LABEL_NAMES else "number")
    labels = _labels(column, values, ColumnChoice())
    stated = [label for label, value in zip(labels, values, strict=True) if not is_missing(value)]
    return labels if stated and None not in stated else None


def fact_columns(columns: Columns, taken: Columns) -> dict[str, DataColumn]:
    """Return the column of each fact that has one."""
    return {name: candidates[0] for name, candidates in _fact_candidates(columns, taken).items()}


def _fact_candidates(columns: Columns, taken: Columns) -> dict[str, list[DataColumn]]:
    """Return all columns that may hold each fact, the plainest name first."""
    types = ("text", "class", "number")
    free = [column for column in columns if column.type in types and column not in taken]
    candidates = {
        fact.name: [
            column
            for name in (fact.name, *fact.aliases)
            for column in free
            if column.name.casefold() == name
        ]
        for fact in FACTS
    }
    return {name: columns for name, columns in candidates.items() if columns}


def read_facts(
    columns: Mapping[str, DataColumn], row: Mapping[str, Any], label: Label, cells: OptionalCells
) -> dict[str, str]:
    """Read what a row says of its clip in the columns of `fact_columns`."""
    words = {name: column.text(row[column.name]) for name, column in columns.items()}
    return cells.facts(words, label)


def column_notes(
    columns: Columns,
    audio: DataColumn,
    candidates: Columns,
    label: DataColumn,
    values: Sequence[Any],
) -> list[str]:
    """Say which columns were taken for what, and which others could have been.

    Parameters
    ----------
    candidates, label, values
        The columns that may hold the labels, the one that was taken, and its values.
    """
    words = sorted({label.text(value) for value in values})
    all_audio = [column for column in columns if column.type == "audio"]
    notes = [
        f"audio from column {audio}{_not_from(all_audio, audio)}",
        f"labels from column {label}, values {words}{_not_from(candidates, label)}",
    ]
    for name, choices in _fact_candidates(columns, [audio, *candidates]).items():
        notes.append(f"{name} from column {choices[0]}{_not_from(choices, choices[0])}")
    return notes


def _not_from(columns: Columns, chosen: DataColumn) -> str:
    others = [str(column) for column in columns if column != chosen]
    return f", not from {', '.join(others)}" if others else ""


def _may_label(column: DataColumn) -> bool:
    if column.type == "class":
        return {canonical_label(name) for name in column.names} == {"real", "fake"}
    if column.type == "text":
        return column.name.casefold() in LABEL_NAMES
    return column.type in ("bool", "number") and _meant_by_true(column.name) is not None


def _meant_by_true(name: str) -> Label | None:
    """Return the class that 1 means: `is_fake` and `fake` say it, `label` does not."""
    return canonical_label(name.casefold().removeprefix("is_"))


def _labels(column: DataColumn, values: list[Any], choice: ColumnChoice) -> list[Label | None]:
    """Return the label of every value; None where it names no class."""
    words = [column.text(value) for value in values]
    seen = {word for word in words if not is_missing(word)}
    meaning: dict[str, Label | None]
    if choice.fake is not None:
        meaning = dict.fromkeys(seen, "real") if len(seen) == 2 and choice.fake in seen else {}
        meaning[choice.fake] = "fake"
    elif column.type in ("bool", "number"):
        true = _meant_by_true(column.name)
        false: Label | None = "real" if true == "fake" else "fake" if true == "real" else None
        meaning = dict.fromkeys(("1", "True", "true", "TRUE", "1.0"), true)
        meaning |= dict.fromkeys(("0", "False", "false", "FALSE", "0.0"), false)
    else:
        meaning = {word: canonical_label(word) for word in seen}
    return [meaning.get(word) for word in words]


def _seen(columns: Columns, values: dict[str, list[Any]]) -> str:
    shown: list[str] = []
    for column in columns:
        words = sorted({column.text(value) or "(empty)" for value in values[column.name]})
        shown.append(f"{column.name}: {', '.join(words[:6])}")
    return "; ".join(shown)


def _listed(columns: Columns) -> str:
    return ", ".join(str(column) for column in columns)

"""Which columns of a table from elsewhere hold the audio and the labels, by type and by name.

Nothing is guessed: where the types and names leave two readings, both are refused by name, and the
user says which one is meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness.data.class_names import canonical_label, is_missing
from harness.data.clip import Label
from harness.data.missing import OptionalCells, cell_text
from harness.errors import UsageError
from harness.results.clip_facts import FACTS

_SAY_LABEL = "say it with ?label=COLUMN,fake=VALUE"
LABEL_NAMES = (
    *("label", "labels", "label_name", "label_text", "label_str", "class", "class_name"),
    *("class_label", "target", "key", "category", "ground_truth", "authenticity"),
)


@dataclass(frozen=True)
class Column:
    """A column and the type that its data set declares for it.

    Parameters
    ----------
    names
        Of the classes, where `type` is `class`; values are then indices into it.
    """

    name: str
    type: Literal["audio", "class", "text", "number", "bool", "other"]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({' | '.join(self.names) if self.type == 'class' else self.type})"

    def text(self, value: Any) -> str:
        """A cell as the word that it stands for; empty where there is none."""
        if self.type != "class" or not isinstance(value, int):
            return cell_text(value)
        if value < 0:  # how `datasets` writes that there is none
            return ""
        return self.names[value] if value < len(self.names) else str(value)


class Wanted(NamedTuple):
    """What the user said about columns: their names, and which label value means fake."""

    audio: str | None = None
    label: str | None = None
    fake: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Wanted:
        """What the options of an address say."""
        return cls(options.get("audio"), options.get("label"), options.get("fake"))


def parsed(
    pattern: re.Pattern[str], known: Sequence[str], rest: str, spec: str, form: str
) -> tuple[re.Match[str], dict[str, str]]:
    """An address taken to pieces, and its options `?key=value,key=value` or `?key=value&…`.

    A comma within a value stays there: it ends an option only where a key follows.

    Parameters
    ----------
    pattern
        Of the whole address, with a group `options`.
    form
        How the address is written, without its options.

    Raises
    ------
    UsageError
        Where it does not fit, or an option is unknown, empty or given twice.
    """
    usage = f"write {form}[?{'=…,'.join(known)}=…]"
    found = pattern.fullmatch(rest)
    if not found:
        raise UsageError("cannot be understood", spec, usage)
    options: dict[str, str] = {}
    for pair in re.split(r"&|,(?=\w+=)", found["options"] or ""):
        key, _, value = pair.partition("=")
        if key and key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {near[0]}=? {usage}" if near else usage
            raise UsageError(f"has no option {key!r}", spec, meant)
        if key in options:
            raise UsageError(f"says {key}= twice", spec, "say it once")
        if key and not value:
            raise UsageError(f"says nothing after {key}=", spec, usage)
        if key:
            options[key] = value
    return found, options


def audio_column(columns: Sequence[Column], wanted: Wanted, spec: str) -> Column:
    """The one column of audio.

    Raises
    ------
    UsageError
        Where there is none or more than one and none of those is called `audio`.
    """
    found = [column for column in columns if column.type == "audio"]
    name = wanted.audio or ("audio" if len(found) > 1 else None)
    chosen = [column for column in found if name in (None, column.name)]
    if len(chosen) != 1:
        raise UsageError(
            f"{'more than one' if found else 'no'} audio column in {_listed(columns)}",
            spec,
            "say which with ?audio=COLUMN" if found else "name a data set of recordings",
        )
    return chosen[0]


def label_candidates(columns: Sequence[Column], wanted: Wanted, spec: str) -> list[Column]:
    """The columns that may hold the labels, judged by type and name; their values decide.

    Raises
    ------
    UsageError
        Where there is none.
    """
    if wanted.label is not None:
        found = [column for column in columns if column.name == wanted.label]
    else:
        found = [column for column in columns if _may_label(column)]
    if not found:
        raise UsageError(
            f"no column says which clips are fake: {_listed(columns)}",
            spec,
            _SAY_LABEL,
        )
    return found


def choose_label(
    candidates: Sequence[Column], values: dict[str, list[Any]], wanted: Wanted, spec: str
) -> tuple[Column, list[Label]]:
    """The column whose every value names a class, and the labels that it gives.

    Raises
    ------
    UsageError
        Where no candidate does, or two disagree in a row; the message lists the values seen.
    """
    read = {column: _labels(column, values[column.name], wanted) for column in candidates}
    for chosen, found in read.items():
        labels: list[Label] = [label for label in found if label is not None]
        if len(labels) < len(found):
            continue
        for other, theirs in read.items():
            if torn := differing(labels, theirs):
                seen = _seen([chosen, other], values)
                raise UsageError(
                    f"two label columns disagree in {len(torn)} of {len(labels)} rows ({seen}), "
                    f"first in row {torn[0] + 1}",
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
    """Where other labels, as far as they are known, are not the same."""
    pairs = zip(labels, others, strict=True)
    return [row for row, (one, other) in enumerate(pairs) if other not in (None, one)]


def states_labels(name: str) -> bool:
    """Whether a column is one of labels by its name: `key`, `is_fake`."""
    return name in LABEL_NAMES or _meant_by_true(name) is not None


def stated_labels(name: str, values: list[str]) -> list[Label | None] | None:
    """What a column besides the labels says of them; None where it is no column of labels.

    It is one by its name, where every value that is there names a class.
    """
    if not states_labels(name):
        return None
    column = Column(name, "text" if name in LABEL_NAMES else "number")
    found = _labels(column, values, Wanted())
    told = [label for label, value in zip(found, values, strict=True) if not is_missing(value)]
    return found if told and None not in told else None


def fact_columns(columns: Sequence[Column], taken: Sequence[Column]) -> dict[str, Column]:
    """Return the column of each fact that is named like it."""
    return {name: found[0] for name, found in _fact_candidates(columns, taken).items()}


def _fact_candidates(columns: Sequence[Column], taken: Sequence[Column]) -> dict[str, list[Column]]:
    """Return all columns that may hold each fact, the plainest name first."""
    free = [
        column
        for column in columns
        if column.type in ("text", "class", "number") and column not in taken
    ]
    found = {
        fact.name: [
            column
            for name in (fact.name, *fact.aliases)
            for column in free
            if column.name.casefold() == name
        ]
        for fact in FACTS
    }
    return {name: several for name, several in found.items() if several}


def read_facts(
    columns: Mapping[str, Column], row: Mapping[str, Any], label: Label, cells: OptionalCells
) -> dict[str, str]:
    """Read what a row says of its clip from the columns of `fact_columns`."""
    words = {name: column.text(row[column.name]) for name, column in columns.items()}
    return cells.facts(words, label)


def column_notes(
    columns: Sequence[Column],
    audio: Column,
    candidates: Sequence[Column],
    label: Column,
    values: Sequence[Any],
) -> list[str]:
    """Which columns were taken for what, and which others could have been.

    Parameters
    ----------
    candidates
        Of the labels.
    values
        Of the column of labels.
    """
    words = sorted({label.text(value) for value in values})
    heard = [column for column in columns if column.type == "audio"]
    notes = [
        f"audio from column {audio}{_not_from(heard, audio)}",
        f"labels from column {label}, values {words}{_not_from(candidates, label)}",
    ]
    for name, found in _fact_candidates(columns, [audio, *candidates]).items():
        notes.append(f"{name} from column {found[0]}{_not_from(found, found[0])}")
    return notes


def _not_from(columns: Sequence[Column], chosen: Column) -> str:
    others = [str(column) for column in columns if column != chosen]
    return f", not from {', '.join(others)}" if others else ""


def _may_label(column: Column) -> bool:
    if column.type == "class":
        return {canonical_label(name) for name in column.names} == {"real", "fake"}
    if column.type == "text":
        return column.name.casefold() in LABEL_NAMES
    return column.type in ("bool", "number") and _meant_by_true(column.name) is not None


def _meant_by_true(name: str) -> Label | None:
    """`is_fake` and `fake` say what 1 means; `label` does not."""
    return canonical_label(name.casefold().removeprefix("is_"))


def _labels(column: Column, values: list[Any], wanted: Wanted) -> list[Label | None]:
    """The label of every value; None where one names no class."""
    words = [column.text(value) for value in values]
    seen = {word for word in words if not is_missing(word)}
    meaning: dict[str, Label | None]
    if wanted.fake is not None:
        meaning = dict.fromkeys(seen, "real") if len(seen) == 2 and wanted.fake in seen else {}
        meaning[wanted.fake] = "fake"
    elif column.type in ("bool", "number"):
        true = _meant_by_true(column.name)
        false: Label | None = "real" if true == "fake" else "fake" if true == "real" else None
        meaning = dict.fromkeys(("1", "True", "true", "TRUE", "1.0"), true)
        meaning |= dict.fromkeys(("0", "False", "false", "FALSE", "0.0"), false)
    else:
        meaning = {word: canonical_label(word) for word in seen}
    return [meaning.get(word) for word in words]


def _seen(columns: Sequence[Column], values: dict[str, list[Any]]) -> str:
    return "; ".join(
        f"{column.name}: {', '.join(sorted(_words(column, values[column.name]))[:6])}"
        for column in columns
    )


def _words(column: Column, values: list[Any]) -> set[str]:
    return {column.text(value) or "(empty)" for value in values}


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(str(column) for column in columns)

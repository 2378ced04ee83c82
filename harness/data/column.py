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

from harness.data.clip import Label
from harness.errors import UsageError
from harness.vocabulary import canonical_label

LABEL_NAMES = (
    *("label", "labels", "label_name", "label_text", "label_str", "class", "class_name"),
    *("class_label", "target", "key", "category", "ground_truth", "authenticity"),
)
_ROLES = {
    "generator": (
        *("generator", "vocoder", "synthesizer", "system_id", "system", "model", "model_name"),
        *("tts", "attack_id", "attack", "attack_type", "method"),
    ),
    "speaker": ("speaker", "speaker_id", "speaker_name", "spk", "spk_id"),
    "source": ("source", "dataset", "dataset_name", "corpus"),
    "group": ("group", "group_id"),
}
"""First the plainest name; the first that is there is taken."""


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
        if value is None or (self.type == "class" and value < 0):
            return ""
        return self.names[value] if self.type == "class" else str(value).strip()


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
            "say it with ?label=COLUMN,fake=VALUE",
        )
    return found


def choose_label(
    candidates: Sequence[Column], values: dict[str, list[Any]], wanted: Wanted, spec: str
) -> tuple[Column, list[Label]]:
    """The column whose every value names a class, and the labels that it gives.

    Raises
    ------
    UsageError
        Where no candidate does, or two do and disagree; the message lists the values seen.
    """
    read = {column: _labels(column, values[column.name], wanted) for column in candidates}
    good = [(column, labels) for column, labels in read.items() if labels is not None]
    if good and all(labels == good[0][1] for _, labels in good):
        return good[0]
    seen = "; ".join(
        f"{column.name}: {', '.join(sorted(_words(column, values[column.name]))[:6])}"
        for column in ([column for column, _ in good] or candidates)
    )
    what = "two label columns disagree" if good else "the labels do not say which clips are fake"
    raise UsageError(f"{what} ({seen})", spec, "say it with ?label=COLUMN,fake=VALUE")


def role_columns(columns: Sequence[Column], taken: Sequence[Column]) -> dict[str, Column]:
    """Columns named like a generator, a speaker, a source or a group, by that role."""
    named = {
        column.name.casefold(): column
        for column in columns
        if column.type in ("text", "class", "number") and column not in taken
    }
    return {
        role: named[name]
        for role, names in _ROLES.items()
        if (name := next((name for name in names if name in named), None))
    }


def _may_label(column: Column) -> bool:
    if column.type == "class":
        return {canonical_label(name) for name in column.names} == {"real", "fake"}
    if column.type == "text":
        return column.name.casefold() in LABEL_NAMES
    return column.type in ("bool", "number") and _meant_by_true(column) is not None


def _meant_by_true(column: Column) -> Label | None:
    """`is_fake` and `fake` say what 1 means; `label` does not."""
    return canonical_label(column.name.casefold().removeprefix("is_"))


def _labels(column: Column, values: list[Any], wanted: Wanted) -> list[Label] | None:
    """The label of every value; None where one of them names no class."""
    words = [column.text(value) for value in values]
    meaning: dict[str, Label | None]
    if wanted.fake is not None:
        if len(set(words)) != 2 or wanted.fake not in words:
            return None
        meaning = {word: "fake" if word == wanted.fake else "real" for word in set(words)}
    elif column.type in ("bool", "number"):
        true = _meant_by_true(column)
        false: Label | None = "real" if true == "fake" else "fake" if true == "real" else None
        meaning = dict.fromkeys(("1", "True", "1.0"), true)
        meaning |= dict.fromkeys(("0", "False", "0.0"), false)
    else:
        meaning = {word: canonical_label(word) for word in set(words)}
    labels: list[Label] = []
    for word in words:
        label = meaning.get(word)
        if label is None:
            return None
        labels.append(label)
    return labels


def _words(column: Column, values: list[Any]) -> set[str]:
    return {column.text(value) or "(empty)" for value in values}


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(str(column) for column in columns)

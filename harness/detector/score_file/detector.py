"""Scores that were computed elsewhere: `scores:FILE[?score=…&higher=…&columns=…&missing=…]`.

Cells come from `scoresheet`, what they mean from the user (`scoreoption`) or a known layout
(`scorelayout`), log-odds from `scale`. What none of these says is refused: a file whose scores all
look like probabilities, one that does not say which way they run, a number that stands for no
answer. Rows find their clips in `scorematch`, before the first is looked up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from harness.data.class_names import canonical_label
from harness.data.clip import Clip, Label
from harness.detector.detector import Traits
from harness.detector.score_file.column import Layout
from harness.detector.score_file.layout import layout_of
from harness.detector.score_file.match import Match, match
from harness.detector.score_file.option import Wanted
from harness.detector.score_file.reading import Reading, read_values
from harness.detector.score_file.scale import one_class
from harness.detector.score_file.sheet import Sheet, read_sheet
from harness.errors import ClipRejected, UsageError
from harness.results.record import ModelRecord
from harness.storage.storage import contents
from harness.terms import CLEAN

_NO_ROW = "no score in the file for this clip and condition"

_Key = tuple[str, str]


class Logits(NamedTuple):
    """Of one row; NaN where the file says that there is no answer."""

    fake: float
    real: float


@dataclass(frozen=True)
class _Content:
    """A file as it was read.

    Parameters
    ----------
    scores
        By the file's own names of clips, and condition.
    key
        The class that the file itself has for a name, where it has a key.
    stated
        Whether the user said on which scale scores are.
    """

    scores: Mapping[_Key, Logits]
    key: Mapping[str, Label]
    notes: Sequence[str]
    stated: bool


@dataclass
class ScoreFile:
    """Scores by clip and condition.

    Before it is matched with the clips of a run, a clip is found by its exact id alone.
    """

    traits = Traits(needs_audio=False, batch_invariant=True)

    identity: ModelRecord
    content: _Content
    matched: Match | None = field(default=None)

    def lookup(self, clip_id: str, condition: str) -> tuple[float, float, float]:
        """`(logit_fake, logit_real, score)`.

        Raises
        ------
        ClipRejected
            Where the file has no score for it, or one that could be another clip's as well.
        """
        name: str | None = clip_id
        if self.matched is not None:
            if torn := self.matched.torn.get(clip_id):
                raise ClipRejected(torn)
            name = self.matched.rows.get(clip_id)
        found = None if name is None else self.content.scores.get((name, condition))
        if found is None:
            raise ClipRejected(_NO_ROW)
        if np.isnan(found.fake):
            raise ClipRejected("the file says that there is no score for this clip and condition")
        return found.fake, found.real, found.fake - found.real

    def match(self, clips: Sequence[Clip], conditions: Collection[str]) -> ScoreFile:
        """The same scores, with their rows assigned to clips; what was found is in the notes.

        Parameters
        ----------
        clips
            All of the data, also those that a limit leaves out.
        conditions
            Of the suite.

        Raises
        ------
        UsageError
            Where no row is of any of the clips or of any of the conditions.
        """
        names = dict.fromkeys(name for name, _ in self.content.scores)
        found = match((clip.clip_id for clip in clips), names)
        if not found.rows:
            raise self._strange(clips, names, found)
        notes = [
            *self.content.notes,
            *self._names_told(clips, names, found),
            *self._conditions_told(conditions),
            *self._key_told(clips, found),
        ]
        return replace(
            self, identity=self.identity.model_copy(update={"notes": notes}), matched=found
        )

    def refuse_one_class(self, clips: Sequence[Clip], threshold: float) -> None:
        """Refuse scores that are hardly log-odds, where nobody said that they are.

        Raises
        ------
        UsageError
            Where all clips are called the same although their scores are apart.
        """
        if self.content.stated:
            return
        scores: list[float] = []
        fake: list[bool] = []
        for clip in clips:
            with suppress(ClipRejected):
                scores.append(self.lookup(clip.clip_id, CLEAN)[2])
                fake.append(clip.label == "fake")
        doubt = one_class(np.array(scores), np.array(fake, dtype=np.bool_), threshold)
        if doubt:
            mark = "&" if "?" in self.identity.spec else "?"
            raise UsageError(
                f"{doubt}: these are hardly log-odds",
                self.identity.spec,
                f"add {mark}score=probability or percent, log-odds if they are, or choose a "
                'threshold in the suite: threshold = {choose = "eer"}',
            )

    def _strange(self, clips: Sequence[Clip], names: Collection[str], found: Match) -> UsageError:
        spec = self.identity.spec
        if found.torn:
            clip_id, reason = next(iter(found.torn.items()))
            return UsageError(
                f"no row can be told to be of one clip: {clip_id!r}: {reason}",
                spec,
                "write the ids of the clips into the file",
            )
        return UsageError(
            f"none of its {len(names)} clips is one of the data's {len(clips)}: "
            f"{next(iter(names))!r} there, {clips[0].clip_id!r} in the data",
            spec,
            "write the ids of the clips into the file, or say which column has them",
        )

    def _names_told(self, clips: Sequence[Clip], names: Collection[str], found: Match) -> list[str]:
        told: list[str] = []
        if found.words:
            clip_id, name = next(iter(found.rows.items()))
            told.append(f"no id is equal, clips are found {found.words}: {clip_id!r} by {name!r}")
        if found.torn:
            clip_id, reason = next(iter(found.torn.items()))
            told.append(
                f"{len(found.torn)} clips are left without a score, since more than one row or "
                f"clip fits: {clip_id!r}: {reason}"
            )
        used = set(found.rows.values())
        strange = [name for name in names if name not in used]
        if strange and not found.torn:
            told.append(
                f"{len(strange)} of its {len(names)} clips are not in the data, "
                f"first {strange[0]!r}"
            )
        lacking = [clip for clip in clips if clip.clip_id not in found.rows]
        if lacking:
            told.append(
                f"{len(lacking)} of the data's {len(clips)} clips are not in the file, "
                f"first {lacking[0].clip_id!r}"
            )
        return told

    def _conditions_told(self, conditions: Collection[str]) -> list[str]:
        rows = Counter(condition for _, condition in self.content.scores)
        strange = [condition for condition in rows if condition not in conditions]
        lacking = [condition for condition in conditions if condition not in rows]
        if len(lacking) == len(conditions):
            raise UsageError(
                f"its scores are of {_listed(strange)}, the suite has {_listed(lacking)}",
                self.identity.spec,
                "score the suite's conditions, or choose another suite",
            )
        told: list[str] = []
        if strange:
            count = sum(rows[condition] for condition in strange)
            told.append(
                f"{count} rows are of conditions that the suite does not have: {_listed(strange)}"
            )
        if lacking:
            told.append(
                f"{len(lacking)} of the suite's {len(conditions)} conditions are not in the file: "
                f"{_listed(lacking)}"
            )
        return told

    def _key_told(self, clips: Sequence[Clip], found: Match) -> list[str]:
        key = self.content.key
        compared = [
            (clip, key[name])
            for clip in clips
            if (name := found.rows.get(clip.clip_id)) is not None and name in key
        ]
        torn = [(clip, label) for clip, label in compared if clip.label != label]
        if not torn:
            return []
        clip, label = torn[0]
        return [
            f"CONTRADICTION: the key in the file has another class than the data for {len(torn)} "
            f"of {len(compared)} clips, first {clip.clip_id!r}: {label} in the file, {clip.label} "
            "in the data; the data's is used"
        ]


def open_scores(rest: str, spec: str) -> ScoreFile:
    """Read a score file; `rest` is `FILE[?OPTIONS]`.

    Raises
    ------
    UsageError
        Where its columns or scale are not known and not stated, or it has a duplicate or a score
        that is not a finite number; the message has the line (for Parquet the row, from 1).
    """
    wanted = Wanted.parse(rest, spec)
    try:
        content = contents(wanted.place)
    except OSError as fault:
        raise UsageError(fault.strerror or "cannot be read", spec, "name a score file") from fault
    sheet = read_sheet(content, spec, wanted.missing or ())
    layout = layout_of(sheet, wanted, spec)
    reading = read_values(sheet, layout, wanted, spec)
    key, key_notes = _key(sheet, layout, wanted, spec)
    names = _clips(sheet, layout, spec)
    scores = _by_clip(names, sheet, reading, spec)
    notes = [*reading.notes, *key_notes]
    identity = ModelRecord(
        name=wanted.place.stem,
        spec=spec,
        kind="scores",
        digest=hashlib.sha256(content).hexdigest(),
        notes=notes,
        settings={f"reading {name}": value for name, value in reading.settings.items()},
    )
    of_names: dict[str, Label] = {name: label for (name, _), label in zip(names, key, strict=False)}
    stated = wanted.kind is not None
    return ScoreFile(identity, _Content(scores, of_names, notes, stated))


def _clips(sheet: Sheet, layout: Layout, spec: str) -> list[_Key]:
    conditions = (
        [CLEAN] * len(sheet.rows) if layout.condition is None else sheet.column(layout.condition)
    )
    names = list(zip(sheet.column(layout.clip), conditions, strict=True))
    for line, (name, condition) in zip(sheet.lines, names, strict=True):
        if not name or not condition:
            what = "clip" if not name else "condition"
            raise UsageError(f"no {what} in this row", f"{spec}, line {line}", "name it")
    return names


def _by_clip(
    names: Sequence[_Key], sheet: Sheet, reading: Reading, spec: str
) -> dict[_Key, Logits]:
    scores: dict[_Key, Logits] = {}
    lines: dict[_Key, int] = {}
    for line, name, (fake, real) in zip(sheet.lines, names, reading.logits.tolist(), strict=True):
        if name in scores:
            raise UsageError(
                f"{name[0]!r} under {name[1]!r} was scored on line {lines[name]} already",
                f"{spec}, line {line}",
                "keep one row a clip and condition",
            )
        scores[name], lines[name] = Logits(fake, real), line
    return scores


def _key(
    sheet: Sheet, layout: Layout, wanted: Wanted, spec: str
) -> tuple[Sequence[Label], list[str]]:
    """The classes that the file has for its rows; none where it has no key that says them."""
    if layout.key is None:
        if wanted.fake is not None:
            raise UsageError(
                f"fake={wanted.fake} is of a key, and no column is one", spec, "name it in columns="
            )
        return [], []
    words = sheet.column(layout.key)
    seen = sorted(set(words))
    if wanted.fake is not None:
        if len(seen) != 2 or wanted.fake not in seen:
            raise UsageError(
                f"fake={wanted.fake} is no word of the key: {', '.join(seen[:6])}",
                spec,
                "name one of its two",
            )
        meant: dict[str, Label] = dict.fromkeys(seen, "real")
        meant[wanted.fake] = "fake"
        return [meant[word] for word in words], []
    known: list[Label] = []
    for word in words:
        label = canonical_label(word)
        if label is None:
            return [], [
                f"its key is not compared with the data: {', '.join(seen[:4])} do not say which "
                "class they are; say ?fake=VALUE"
            ]
        known.append(label)
    return known, []


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" * (len(names) > most))

"""Scores that were computed elsewhere: `scores:FILE[?score=…&higher=…&columns=…&missing=…]`.

What neither the user nor the file's layout says is refused: scores that all look like
probabilities, an unknown direction, a number that may stand for no answer. Rows are assigned to
clips before the first is looked up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from harness.data.class_names import canonical_label
from harness.data.clip import Clip, Label
from harness.detector.detector import Traits
from harness.detector.scale import Array, one_sided
from harness.detector.score_file.columns import (
    ScoreColumns,
    ScoreOptions,
    add_options,
    columns_of,
)
from harness.detector.score_file.file import ScoreTable, read_table
from harness.detector.score_file.match import Assignment, assign
from harness.detector.score_file.values import read_values
from harness.errors import ClipRejected, UsageError
from harness.results.record import ModelRecord
from harness.storage.storage import contents
from harness.terms import CLEAN

_NO_ROW = "no score in the file for this clip and condition"
_NO_ANSWER = "the file says that there is no score for this clip and condition"

_Key = tuple[str, str]


@dataclass
class ScoreFile:
    """Scores by clip and condition.

    Before they are matched with the clips of a run, a clip is found by its exact id only.

    Parameters
    ----------
    scores
        Logits (fake, real) by the file's own name of the clip and condition; NaN for no answer.
    key
        The class of each name according to the file, if it has a key.
    notes
        On how the file was read; those on the clips of a run are in `identity` alone.
    scale_stated
        Whether the user said on which scale scores are.
    """

    traits = Traits(needs_audio=False, batch_invariant=True)

    identity: ModelRecord
    scores: Mapping[_Key, tuple[float, float]]
    key: Mapping[str, Label]
    notes: Sequence[str]
    scale_stated: bool
    assignment: Assignment | None = None

    def lookup(self, clip_id: str, condition: str) -> tuple[float, float, float]:
        """Return `(logit_fake, logit_real, score)`.

        Raises ClipRejected if the file has no score, or one that could be another clip's as well.
        """
        name: str | None = clip_id
        if self.assignment is not None:
            if reason := self.assignment.ambiguous.get(clip_id):
                raise ClipRejected(reason)
            name = self.assignment.names.get(clip_id)
        logits = None if name is None else self.scores.get((name, condition))
        if logits is None:
            raise ClipRejected(_NO_ROW)
        fake, real = logits
        if np.isnan(fake):
            raise ClipRejected(_NO_ANSWER)
        return fake, real, fake - real

    def match(self, clips: Sequence[Clip], conditions: Collection[str]) -> ScoreFile:
        """Return the same scores with their rows assigned to clips, and notes on the assignment.

        Parameters
        ----------
        clips
            All clips of the data, including those that a limit leaves out.

        Raises UsageError if no row belongs to any of the clips or to any of the conditions.
        """
        names = dict.fromkeys(name for name, _ in self.scores)
        assignment = assign((clip.clip_id for clip in clips), names)
        if not assignment.names:
            raise self._nothing_assigned(clips, names, assignment)
        notes = [
            *self.notes,
            *_assignment_notes(clips, names, assignment),
            *self._condition_notes(conditions),
            *self._key_notes(clips, assignment),
        ]
        identity = self.identity.model_copy(update={"notes": notes})
        return replace(self, identity=identity, assignment=assignment)

    def refuse_one_class(self, clips: Sequence[Clip], threshold: float) -> None:
        """Refuse scores that do not look like log-odds, unless the user stated their scale.

        Raises UsageError if all clips fall on one side of the threshold although the classes are
        apart.
        """
        if self.scale_stated:
            return
        scores: list[float] = []
        fake: list[bool] = []
        for clip in clips:
            with suppress(ClipRejected):
                scores.append(self.lookup(clip.clip_id, CLEAN)[2])
                fake.append(clip.label == "fake")
        if doubt := one_sided(np.array(scores), np.array(fake, dtype=np.bool_), threshold):
            spec = self.identity.spec
            raise UsageError(
                f"{doubt}: the scores do not look like log-odds",
                spec,
                f"{add_options(spec, 'score=probability')} or percent, log-odds if they are, or "
                'choose a threshold in the suite: threshold = {choose = "eer"}',
            )

    def _nothing_assigned(
        self, clips: Sequence[Clip], names: Collection[str], assignment: Assignment
    ) -> UsageError:
        if assignment.ambiguous:
            clip_id, reason = next(iter(assignment.ambiguous.items()))
            return UsageError(
                f"no row fits exactly one clip: {clip_id!r}: {reason}",
                self.identity.spec,
                "write the ids of the clips into the file",
            )
        return UsageError(
            f"none of its {len(names)} clips is one of the data's {len(clips)}: "
            f"{next(iter(names))!r} there, {clips[0].clip_id!r} in the data",
            self.identity.spec,
            "write the ids of the clips into the file, or say which column has them",
        )

    def _condition_notes(self, conditions: Collection[str]) -> list[str]:
        rows = Counter(condition for _, condition in self.scores)
        unknown = [condition for condition in rows if condition not in conditions]
        absent = [condition for condition in conditions if condition not in rows]
        if len(absent) == len(conditions):
            raise UsageError(
                f"its scores are of {_listed(unknown)}, the suite has {_listed(absent)}",
                self.identity.spec,
                "score the suite's conditions, or choose another suite",
            )
        notes: list[str] = []
        if unknown:
            count = sum(rows[condition] for condition in unknown)
            notes.append(
                f"{count} rows are of conditions that the suite does not have: {_listed(unknown)}"
            )
        if absent:
            notes.append(
                f"{len(absent)} of the suite's {len(conditions)} conditions are not in the file: "
                f"{_listed(absent)}"
            )
        return notes

    def _key_notes(self, clips: Sequence[Clip], assignment: Assignment) -> list[str]:
        compared = [
            (clip, self.key[name])
            for clip in clips
            if (name := assignment.names.get(clip.clip_id)) is not None and name in self.key
        ]
        contrary = [(clip, label) for clip, label in compared if clip.label != label]
        if not contrary:
            return []
        clip, label = contrary[0]
        return [
            f"CONTRADICTION: the key in the file has another class than the data for "
            f"{len(contrary)} of {len(compared)} clips, first {clip.clip_id!r}: {label} in the "
            f"file, {clip.label} in the data; the data's is used"
        ]


def open_scores(rest: str, spec: str) -> ScoreFile:
    """Read a score file; `rest` is `FILE[?OPTIONS]`.

    Raises UsageError if its columns or scale are neither known nor stated, or it has a duplicate or
    a score that is not a finite number; the message has the line (for Parquet the row, from 1).
    """
    options = ScoreOptions.parse(rest, spec)
    try:
        content = contents(options.place)
    except OSError as fault:
        raise UsageError(fault.strerror or "cannot be read", spec, "name a score file") from fault
    table = read_table(content, spec, options.missing or ())
    columns = columns_of(table, options, spec)
    values = read_values(table, columns, options, spec)
    labels, key_notes = _key_labels(table, columns, options, spec)
    rows = _row_keys(table, columns, spec)
    notes = [*values.notes, *key_notes]
    identity = ModelRecord(
        name=options.place.stem,
        spec=spec,
        kind="scores",
        digest=hashlib.sha256(content).hexdigest(),
        notes=notes,
        settings={f"reading {name}": value for name, value in values.settings.items()},
    )
    return ScoreFile(
        identity=identity,
        scores=_scores_by_row(rows, table, values.logits, spec),
        key={name: label for (name, _), label in zip(rows, labels, strict=False)},
        notes=notes,
        scale_stated=options.kind is not None,
    )


def _row_keys(table: ScoreTable, columns: ScoreColumns, spec: str) -> list[_Key]:
    """Return clip and condition of every row."""
    conditions = (
        [CLEAN] * len(table.rows) if columns.condition is None else table.column(columns.condition)
    )
    keys = list(zip(table.column(columns.clip), conditions, strict=True))
    for line, (name, condition) in zip(table.lines, keys, strict=True):
        if not name or not condition:
            absent = "clip" if not name else "condition"
            raise UsageError(f"no {absent} in this row", f"{spec}, line {line}", "name it")
    return keys


def _scores_by_row(
    keys: Sequence[_Key], table: ScoreTable, logits: Array, spec: str
) -> dict[_Key, tuple[float, float]]:
    scores: dict[_Key, tuple[float, float]] = {}
    lines: dict[_Key, int] = {}
    for line, key, (fake, real) in zip(table.lines, keys, logits.tolist(), strict=True):
        if key in scores:
            raise UsageError(
                f"{key[0]!r} under {key[1]!r} was scored on line {lines[key]} already",
                f"{spec}, line {line}",
                "keep one row a clip and condition",
            )
        scores[key], lines[key] = (fake, real), line
    return scores


def _key_labels(
    table: ScoreTable, columns: ScoreColumns, options: ScoreOptions, spec: str
) -> tuple[list[Label], list[str]]:
    """Return the class of every row by the file's key, none if it has none, and notes on it."""
    if columns.key is None:
        if options.fake is not None:
            raise UsageError(
                f"fake={options.fake} is of a key, and no column is one",
                spec,
                "name it in columns=",
            )
        return [], []
    words = table.column(columns.key)
    seen = sorted(set(words))
    if options.fake is not None:
        if len(seen) != 2 or options.fake not in seen:
            raise UsageError(
                f"fake={options.fake} must be one of the key's two values, but it has: "
                f"{', '.join(seen[:6])}",
                spec,
                "use a key of two values, and name one of them",
            )
        stated: list[Label] = ["fake" if word == options.fake else "real" for word in words]
        return stated, []
    labels: list[Label] = [label for word in words if (label := canonical_label(word)) is not None]
    if len(labels) == len(words):
        return labels, []
    return [], [
        f"its key is not compared with the data: {', '.join(map(repr, seen[:4]))} do not say which "
        "class they are; say ?fake=VALUE"
    ]


def _assignment_notes(
    clips: Sequence[Clip], names: Collection[str], assignment: Assignment
) -> list[str]:
    notes: list[str] = []
    if assignment.words:
        clip_id, name = next(iter(assignment.names.items()))
        notes.append(f"no id is equal, clips are found {assignment.words}: {clip_id!r} by {name!r}")
    if assignment.ambiguous:
        clip_id, reason = next(iter(assignment.ambiguous.items()))
        notes.append(
            f"{len(assignment.ambiguous)} clips are left without a score, since more than one row "
            f"or clip fits: {clip_id!r}: {reason}"
        )
    used = set(assignment.names.values())
    unknown = [name for name in names if name not in used]
    if unknown and not assignment.ambiguous:
        notes.append(
            f"{len(unknown)} of its {len(names)} clips are not in the data, first {unknown[0]!r}"
        )
    absent = [clip for clip in clips if clip.clip_id not in assignment.names]
    if absent:
        notes.append(
            f"{len(absent)} of the data's {len(clips)} clips are not in the file, "
            f"first {absent[0].clip_id!r}"
        )
    return notes


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" * (len(names) > most))

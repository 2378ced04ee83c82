"""Scores that were computed elsewhere: `scores:FILE`.

Two kinds of file. **Tables** (CSV with a header, or Parquet) have a column for the clip, `score`
and optionally `condition` (`clean` where it is absent); higher = more fake; other columns are
ignored. **ASVspoof text** is separated by blanks: 2019 `LA_E_1 A07 spoof -1.5`, 2021 `LA_E_1 -1.5`,
5 `filename cm-score` as a header and then the same. There higher = more bona fide, and it is here,
and nowhere else, that the sign is turned.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.errors import UsageError
from harness.record import ModelRecord

_CLIP_COLUMNS = ("clip_id", "path", "file", "filename", "file_name", "utterance_id", "utt_id")
_AUDIO_SUFFIX = re.compile(
    r"\.(wav|flac|mp3|ogg|oga|opus|m4a|mp4|aac|amr|webm|wma|aiff?|au|sph)$", re.IGNORECASE
)
_CLEAN = "clean"
_WANTED = "give a table with the columns clip_id, score and optionally condition"

_Key = tuple[str, str]


@dataclass(frozen=True)
class _Row:
    line: int
    clip_id: str
    condition: str
    score: float


class ScoreFile:
    """Scores by clip and condition.

    A clip is found by its id, or else by its name without folder and suffix where that is the name
    of one row and of one clip only.
    """

    def __init__(self, identity: ModelRecord, scores: dict[_Key, float]) -> None:
        self.identity = identity
        self._scores = scores
        self._by_stem: dict[_Key, list[_Key]] = {}
        for key in scores:
            self._by_stem.setdefault((_stem(key[0]), key[1]), []).append(key)
        self._taken: dict[_Key, str] = {}

    def lookup(self, clip_id: str, condition: str) -> tuple[float, float, float] | None:
        """`(logit_fake, logit_real, score)` with `logit_real` 0; None where there is no row.

        Raises
        ------
        UsageError
            Where one row would have to serve two clips.
        """
        key = (clip_id, condition)
        if key not in self._scores:
            candidates = self._by_stem.get((_stem(clip_id), condition), [])
            if len(candidates) != 1:
                return None
            key = candidates[0]
        owner = self._taken.setdefault(key, clip_id)
        if owner != clip_id:
            raise UsageError(
                f"{key[0]!r} could be the score of {owner!r} and of {clip_id!r}",
                self.identity.spec,
                "use the ids of the clips in the score file",
            )
        score = self._scores[key]
        return score, 0.0, score


def open_scores(path: Path, spec: str) -> ScoreFile:
    """Read a score file of any of the kinds above.

    Raises
    ------
    UsageError
        Where it is none of them, or has a duplicate or a score that is not a finite number; the
        message has the line (for Parquet the row, from 1).
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise UsageError(fault.strerror or "cannot be read", spec, "name a score file") from fault
    if content.startswith(b"PAR1"):
        rows, notes = _read_parquet(content, spec)
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            raise UsageError("is neither text nor Parquet", spec, _WANTED) from fault
        first = text.partition("\n")[0]
        rows, notes = _read_csv(text, spec) if "," in first else _read_asvspoof(text, spec)
    scores: dict[_Key, float] = {}
    lines: dict[_Key, int] = {}
    for row in rows:
        key = (row.clip_id, row.condition)
        where = f"{spec}, line {row.line}"
        if key in scores:
            raise UsageError(
                f"{row.clip_id!r} under {row.condition!r} was scored on line {lines[key]} already",
                where,
                "keep one row a clip and condition",
            )
        if not math.isfinite(row.score):
            raise UsageError(f"the score is {row.score}", where, "leave out what has no score")
        scores[key], lines[key] = row.score, row.line
    if not scores:
        raise UsageError("has no scores", spec, _WANTED)
    identity = ModelRecord(
        name=path.stem,
        spec=spec,
        kind="scores",
        digest=hashlib.sha256(content).hexdigest(),
        notes=notes,
        settings={"read as": "; ".join(notes) or "a table"},
    )
    return ScoreFile(identity, scores)


def _read_csv(text: str, spec: str) -> tuple[list[_Row], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    header = [name.strip() for name in next(reader)]
    clip, condition, score = _columns(header, spec)
    rows: list[_Row] = []
    for cells in reader:
        if not any(cells):
            continue
        where = f"{spec}, line {reader.line_num}"
        if len(cells) != len(header):
            raise UsageError(f"{len(cells)} cells under {len(header)} columns", where)
        name = cells[condition].strip() if condition is not None else _CLEAN
        rows.append(_Row(reader.line_num, cells[clip].strip(), name, _number(cells[score], where)))
    return rows, _notes(header, clip)


def _read_parquet(content: bytes, spec: str) -> tuple[list[_Row], list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as fault:
        raise UsageError("is damaged Parquet", spec, "write it again") from fault
    header = [str(name) for name in table.column_names]
    clip, condition, score = _columns(header, spec)
    clips: list[object] = table.column(clip).to_pylist()
    scores: list[object] = table.column(score).to_pylist()
    names: Iterable[object] = (
        table.column(condition).to_pylist() if condition is not None else [_CLEAN] * len(clips)
    )
    rows = [
        _Row(line, str(clip_id), str(name), _number(value, f"{spec}, line {line}"))
        for line, (clip_id, name, value) in enumerate(
            zip(clips, names, scores, strict=True), start=1
        )
    ]
    return rows, _notes(header, clip)


def _read_asvspoof(text: str, spec: str) -> tuple[list[_Row], list[str]]:
    rows: list[_Row] = []
    columns = 0
    notes = ["ASVspoof convention (higher = bona fide): the sign is turned"]
    for line, content in enumerate(text.splitlines(), start=1):
        cells = content.split()
        where = f"{spec}, line {line}"
        if not cells:
            continue
        if not columns:
            columns = len(cells)
            if columns not in (2, 4):
                raise UsageError(
                    f"{columns} columns without commas; ASVspoof score files have 2 or 4",
                    where,
                    _WANTED,
                )
            if cells == ["filename", "cm-score"]:
                continue
        if len(cells) != columns:
            raise UsageError(f"{len(cells)} columns where there were {columns}", where)
        if columns == 4 and cells[2] not in ("bonafide", "spoof"):
            raise UsageError(f"{cells[2]!r} is neither bonafide nor spoof", where)
        rows.append(_Row(line, cells[0], _CLEAN, -_number(cells[-1], where)))
    return rows, notes


def _columns(header: Sequence[str], spec: str) -> tuple[int, int | None, int]:
    """Positions of the clip, of the condition (None where absent) and of the score."""
    where = f"{spec}, line 1"
    if "score" not in header:
        raise UsageError(f"no column score among {', '.join(header)}", where, _WANTED)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UsageError(f"the column {twice[0]} is there twice", where, _WANTED)
    for name in _CLIP_COLUMNS:
        if name in header:
            condition = header.index("condition") if "condition" in header else None
            return header.index(name), condition, header.index("score")
    raise UsageError(f"no column clip_id among {', '.join(header)}", where, _WANTED)


def _notes(header: Sequence[str], clip: int) -> list[str]:
    return [] if header[clip] == "clip_id" else [f"clips are named by the column {header[clip]}"]


def _number(value: object, where: str) -> float:
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as fault:
        raise UsageError(
            f"{value!r} is not a number", where, "leave out what has no score"
        ) from fault


def _stem(clip_id: str) -> str:
    return _AUDIO_SUFFIX.sub("", PurePosixPath(clip_id.replace("\\", "/")).name)

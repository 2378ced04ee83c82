"""Roles of the columns of a score file: as the user says, otherwise by its known layout.

Every known layout is one function and one row of `LAYOUTS`. A layout says which columns hold the
clip, the score (or the outputs for fake and for real), the condition and the key and, if its
convention defines them, the scale of scores and the class that a higher one speaks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from harness.data.class_names import canonical_label
from harness.data.clip import Label
from harness.data.hub_column import LABEL_NAMES, parsed
from harness.detector.scale import KINDS, Kind
from harness.detector.score_file.file import ScoreTable, is_number
from harness.errors import UsageError, closest

_SPEC = re.compile(r"(?P<place>[^?]*)(?:\?(?P<options>.*))?", re.DOTALL)
_OPTIONS = ("score", "higher", "columns", "missing", "fake")
_ROLES = ("clip", "condition", "score", "fake", "real", "key")
_OTHER_ROLES = ("-", "_")
_MISSING_WORDS = {"empty": ("",), "none": ()}

_CLIP_NAMES = (
    *("clip_id", "path", "file", "filename", "file_name", "utterance_id", "utt_id", "utt"),
    *("utterance", "audio_path", "audio_file", "audio_id", "audio", "file_path", "filepath"),
    *("wav_path", "wav", "trial", "trial_id", "fname", "name", "id", "uid"),
)
_KEY_NAMES = (*LABEL_NAMES, "cm_label", "cm_key", "true_label", "y_true", "gt", "truth")
_KIND_WORDS: dict[str, Kind | None] = {
    **dict.fromkeys(
        ("probability", "prob", "proba", "probabilities", "p", "softmax"), "probability"
    ),
    **dict.fromkeys(("percent", "percentage", "pct"), "percent"),
    **dict.fromkeys(("logit", "logits"), "logits"),
    **dict.fromkeys(("score", "scores", "output", "llr", "confidence"), None),
}
_SCORE_NAMES = (*_KIND_WORDS, "pred", "prediction", "predictions", "y_pred", "y_score", "value")


class ScoreOptions(NamedTuple):
    """Options of a score file as the user gave them; None or empty where not given."""

    place: Path
    kind: Kind | None = None
    higher: Label | None = None
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = None
    fake: str | None = None

    @classmethod
    def parse(cls, rest: str, spec: str) -> ScoreOptions:
        """Parse `FILE[?score=…&higher=…&columns=…&missing=…&fake=…]`.

        Raises UsageError if an option or its value is unknown.
        """
        if "?" in rest and Path(rest).expanduser().exists():
            return cls(Path(rest).expanduser())
        match, options = parsed(_SPEC, _OPTIONS, rest, spec, "scores:FILE")
        missing = options.get("missing")
        return cls(
            place=Path(match["place"]).expanduser(),
            kind=cast("Kind | None", _known_value(KINDS, options, "score", spec)),
            higher=cast("Label | None", _known_value(("fake", "real"), options, "higher", spec)),
            columns=tuple(part.strip() for part in options.get("columns", "").split(",") if part),
            missing=None if missing is None else _missing_words(missing),
            fake=options.get("fake"),
        )


def add_options(spec: str, options: str) -> str:
    """Return the advice to add options to a spec that may have some already."""
    return f"add {'&' if '?' in spec else '?'}{options}"


def _known_value(
    known: Sequence[str], options: Mapping[str, str], option: str, spec: str
) -> str | None:
    value = options.get(option)
    if value is None or value in known:
        return value
    hint = _advice(value, f"take {', '.join(known)}", known)
    raise UsageError(f"{option}={value} is not known", spec, hint)


def _advice(word: str, advice: str, known: Sequence[str]) -> str:
    """Return advice, after the nearest known word where there is one."""
    near = closest(word, known)
    return f"did you mean {near}? {advice[0].upper()}{advice[1:]}" if near else advice


def _missing_words(option: str) -> tuple[str, ...]:
    return tuple(
        word for part in option.split(",") for word in _MISSING_WORDS.get(part, (part.strip(),))
    )


class ScoreColumns(NamedTuple):
    """Places of the columns of a table, by role.

    Parameters
    ----------
    values
        The column of the score, or those of fake and of real.
    kind, higher
        None if neither the user nor the layout says it.
    """

    words: str
    clip: int
    values: tuple[int, ...]
    condition: int | None = None
    key: int | None = None
    kind: Kind | None = None
    higher: Label | None = None


def columns_of(table: ScoreTable, options: ScoreOptions, spec: str) -> ScoreColumns:
    """Return the columns as stated, otherwise those of the first layout that fits.

    Raises UsageError if no layout fits, or two columns have the same name.
    """
    names = [_normalised(name) for name in table.header]
    if repeated := sorted({name for name in names if names.count(name) > 1 and name}):
        where = f"{spec}, line 1"
        raise UsageError(f"the column {repeated[0]} is there twice", where, "take one out")
    if options.columns:
        return _stated(table, options.columns, spec)
    for recognise in LAYOUTS.values():
        if columns := recognise(table):
            return columns
    if table.header:
        absent = "clip_id" if _first(table, _CLIP_NAMES) is None else "score"
        raise UsageError(
            f"no column {absent} among {', '.join(table.header)}",
            f"{spec}, line 1",
            "say which they are with ?columns=clip:NAME,score:NAME",
        )
    raise UsageError(
        f"{table.width} columns without names ({table.separator}), in no known layout",
        f"{spec}, line {table.lines[0]}",
        "say what they are, such as ?columns=clip,score,key, with - for any other",
    )


def _stated(table: ScoreTable, columns: Sequence[str], spec: str) -> ScoreColumns:
    """Read `clip,-,key,score` by place, or `clip:utt,score:pred` by name or number from 1."""
    places = _stated_places(table, columns, spec)
    single, double = "score" in places, {"fake", "real"} & places.keys()
    if "clip" not in places or single == bool(double) or len(double) == 1:
        raise UsageError(
            f"columns={','.join(columns)} names no clip and score",
            spec,
            "say columns=clip,score or columns=clip,fake,real, with - for other columns",
        )
    values = (places["score"],) if single else (places["fake"], places["real"])
    kind, higher = _meaning_of_name(table, values[0]) if single else (None, None)
    words = f"columns as stated ({', '.join(columns)})"
    others = places.get("condition"), places.get("key")
    return ScoreColumns(words, places["clip"], values, *others, kind=kind, higher=higher)


def _stated_places(table: ScoreTable, columns: Sequence[str], spec: str) -> dict[str, int]:
    pairs = [part.partition(":") for part in columns]
    by_name = any(colon for _, colon, _ in pairs)
    if not by_name and len(pairs) != table.width:
        raise UsageError(
            f"columns= has {len(pairs)} names for {table.width} columns",
            spec,
            "say - for a column that is none of them, or columns=clip:NAME,score:NAME",
        )
    places: dict[str, int] = {}
    for number, (role, _, name) in enumerate(pairs):
        if role in _OTHER_ROLES and not by_name:
            continue
        if role not in _ROLES:
            hint = _advice(role, f"columns are {', '.join(_ROLES)} and -", _ROLES)
            raise UsageError(f"columns= has {role!r}", spec, hint)
        if role in places:
            raise UsageError(f"columns= has {role} twice", spec, "give it once")
        places[role] = _place(table, name, spec) if by_name else number
    if not by_name and table.header and not _has_known_name(table):
        raise UsageError(
            f"no number in {', '.join(table.header)}, which are no known names",
            f"{spec}, line 1",
            "take the line out, or name its columns: columns=clip:NAME,score:NAME",
        )
    return places


def _place(table: ScoreTable, name: str, spec: str) -> int:
    if name in table.header:
        return table.header.index(name)
    names = [_normalised(column) for column in table.header]
    if _normalised(name) in names:
        return names.index(_normalised(name))
    if name.isdecimal() and 1 <= int(name) <= table.width:
        return int(name) - 1
    seen = ", ".join(table.header) or f"{table.width} columns without names"
    raise UsageError(f"no column {name!r} among {seen}", spec, "name one, or give its number")


def _meaning_of_name(table: ScoreTable, place: int) -> tuple[Kind | None, Label | None]:
    """Return scale and class of a column of scores, as far as its name says them."""
    classes = _class_columns(table)
    if place in classes:
        label, kind = classes[place]
        return _single(kind), label
    is_score = bool(table.header) and _normalised(table.header[place]) == "score"
    return None, "fake" if is_score else None


def _table(table: ScoreTable) -> ScoreColumns | None:
    """A header with `score`, higher = more fake."""
    return _named(table, "score", "a table with a column score", higher="fake")


def _asvspoof5(table: ScoreTable) -> ScoreColumns | None:
    """`filename cm-score` (Wang et al. 2024, evaluation package)."""
    return _named(table, "cm_score", _convention("ASVspoof 5"), higher="real")


def _two_outputs(table: ScoreTable) -> ScoreColumns | None:
    """`file,prob_fake,prob_real`: a column for either class, both of one kind."""
    places = {label: place for place, (label, _) in _class_columns(table).items()}
    kinds: list[Kind | None] = [kind for _, kind in _class_columns(table).values()]
    if len(kinds) != 2 or len(places) != 2 or kinds[0] != kinds[1]:
        return None
    values = (places["fake"], places["real"])
    names = " and ".join(table.header[place] for place in values)
    return _headed(table, f"a table with the columns {names}", values, kinds[0])


def _one_output(table: ScoreTable) -> ScoreColumns | None:
    """`file,prob_fake` or `path,spoof_score`: the name says which class it speaks for."""
    classes = _class_columns(table)
    if len(classes) != 1:
        return None
    ((place, (label, kind)),) = classes.items()
    words = f"a table with the column {table.header[place]}"
    return _headed(table, words, (place,), _single(kind), label)


def _prediction(table: ScoreTable) -> ScoreColumns | None:
    """`path,pred,label`: the name says at most on which scale it is."""
    names = [name for name in table.header if _normalised(name) in _SCORE_NAMES]
    if len(names) != 1:
        return None
    name = _normalised(names[0])
    words = f"a table with the column {names[0]}"
    return _named(table, name, words, _single(_KIND_WORDS.get(name)))


def _asvspoof2019(table: ScoreTable) -> ScoreColumns | None:
    """`LA_E_1 A07 spoof -1.5`."""
    if table.header or table.width != 4 or not _is_key(table, 2):
        return None
    return _with_key(table, "ASVspoof 2019", clip=0, score=3, key=2)


def _three_columns(table: ScoreTable) -> ScoreColumns | None:
    """`LA_E_1 -1.5 spoof` in any order: numbers, words of the two classes, and the rest."""
    if table.header or table.width != 3:
        return None
    numbers = [place for place in range(3) if all(map(is_number, table.column(place)))]
    keys = [place for place in range(3) if _is_key(table, place)]
    if len(numbers) != 1 or len(keys) != 1:
        return None
    (clip,) = {0, 1, 2} - {*numbers, *keys}
    return _with_key(table, "three columns, with ASVspoof's words", clip, numbers[0], keys[0])


def _asvspoof2021(table: ScoreTable) -> ScoreColumns | None:
    """`LA_E_1 -1.5`."""
    if table.header or table.width != 2 or table.separator not in ("blanks", "tab"):
        return None
    return ScoreColumns(_convention("ASVspoof 2021"), 0, (1,), higher="real")


LAYOUTS: dict[str, Callable[[ScoreTable], ScoreColumns | None]] = {
    "clip_id,score": _table,
    "filename cm-score": _asvspoof5,
    "file,prob_fake,prob_real": _two_outputs,
    "file,prob_fake": _one_output,
    "path,pred,label": _prediction,
    "id attack key score": _asvspoof2019,
    "id score key": _three_columns,
    "id score": _asvspoof2021,
}
"""Layouts by an example of each; the first that fits a table is used."""


def _convention(name: str) -> str:
    return f"{name} (higher = bona fide)"


def _single(kind: Kind | None) -> Kind | None:
    """Return the scale of a single output: one logit is log-odds."""
    return "log-odds" if kind == "logits" else kind


def _named(
    table: ScoreTable,
    score: str,
    words: str,
    kind: Kind | None = None,
    higher: Label | None = None,
) -> ScoreColumns | None:
    place = _first(table, (score,))
    return None if place is None else _headed(table, words, (place,), kind, higher)


def _headed(
    table: ScoreTable,
    words: str,
    values: tuple[int, ...],
    kind: Kind | None = None,
    higher: Label | None = None,
) -> ScoreColumns | None:
    clip, key = _first(table, _CLIP_NAMES), _first(table, _KEY_NAMES)
    if clip is None:
        return None
    key = None if key == clip or key in values else key
    return ScoreColumns(words, clip, values, _first(table, ("condition",)), key, kind, higher)


def _is_key(table: ScoreTable, place: int) -> bool:
    return all(canonical_label(word) is not None for word in set(table.column(place)))


def _with_key(table: ScoreTable, name: str, clip: int, score: int, key: int) -> ScoreColumns:
    """Return the layout, with ASVspoof's polarity if its key has ASVspoof's words."""
    words = {word.casefold() for word in table.column(key)}
    if words <= {"bonafide", "spoof"}:
        return ScoreColumns(_convention(name), clip, (score,), key=key, higher="real")
    return ScoreColumns(name, clip, (score,), key=key)


def _normalised(name: str) -> str:
    return re.sub(r"[\s_.-]+", "_", name.strip().casefold())


def _first(table: ScoreTable, names: Sequence[str]) -> int | None:
    """Return the place of the first of these names that the header has."""
    header = [_normalised(name) for name in table.header]
    return next((header.index(name) for name in names if name in header), None)


def _class_columns(table: ScoreTable) -> dict[int, tuple[Label, Kind | None]]:
    """Return columns named like an output for a class, by place: `prob_fake`, `spoof`."""
    columns: dict[int, tuple[Label, Kind | None]] = {}
    for place, name in enumerate(table.header):
        words = _normalised(name).split("_")
        kinds = [word for word in words if word in _KIND_WORDS]
        label = canonical_label("".join(word for word in words if word not in _KIND_WORDS))
        if label is not None and len(kinds) <= 1:
            columns[place] = label, _KIND_WORDS[kinds[0]] if kinds else None
    return columns


def _has_known_name(table: ScoreTable) -> bool:
    known = {*_CLIP_NAMES, *_KEY_NAMES, *_SCORE_NAMES, "condition", "cm_score"}
    return bool(_class_columns(table)) or any(_normalised(name) in known for name in table.header)

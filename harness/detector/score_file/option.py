"""What the user states of a score file: `scores:FILE?score=…&higher=…&columns=…&missing=…`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from harness.data.clip import Label
from harness.data.hub_column import parsed
from harness.detector.score_file.column import Layout, class_columns, header, is_known, plain
from harness.detector.score_file.scale import KINDS, Kind
from harness.detector.score_file.sheet import Sheet
from harness.errors import UsageError

_SPEC = re.compile(r"(?P<place>[^?]*)(?:\?(?P<options>.*))?", re.DOTALL)
_OPTIONS = ("score", "higher", "columns", "missing", "fake")
_ROLES = ("clip", "condition", "score", "fake", "real", "key")
_OTHER_ROLES = ("-", "_")
_MISSING_WORDS = {"empty": ("",), "none": ()}


class Wanted(NamedTuple):
    """What the user states about a score file; None where nothing is said."""

    place: Path
    kind: Kind | None = None
    higher: Label | None = None
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = None
    fake: str | None = None

    @classmethod
    def parse(cls, rest: str, spec: str) -> Wanted:
        """Take `FILE[?score=…&higher=…&columns=…&missing=…&fake=…]` to pieces.

        Raises
        ------
        UsageError
            Where an option is unknown or says nothing that is known.
        """
        if "?" in rest and Path(rest).expanduser().exists():
            return cls(Path(rest).expanduser())
        found, options = parsed(_SPEC, _OPTIONS, rest, spec, "scores:FILE")
        given = options.get("missing")
        return cls(
            place=Path(found["place"]).expanduser(),
            kind=cast("Kind | None", _one_of(KINDS, options, "score", spec)),
            higher=cast("Label | None", _one_of(("fake", "real"), options, "higher", spec)),
            columns=tuple(part.strip() for part in options.get("columns", "").split(",") if part),
            missing=None if given is None else _missing(given),
            fake=options.get("fake"),
        )


def stated(sheet: Sheet, columns: Sequence[str], spec: str) -> Layout:
    """`clip,-,key,score` by place, or `clip:utt,score:pred` by name, or by number from 1."""
    pairs = [part.partition(":") for part in columns]
    by_name = any(colon for _, colon, _ in pairs)
    if not by_name and len(pairs) != sheet.width:
        raise UsageError(
            f"columns= has {len(pairs)} names for {sheet.width} columns",
            spec,
            "say - for a column that is none of them, or columns=clip:NAME,score:NAME",
        )
    places: dict[str, int] = {}
    for number, (role, _, name) in enumerate(pairs):
        if role in _OTHER_ROLES and not by_name:
            continue
        if role not in _ROLES:
            near = difflib.get_close_matches(role, _ROLES, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"columns= has {role!r}", spec, f"{meant}Columns are {', '.join(_ROLES)} and -"
            )
        if role in places:
            raise UsageError(f"columns= says {role} twice", spec, "say it once")
        places[role] = _place(sheet, name, spec) if by_name else number
    if not by_name and sheet.header is not None and not is_known(sheet):
        raise UsageError(
            f"no number in {', '.join(sheet.header)}, which are no names that are known",
            f"{spec}, line 1",
            "take the line out, or name its columns: columns=clip:NAME,score:NAME",
        )
    single, double = "score" in places, {"fake", "real"} & places.keys()
    if "clip" not in places or single == bool(double) or len(double) == 1:
        raise UsageError(
            f"columns={','.join(columns)} names no clip and score",
            spec,
            "say columns=clip,score or columns=clip,fake,real, with - for other columns",
        )
    values = (places["score"],) if single else (places["fake"], places["real"])
    kind, higher = _said_by_name(sheet, values)
    words = f"columns as stated ({', '.join(columns)})"
    others = places.get("condition"), places.get("key")
    return Layout(words, places["clip"], values, *others, kind=kind, higher=higher)


def _place(sheet: Sheet, name: str, spec: str) -> int:
    names = header(sheet)
    if name in names:
        return names.index(name)
    spelled = [plain(each) for each in names]
    if plain(name) in spelled:
        return spelled.index(plain(name))
    if name.isdecimal() and 1 <= int(name) <= sheet.width:
        return int(name) - 1
    seen = ", ".join(names) or f"{sheet.width} columns without names"
    raise UsageError(f"no column {name!r} among {seen}", spec, "name one, or give its number")


def _said_by_name(sheet: Sheet, values: tuple[int, ...]) -> tuple[Kind | None, Label | None]:
    """What the names of the columns of scores say, where they have any."""
    found = class_columns(sheet)
    if len(values) == 1 and values[0] in found:
        label, kind = found[values[0]]
        return ("log-odds" if kind == "logits" else kind), label
    named = sheet.header is not None and plain(sheet.header[values[0]]) == "score"
    return None, "fake" if named and len(values) == 1 else None


def _one_of(known: Sequence[str], options: dict[str, str], option: str, spec: str) -> str | None:
    value = options.get(option)
    if value is None or value in known:
        return value
    near = difflib.get_close_matches(value, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"{option}={value} is not known", spec, f"{meant}Take {', '.join(known)}")


def _missing(given: str) -> tuple[str, ...]:
    return tuple(
        word for part in given.split(",") for word in _MISSING_WORDS.get(part, (part.strip(),))
    )

"""What the columns of a score file hold: as the user states it, else as its layout is known.

Every known layout is one function and one row of `LAYOUTS`. A layout says which columns are the
clip, the score (or the outputs for fake and for real), the condition and the key, and, where its
convention does, on which scale scores are and which class a higher one speaks for.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.data.class_names import canonical_label
from harness.data.clip import Label
from harness.detector.score_file.column import (
    CLIP_NAMES,
    KEY_NAMES,
    KIND_WORDS,
    PLAIN_NAMES,
    Layout,
    class_columns,
    first,
    header,
    plain,
)
from harness.detector.score_file.option import Wanted, stated
from harness.detector.score_file.scale import Kind
from harness.detector.score_file.sheet import Sheet, is_number
from harness.errors import UsageError


def layout_of(sheet: Sheet, wanted: Wanted, spec: str) -> Layout:
    """The columns as stated, else as the first layout has them that fits.

    Raises
    ------
    UsageError
        Where none does, or two columns could be the same.
    """
    if sheet.header is not None:
        names = [plain(name) for name in sheet.header]
        if twice := sorted({name for name in names if names.count(name) > 1 and name}):
            where = f"{spec}, line 1"
            raise UsageError(f"the column {twice[0]} is there twice", where, "take one out")
    if wanted.columns:
        return stated(sheet, wanted.columns, spec)
    for recognise in LAYOUTS.values():
        if found := recognise(sheet):
            return found
    raise _unknown(sheet, spec)


def _table(sheet: Sheet) -> Layout | None:
    """A header with `score`, higher = more fake."""
    return _named(sheet, "score", "a table with a column score", higher="fake")


def _asvspoof5(sheet: Sheet) -> Layout | None:
    """`filename cm-score` (Wang et al. 2024, evaluation package)."""
    return _named(sheet, "cm_score", _convention("ASVspoof 5"), higher="real")


def _two_outputs(sheet: Sheet) -> Layout | None:
    """`file,prob_fake,prob_real`: a column for either class, both of one kind."""
    found = class_columns(sheet)
    clip = first(sheet, CLIP_NAMES)
    if clip is None or sorted(label for label, _ in found.values()) != ["fake", "real"]:
        return None
    if len({kind for _, kind in found.values()}) > 1:
        return None
    by_label = {label: place for place, (label, _) in found.items()}
    kind = next(iter(found.values()))[1]
    names = " and ".join(header(sheet)[by_label[label]] for label in ("fake", "real"))
    values = (by_label["fake"], by_label["real"])
    return _headed(sheet, f"a table with the columns {names}", clip, values, kind)


def _one_output(sheet: Sheet) -> Layout | None:
    """`file,prob_fake` or `path,spoof_score`: the name says which class it speaks for."""
    found = class_columns(sheet)
    clip = first(sheet, CLIP_NAMES)
    if clip is None or len(found) != 1:
        return None
    ((place, (label, kind)),) = found.items()
    words = f"a table with the column {header(sheet)[place]}"
    kind = "log-odds" if kind == "logits" else kind
    return _headed(sheet, words, clip, (place,), kind, label)


def _prediction(sheet: Sheet) -> Layout | None:
    """`path,pred,label`: the name says at most on which scale it is."""
    found = [name for name in header(sheet) if plain(name) in PLAIN_NAMES]
    if len(found) != 1:
        return None
    name = plain(found[0])
    kind = KIND_WORDS.get(name)
    kind = "log-odds" if kind == "logits" else kind
    layout = _named(sheet, name, f"a table with the column {found[0]}", higher=None)
    return layout and layout._replace(kind=kind)


def _asvspoof2019(sheet: Sheet) -> Layout | None:
    """`LA_E_1 A07 spoof -1.5`."""
    if sheet.header is not None or sheet.width != 4 or not _is_key(sheet, 2):
        return None
    return _with_key(sheet, Layout(_convention("ASVspoof 2019"), 0, (3,), key=2))


def _three_columns(sheet: Sheet) -> Layout | None:
    """`LA_E_1 -1.5 spoof` in any order: numbers, words of the two classes, and the rest."""
    if sheet.header is not None or sheet.width != 3:
        return None
    numbers = [place for place in range(3) if all(map(is_number, sheet.column(place)))]
    keys = [place for place in range(3) if _is_key(sheet, place)]
    if len(numbers) != 1 or len(keys) != 1:
        return None
    (clip,) = {0, 1, 2} - {*numbers, *keys}
    words = _convention("three columns, with ASVspoof's words")
    return _with_key(sheet, Layout(words, clip, (numbers[0],), key=keys[0]))


def _asvspoof2021(sheet: Sheet) -> Layout | None:
    """`LA_E_1 -1.5`."""
    if sheet.header is not None or sheet.width != 2 or sheet.separator not in ("blanks", "tab"):
        return None
    return Layout(_convention("ASVspoof 2021"), 0, (1,), higher="real")


LAYOUTS: dict[str, Callable[[Sheet], Layout | None]] = {
    "clip_id,score": _table,
    "filename cm-score": _asvspoof5,
    "file,prob_fake,prob_real": _two_outputs,
    "file,prob_fake": _one_output,
    "path,pred,label": _prediction,
    "id attack key score": _asvspoof2019,
    "id score key": _three_columns,
    "id score": _asvspoof2021,
}
"""By an example; the first that fits a sheet is taken."""


def _convention(name: str) -> str:
    return f"{name} (higher = bona fide)"


def _headed(
    sheet: Sheet,
    words: str,
    clip: int,
    values: tuple[int, ...],
    kind: Kind | None = None,
    higher: Label | None = None,
) -> Layout:
    key = first(sheet, KEY_NAMES)
    key = None if key == clip or key in values else key
    return Layout(words, clip, values, first(sheet, ("condition",)), key, kind, higher)


def _named(sheet: Sheet, score: str, words: str, higher: Label | None) -> Layout | None:
    place, clip = first(sheet, (score,)), first(sheet, CLIP_NAMES)
    if place is None or clip is None:
        return None
    return _headed(sheet, words, clip, (place,), higher=higher)


def _is_key(sheet: Sheet, place: int) -> bool:
    return all(canonical_label(word) is not None for word in set(sheet.column(place)))


def _with_key(sheet: Sheet, layout: Layout) -> Layout:
    """The layout, with ASVspoof's polarity where its key has ASVspoof's words."""
    words = {word.casefold() for word in sheet.column(layout.key or 0)}
    if words <= {"bonafide", "spoof"}:
        return layout._replace(higher="real")
    return layout._replace(words=layout.words.removesuffix(" (higher = bona fide)"))


def _unknown(sheet: Sheet, spec: str) -> UsageError:
    if sheet.header is not None:
        lacking = "clip_id" if first(sheet, CLIP_NAMES) is None else "score"
        return UsageError(
            f"no column {lacking} among {', '.join(sheet.header)}",
            f"{spec}, line 1",
            "say which they are with ?columns=clip:NAME,score:NAME",
        )
    return UsageError(
        f"{sheet.width} columns without names ({sheet.separator}), in no layout that is known",
        f"{spec}, line {sheet.lines[0]}",
        "say what they are, such as ?columns=clip,score,key, with - for any other",
    )

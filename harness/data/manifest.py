"""A table of recordings: CSV, TSV, JSON lines or Parquet with the columns `path` and `label`.

`clip_id, speaker, generator, source, group` are optional, and any further column that divides the
clips becomes a slice. One that states labels (`is_fake`, `key`) must not contradict `label`.

Paths are relative to the manifest's folder and stay inside it, also in a store. A recording that is
missing becomes a rejected row when it is read.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from harness.audio.encoded import Encoded
from harness.data.class_names import ACCEPTED, canonical_label, refusal
from harness.data.clip import Clip, Label, Origin
from harness.data.clip_list import Listing, checked, name_below
from harness.data.folder import opposed, walk
from harness.data.hub_column import differing, stated_labels
from harness.data.leftover import names_below, stale
from harness.data.manifest_rows import KNOWN, SHOWN, ManifestRow, read_rows
from harness.data.missing import OptionalCells
from harness.data.store import (
    StorePath,
    Tree,
    answering,
    as_path,
    described,
    in_store,
    joined,
    listed,
)
from harness.errors import UsageError, shortened
from harness.results.clip_facts import NAMES, RESERVED

MOST_COLUMNS = 20
"""Further columns that become slices."""


def open_manifest(rest: str, spec: str) -> Listing:
    """Open the manifest file `rest`; its clips in its order."""
    if in_store(rest):
        with answering(spec):
            file = listed(rest)
            if not file.is_file():
                raise UsageError(f"{rest} does not exist", spec, "check the path")
            return read_manifest(as_path(file), spec)
    path = Path(rest).expanduser()
    if not os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
        problem = "is not a file" if os.path.exists(path) else "does not exist"
        raise UsageError(f"{rest or 'its path'} {problem}", spec, "check the path")
    return read_manifest(path, spec)


def read_manifest(path: Path, spec: str, directory: bool = False) -> Listing:
    """Read a manifest that exists.

    Parameters
    ----------
    directory
        Whether the user named the manifest's folder, so that folders of the two classes in it are
        another reading of the same data.

    Raises
    ------
    UsageError
        Where it is not a manifest, or contradicts itself or, in a directory, those folders.
    """
    rows = read_rows(path)
    _check_labels(path, rows)
    folder = _in_store(path, rows) if isinstance(path, StorePath) else _on_disk(path)
    cells = OptionalCells()
    further, column_notes = _further_columns(path, rows)
    clips: list[Clip] = []
    places: dict[str, str] = {}
    listed: dict[str, tuple[Label, str]] = {}
    for place, row in rows:
        where = f"{path}, {place}"
        below, clip = _clip(row, folder.locate, further, cells, where)
        if clip.clip_id in places:
            raise UsageError(
                f"clip_id {clip.clip_id!r} was used in {places[clip.clip_id]} already",
                where,
                "make the ids unique",
            )
        label, other = listed.setdefault(below, (clip.label, place))
        if label != clip.label:
            raise UsageError(
                f"{below} is {clip.label} here and {label} in {other}", where, "keep one of them"
            )
        places[clip.clip_id] = place
        clips.append(clip)
    name = folder.name if path.stem == "manifest" else path.stem
    labels: dict[str, Label] = {below: label for below, (label, _) in listed.items()}
    words = sorted({row.cells["label"] for row in rows} - {"real", "fake"})
    notes = [
        *folder.notes,
        *(f"label {word!r} read as {canonical_label(word)}" for word in words),
        *column_notes,
        *cells.notes,
        *_opposed_notes(path, labels, directory),
    ]
    if not isinstance(path, StorePath):
        notes += _working_directory_notes(path, labels)
    if folder.names:
        notes += stale(labels, folder.names, folders=_class_folders(path.parent, directory))
    origin = Origin(spec, "manifest", name, "", notes=tuple(notes), columns=tuple(further))
    return Listing(checked(origin, clips), tuple(clips))


def _check_labels(path: Path, rows: list[ManifestRow]) -> None:
    """Refuse labels that name no class; one message shows all that were seen."""
    labels = {row.cells["label"] for row in rows}
    unknown = {label for label in labels if canonical_label(label) is None}
    if unknown:
        place, cells = next(row for row in rows if row.cells["label"] in unknown)
        seen = ", ".join(repr(label[:SHOWN]) for label in sorted(labels)[:6])
        raise UsageError(
            f"{refusal(cells['label'][:SHOWN])}; labels seen: {seen}",
            f"{path}, {place}",
            f"write {ACCEPTED}",
        )


def _further_columns(path: Path, rows: list[ManifestRow]) -> tuple[list[str], list[str]]:
    """Return the further columns that become slices, and notes on all of them.

    A column that names single clips, as a transcript does, or has one value throughout divides
    nothing and is left out.

    Raises
    ------
    UsageError
        Where one states labels other than those of `label`.
    """
    labels: list[Label | None] = [canonical_label(row.cells["label"]) for row in rows]
    kept: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(name for row in rows for name in row.cells if name not in KNOWN):
        values = [row.cells.get(name, "") for row in rows]
        if stated := stated_labels(name, values):
            _refuse_differing(path, rows, name, differing(labels, stated))
            continue
        known = list(filter(None, map(partial(OptionalCells().read, name), values)))
        if reason := _why_no_slices(name, known, len(rows)):
            left_out[name] = reason
        elif len(kept) == MOST_COLUMNS:
            left_out[name] = f"more than {MOST_COLUMNS} columns"
        else:
            kept[name] = len(rows) - len(known)
    notes: list[str] = []
    if kept:
        gaps = {
            name: f"{count} of {len(rows)} unknown" if count else "" for name, count in kept.items()
        }
        notes.append(f"slices from columns {_commented(gaps)}")
    left_out.pop("", None)  # as tables have that were written with their row numbers
    if left_out:
        notes.append(f"columns left out: {_commented(left_out)}")
    return sorted(kept), notes


def _why_no_slices(name: str, known: list[str], rows: int) -> str:
    """Say why the known values of a column are no slices; empty where they are."""
    values = set(known)
    if name in RESERVED:
        return "the name of another slice"
    if "=" in name:
        return "'=' in its name"
    if not known:
        return "no text in it"
    if len(values) == 1 and len(known) == rows:
        return f"{shortened(repr(known[0]))} throughout"
    if 2 * len(values) > len(known):
        return "most clips have a value of their own"
    return ""


def _commented(comments: dict[str, str]) -> str:
    """List names, with a comment in brackets where there is one."""
    return ", ".join(
        f"{name} ({comment})" if comment else name for name, comment in sorted(comments.items())
    )


def _refuse_differing(path: Path, rows: list[ManifestRow], name: str, differ: list[int]) -> None:
    if differ:
        place, cells = rows[differ[0]]
        raise UsageError(
            f"the columns label and {name} disagree in {len(differ)} of {len(rows)} rows, first "
            f"with {cells['label']!r} and {cells[name][:SHOWN]!r}",
            f"{path}, {place}",
            "correct one of them, or take it out",
        )


def _clip(
    cells: dict[str, str],
    locate: _Locate,
    further: list[str],
    optional: OptionalCells,
    where: str,
) -> tuple[str, Clip]:
    """Return the path of a row's recording below the manifest's folder, and its clip."""
    if not cells["path"]:
        raise UsageError("the path is empty", where, "name a recording")
    located = locate(cells["path"])
    if located is None:
        raise UsageError(
            f"{cells['path']} leads out of the manifest's folder",
            where,
            "move the manifest above its recordings",
        )
    below, audio = located
    label = canonical_label(cells["label"])
    if label is None:  # refused by _check_labels
        raise AssertionError(cells["label"])
    facts = optional.facts({name: cells.get(name) for name in (*NAMES, *further)}, label)
    return below, Clip.of(cells.get("clip_id") or below, label, audio, facts)


def _class_folders(root: Path, directory: bool) -> set[str]:
    """Return where recordings lie that reading the directory by its folders would find."""
    if not directory:
        return set()
    tops = [entry for entry in root.iterdir() if canonical_label(entry.name) and entry.is_dir()]
    return {name_below(path, root).rpartition("/")[0] for top in tops for path in walk(top)}


def _working_directory_notes(path: Path, listed: Collection[str]) -> list[str]:
    """Note paths that would name another file if read from the working directory."""
    here = Path.cwd()
    if here == Path(os.path.abspath(path.parent)):
        return []
    folders = {below.rpartition("/")[0] for below in listed}
    names = {folder: set(names_below(here, folder)) for folder in folders}
    both = sum(below.rpartition("/")[2] in names[below.rpartition("/")[0]] for below in listed)
    if not both:
        return []
    return [
        f"{both} of the listed paths are also there below the working directory: those beside "
        f"{path.name} were taken"
    ]


def _opposed_notes(path: Path, labels: dict[str, Label], directory: bool) -> list[str]:
    """Note recordings in a folder of the other class; refuse them where the folder was named."""
    against = opposed(list(labels.items()))
    if not against:
        return []
    verb = "lies" if len(against) == 1 else "lie"
    what = (
        f"{len(against)} of {len(labels)} recordings {verb} in a folder of the other class, such "
        f"as {against[0]}, which {path.name} calls {labels[against[0]]}"
    )
    if directory:
        fix = f"name {path} to go by it, or folder:{path.parent} to go by the folders"
        raise UsageError(what, str(path), fix)
    return [what]


_Locate = Callable[[str], tuple[str, Encoded] | None]
"""Function from a cell `path` to its path below the manifest's folder, and how to read it."""


class _Folder(NamedTuple):
    """Folder that paths in a manifest are relative to.

    Parameters
    ----------
    names
        The names in a folder below it; None where it cannot be listed.
    """

    name: str
    locate: _Locate
    names: Callable[[str], Iterable[str]] | None
    notes: list[str]


def _on_disk(path: Path) -> _Folder:
    root = Path(os.path.abspath(path.parent))
    inside = Path(os.path.realpath(root))

    def locate(text: str) -> tuple[str, Encoded] | None:
        audio = Path(os.path.normpath(root / text))
        outside = not audio.is_relative_to(root)
        if outside or not Path(os.path.realpath(audio)).is_relative_to(inside):
            return None
        return audio.relative_to(root).as_posix(), audio

    return _Folder(root.name, locate, partial(names_below, root), [])


def _in_store(path: StorePath, rows: list[ManifestRow]) -> _Folder:
    """List what the manifest names, once, for its sizes.

    Whoever may read the recordings need not be allowed to list them.
    """
    root = str(path).rpartition("/")[0]
    tree, notes = path.tree, list[str]()
    if len(tree.files) == 1:  # the manifest itself
        named = [joined(root, cells["path"]) for _, cells in rows]
        folders = {posixpath.dirname(below) for below in named if below}
        try:
            tree = listed(root, posixpath.commonpath(folders) if folders else "").tree
        except Exception as fault:  # every client has errors of its own
            tree, notes = Tree(root, {}), [f"{root} cannot be listed: {described(fault)}"]

    def locate(text: str) -> tuple[str, Encoded] | None:
        below = joined(root, text)
        return (below, StorePath(below, tree).stored) if below else None

    names = partial(names_below, as_path(StorePath("", tree))) if tree.files else None
    return _Folder(root.rpartition("/")[2], locate, names, notes)

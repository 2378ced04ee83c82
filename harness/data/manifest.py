"""A table of recordings: CSV, TSV, JSON lines or Parquet with the columns `path` and `label`.

Optional columns are `clip_id, speaker, generator, source, group`; others are ignored and noted,
but one that states labels (`is_fake`, `key`) must not contradict `label`. Cells are text as
written: no type is inferred. Paths are relative to the manifest's folder and stay inside it, also
in a store. A recording that is missing is no fault of the manifest: it becomes a rejected row when
it is read.
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
from harness.data.missing import OptionalCells
from harness.data.store import StorePath, Tree, answering, as_path, in_store, joined, listed, told
from harness.data.table import OPTIONAL, REQUIRED, ROLES, SHOWN, Row, read_rows
from harness.errors import UsageError

_Locate = Callable[[str], tuple[str, Encoded] | None]
"""What a cell `path` names: its path below the manifest's folder, and how to read it."""


def open_manifest(rest: str, spec: str) -> Listing:
    """The clips that the manifest file `rest` lists, in its order."""
    if in_store(rest):
        with answering(spec):
            found = listed(rest)
            if not found.is_file():
                raise UsageError(f"{rest} does not exist", spec, "check the path")
            return read_manifest(as_path(found), spec)
    path = Path(rest).expanduser()
    if not os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
        found = "is not a file" if os.path.exists(path) else "does not exist"
        raise UsageError(f"{rest or 'its path'} {found}", spec, "check the path")
    return read_manifest(path, spec)


def read_manifest(path: Path, spec: str, directory: bool = False) -> Listing:
    """The clips that a manifest lists which is there.

    Parameters
    ----------
    directory
        Whether the user named the manifest's folder and not the manifest, so that folders of the
        two classes in it are another reading of the same data.

    Raises
    ------
    UsageError
        Where it is no manifest, or contradicts itself or, in a directory, those folders.
    """
    rows = read_rows(path)
    _check_labels(path, rows)
    _check_statements(path, rows)
    folder = _in_store(path, rows) if isinstance(path, StorePath) else _on_disk(path)
    cells = OptionalCells()
    clips: list[Clip] = []
    first: dict[str, str] = {}
    listed: dict[str, tuple[Label, str]] = {}
    for place, row in rows:
        where = f"{path}, {place}"
        below, clip = _clip(row, folder.locate, cells, where)
        if clip.clip_id in first:
            raise UsageError(
                f"clip_id {clip.clip_id!r} was used in {first[clip.clip_id]} already",
                where,
                "make the ids unique",
            )
        label, other = listed.setdefault(below, (clip.label, place))
        if label != clip.label:
            raise UsageError(
                f"{below} is {clip.label} here and {label} in {other}", where, "keep one of them"
            )
        first[clip.clip_id] = place
        clips.append(clip)
    name = folder.name if path.stem == "manifest" else path.stem
    labels: dict[str, Label] = {below: label for below, (label, _) in listed.items()}
    notes = [*folder.notes, *_notes(rows), *cells.notes, *_folder_notes(path, labels, directory)]
    if not isinstance(path, StorePath):
        notes += _elsewhere(path, labels)
    if folder.names:
        notes += stale(labels, folder.names, folders=_class_folders(path.parent, directory))
    origin = Origin(spec, "manifest", name, "", notes=tuple(notes))
    return Listing(checked(origin, clips), tuple(clips))


def _class_folders(root: Path, directory: bool) -> set[str]:
    """Where recordings lie that reading the directory by its folders would find."""
    if not directory:
        return set()
    tops = [entry for entry in root.iterdir() if canonical_label(entry.name) and entry.is_dir()]
    return {name_below(path, root).rpartition("/")[0] for top in tops for path in walk(top)}


def _elsewhere(path: Path, listed: Collection[str]) -> list[str]:
    """A note on paths that name another file when they are read from the working directory."""
    here, root = Path.cwd(), Path(os.path.abspath(path.parent))
    if here == root:
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


def _folder_notes(path: Path, labels: dict[str, Label], directory: bool) -> list[str]:
    """Notes on recordings that lie in a folder of the class that they are not of."""
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


def _check_labels(path: Path, rows: list[Row]) -> None:
    """Refuse every label that names no class, all of those seen in one message."""
    labels = {cells["label"] for _, cells in rows}
    unknown = sorted(label for label in labels if canonical_label(label) is None)
    if not unknown:
        return
    place, cells = next(row for row in rows if row.cells["label"] in unknown)
    seen = ", ".join(repr(label[:SHOWN]) for label in sorted(labels)[:6])
    raise UsageError(
        f"{refusal(cells['label'][:SHOWN])}; labels seen: {seen}",
        f"{path}, {place}",
        f"write {ACCEPTED}",
    )


def _check_statements(path: Path, rows: list[Row]) -> None:
    """Refuse a second column that states labels (`is_fake`, `key`) and other ones."""
    labels: list[Label | None] = [canonical_label(cells["label"]) for _, cells in rows]
    for name in sorted({name for _, cells in rows for name in cells} - {*REQUIRED, *OPTIONAL}):
        stated = stated_labels(name, [cells.get(name, "") for _, cells in rows])
        if stated and (torn := differing(labels, stated)):
            place, cells = rows[torn[0]]
            raise UsageError(
                f"the columns label and {name} disagree in {len(torn)} of {len(rows)} rows, first "
                f"with {cells['label']!r} and {cells[name][:SHOWN]!r}",
                f"{path}, {place}",
                "correct one of them, or take it out",
            )


class _Folder(NamedTuple):
    """What paths in a manifest are relative to.

    Parameters
    ----------
    names
        What is in a folder below it, by name; None where nobody knows.
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


def _in_store(path: StorePath, rows: list[Row]) -> _Folder:
    """The same in a store, where what the manifest names is listed once for its sizes.

    Who may read the recordings need not be allowed to list them.
    """
    root = str(path).rpartition("/")[0]
    named = [joined(root, cells["path"]) for _, cells in rows]
    tree, notes = path.tree, list[str]()
    if len(tree.files) == 1:  # itself
        folders = {posixpath.dirname(below) for below in named if below}
        try:
            tree = listed(root, posixpath.commonpath(folders) if folders else "").tree
        except Exception as fault:  # every client has errors of its own
            tree, notes = Tree(root, {}), [f"{root} cannot be listed: {told(fault)}"]

    def locate(text: str) -> tuple[str, Encoded] | None:
        below = joined(root, text)
        return (below, StorePath(below, tree).stored) if below else None

    there = partial(names_below, as_path(StorePath("", tree))) if tree.files else None
    return _Folder(root.rpartition("/")[2], locate, there, notes)


def _clip(
    cells: dict[str, str], locate: _Locate, optional: OptionalCells, where: str
) -> tuple[str, Clip]:
    """The path of a row's recording below the manifest's folder, and its clip."""
    if not cells["path"]:
        raise UsageError("the path is empty", where, "name a recording")
    found = locate(cells["path"])
    if found is None:
        raise UsageError(
            f"{cells['path']} leads out of the manifest's folder",
            where,
            "move the manifest above its recordings",
        )
    below, audio = found
    label: Label | None = canonical_label(cells["label"])
    if label is None:  # refused by _check_labels
        raise AssertionError(cells["label"])
    about = {
        role: optional.read(role, cells.get(role))
        for role in ROLES
        if role != "generator" or label == "fake"
    }
    return below, Clip(cells.get("clip_id") or below, label, audio, **about)


def _notes(rows: list[Row]) -> tuple[str, ...]:
    words = sorted({cells["label"] for _, cells in rows} - {"real", "fake"})
    notes = [f"label {word!r} read as {canonical_label(word)}" for word in words]
    ignored = sorted({name for _, cells in rows for name in cells} - {*REQUIRED, *OPTIONAL})
    if ignored:
        notes.append(f"columns ignored: {', '.join(ignored)}")
    return tuple(notes)

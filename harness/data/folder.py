"""A folder with `real/` and `fake/` in it; `fake/<generator>/x.wav` names the generator.

Other words for the two classes (`bonafide/`, `spoof/`) will do as long as each class has one
folder. A clip's id is its path below the root, with forward slashes. The root may lie in a store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness.data.clip import Clip, Label, Origin
from harness.data.listing import Listing, checked, name_below
from harness.data.store import StorePath, answering, as_path, at_rest, in_store, listed
from harness.errors import UsageError
from harness.suffix import is_audio
from harness.vocabulary import canonical_label


def open_folder(rest: str, spec: str) -> Listing:
    """The clips below the two class folders of `rest`, sorted by path."""
    return read_folder(directory(rest, spec), spec)


def read_folder(root: Path, spec: str) -> Listing:
    """The clips below the two class folders of a directory that is there."""
    folders = class_folders(root, spec)
    if set(folders) != {"real", "fake"}:
        seen = ", ".join(sorted(entry.name for entry in root.iterdir())[:8]) or "nothing"
        raise UsageError(f"no real/ and fake/ in it but {seen}", spec, "make the two folders")
    clips, notes = list_classes(root, folders)
    origin = Origin(spec, "folder", root.resolve().name, "", notes=tuple(notes))
    return Listing(checked(origin, clips), tuple(at_rest(clips)))


def directory(path: str, spec: str) -> Path:
    """The path, once it is known to be a directory; one in a store is listed for that."""
    if not path:
        raise UsageError("no path given", spec, "name a directory")
    if in_store(path):
        with answering(spec):
            found = listed(path)
        if not found.is_dir():
            what = "is not a directory" if found.is_file() else "does not exist"
            raise UsageError(f"{path} {what}", spec, "check the path")
        return as_path(found)
    root = Path(path).expanduser()
    if not os.path.isdir(root):  # unlike Path.is_dir, no error for a name that cannot be one
        found = "is not a directory" if os.path.exists(root) else "does not exist"
        raise UsageError(f"{path} {found}", spec, "check the path")
    return root


def class_folders(root: Path, spec: str) -> dict[Label, Path]:
    """The sub-folder of each class, by the words that `harness.vocabulary` knows.

    Raises
    ------
    UsageError
        Where a class has two folders.
    """
    folders: dict[Label, Path] = {}
    for entry in sorted(root.iterdir()):
        label = canonical_label(entry.name)
        if label is None or not entry.is_dir():
            continue
        if label in folders:
            raise UsageError(
                f"{folders[label].name}/ and {entry.name}/ both mean {label}",
                spec,
                "keep one folder a class",
            )
        folders[label] = entry
    return folders


def list_classes(
    root: Path, folders: dict[Label, Path], source: str = ""
) -> tuple[list[Clip], list[str]]:
    """The clips of the class folders in order of their ids, and notes on what was left out."""
    notes = [
        f"folder {folder.name}/ read as {label}"
        for label, folder in folders.items()
        if folder.name != label
    ]
    clips: list[Clip] = []
    other: set[str] = set()
    for label, folder in folders.items():
        for path in walk(folder):
            if not is_audio(path):
                other.add(name_below(path, root))
                continue
            below = name_below(path, folder).split("/")
            generator = below[0] if label == "fake" and len(below) > 1 else ""
            clip_id = name_below(path, root)
            clips.append(Clip(clip_id, label, path, generator=generator, source=source))
    if other:
        notes.append(f"{len(other)} files are not audio by their names, such as {min(other)}")
    return sorted(clips, key=lambda clip: clip.clip_id), notes


def walk(folder: Path) -> Iterator[Path]:
    """Every file below, links to folders followed; a folder that leads back to itself is not.

    An empty folder that is called `x.wav` counts as a file: somebody takes it for a recording.

    Raises
    ------
    UsageError
        Where a folder cannot be listed: what is in it would be missing without a word.
    """
    if isinstance(folder, StorePath):
        yield from map(as_path, folder.walk())
        return
    for above, names, files in os.walk(folder, followlinks=True, onerror=_refuse_unlisted):
        here = Path(above)
        if not names and not files and here != folder and is_audio(here):
            yield here
        ancestors = {ancestor.resolve() for ancestor in (here, *here.parents)}
        names[:] = sorted(
            name
            for name in names
            if not ((here / name).is_symlink() and (here / name).resolve() in ancestors)
        )
        yield from (here / name for name in sorted(files))


def _refuse_unlisted(fault: OSError) -> None:
    where = os.fsencode(fault.filename).decode("utf-8", "backslashreplace")
    raise UsageError(
        f"cannot be listed: {fault.strerror}", where, "give access to it, or move it away"
    ) from fault

"""A folder with `real/` and `fake/` in it; `fake/<generator>/x.wav` names the generator.

Other words for the two classes (`bonafide/`, `spoof/`) are fine as long as each class has one
folder and no folder below it names the other. A clip's id is its path below the root, with forward
slashes. The root may be in a store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from harness.audio.formats import is_audio, is_hidden
from harness.data.class_names import SPLITS, canonical_label
from harness.data.clip import Clip, Label, Origin
from harness.data.clip_list import Listing, checked, name_below
from harness.data.leftover import skipped
from harness.data.missing import OptionalCells
from harness.data.store import StorePath, answering, as_path, at_rest, in_store, listed
from harness.errors import UsageError


def open_folder(rest: str, spec: str) -> Listing:
    """Open the clips below the two class folders of `rest`, sorted by path."""
    return read_folder(directory(rest, spec), spec)


def read_folder(root: Path, spec: str) -> Listing:
    """Read the clips below the two class folders of a directory that exists."""
    folders = class_folders(root, spec)
    if set(folders) != {"real", "fake"}:
        seen = ", ".join(sorted(entry.name for entry in root.iterdir())[:8]) or "nothing"
        raise UsageError(f"no real/ and fake/ in it but {seen}", spec, "make the two folders")
    clips, notes = list_classes(root, folders, spec)
    notes += _notes_beside(root, folders)
    origin = Origin(spec, "folder", root.resolve().name, "", notes=tuple(notes))
    return Listing(checked(origin, clips), tuple(at_rest(clips)))


def directory(path: str, spec: str) -> Path:
    """Return the path of a directory; one in a store is listed for that.

    Raises
    ------
    UsageError
        Where it is not a directory.
    """
    if not path:
        raise UsageError("no path given", spec, "name a directory")
    if in_store(path):
        with answering(spec):
            root: Path = as_path(listed(path))
        is_directory, exists = root.is_dir(), root.exists()
    else:
        root = Path(path).expanduser()
        # Unlike the methods of Path, these raise nothing for a name that cannot be one.
        is_directory, exists = os.path.isdir(root), os.path.exists(root)
    if not is_directory:
        problem = "is not a directory" if exists else "does not exist"
        raise UsageError(f"{path} {problem}", spec, "check the path")
    return root


def class_folders(root: Path, spec: str) -> dict[Label, Path]:
    """Return the sub-folder of each class, by the words of `harness.data.class_names`.

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


def has_both(root: Path) -> bool:
    """Whether a directory has a folder for each class."""
    if not root.is_dir():
        return False
    labels = {canonical_label(entry.name) for entry in root.iterdir() if entry.is_dir()}
    return {"real", "fake"} <= labels


def list_classes(
    root: Path, folders: dict[Label, Path], spec: str, source: str = ""
) -> tuple[list[Clip], list[str]]:
    """Return the clips of the class folders by their ids, and notes on what was left out.

    Raises
    ------
    UsageError
        Where a folder below one class names the other, or these are parts of a data set.
    """
    notes = [
        f"folder {folder.name}/ read as {label}"
        for label, folder in folders.items()
        if folder.name != label
    ]
    clips: list[Clip] = []
    left: list[str] = []
    cells = OptionalCells()
    parts: set[str] = set()
    for label, folder in folders.items():
        audio, others = recordings(folder, root)
        left += others
        for path in audio:
            *above, _ = name_below(path, folder).split("/")
            if above and above[0].casefold() in SPLITS:
                parts.add(above.pop(0))
            generator = cells.read("generator", above[0]) if label == "fake" and above else ""
            clip_id = name_below(path, root)
            clips.append(Clip(clip_id, label, path, generator=generator, source=source))
    clips.sort(key=lambda clip: clip.clip_id)
    if wrong := opposed([(clip.clip_id, clip.label) for clip in clips]):
        verb = "recording lies" if len(wrong) == 1 else "recordings lie"
        raise UsageError(
            f"{len(wrong)} {verb} below folders of both classes, such as {wrong[0]}",
            spec,
            "rename the inner folder, or list the clips in a manifest",
        )
    if len(parts) > 1:
        raise UsageError(
            f"its classes have the parts {', '.join(sorted(parts))} in them",
            spec,
            "give one part: a folder with its real/ and fake/, or a manifest of its clips",
        )
    return clips, [*notes, *cells.notes, *skipped(left)]


def opposed(clips: Sequence[tuple[str, Label]]) -> list[str]:
    """Return the paths, given with their labels, below a folder of the other class."""
    return [path for path, label in clips if _classes(path.rpartition("/")[0]) - {label}]


@lru_cache(maxsize=4096)
def _classes(folder: str) -> frozenset[Label]:
    """Return the classes that the parts of a path name."""
    words = map(canonical_label, folder.split("/"))
    return frozenset(label for label in words if label is not None)


def recordings(folder: Path, root: Path) -> tuple[list[Path], list[str]]:
    """Return the recordings below a folder, and the names below the root of all other files."""
    audio: list[Path] = []
    left: list[str] = []
    for path in walk(folder):
        name = name_below(path, root)
        if is_audio(path) and not is_hidden(name):
            audio.append(path)
        else:
            left.append(name)
    return audio, left


def _notes_beside(root: Path, folders: dict[Label, Path]) -> list[str]:
    """Note what lies beside the class folders and is not read."""
    known = {folder.name for folder in folders.values()}
    others = [
        path for path in root.iterdir() if path.name not in known and not is_hidden(path.name)
    ]
    inside = sorted(f"{name_below(path, root)}/" for path in others if path.is_dir())
    loose = sorted(name_below(path, root) for path in others if is_audio(path))
    loose = [name for name in loose if f"{name}/" not in inside]
    notes: list[str] = []
    if inside:
        more = f" and {len(inside) - 8} more" if len(inside) > 8 else ""
        notes.append(f"folders not read: {', '.join(inside[:8])}{more}")
    if loose:
        verb = "recording was" if len(loose) == 1 else "recordings were"
        notes.append(f"{len(loose)} {verb} left out beside the class folders, such as {loose[0]}")
    return notes


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below; links to folders are followed unless they lead back.

    An empty folder that is called `x.wav` counts as a file: somebody takes it for a recording.

    Raises
    ------
    UsageError
        Where a folder cannot be listed, so that its content would be missing silently.
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

"""Opens what `--data` names."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.data.clip import Source
from harness.data.folder import class_folders, has_both, open_folder, read_folder, walk
from harness.data.layout import LAYOUTS, open_layout, read_layout, recognise
from harness.data.manifest import open_manifest, read_manifest
from harness.data.manifest_rows import READERS
from harness.data.store import answering, as_path, in_store, listed
from harness.errors import UsageError, closest


def _open_embedded(rest: str, spec: str) -> Source:
    from harness.data.embedded import SPECS, EmbeddedSource

    for half in SPECS:
        if half == (rest or "test"):
            return EmbeddedSource(half)
    raise UsageError(f"has no part {rest!r}", spec, f"parts are {', '.join(SPECS)}")


def _open_hub(rest: str, spec: str) -> Source:
    from harness.data.hub import open_hub

    return open_hub(rest, spec)


def _open_shards(rest: str, spec: str) -> Source:
    from harness.data.shards import open_shards

    return open_shards(rest, spec)


KINDS: dict[str, Callable[[str, str], Source]] = {
    "embedded": _open_embedded,
    "folder": open_folder,
    "manifest": open_manifest,
    "shards": _open_shards,
    "hub": _open_hub,
    **{kind: partial(open_layout, kind) for kind in LAYOUTS},
}
"""Functions that open each kind, given the text after the colon and the whole spec."""

ACCEPTED = (
    "embedded[:PART], a folder with real/ and fake/, a manifest (.csv, .tsv, .jsonl, .parquet), "
    "Parquet files with the audio in them (shards:DIR[:split][?label=COLUMN,…]), "
    "hub:owner/name[@revision][:split], or DIR after " + ", ".join(f"{kind}:" for kind in LAYOUTS)
)


def open_source(spec: str) -> Source:
    """Open the clips that `--data SPEC` names; nothing is decoded yet.

    Raises
    ------
    UsageError
        Where it is not of a known kind, or contradicts itself.
    """
    kind, colon, rest = spec.partition(":")
    if kind in KINDS and (colon or kind == "embedded"):
        return KINDS[kind](rest, spec)
    if not spec:
        raise UsageError("no data source given", "--data", f"accepted are {ACCEPTED}")
    if in_store(spec):
        return _open_stored(spec)
    path = Path(spec).expanduser()
    if os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
        return _open_file(path, spec)
    if os.path.isdir(path):
        return _open_directory(path, spec)
    if colon and "/" not in kind:
        near = closest(kind, KINDS)
        meant = f"did you mean {near}:? Accepted are" if near else "accepted are"
        raise UsageError(f"no data source is called {kind!r}", spec, f"{meant} {ACCEPTED}")
    raise UsageError("no such file or directory", spec, f"accepted are {ACCEPTED}")


def _open_stored(spec: str) -> Source:
    with answering(spec):
        root = listed(spec)
        if root.is_dir():
            return _open_directory(as_path(root), spec)
        if root.is_file():
            return _open_file(as_path(root), spec)
    raise UsageError("no such object and none below it", spec, "check the address")


def _open_file(path: Path, spec: str) -> Source:
    """Open a manifest, or a Parquet file with the recordings in it."""
    if path.suffix.lower() == ".parquet":
        from harness.data.shards import holds_audio, read_shards

        if holds_audio(path):
            return read_shards([path], path.parent, spec)
    return read_manifest(path, spec)


def _open_directory(path: Path, spec: str) -> Source:
    """Open a directory: by its manifest, else its layout, else its folders, else its shards."""
    manifests = sorted(
        entry for suffix in READERS if (entry := path / f"manifest{suffix}").is_file()
    )
    if len(manifests) > 1:
        seen = ", ".join(entry.name for entry in manifests)
        raise UsageError(f"has more than one manifest: {seen}", spec, "name one of them")
    kinds = recognise(path)
    if manifests:
        source = read_manifest(manifests[0], spec, directory=True)
        if not kinds:
            return source
        note = f"read by {manifests[0].name}, not as {' or '.join(kinds)}"
        return replace(source, origin=replace(source.origin, notes=(note, *source.origin.notes)))
    own = any(LAYOUTS[kind].has_classes for kind in kinds)
    readings = [*kinds, "folder"] if has_both(path) and not own else kinds
    if len(readings) > 1:
        seen = " and ".join(readings)
        raise UsageError(f"looks like {seen}", spec, f"say which: {readings[0]}:{spec}")
    if kinds:
        return read_layout(kinds[0], path, LAYOUTS[kinds[0]].subsets[0], spec)
    if class_folders(path, spec):
        return read_folder(path, spec)
    if any(entry.suffix.lower() == ".parquet" for entry in walk(path)):
        from harness.data.shards import read_directory

        return read_directory(path, spec)
    if parts := sorted(entry.name for entry in path.iterdir() if has_both(entry)):
        raise UsageError(
            f"no real/ and fake/ in it but in {', '.join(parts[:8])}",
            spec,
            f"name one of them: {spec.rstrip('/')}/{parts[0]}",
        )
    entries = sorted(entry.name for entry in path.iterdir())
    seen = ", ".join(entries[:8]) + (", …" if len(entries) > 8 else "") or "nothing"
    raise UsageError(f"holds no data that is known, but {seen}", spec, f"accepted are {ACCEPTED}")

"""A run as one archive with the digest of every byte, and the check that nothing has changed.

`manifest.json` lists every file of the bundle with its SHA-256 and size, and the SHA-256 of every
recording that was scored, where the data still exist. The same run gives the same bytes. Whoever
can change a file can change the manifest too: keep the digest of the bundle elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.audio.encoded import content_of
from harness.data.source import open_source
from harness.errors import ClipError, ClipRejected, UsageError
from harness.results.record import read_record
from harness.results.run_folder import RunFolder, read_run
from harness.results.scores import recordings, shards
from harness.seed import canonical
from harness.storage.archive import as_written, is_plain, read_archive, write_archive
from harness.storage.output_file import refuse_taken
from harness.storage.storage import is_remote, local_copy, names
from harness.summary.summary import STATISTICS, figures, metrics_json
from harness.version import __version__

VERSION = 1
MANIFEST, METRICS = "manifest.json", "metrics.json"

_REMOTE = "hub"
_PARTS = ("rows", "damage", "families", "hindsight")
"""The parts of `metrics.json` that follow from the scores alone; claims need a card as well."""
_TOLERANCE = 1e-9
_MOST_NAMED = 20


class _FileEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int


class BundleManifest(BaseModel):
    """The contents of a bundle.

    Parameters
    ----------
    files
        All but the manifest itself, by name.
    clips
        SHA-256 of every recording of the run's data, by clip.
    clips_left_out
        Why there are none; empty where there are.
    sha256
        Of the rest of the manifest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = VERSION
    harness: str
    files: dict[str, _FileEntry]
    clips: dict[str, str]
    clips_left_out: str
    sha256: str = ""

    @property
    def own_sha256(self) -> str:
        rest = self.model_dump(exclude={"sha256"})
        return hashlib.sha256(canonical(rest)).hexdigest()

    @property
    def text(self) -> bytes:
        """The manifest as it is in the bundle, with its own digest."""
        whole = self.model_dump() | {"sha256": self.own_sha256}
        return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode("ascii")


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written, and the digest of the whole archive."""

    path: Path
    files: int
    clips: int
    clips_left_out: str
    sha256: str


@dataclass(frozen=True)
class BundleCheck:
    """The result of a check: its faults, and what was checked, a line each."""

    faults: list[str]
    checked: list[str]
    sha256: str = ""


def write_bundle(folder: Path, out: Path | None = None, *, force: bool = False) -> Bundle:
    """Pack a run into one archive on a disk, by default beside the run.

    Raises
    ------
    UsageError
        Where it is not a run, has no metrics yet, or the archive cannot be written or may not
        replace what exists (`harness.storage.output_file`).
    """
    if METRICS not in names(folder):
        read_record(folder)
        raise UsageError("has no metrics.json", str(folder), f"harness report {folder}")
    if is_remote(folder) and out is None:
        raise UsageError("is in a store", str(folder), "name a file on a disk with --out")
    with local_copy(folder) as copy:
        return _packed(copy.resolve(), out, force)


def _packed(folder: Path, out: Path | None, force: bool) -> Bundle:
    run = read_run(folder)
    if not isinstance(_stored_metrics(folder), dict):
        raise UsageError(f"its {METRICS} is damaged", str(folder), f"harness report {folder}")
    target = out if out is not None else folder.with_name(f"{folder.name}.zip")
    if target.resolve().is_relative_to(folder):
        raise UsageError("lies within the run", str(target), "choose another --out")
    refuse_taken(target, _files(folder), force=force)
    files: dict[str, Path | bytes] = {}
    files |= {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    if odd := next((name for name in files if not is_plain(name)), None):
        raise UsageError(
            f"holds {odd!r}, a name that no bundle has", str(folder), "rename the file"
        )
    suite = json.dumps(run.record.suite.model_dump(), indent=1) + "\n"
    files["suite.json"] = suite.encode("ascii")
    clips, left_out = _clips(run)
    manifest = BundleManifest(
        harness=__version__,
        files={name: _entry(source) for name, source in sorted(files.items())},
        clips=clips,
        clips_left_out=left_out,
    )
    write_archive(files | {MANIFEST: manifest.text}, target)
    return Bundle(target, len(files), len(clips), left_out, _sha256(target))


def verify(path: Path) -> BundleCheck:
    """Check a bundle or a run directory: every digest, and every figure against the scores.

    Raises
    ------
    UsageError
        Where it is neither, or an archive holds what a bundle never does.
    """
    if is_remote(path):
        with local_copy(path) as copy:
            return verify(copy)
    if path.is_dir():
        return _verify_run(path)
    if not path.exists():
        raise UsageError("no such file", str(path), "name a bundle or the directory of a run")
    files = read_archive(path)
    manifest = _manifest(files, path)
    checked = [f"{len(manifest.files)} files against their digests"]
    faults = list(_digest_faults(files, manifest))
    if not faults and not as_written(path, files):
        faults = ["the archive itself: bytes outside its files are not those that were written"]
    if faults:
        return BundleCheck(faults, checked, _sha256(path))
    with tempfile.TemporaryDirectory(prefix="harness-verify-") as place:
        folder = Path(place) / "run"
        (folder / "scores").mkdir(parents=True)
        for name, content in files.items():
            shard = name.startswith("scores/part-") and name.count("/") == 1
            if shard or name in ("run.json", METRICS):
                (folder / name).write_bytes(content)
        of_run = _verify_run(folder)
    return BundleCheck(of_run.faults, checked + of_run.checked, _sha256(path))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files of a run that are not hidden, temporary or links."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        linked = path.is_symlink() or any(
            parent.is_symlink() for parent in path.parents if parent.is_relative_to(folder)
        )
        if path.is_file() and not hidden and not linked and path.suffix not in (".tmp", ".damaged"):
            yield path


def _clips(run: RunFolder) -> tuple[dict[str, str], str]:
    """Return the digest of every recording that has a row, or why they are not known."""
    data = run.record.data
    if data.kind == _REMOTE:
        return {}, "the recordings are at a hub; its revision names them"
    try:
        source = open_source(data.spec)
    except UsageError as fault:
        return {}, f"the data are not here any more: {fault.what}"
    if data.limit is None and source.origin.digest != data.digest:
        return {}, "the data under this name are not those of the run"
    scored, made_from = set(run.table["clip_id"]), recordings(run.table).to_dict()
    digests: dict[str, str] = {}
    for clip in source:
        if clip.clip_id in scored:
            try:
                audio = clip.audio
                audio = audio if isinstance(audio, bytes | Path) else audio.fetch(sys.maxsize)
                content = content_of(audio)
                if content and made_from.get(clip.clip_id, content.digest) != content.digest:
                    return {}, f"{clip.clip_id!r} is not the recording that was scored"
                digests[clip.clip_id] = _entry(audio).sha256
            except (OSError, ClipRejected, ClipError) as fault:
                why = fault.strerror if isinstance(fault, OSError) else fault
                return {}, f"{clip.clip_id!r} cannot be read: {why}"
    if len(digests) < len(scored):
        return {}, f"{len(scored) - len(digests)} of the recordings are not there any more"
    return digests, ""


def _manifest(files: Mapping[str, bytes], path: Path) -> BundleManifest:
    try:
        content = json.loads(files[MANIFEST])
        if isinstance(content, dict) and cast("dict[str, Any]", content)["version"] > VERSION:
            raise UsageError("a bundle of a newer version", str(path), "use a newer harness")
        return BundleManifest.model_validate(content)
    except (KeyError, TypeError, ValueError, RecursionError, ValidationError) as fault:
        what = "has no manifest.json" if MANIFEST not in files else "its manifest.json is damaged"
        raise UsageError(f"not a bundle: {what}", str(path), "name a bundle") from fault


def _digest_faults(files: Mapping[str, bytes], manifest: BundleManifest) -> Iterator[str]:
    if files[MANIFEST] != manifest.text:
        yield f"{MANIFEST}: changed, its SHA-256 is not its own"
    for name, entry in manifest.files.items():
        if name not in files:
            yield f"{name}: missing"
        elif _entry(files[name]) != entry:
            yield f"{name}: changed, its SHA-256 is not that of the manifest"
    for name in files:
        if name != MANIFEST and name not in manifest.files:
            yield f"{name}: added, the manifest does not name it"


def _verify_run(folder: Path) -> BundleCheck:
    """Check the figures and the counts of a run directory against its scores."""
    try:
        run = read_run(folder)
        stored = _stored_metrics(folder)
    except FileNotFoundError as fault:
        raise UsageError("has no metrics.json", str(folder), f"harness report {folder}") from fault
    except UsageError as fault:
        if not (folder / "run.json").is_file() or not shards(folder):
            raise
        return BundleCheck([f"{Path(fault.where).name}: {fault.what}"], [])
    faults = list(_count_faults(run))
    again, unknown = _known_to(stored, json.loads(metrics_json(figures(run))))
    version = stored.get("statistics", 1) if _has_parts(stored) else None
    again = again if version in (None, STATISTICS) else _without_intervals(again)
    wrong = list(_figure_faults(stored, again))
    faults += wrong[:_MOST_NAMED]
    if len(wrong) > _MOST_NAMED:
        faults.append(f"{METRICS}: {len(wrong) - _MOST_NAMED} more figures are not those")
    rows = len(again["rows"])
    checked = [f"{rows} figures against {len(run.table)} rows of scores"]
    if version not in (None, STATISTICS):
        checked.append(
            f"values, not intervals, which were computed by {_which(version)} version of the "
            f"statistics ({version}; this harness has {STATISTICS})"
        )
    if unknown:
        checked.append(f"not in this run's {METRICS}, so not checked: {', '.join(unknown)}")
    return BundleCheck(faults, checked)


def _stored_metrics(folder: Path) -> Any:
    """Read the figures of a run; None where they are not JSON."""
    try:
        return json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None


def _count_faults(run: RunFolder) -> Iterator[str]:
    counted = run.table["status"].value_counts().to_dict()
    for status, recorded in run.record.counts.model_dump().items():
        if counted.get(status, 0) != recorded:
            yield f"scores: {counted.get(status, 0)} rows are {status}, run.json says {recorded}"


def _has_parts(stored: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(stored, dict) and all(
        isinstance(cast("dict[str, Any]", stored).get(part), list) for part in _PARTS
    )


def _known_to(stored: Any, again: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the figures of metrics that the stored ones name, and the names of other metrics.

    A run of an older version has no figures of metrics that were added since.
    """
    if not _has_parts(stored):
        return again, []
    items = [item for part in _PARTS for item in _by_name(stored[part]).values()]
    named = {str(item.get(key)) for item in items for key in ("metric", "best_metric")}
    known = {part: [item for item in again[part] if item["metric"] in named] for part in _PARTS}
    unknown = dict.fromkeys(row["metric"] for row in again["rows"] if row["metric"] not in named)
    return {**again, **known}, list(unknown)


def _which(version: Any) -> str:
    """Return `an earlier` for an older version of the statistics, else `another`."""
    return "an earlier" if isinstance(version, int) and version < STATISTICS else "another"


_INTERVAL = ("low", "high", "new_low", "new_high")


def _without_intervals(again: dict[str, Any]) -> dict[str, Any]:
    """Return figures without what another version of the statistics computes otherwise."""

    def values(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key not in _INTERVAL}

    return {**again, **{part: [values(item) for item in again[part]] for part in _PARTS}}


def _figure_faults(stored: Any, again: dict[str, Any]) -> Iterator[str]:
    """Yield every figure that differs from the scores, is missing, or does not follow from them."""
    if not _has_parts(stored):
        yield f"{METRICS}: damaged, not the figures of a run"
        return
    if stored.get("unscored") != again["unscored"]:
        yield f"{METRICS}: unscored is {stored.get('unscored')!r}, not {again['unscored']!r}"
    for part in _PARTS:
        written, computed = _by_name(stored[part]), _by_name(again[part])
        for name, figure in computed.items():
            if name not in written:
                yield f"{METRICS}: {name} of {part} is missing"
            elif wrong := next(
                (key for key in figure if _differs(written[name], figure, key)), None
            ):
                is_now, gives = written[name].get(wrong), figure[wrong]
                yield f"{METRICS}: {wrong} of {name} is {is_now}, the scores give {gives}"
        for name in written.keys() - computed.keys():
            yield f"{METRICS}: {name} of {part} does not follow from the scores"


_NAMES = ("model", "condition", "family", "slice", "metric", "best_metric")


def _by_name(items: list[Any]) -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = {}
    for item in items:
        content = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        words = [str(content[key]) for key in _NAMES if key in content]
        named[" / ".join(words) or str(item)[:80]] = content
    return named


def _differs(written: Mapping[str, Any], computed: Mapping[str, Any], key: str) -> bool:
    first, second = written.get(key), computed[key]
    if isinstance(first, float | int) and isinstance(second, float | int):
        return not math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return first != second


def _entry(source: bytes | Path) -> _FileEntry:
    if isinstance(source, bytes):
        return _FileEntry(sha256=hashlib.sha256(source).hexdigest(), bytes=len(source))
    return _FileEntry(sha256=_sha256(source), bytes=source.stat().st_size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

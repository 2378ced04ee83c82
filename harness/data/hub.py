"""A data set of the Hugging Face hub, read through `datasets` without downloading all of it.

The labels are read first and alone. Audio is fetched as its clips are reached, stays encoded, and
is kept under the cache of `datasets`, where a continued run and every process of a run find it.
From Parquet only the row groups of chosen clips are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.audio.formats import AUDIO_SUFFIXES
from harness.data.clip import Clip, Origin
from harness.data.clip_list import checked
from harness.data.hub_column import (
    ColumnChoice,
    DataColumn,
    audio_column,
    choose_label,
    column_notes,
    fact_columns,
    label_candidates,
    parsed,
    read_facts,
)
from harness.data.hub_split import Split, Unreachable, choose_split, explained
from harness.data.missing import OptionalCells
from harness.data.shards import columns_of
from harness.errors import UsageError
from harness.seed import digest
from harness.storage.storage import replacing

_SPEC = re.compile(
    r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[^:?]+))?(?::(?P<split>[^?]+))?"
    r"(?:\?(?P<options>.*))?"
)
_VERSION = 2
_OPTIONS = ("config", "audio", "label", "fake")


@dataclass(frozen=True)
class HubAddress:
    """The parts of `hub:owner/name@revision:split?config=…,label=…,fake=…`."""

    repo: str
    revision: str | None
    split: str | None
    config: str | None
    columns: ColumnChoice

    @classmethod
    def parse(cls, rest: str, spec: str) -> HubAddress:
        parts, options = parsed(_SPEC, _OPTIONS, rest, spec, "hub:owner/name[@revision][:split]")
        config, columns = options.get("config"), ColumnChoice.of(options)
        return cls(parts["repo"], parts["revision"], parts["split"], config, columns)


@dataclass(frozen=True)
class HubSource:
    """Clips of a split; iterating fetches what is not on this machine yet.

    `rows` are the rows of the split that the clips are; ascending.
    """

    origin: Origin
    clips: tuple[Clip, ...] = field(repr=False)
    rows: tuple[int, ...] = field(repr=False)
    split: Split
    audio: str
    remote: bool = field(default=True, init=False)

    def __iter__(self) -> Iterator[Clip]:
        places = dict(zip(self.rows, self.clips, strict=True))
        missing = [row for row, clip in places.items() if not Path(str(clip.audio)).exists()]
        fetched = self.split.audio(self.audio, missing) if missing else iter(())
        waiting = set(missing)
        for row, clip in places.items():
            if row in waiting:
                number, content = next(fetched, (row, None))
                if number != row:
                    raise AssertionError(f"row {number} came for row {row}")
                if content is not None:
                    _keep(Path(str(clip.audio)), content)
            yield clip

    def __len__(self) -> int:
        return len(self.clips)

    def pick(self, positions: Sequence[int], origin: Origin) -> HubSource:
        return HubSource(
            origin,
            tuple(self.clips[position] for position in positions),
            tuple(self.rows[position] for position in positions),
            self.split,
            self.audio,
        )


def open_hub(rest: str, spec: str) -> HubSource:
    """Open a split of a hub data set; `rest` is what stands after `hub:`.

    Raises
    ------
    UsageError
        Where the hub refuses it (missing, gated, no network), or its columns do not say plainly
        which clips are fake.
    """
    address = HubAddress.parse(rest, spec)
    try:
        source = _read(address, spec)
    except Unreachable:
        if (remembered := _recall(address, spec)) is None:
            raise
        return remembered
    _remember(address, source)
    return source


def _read(address: HubAddress, spec: str) -> HubSource:
    with explained(spec):
        split, columns, notes = _resolve(address, spec)
    audio = audio_column(columns, address.columns, spec)
    candidates = label_candidates(columns, address.columns, spec)
    known = fact_columns(columns, [audio, *candidates])
    rows = split.values([*candidates, *known.values()], audio)
    values = {column.name: [row[column.name] for row in rows] for column in candidates}
    label, labels = choose_label(candidates, values, address.columns, spec)
    notes += column_notes(columns, audio, candidates, label, values[label.name])
    cells = OptionalCells()
    clips: list[Clip] = []
    for number, (row, meaning) in enumerate(zip(rows, labels, strict=True)):
        facts = read_facts(known, row, meaning, cells)
        name = PurePosixPath(row["audio_path"].partition("::")[0]).name
        suffix = PurePosixPath(name).suffix.lower()
        kept = f"{number:08d}{suffix if suffix in AUDIO_SUFFIXES else ''}"
        clip_id = f"{split.name}/{number}" + (f"/{name}" if name else "")
        clips.append(Clip.of(clip_id, meaning, split.cache / kept, facts))
    name = address.repo.split("/")[-1]
    notes += cells.notes
    origin = Origin(spec, "hub", name, "", revision=split.sha, notes=tuple(notes))
    return HubSource(
        checked(origin, clips), tuple(clips), tuple(range(len(clips))), split, audio.name
    )


def _resolve(address: HubAddress, spec: str) -> tuple[Split, list[DataColumn], list[str]]:
    """Return the chosen split at a commit, its columns, and notes."""
    import datasets
    from datasets import config
    from datasets.packaged_modules.parquet.parquet import Parquet
    from huggingface_hub import HfApi, constants

    datasets.disable_progress_bars()
    # Its client tries each request six times already.
    config.STREAMING_READ_MAX_RETRIES = 1
    hub = HfApi()
    wait = constants.HF_HUB_ETAG_TIMEOUT
    info = hub.dataset_info(address.repo, revision=address.revision, timeout=wait)
    sha = info.sha
    if sha is None:
        raise UsageError("the hub names no commit", spec, "name a revision")
    if info.gated:  # checked here, as the error of `datasets` depends on where it notices
        hub.auth_check(address.repo, repo_type="dataset")
    builder = datasets.load_dataset_builder(address.repo, address.config, revision=sha)
    streams: Any = builder.as_streaming_dataset()
    name, note = choose_split(list(streams), address.split, spec)
    features: Any = streams[name].features
    columns = columns_of(features.arrow_schema) if features else []
    files: Any = builder.config.data_files
    parquet = tuple(str(file) for file in files[name]) if isinstance(builder, Parquet) else ()
    split = Split(spec, address.repo, sha, builder.config.name, name, parquet)
    return split, columns, [f"revision {sha}", f"configuration {split.config}", note]


def _memory(address: HubAddress) -> Path:
    """Return where the description of a data set is kept for use offline."""
    from datasets import config

    folder = Path(config.HF_DATASETS_CACHE) / "harness-audio" / address.repo.replace("/", "--")
    key = asdict(address)
    key["wanted"] = key.pop("columns")  # as it was called when the first were kept
    return folder / f"{digest(key)}.json"


def _remember(address: HubAddress, source: HubSource) -> None:
    split = asdict(source.split)
    kept = [asdict(clip) | {"audio": Path(str(clip.audio)).name} for clip in source.clips]
    content = {"version": _VERSION, "notes": source.origin.notes, "audio": source.audio}
    content |= {"name": source.origin.name, "split": split, "clips": kept}
    _keep(_memory(address), json.dumps(content).encode())


def _recall(address: HubAddress, spec: str) -> HubSource | None:
    """Return the data set as it was last read here; None where it never was."""
    try:
        content = json.loads(_memory(address).read_bytes())
    except (OSError, ValueError):
        return None
    if content["version"] != _VERSION:
        return None
    split = Split(
        **content["split"] | {"spec": spec, "parquet": tuple(content["split"]["parquet"])}
    )
    clips = tuple(
        Clip(**about | {"audio": split.cache / about["audio"]}) for about in content["clips"]
    )
    notes = (*content["notes"], "the hub cannot be reached: as it was last read on this machine")
    origin = Origin(spec, "hub", content["name"], "", revision=split.sha, notes=notes)
    rows = tuple(range(len(clips)))
    return HubSource(checked(origin, clips), clips, rows, split, content["audio"])


def _keep(path: Path, content: bytes) -> None:
    """Write a file that another process may be writing too: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)

"""A model's files on disk: found, fetched from the hub where need be, and fit to be opened.

Weights are safetensors and nothing else, because unpickling runs whatever a file says. No model's
own code is run either.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.errors import UsageError

_CONFIG = "config.json"
_EXTRACTOR = ("preprocessor_config.json", "processor_config.json")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.bin",
    "model.pt",
    "model.pth",
)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """A directory that holds a model: `config.json`, its extractor's settings, its weights.

    Parameters
    ----------
    spec
        As the user wrote it.
    kind
        `embedded`, `directory` or `hub`.
    name
        Short, for tables.
    revision
        The commit at the hub; empty elsewhere.
    """

    folder: Path
    spec: str
    kind: str
    name: str
    revision: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """`config.json` as it is on disk."""
        return _read_json(self.folder / _CONFIG, self.spec)

    @property
    def weights(self) -> list[Path]:
        """The weight files: one, or the shards that the index names."""
        if (self.folder / _WEIGHTS).is_file():
            return [self.folder / _WEIGHTS]
        return [self.folder / name for name in _shards(self.folder / _INDEX, self.spec)]

    def digest(self) -> str:
        """SHA-256 of the weights; of several files, of their digests in order of name."""
        digests: list[str] = []
        for path in self.weights:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def check(self) -> None:
        for required in ((_CONFIG,), _EXTRACTOR, (_WEIGHTS, _INDEX)):
            if not any((self.folder / name).is_file() for name in required):
                raise _missing(required, self.spec, self.folder)
        if "model_type" not in self.config:
            raise UsageError(
                f"{_CONFIG} names no model_type", self.spec, "name a model's directory"
            )
        for path in self.weights:
            _check_weights(path, self.spec)


def find(spec: str) -> Checkpoint:
    """The files of `embedded`, a local directory or a hub id, checked before anything is imported.

    Raises
    ------
    UsageError
        Where they are not there, damaged, or of a kind that is not opened.
    """
    folder = Path(spec).expanduser()
    if spec == "embedded":
        folder = Path(str(files("harness.reference"))) / "detector"
        if not (folder / _CONFIG).is_file():
            raise UsageError("is not in this installation", spec, "make it with: make reference")
        checkpoint = Checkpoint(folder, spec, "embedded", "embedded")
    elif folder.is_dir():
        checkpoint = Checkpoint(folder, spec, "directory", folder.resolve().name)
    elif _HUB_ID.fullmatch(spec) and not spec.startswith("."):
        checkpoint = _fetch(spec)
    else:
        raise UsageError(
            "is a file, not a model's directory" if folder.exists() else "no such directory",
            spec,
            "name embedded, a directory, owner/name[@revision] at the hub, "
            "python:package.module:factory or scores:FILE",
        )
    checkpoint.check()
    return checkpoint


def _fetch(spec: str) -> Checkpoint:
    """The files of `owner/name[@revision]`, from the hub or from its cache on this machine."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = spec.partition("@")

    def download(names: tuple[str, ...], revision: str | None) -> Path:
        for name in names:
            try:
                return Path(hf_hub_download(repository, name, revision=revision))
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError:
                continue
        raise _missing(names, spec)

    with _hub_faults(spec, repository, revision):
        folder = download((_CONFIG,), revision or None).parent
        commit = folder.name
        download(_EXTRACTOR, commit)
        weights = download((_WEIGHTS, _INDEX), commit)
        if weights.name == _INDEX:
            for shard in _shards(weights, spec):
                download((shard,), commit)
    return Checkpoint(folder, spec, "hub", repository.split("/")[-1], commit)


@contextmanager
def _hub_faults(spec: str, repository: str, revision: str) -> Generator[None]:
    """Say in one line what the hub's client says in ten."""
    from huggingface_hub import errors as hub

    try:
        yield
    except hub.GatedRepoError as fault:
        raise UsageError(
            "is gated: its owner lets in only those who accept the conditions",
            spec,
            f"accept them on the page of {repository} at the hub, then set HF_TOKEN to a token of "
            "that account",
        ) from fault
    except hub.RevisionNotFoundError as fault:
        raise UsageError(
            f"has no revision {revision!r}", spec, "see its page at the hub"
        ) from fault
    except hub.RepositoryNotFoundError as fault:
        raise UsageError(
            "is neither a directory here nor a model at the hub that this account may see",
            spec,
            "check the name; a private model needs HF_TOKEN",
        ) from fault
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled) as fault:
        raise UsageError(
            "is not in the cache of this machine, and the hub cannot be reached",
            spec,
            "check the network and HF_HUB_OFFLINE, or name a local directory",
        ) from fault
    except hub.HfHubHTTPError as fault:
        raise UsageError(
            f"the hub answers {fault.response.status_code}", spec, "try again later"
        ) from fault
    except OSError as fault:
        raise UsageError(f"cannot be fetched ({_first_line(fault)})", spec, "try again") from fault


def _missing(names: tuple[str, ...], spec: str, folder: Path | None = None) -> UsageError:
    """What to say of a model of whose files `names` none is there; `folder` is None at the hub."""
    if names[0] == _WEIGHTS:
        pickles = [name for name in _PICKLES if folder is not None and (folder / name).is_file()]
        if pickles or folder is None:
            return UsageError(
                f"has its weights only as {pickles[0]}" if pickles else f"has no {_WEIGHTS}",
                spec,
                "pickled weights are never opened: convert them to safetensors, for instance by "
                "save_pretrained on a machine that may run them",
            )
    if names == _EXTRACTOR:
        return UsageError(
            f"has no {names[0]}", spec, "save the model's feature extractor beside its weights"
        )
    return UsageError(f"has no {names[0]}", spec, "name a directory that save_pretrained wrote")


def _shards(index: Path, spec: str) -> list[str]:
    weight_map = _read_json(index, spec).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UsageError(f"{index.name} has no weight_map", spec, "save the model again")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if not re.fullmatch(r"[\w.-]+\.safetensors", name):
            raise UsageError(f"{index.name} names {name!r}, no safetensors file beside it", spec)
    return names


def _check_weights(path: Path, spec: str) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            start = file.read(24)
        if start.startswith(b"version https://git-lfs"):
            raise UsageError(
                f"{path.name} is a Git LFS pointer, not the weights", spec, "run git lfs pull"
            )
        with safe_open(path, framework="np"):
            pass
    except FileNotFoundError as fault:
        raise UsageError(f"has no {path.name}", spec, "copy every shard") from fault
    except (OSError, SafetensorError) as fault:
        raise UsageError(
            f"{path.name} is damaged ({_first_line(fault)})", spec, "copy or download it again"
        ) from fault


def _read_json(path: Path, spec: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UsageError(
            f"{path.name} cannot be read ({_first_line(fault)})", spec, "copy or download it again"
        ) from fault
    if not isinstance(content, dict):
        raise UsageError(f"{path.name} is not a JSON object", spec, "copy or download it again")
    return content


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".")

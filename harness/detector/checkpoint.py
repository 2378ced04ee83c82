"""The files of a model on disk, checked before it is opened.

Weights must be safetensors, because unpickling can run arbitrary code. A model's own code is never
run either.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from harness.detector.detector import Traits
from harness.errors import UsageError
from harness.results.identity import flattened

CONFIG = "config.json"
EXTRACTOR = ("preprocessor_config.json", "processor_config.json")
_ADAPTER = "adapter_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.bin",
    "model.pt",
    "model.pth",
)
_MOVE_NO_SCORE = (
    *("_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "architectures"),
    *("dtype", "torch_dtype", "processor_class"),
    *("id2label", "label2id"),  # which class means fake is recorded separately
)
"""Names, versions and storage types: weights are always loaded as float32."""
_HEX = re.compile(r"[0-9a-f]+")

CHECKPOINT_TRAITS = Traits(
    takes_precision=True,
    thread_safe=True,
    names_classes=True,
    batch_invariant=True,
    packages=("transformers",),
)
"""Traits of `HubModel`, which opens checkpoints; known without importing torch."""


@dataclass(frozen=True)
class Checkpoint:
    """A directory with a model: `config.json`, the settings of its extractor, its weights.

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
    synthetic
        Whether it was trained on synthetic data and is no detector for real use.
    """

    folder: Path
    spec: str
    kind: str
    name: str
    revision: str = ""
    synthetic: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """The content of `config.json`."""
        return _read_json(self.folder / CONFIG, self.spec)

    @property
    def extractor(self) -> Path:
        """The file with the settings of the feature extractor."""
        paths = [self.folder / name for name in EXTRACTOR]
        return next((path for path in paths if path.is_file()), paths[0])

    @property
    def says_rate(self) -> bool:
        """Whether the extractor's settings name a sampling rate."""
        return "sampling_rate" in _settings(_read_json(self.extractor, self.spec))

    @property
    def weights(self) -> list[Path]:
        """The weight file, or the shards that the index names."""
        if (self.folder / WEIGHTS).is_file():
            return [self.folder / WEIGHTS]
        return [self.folder / name for name in shards(self.folder / INDEX, self.spec)]

    @cached_property
    def weight_digests(self) -> dict[Path, str]:
        """SHA-256 of each weight file."""
        digests: dict[Path, str] = {}
        for path in self.weights:
            with path.open("rb") as file:
                digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return digests

    def digest(self) -> str:
        """Return the SHA-256 of the weights; of several files, of their digests by name."""
        digests = list(self.weight_digests.values())
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Return all values in the files beside the weights that can move a score, by name."""
        settings = flattened(_score_settings(self.config), "config")
        for name, within in zip(EXTRACTOR, ("extractor", "processor"), strict=True):
            if (self.folder / name).is_file():
                content = _read_json(self.folder / name, self.spec)
                settings |= flattened(_score_settings(content), within)
        return settings

    def weight_types(self) -> dict[str, str]:
        """Return the type in which each tensor is stored: `F32`, `BF16`, `I8`."""
        from safetensors import safe_open

        types: dict[str, str] = {}
        for path in self.weights:
            with safe_open(path, framework="np") as file:
                types |= {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        return types

    def check(self) -> None:
        """Raise UsageError if files are missing or damaged, or need code that is never run."""
        for required in ((CONFIG,), EXTRACTOR, (WEIGHTS, INDEX)):
            if not any((self.folder / name).is_file() for name in required):
                raise missing(required, self.spec, self.folder)
        if (self.folder / _ADAPTER).is_file():
            raise UsageError(
                f"has an adapter beside its weights ({_ADAPTER}), which would not be applied",
                self.spec,
                "merge it into the weights, or move it away",
            )
        if self.revision:
            self._check_received()
        if "model_type" not in self.config:
            raise UsageError(f"{CONFIG} names no model_type", self.spec, "name a model's directory")
        for content in (self.config, _settings(_read_json(self.extractor, self.spec))):
            if content.get("auto_map"):
                raise UsageError(
                    "needs its own code (auto_map), which is never run",
                    self.spec,
                    "wrap it in a python: factory if you trust it",
                )
        for path in self.weights:
            _check_weights(path, self.spec)

    def _check_received(self) -> None:
        """Check the files against the hub's digests; its client only checks their sizes.

        The client's cache names each file by its tag at the hub: the SHA-256 of a large file, the
        id of the Git blob of a small one.
        """
        index = self.folder / INDEX
        small = [self.folder / CONFIG, self.extractor, *([index] if index.is_file() else [])]
        for path in small:
            content = path.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            self._check_digest(path, blob.hexdigest(), hashlib.sha256(content).hexdigest())
        for path, digest in self.weight_digests.items():
            self._check_digest(path, "", digest)

    def _check_digest(self, path: Path, blob: str, sha256: str) -> None:
        tag = Path(os.readlink(path)).name if path.is_symlink() else ""
        target = path.parent / os.readlink(path) if tag else path
        digest = {64: sha256, 40: blob}.get(len(tag)) if _HEX.fullmatch(tag) else None
        if digest and digest != tag:
            raise UsageError(
                f"{path.name} as received is not what the hub has: its digest is another",
                self.spec,
                f"delete {os.path.normpath(target)} and run again to fetch it anew",
            )


def missing(names: tuple[str, ...], spec: str, folder: Path | None = None) -> UsageError:
    """Return the error for a model with none of the files `names`; `folder` is None at the hub."""
    if names[0] == WEIGHTS:
        pickles = [name for name in _PICKLES if folder is not None and (folder / name).is_file()]
        if pickles or folder is None:
            return UsageError(
                f"has its weights only as {pickles[0]}" if pickles else f"has no {WEIGHTS}",
                spec,
                "pickled weights are never opened: convert them to safetensors, for instance by "
                "save_pretrained on a machine that may run them",
            )
    if names == EXTRACTOR:
        return UsageError(
            f"has no {names[0]}", spec, "save the model's feature extractor beside its weights"
        )
    return UsageError(f"has no {names[0]}", spec, "name a directory that save_pretrained wrote")


def shards(index: Path, spec: str) -> list[str]:
    """Return the names of the weight files in an index, which must lie beside it."""
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
            f"{path.name} is damaged ({first_line(fault)})", spec, "copy or download it again"
        ) from fault


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a feature extractor, which may be part of a processor's."""
    inner = content.get("feature_extractor")
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else content


def _score_settings(content: dict[str, Any]) -> dict[str, Any]:
    """Remove settings that move no score from a configuration, at any depth."""
    return {
        key: _score_settings(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
        for key, value in content.items()
        if key not in _MOVE_NO_SCORE
    }


def _read_json(path: Path, spec: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise UsageError(
            f"{path.name} cannot be read ({first_line(fault)})", spec, "copy or download it again"
        ) from fault
    if not isinstance(content, dict):
        raise UsageError(f"{path.name} is not a JSON object", spec, "copy or download it again")
    return content


def first_line(fault: BaseException) -> str:
    """Return the first line of a library's error message."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".")

"""The kinds of detectors, and how `--model` names one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from harness.detector.callable import CallableDetector, open_callable
from harness.detector.checkpoint import CHECKPOINT_TRAITS, CONFIG, Checkpoint
from harness.detector.detector import AnyDetector, Traits
from harness.detector.score_file.detector import ScoreFile, open_scores
from harness.errors import UsageError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)


@dataclass(frozen=True)
class OpenOptions:
    """Options for opening a detector.

    Parameters
    ----------
    device
        `auto`, `cpu`, `cuda` or `cuda:N`.
    precision
        `float32`, `tf32`, `bf16` or `fp16`.
    fake_label
        The class that means fake, by name or index, if the class names do not say it.
    """

    device: str = "auto"
    precision: str = "float32"
    fake_label: str | None = None


@dataclass(frozen=True)
class DetectorKind:
    """A kind of detector: the prefix of its specs, its traits, and the function that opens one.

    `open` takes what follows the prefix, the whole spec for messages, and the options.
    """

    prefix: str
    traits: Traits
    open: Callable[[str, str, OpenOptions], AnyDetector]


def _open_checkpoint(spec: str, _: str, options: OpenOptions) -> AnyDetector:
    checkpoint = find(spec)  # before torch is imported, so that a wrong path is reported at once
    from harness.detector.hf import open_checkpoint

    return open_checkpoint(
        checkpoint,
        device=options.device,
        precision=options.precision,
        fake_label=options.fake_label,
    )


KINDS = (
    DetectorKind("scores:", ScoreFile.traits, lambda file, spec, _: open_scores(file, spec)),
    DetectorKind(
        "python:", CallableDetector.traits, lambda name, spec, _: open_callable(name, spec)
    ),
    DetectorKind("", CHECKPOINT_TRAITS, _open_checkpoint),
)
"""Every kind of detector; the first whose prefix fits opens a spec."""


def kind_of(spec: str) -> DetectorKind:
    """Return the kind of detector that a spec names."""
    return next(kind for kind in KINDS if spec.startswith(kind.prefix))


def detector_packages() -> list[str]:
    """Return the packages whose versions can move the scores of any kind of detector."""
    return list(dict.fromkeys(name for kind in KINDS for name in kind.traits.packages))


def open_detector(
    spec: str,
    *,
    device: str = "auto",
    precision: str = "float32",
    fake_label: str | None = None,
) -> AnyDetector:
    """Load the detector that a spec names onto its device; for parameters see `OpenOptions`.

    Parameters
    ----------
    spec
        `embedded`, a local directory, a hub id with optional `@revision`,
        `python:package.module:factory` or `scores:FILE[?OPTIONS]`.

    Raises UsageError if it cannot be opened exactly as asked.
    """
    kind = kind_of(spec)
    if fake_label is not None and not kind.traits.names_classes:
        raise UsageError(
            "--fake-label is for models with class names",
            spec,
            "leave it out: a callable or a score file states its own polarity",
        )
    options = OpenOptions(device, precision, fake_label)
    return kind.open(spec.removeprefix(kind.prefix), spec, options)


def find(spec: str) -> Checkpoint:
    """Return the files of `embedded`, a local directory or a hub id, checked without importing it.

    Raises UsageError if they are missing, damaged, or in a format that is not opened.
    """
    folder = Path(spec).expanduser()
    if spec == "embedded":
        folder = Path(str(files("harness.reference"))) / "detector"
        if not (folder / CONFIG).is_file():
            raise UsageError("is not in this installation", spec, "make it with: make reference")
        checkpoint = Checkpoint(folder, spec, "embedded", "embedded", synthetic=True)
    elif os.path.isdir(folder):  # unlike Path.is_dir, no error for an impossible name
        checkpoint = Checkpoint(folder, spec, "directory", folder.resolve().name)
    elif _HUB_ID.fullmatch(spec) and not spec.startswith("."):
        from harness.detector.hub import fetch

        checkpoint = fetch(spec)
    else:
        raise UsageError(
            "is a file, not a model's directory" if os.path.exists(folder) else "no such directory",
            spec,
            "name embedded, a directory, owner/name[@revision] at the hub, "
            "python:package.module:factory or scores:FILE",
        )
    checkpoint.check()
    return checkpoint

"""From what the user wrote after `--model` to a detector."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path

from harness.detector.checkpoint import CONFIG, Checkpoint
from harness.detector.detector import Detector, ScoreLookup
from harness.errors import UsageError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)


def open_detector(
    spec: str,
    *,
    device: str = "auto",
    precision: str = "float32",
    fake_label: str | None = None,
) -> Detector | ScoreLookup:
    """The detector that a spec names, loaded and on its device.

    Parameters
    ----------
    spec
        `embedded`, a local directory, a hub id with optional `@revision`,
        `python:package.module:factory` or `scores:FILE[?OPTIONS]`.
    device
        `auto`, `cpu`, `cuda` or `cuda:N`.
    precision
        `float32`, `tf32`, `bf16` or `fp16`.
    fake_label
        The class that means fake, by name or index, where the names do not say it.

    Raises
    ------
    UsageError
        Where it cannot be had exactly as asked.
    """
    kind, _, rest = spec.partition(":")
    if kind == "scores":
        from harness.detector.score_file.detector import open_scores

        _refuse_fake_label(spec, fake_label)
        return open_scores(rest, spec)
    if kind == "python":
        from harness.detector.callable import open_callable

        _refuse_fake_label(spec, fake_label)
        return open_callable(rest, spec)
    checkpoint = find(spec)  # before torch is imported: a wrong path is told at once
    from harness.detector.hf import open_checkpoint

    return open_checkpoint(checkpoint, device=device, precision=precision, fake_label=fake_label)


def _refuse_fake_label(spec: str, fake_label: str | None) -> None:
    if fake_label is not None:
        raise UsageError(
            "--fake-label is for models with class names",
            spec,
            "a callable or a score file states its own polarity",
        )


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
        if not (folder / CONFIG).is_file():
            raise UsageError("is not in this installation", spec, "make it with: make reference")
        checkpoint = Checkpoint(folder, spec, "embedded", "embedded")
    elif os.path.isdir(folder):  # unlike Path.is_dir, no error for a name that cannot be one
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

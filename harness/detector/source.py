"""From what the user wrote after `--model` to a detector."""

from __future__ import annotations

from harness.detector.detector import Detector, ScoreLookup
from harness.errors import UsageError


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
        from harness.detector.scorefile import open_scores

        _refuse_fake_label(spec, fake_label)
        return open_scores(rest, spec)
    if kind == "python":
        from harness.detector.callable import open_callable

        _refuse_fake_label(spec, fake_label)
        return open_callable(rest, spec)
    from harness.detector.checkpoint import find

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

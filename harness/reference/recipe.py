"""How the embedded detector was made; `python -m harness.reference` makes it again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import typer

from harness.audio import load, resample
from harness.data.clip import Source
from harness.detector.checkpoint import find
from harness.detector.hf import open_checkpoint
from harness.metrics.detection import eer
from harness.reference import DETECTOR
from harness.reference.corpus import EmbeddedSource
from harness.reference.resynthesis import HELD_OUT
from harness.reference.shortcut import shortcut_auc
from harness.training import TrainingOptions, TrainingResult, train

_THREADS = 2
_HIGHEST_SHORTCUT_AUC = 0.6


def options(out: Path = DETECTOR) -> TrainingOptions:
    """The card's recipe with the values that a small model from random weights needs."""
    return TrainingOptions(
        out=out,
        base=str(DETECTOR),
        from_scratch=True,
        learning_rate=1e-3,
        weight_decay=0.05,
        warmup_steps=100,
        schedule="cosine",
        max_steps=1200,
        batch_size=32,
        gradient_accumulation_steps=1,
        eval_steps=200,
        crop_s=(0.5, 6.0),
        seed=1,
        device="cpu",
    )


def main(out: Path = DETECTOR) -> None:
    """Make the corpus, train the detector, and print what both are worth.

    Raises
    ------
    SystemExit
        Where trivial properties give the classes away.
    """
    test = EmbeddedSource("test")
    _announce("test", test)
    auc = shortcut_auc(test)
    typer.echo(f"AUC of trivial properties: {auc:.3f} (must be under {_HIGHEST_SHORTCUT_AUC})")
    if auc >= _HIGHEST_SHORTCUT_AUC:
        raise SystemExit(1)
    training = EmbeddedSource("training")
    _announce("training", training)
    torch.set_num_threads(_THREADS)
    result = train(options(out), training, progress=_report)
    typer.echo(_words(result))
    typer.echo(describe(str(out), test))


def describe(detector: str, source: Source) -> str:
    """Accuracy and EER of a detector on the clips, and the share that it got right of each kind."""
    clips = list(source)
    scores = score(detector, source)
    fake = np.array([clip.label == "fake" for clip in clips])
    right = (scores >= 0) == fake
    lines = [f"accuracy {right.mean():.3f}, EER {eer(scores[~fake], scores[fake]):.3f}"]
    kinds = np.array([clip.generator or "real" for clip in clips])
    for kind in sorted(set(kinds.tolist()), key=lambda name: (name in HELD_OUT, name)):
        note = " (never in training)" if kind in HELD_OUT else ""
        chosen = kinds == kind
        lines.append(f"  {kind:<20} {right[chosen].mean():.3f} of {chosen.sum()}{note}")
    return "\n".join(lines)


def score(detector: str, source: Source) -> np.ndarray:
    """Log-odds of fake of every clip, in the order of the source."""
    model = open_checkpoint(find(detector), device="cpu", precision="float32", fake_label=None)
    scores: list[float] = []
    for clip in source:
        logits = model.score([resample(load(clip.audio), model.rate_hz)])
        scores.append(float(logits[0, 0] - logits[0, 1]))
    return np.array(scores)


def _announce(half: str, source: EmbeddedSource) -> None:
    start = time.perf_counter()
    count = len(source.clips)
    typer.echo(f"{half} half: {count} clips in {time.perf_counter() - start:.1f} s")


def _report(step: int, logs: dict[str, float]) -> None:
    if "eval_accuracy" in logs:
        typer.echo(f"  step {step}: validation accuracy {logs['eval_accuracy']:.3f}")


def _words(result: TrainingResult) -> str:
    return (
        f"trained {result.steps} steps on {result.training_clips} clips, "
        f"accuracy {result.validation_accuracy:.3f} on {result.validation_clips} clips "
        "of training speakers that it never saw"
    )

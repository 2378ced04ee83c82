"""The recipe of the embedded detector; `python -m harness.reference` follows it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
import typer
from scipy import signal
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from harness.audio.wave import Wave, load, resample
from harness.data.clip import Source
from harness.data.embedded import EmbeddedSource
from harness.detector.hf import open_checkpoint
from harness.detector.source import find
from harness.metrics.detection import eer
from harness.reference import DETECTOR
from harness.synthesis.resynthesis import HELD_OUT
from harness.testset.shortcuts import audit_shortcuts, measure_clips
from harness.training.training import TrainingOptions, TrainingResult, train

_THREADS = 2
_HIGHEST_SHORTCUT_AUC = 0.6
_SHORT_FRAMES, _FRAMES = 256, 512
_ARCHITECTURE: dict[str, Any] = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 192,
    "patch_size": 16,
    "frequency_stride": 16,
    "time_stride": 16,
    "initializer_range": 0.06,  # the default suits models eight times as wide
}


def options(base: Path, out: Path) -> tuple[TrainingOptions, TrainingOptions]:
    """The card's recipe with values for a small model from random weights.

    First on windows of 2.56 s, where a step is quick, then briefly on windows of 5.12 s.
    """
    short = TrainingOptions(
        out=out,
        base=str(base),
        from_scratch=True,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup_steps=150,
        schedule="cosine",
        max_steps=2600,
        batch_size=32,
        gradient_accumulation_steps=1,
        eval_steps=200,
        crop_s=(1.5, 2.6),
        seed=1,
        device="cpu",
    )
    longer = {
        "from_scratch": False,
        "learning_rate": 5e-4,
        "warmup_steps": 20,
        "max_steps": 400,
        "crop_s": (1.5, 5.2),
    }
    return short, short.model_copy(update=longer)


def blank(folder: Path) -> None:
    """Write the configuration and the extractor of a model of `_SHORT_FRAMES` frames."""
    ASTConfig(
        architectures=["ASTForAudioClassification"], max_length=_SHORT_FRAMES, **_ARCHITECTURE
    ).save_pretrained(folder)
    ASTFeatureExtractor(max_length=_SHORT_FRAMES).save_pretrained(folder)


def lengthen(folder: Path, out: Path, frames: int) -> None:
    """Write the same model for more frames; its position embeddings repeat in time."""
    model = ASTForAudioClassification.from_pretrained(folder, use_safetensors=True)
    config = cast("Any", model.config)
    weights = model.state_dict()
    name = "audio_spectrogram_transformer.embeddings.position_embeddings"
    tokens, grid = weights[name][:, :2], weights[name][0, 2:]
    rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    columns = (frames - config.patch_size) // config.time_stride + 1
    grid = grid.reshape(rows, -1, config.hidden_size)
    again = grid[:, torch.arange(columns) % grid.shape[1]]
    weights[name] = torch.cat([tokens, again.reshape(1, rows * columns, -1)], dim=1)
    config.max_length = frames
    longer = ASTForAudioClassification(config)
    longer.load_state_dict(weights)
    longer.save_pretrained(out)
    ASTFeatureExtractor(max_length=frames).save_pretrained(out)


def vary(wave: Wave, rng: np.random.Generator) -> Wave:
    """Augment by level, spectral tilt and noise, which must not matter."""
    samples = wave.samples * 10 ** (rng.uniform(-10, 6) / 20)
    samples = np.asarray(signal.lfilter([1.0, rng.uniform(-0.4, 0.4)], [1.0], samples))
    if rng.random() < 0.5:
        level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-rng.uniform(25, 60) / 20)
        samples = samples + level * rng.standard_normal(len(samples))
    return Wave(samples.astype(np.float32), wave.rate_hz)


def main(out: Path = DETECTOR) -> None:
    """Make the corpus, train the detector and print how good both are.

    Raises
    ------
    SystemExit
        Where trivial properties separate the classes.
    """
    test = _corpus("test")
    auc = audit_shortcuts(measure_clips(test, lambda _: None)).shortcuts[0].auc  # all together
    typer.echo(f"AUC of trivial properties: {auc:.3f} (must be under {_HIGHEST_SHORTCUT_AUC})")
    if auc >= _HIGHEST_SHORTCUT_AUC:
        raise SystemExit(1)
    training = _corpus("training")
    torch.set_num_threads(_THREADS)
    with tempfile.TemporaryDirectory() as folder:
        for result in train_detector(training, Path(folder), out):
            typer.echo(
                f"trained {result.steps} steps on {result.training_clips} clips, accuracy "
                f"{result.validation_accuracy:.3f} on {result.validation_clips} clips of held-out "
                "training speakers"
            )
    typer.echo(describe(str(out), test))


def train_detector(source: Source, scratch: Path, out: Path) -> Iterator[TrainingResult]:
    """Train on short windows, then on longer ones; the latter model is written to `out`."""
    blank(scratch)
    short, longer = options(scratch, out)
    trained = short.model_copy(update={"out": scratch / "short"})
    yield train(trained, source, vary, _report)
    lengthen(trained.out, scratch / "long", _FRAMES)
    yield train(longer.model_copy(update={"base": str(scratch / "long")}), source, vary, _report)


def describe(detector: str, source: Source) -> str:
    """A detector's accuracy and EER on the clips, and its accuracy on each kind."""
    clips = list(source)
    scores = score(detector, source)
    fake = np.array([clip.label == "fake" for clip in clips])
    correct = (scores >= 0) == fake
    lines = [f"accuracy {correct.mean():.3f}, EER {eer(scores[~fake], scores[fake]):.3f}"]
    kinds = np.array([clip.generator or "real" for clip in clips])
    for kind in sorted(set(kinds.tolist()), key=lambda name: (name in HELD_OUT, name)):
        note = " (never in training)" if kind in HELD_OUT else ""
        chosen = kinds == kind
        lines.append(f"  {kind:<20} {correct[chosen].mean():.3f} of {chosen.sum()}{note}")
    return "\n".join(lines)


def score(detector: str, source: Source) -> np.ndarray:
    """Log-odds of fake for every clip, in the order of the source."""
    model = open_checkpoint(find(detector), device="cpu", precision="float32", fake_label=None)
    scores: list[float] = []
    for clip in source:
        logits = model.score([resample(load(clip.audio), model.rate_hz)])
        scores.append(float(logits[0, 0] - logits[0, 1]))
    return np.array(scores)


def _corpus(half: Literal["test", "training"]) -> EmbeddedSource:
    start = time.perf_counter()
    source = EmbeddedSource(half)
    count = len(source.clips)
    typer.echo(f"{half} half: {count} clips in {time.perf_counter() - start:.1f} s")
    return source


def _report(step: int, logs: dict[str, float]) -> None:
    if "eval_accuracy" in logs:
        typer.echo(f"  step {step}: validation accuracy {logs['eval_accuracy']:.3f}")

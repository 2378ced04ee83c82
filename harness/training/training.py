"""Fine-tuning a two-class detector by the model card's recipe, on any source of labelled clips.

The defaults of `TrainingOptions` are the card's: a new head with `{0: fake, 1: real}` on
`MIT/ast-finetuned-audioset-10-10-0.4593`, learning rate 1e-5, weight decay 0.01, 1,500 steps of
8 x 16 clips, validation on 5,000 samples every 500 steps. Clips are decoded and resampled as in a
run and go through the base model's own feature extractor.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from harness.data.clip import Source
from harness.detector.source import find
from harness.errors import UsageError
from harness.training.clips import (
    ID_TO_LABEL,
    LABEL_TO_ID,
    Augment,
    Decoder,
    LabeledWave,
    TrainingSet,
    ValidationSet,
    distinct,
    split,
)

_HEADS = ("classifier", "projector")
"""Prefixes of the weights of a classifier's head, which is meant to be new."""

_LARGEST_LOSS = 1000.0
"""Largest loss in nats a clip; guessing costs 0.7, certainty of the wrong class some tens."""

Progress = Callable[[int, dict[str, float]], None]
"""Called with a step and its measurements: `loss`, `eval_loss`, `eval_accuracy`, ..."""


class TrainingOptions(BaseModel):
    """Settings of the training; defaults are the card's where it states them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    out: Path
    """Directory that gets `config.json`, `model.safetensors` and `preprocessor_config.json`."""
    base: str = "MIT/ast-finetuned-audioset-10-10-0.4593"
    """Directory, or hub id with optional `@revision`, of the model to start from; `embedded`."""
    from_scratch: bool = False
    """Take only the base's configuration and extractor, with random weights."""
    learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    max_steps: int = Field(default=1500, ge=1)
    batch_size: int = Field(default=16, ge=1)
    gradient_accumulation_steps: int = Field(default=8, ge=1)
    """Batches in a step, which has `batch_size` times as many clips."""
    eval_steps: int = Field(default=500, ge=1)
    val_samples: int = Field(default=5000, ge=2)
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the groups to validate on; at most `val_samples` of their clips are used."""
    crop_s: tuple[float, float] | None = None
    """Shortest and longest random crop of a training clip, in s; None trains on whole clips."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is CUDA where available."""


class TrainingResult(BaseModel):
    """The last validation, and how many clips were used or left out."""

    model_config = ConfigDict(frozen=True)

    out: Path
    steps: int
    training_clips: int
    """Clips drawn at least once."""
    validation_clips: int
    rejected_clips: int
    """Clips of either side that could not be decoded."""
    duplicate_clips: int
    """Clips left out as copies of another."""
    validation_accuracy: float
    validation_loss: float
    training_loss: float


def train(
    options: TrainingOptions,
    source: Source,
    augment: Augment | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train, validate on groups that training never saw, and save.

    Parameters
    ----------
    augment
        Applied to every training clip after the crop, with a generator of its own for each draw.
    progress
        Called whenever the loss or the validation is measured.

    Raises
    ------
    UsageError
        Where the base cannot be loaded from safetensors, CUDA is missing, one side of the split
        lacks a class, or training diverges. Nothing is saved then.
    """
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device", "--device cuda", "leave it out to train on the CPU")
    with _leaving_global_state(), tempfile.TemporaryDirectory(prefix="harness-train-") as scratch:
        extractor, model = _load_base(options)
        given = list(source)
        known = distinct(given)
        clips = split(known, options.validation_share, options.val_samples, options.seed)
        decoder = Decoder(extractor.sampling_rate)
        count = options.max_steps * options.batch_size * options.gradient_accumulation_steps
        drawn = TrainingSet(clips[0], decoder, count, options.seed, options.crop_s, augment)
        held_out = ValidationSet(clips[1], decoder)
        _refuse_one_class(held_out.labels, "validation")
        trainer = Trainer(
            model=model,
            args=_arguments(options, scratch),
            train_dataset=drawn,
            eval_dataset=held_out,
            data_collator=_Collator(extractor),
            processing_class=extractor,
            compute_metrics=_accuracy,
        )
        trainer.remove_callback(PrinterCallback)  # it writes to stdout
        trainer.add_callback(_Monitor(options.learning_rate, progress))
        outcome = trainer.train()
        measured = trainer.evaluate()
        _refuse_one_class(set(drawn.used.values()), "training")
        if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
            raise _diverged("weights are not finite", outcome.global_step, options.learning_rate)
        trainer.save_model(str(options.out))
    (options.out / "training_args.bin").unlink(missing_ok=True)
    return TrainingResult(
        out=options.out,
        steps=outcome.global_step,
        training_clips=len(drawn.used),
        validation_clips=len(held_out),
        rejected_clips=len(drawn.rejected) + len(held_out.rejected),
        duplicate_clips=len(given) - len(known),
        validation_accuracy=measured["eval_accuracy"],
        validation_loss=measured["eval_loss"],
        training_loss=outcome.training_loss,
    )


def _load_base(options: TrainingOptions) -> tuple[Any, Any]:
    """The base's extractor, and its model with a new head of two classes or with random weights."""
    directory = Path(options.base)
    scratch = options.from_scratch and directory.is_dir()
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    folder = directory if scratch else find(options.base).folder
    try:
        extractor = AutoFeatureExtractor.from_pretrained(folder, **here)
        config = AutoConfig.from_pretrained(
            folder, id2label=ID_TO_LABEL, label2id=LABEL_TO_ID, **here
        )
        # The card's model says multi_label_classification, whose loss wants one-hot labels.
        config.problem_type = "single_label_classification"
        torch.manual_seed(options.seed)
        if options.from_scratch:
            return extractor, AutoModelForAudioClassification.from_config(config)
        model, loading = AutoModelForAudioClassification.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **here,
        )
    except (OSError, ValueError) as fault:
        reason = str(fault).strip().splitlines()[0]
        raise UsageError(
            f"cannot be loaded as an audio classifier: {reason}",
            options.base,
            "name a model that transformers knows for audio classification",
        ) from fault
    missing = [*loading["missing_keys"], *(str(entry[0]) for entry in loading["mismatched_keys"])]
    body = sorted(name for name in missing if not name.startswith(_HEADS))
    if body:
        raise UsageError(
            f"{len(body)} weights are not in the file or do not fit ({body[0]}, ...)",
            options.base,
            "name a complete checkpoint; only the head may be missing",
        )
    return extractor, model


class _Collator:
    """Batches through the extractor, padded to one length."""

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor

    def __call__(self, examples: list[LabeledWave]) -> dict[str, torch.Tensor]:
        inputs = self._extractor(
            [example.wave.samples for example in examples],
            sampling_rate=self._extractor.sampling_rate,
            padding="max_length" if hasattr(self._extractor, "num_mel_bins") else True,
            return_tensors="pt",
        )
        labels = torch.tensor([example.label for example in examples])
        return {**inputs, "labels": labels}


class _Monitor(TrainerCallback):
    """Reports what was measured, and ends a training as soon as a loss shows that it diverged."""

    def __init__(self, learning_rate: float, progress: Progress | None) -> None:
        self._learning_rate = learning_rate
        self._progress = progress

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        measured = {name: float(value) for name, value in (logs or {}).items()}
        if self._progress is not None:
            self._progress(state.global_step, measured)
        for name, value in measured.items():
            if name.endswith("loss") and not abs(value) < _LARGEST_LOSS:
                raise _diverged(f"{name} is {value:g}", state.global_step, self._learning_rate)


def _diverged(reason: str, step: int, learning_rate: float) -> UsageError:
    return UsageError(
        f"training diverged by step {step} ({reason}), and nothing is saved",
        f"--learning-rate {learning_rate:g}",
        "use a lower rate, and check the clips for damage",
    )


def _refuse_one_class(labels: set[str], side: str) -> None:
    if len(labels) < len(LABEL_TO_ID):
        raise UsageError(
            f"the {side} clips that can be decoded are of one class", "--data", "check the files"
        )


def _arguments(options: TrainingOptions, scratch: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=scratch,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        warmup_steps=options.warmup_steps,
        lr_scheduler_type=options.schedule,
        max_steps=options.max_steps,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        eval_strategy="steps",
        eval_steps=options.eval_steps,
        logging_steps=options.eval_steps,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=options.seed,
        use_cpu=options.device == "cpu",
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
    )


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    chosen = np.argmax(np.asarray(prediction.predictions), axis=1)
    return {"accuracy": float(np.mean(chosen == prediction.label_ids))}


@contextlib.contextmanager
def _leaving_global_state() -> Generator[None]:
    """Restore the global random states, which the Trainer seeds; show no progress bars."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if bars:
            transformers_logging.enable_progress_bar()

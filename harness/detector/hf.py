"""Any two-class audio classifier of `transformers`, with its own feature extractor.

A wave must get the same score in every batch. Models with a fixed input size (AST, Whisper) take
any clips together. All others take the waveform itself, and padding would change its score (group
normalisation, convolutions and attention all see it), so only clips of equal length share a batch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from harness.audio.wave import Samples, Wave
from harness.data.class_names import canonical_label
from harness.detector.checkpoint import CHECKPOINT_TRAITS, Checkpoint
from harness.detector.compilation import Compiled
from harness.detector.detector import Logits, gpu_batch_size
from harness.detector.device import (
    Laps,
    device_words,
    matrix_precision,
    resolve_device,
    resolve_dtype,
    to_device,
    to_host,
)
from harness.detector.frontend import LogMel
from harness.detector.labels import check_indices, fake_index
from harness.detector.soundness import check_extractor, check_loading, check_numbers, head_notes
from harness.errors import ClipError, UsageError
from harness.results.record import ModelRecord
from harness.timing import Stopwatch

_FIXED_SIZE = ("ASTFeatureExtractor", "WhisperFeatureExtractor")
_LONGEST_SECONDS = 120.0
"""Longest clip for models without a fixed size: the first layer takes about 20 MB a second."""


@dataclass(frozen=True, eq=False)
class ModelParts:
    """The network and its front end.

    Parameters
    ----------
    columns
        The columns of fake and of real among the model's logits.
    log_mel
        None if the model does not take log-mel features.
    """

    model: Any
    columns: list[int]
    log_mel: LogMel | None
    dtype: torch.dtype


class HubModel:
    """A detector in the format of `transformers`, on its device; see `open_checkpoint`."""

    traits = CHECKPOINT_TRAITS

    def __init__(
        self,
        identity: ModelRecord,
        model: Any,
        extractor: Any,
        fake: int,
        device: torch.device,
        precision: str,
    ) -> None:
        dtype = resolve_dtype(precision, device)
        self.identity = identity
        self.rate_hz = int(extractor.sampling_rate)
        self.device = device_words(device)
        self._device, self._dtype, self._tf32 = device, dtype, precision == "tf32"
        self._columns = [fake, 1 - fake]
        self._extractor = extractor
        self._fixed_size = type(extractor).__name__ in _FIXED_SIZE
        self.batch_size = _batch_size(device, identity.parameters or 0, self._fixed_size)
        self.spent = Stopwatch()
        is_ast = type(extractor).__name__ == "ASTFeatureExtractor"
        self._log_mel = LogMel(extractor, device) if is_ast else None
        self.longest = self._log_mel.longest_samples if self._log_mel is not None else None
        self._shortest = (
            self._log_mel.window_samples
            if self._log_mel is not None
            else _receptive_field(model.config, self.rate_hz)
        )
        self._model = _placed(model, device, dtype)
        self._compiled: Compiled | None = None

    def admits(self, wave: Wave) -> str:
        if len(wave.samples) < self._shortest:
            return (
                f"{len(wave.samples)} samples at {self.rate_hz} Hz are too short: "
                f"the model's first frame takes {self._shortest}"
            )
        if not self._fixed_size and wave.seconds > _LONGEST_SECONDS:
            return (
                f"{wave.seconds:.0f} s are too long for a model that takes a clip in one piece "
                f"(at most {_LONGEST_SECONDS:.0f} s)"
            )
        if not np.isfinite(wave.samples).all():
            return "the samples are not all finite"
        return ""

    def score(self, waves: Sequence[Wave]) -> Logits:
        for wave in waves:
            if wave.rate_hz != self.rate_hz:
                raise ValueError(f"a wave at {wave.rate_hz} Hz for a model at {self.rate_hz} Hz")
        logits = np.empty((len(waves), 2), dtype=np.float64)
        for together in self._batches(waves):
            logits[together] = self._logits([waves[index].samples for index in together])
        return logits[:, self._columns]

    @property
    def parts(self) -> ModelParts:
        """The network, for attribution."""
        return ModelParts(self._model, self._columns, self._log_mel, self._dtype)

    @property
    def one_shape(self) -> bool:
        return self._fixed_size

    def compile(self, rows: int) -> None:
        self._compiled = None
        if not rows:
            return
        # In the same mode as when it scores, which would otherwise compile again.
        with torch.inference_mode(), matrix_precision(self._device, self._tf32):
            example = self._inputs([np.zeros(self.rate_hz, np.float32)] * rows)
            self._compiled = Compiled(self._model, rows, example, self.identity.name)

    def _batches(self, waves: Sequence[Wave]) -> list[list[int]]:
        if self._fixed_size:
            return [list(range(len(waves)))] if waves else []
        by_length: dict[int, list[int]] = {}
        for index, wave in enumerate(waves):
            by_length.setdefault(len(wave.samples), []).append(index)
        return list(by_length.values())

    def _logits(self, clips: list[Samples]) -> Logits:
        laps = Laps(self._device)
        try:
            with torch.inference_mode():
                # Features are never rounded: near the floor of the spectrum TF32 has no digits.
                with matrix_precision(self._device, tf32=False), laps.timing("features"):
                    inputs = self._inputs(clips)
                with matrix_precision(self._device, self._tf32), laps.timing("forward"):
                    logits = to_host(self._forward(inputs))
                # Meanwhile another thread can give the GPU its next batch.
                self.spent.add(laps.wait())
                return logits.numpy()
        except torch.OutOfMemoryError as fault:
            raise ClipError(f"no memory on {self.device} for a batch of {len(clips)}") from fault
        except (RuntimeError, ValueError) as fault:
            raise ClipError(f"the model failed: {str(fault).splitlines()[0]}") from fault

    def _forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self._compiled(inputs) if self._compiled else self._model(**inputs).logits

    def _inputs(self, clips: list[Samples]) -> dict[str, Tensor]:
        if self._log_mel is not None:
            return {"input_values": self._log_mel(clips).to(self._dtype)}
        features = self._extractor(clips, sampling_rate=self.rate_hz, return_tensors="pt")
        return {
            name: to_device(value, self._device, self._dtype if value.is_floating_point() else None)
            for name, value in features.items()
        }


def open_checkpoint(
    checkpoint: Checkpoint, *, device: str, precision: str, fake_label: str | None
) -> HubModel:
    """Load a model, check that all of its weights were in its file, and move it to its device.

    Raises UsageError if device, precision, labels, architecture or weights are not as requested.
    """
    place = resolve_device(device)
    resolve_dtype(precision, place)
    spec = checkpoint.spec
    with _quiet(), _load_faults(spec):
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioClassification

        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(checkpoint.folder, **here)
        id2label = cast("dict[int, str]", config.id2label)
        names = {int(index): str(name) for index, name in id2label.items()}
        label2id = checkpoint.config.get("label2id")
        if isinstance(label2id, dict):
            check_indices(names, cast("dict[str, object]", label2id), fake_label, spec)
        fake = fake_index(names, fake_label, spec)
        extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder, **here)
        model, loading = AutoModelForAudioClassification.from_pretrained(
            checkpoint.folder,
            config=config,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **here,
        )
    notes = [*check_extractor(extractor, config, checkpoint), *head_notes(config)]
    unused = check_loading(cast("dict[str, Any]", loading), spec)
    check_numbers(model, checkpoint)
    if unused:
        notes.append(f"{len(unused)} tensors of the file are not used: {unused[0]}, ...")
    if fake_label is not None:
        against = ", although its name means real" if canonical_label(names[fake]) == "real" else ""
        meaning = f"class {fake} ({names[fake]}) was said to be fake{against}"
        notes.append(f"--fake-label {fake_label}: {meaning}")
    if (frames := getattr(extractor, "max_length", None)) and hasattr(extractor, "num_mel_bins"):
        notes.append(f"hears the first {frames} frames of 10 ms of a clip")
    identity = ModelRecord(
        name=checkpoint.name,
        spec=spec,
        kind=checkpoint.kind,
        revision=checkpoint.revision,
        digest=checkpoint.digest(),
        architecture=type(model).__name__,
        parameters=sum(weight.numel() for weight in model.parameters()),
        labels={str(index): name for index, name in sorted(names.items())},
        fake_label=names[fake],
        rate_hz=int(extractor.sampling_rate),
        synthetic=checkpoint.synthetic,
        notes=notes,
        settings=checkpoint.settings()
        | {"attention": str(getattr(model.config, "_attn_implementation", None))},
    )
    with _load_faults(spec):
        return HubModel(identity, model, extractor, fake, place, precision)


def _batch_size(device: torch.device, parameters: int, fixed_size: bool) -> int:
    """Return a batch size for runs that are too short to measure one.

    Measured on two CPU cores: the smallest models are 20 % faster at 8 than at 1, an AST of 1.9 M
    parameters 20 % slower at 32 than at 2, a wav2vec 2.0 of 2.4 M 37 % slower at 8 than at 2.
    """
    if device.type == "cuda":
        return gpu_batch_size(fixed_size)
    if not fixed_size:
        return 2
    return 8 if parameters < 1_000_000 else 4


def _placed(model: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the model in evaluation mode on its device, with its head in float32.

    In bfloat16 a logit of 4 is a multiple of 1/32, so that scores of different clips would tie.
    """
    model = model.eval().to(device=device, dtype=dtype)
    head = getattr(model, "classifier", None)
    if dtype != torch.float32 and head is not None:
        head.float().register_forward_pre_hook(_in_float32)
    return model


def _in_float32(_: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(argument.float() for argument in arguments)


def _receptive_field(config: Any, rate_hz: int) -> int:
    """Return the samples of the first frame: of the convolutions, or 25 ms without any."""
    kernels, strides = getattr(config, "conv_kernel", None), getattr(config, "conv_stride", None)
    if not isinstance(kernels, (list, tuple)) or not isinstance(strides, (list, tuple)):
        return int(rate_hz * 0.025)
    samples = int(getattr(config, "squeeze_factor", 1))
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * int(stride) + int(kernel)
    return samples


@contextmanager
def _load_faults(spec: str) -> Generator[None]:
    """Report any fault while a model is loaded as a UsageError on one line."""
    try:
        yield
    except UsageError:
        raise
    except Exception as fault:
        text = " ".join(str(fault).split()) or type(fault).__name__
        if "trust_remote_code" in text:
            raise UsageError(
                "needs its own code, which is never run",
                spec,
                "wrap it in a python: factory if you trust it",
            ) from fault
        if "Unrecognized configuration class" in text or "model type" in text:
            raise UsageError(
                "is not an audio classifier that transformers knows",
                spec,
                "name a model of AutoModelForAudioClassification",
            ) from fault
        if "ignore_mismatched_sizes" in text:
            raise UsageError(
                "the weights have other shapes than config.json says",
                spec,
                "put the config.json and the weights of one checkpoint together",
            ) from fault
        raise UsageError(
            f"cannot be loaded ({text[:200]})", spec, "check that its files belong together"
        ) from fault


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the progress bars and loading reports of transformers; real problems are raised."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()

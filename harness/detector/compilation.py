"""Compile forward passes for batches of one size (`torch.compile`, Inductor), only on request.

Compiling takes a minute, fuses everything except matrix products, and rounds differently from the
uncompiled model. It need not be faster: on an H200 a compiled AST took 4.9 times as long, because
transformers 5.17 makes an attention mask while a model is compiled, and with a mask the fused
attention kernels are not used (docs/speed.md).

A compiled pass has one shape: shorter batches are filled up, so that a row is computed in the same
way whatever rows its batch lost. A batch of half the size or less goes through the uncompiled
model: a single clip, a batch that was halved for lack of memory, the end of a run. The self-check
measures the difference, because it scores every clip in both ways.

CUDA graphs are not used: they replay in the thread that recorded them, and two threads feed a GPU.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.detector.detector import AnyDetector, Compilable, Detector, audio_detectors
from harness.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_BACKEND = "inductor"


def compile_all(detectors: Iterable[AnyDetector], batch_size: int) -> None:
    """Compile every audio detector for batches of this size; 0 restores the uncompiled models.

    Raises UsageError if one of them cannot be compiled; then all are left uncompiled.
    """
    models = audio_detectors(detectors)
    _restore(models)
    if not batch_size:
        return
    if batch_size == 1:
        raise UsageError("a batch of one is not compiled", "--compile", "use a larger --batch-size")
    compilable: list[Compilable] = []
    for detector in models:
        if not isinstance(detector, Compilable) or not detector.one_shape:
            raise UsageError(
                "cannot be compiled: its inputs are not known to have all one shape",
                detector.identity.name,
                "leave --compile out",
            )
        compilable.append(detector)
    try:
        for detector in compilable:
            detector.compile(batch_size)
    except UsageError:
        _restore(models)
        raise


def _restore(detectors: Sequence[Detector]) -> None:
    for detector in detectors:
        if isinstance(detector, Compilable):
            detector.compile(0)


class Compiled:
    """The logits of a model, by a compiled pass if a batch is long enough.

    Parameters
    ----------
    rows
        Batch size to compile for, at least 2.
    example
        Inputs of that many rows, with which it is compiled at once.

    Raises UsageError if it cannot be compiled: without a C++ compiler, Triton on a GPU or enough
    memory, or if the model does something that a compiled pass cannot do.
    """

    def __init__(self, model: Any, rows: int, example: dict[str, Tensor], name: str) -> None:
        import torch

        self._model, self._rows = model, rows
        self._pass: Any = torch.compile(model, backend=_BACKEND, dynamic=False, fullgraph=True)
        try:
            # The compiler warns about its own code.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._pass(**example)
        except Exception as fault:
            raise UsageError(
                f"cannot be compiled: {_first_paragraph(fault)}", name, "use --no-compile"
            ) from fault

    def __call__(self, inputs: dict[str, Tensor]) -> Tensor:
        count = len(next(iter(inputs.values())))
        if 2 * count <= self._rows or count > self._rows:
            return self._model(**inputs).logits
        filled = {name: _filled(values, self._rows) for name, values in inputs.items()}
        return self._pass(**filled).logits[:count]


def _filled(values: Tensor, rows: int) -> Tensor:
    """Append rows of zeros, which do not affect other rows."""
    if len(values) == rows:
        return values
    whole = values.new_zeros(rows, *values.shape[1:])
    whole[: len(values)] = values
    return whole


def _first_paragraph(fault: Exception) -> str:
    """Return the first paragraph: the rest is advice on debugging the compiler."""
    return " ".join(str(fault).split("\n\n")[0].split())[:200] or type(fault).__name__

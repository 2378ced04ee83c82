"""A forward pass that is compiled for batches of one size (`torch.compile`, Inductor).

Compiling takes a minute, fuses what is not a matrix product, and rounds otherwise than the model as
it is. A compiled pass is for one shape: shorter batches are filled up, so that a row is computed
alike whatever else its batch lost. One of half the size or less is not worth that and goes through
the model as it is: a clip alone, a batch that was halved for want of memory, the end of a run. How
far the two differ is what the self-check measures, which scores every clip in both ways.

CUDA graphs are not used: they replay in the thread that recorded them, and a GPU is fed by two.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError

_BACKEND = "inductor"

Inputs = dict[str, Tensor]


class Compiled:
    """The logits of a model, by a pass that is compiled where a batch is long enough.

    Parameters
    ----------
    rows
        What it is compiled for; two at least.
    example
        Inputs of so many rows, on which it is compiled at once, as it is called later.

    Raises
    ------
    UsageError
        Where it cannot be compiled: for want of a C++ compiler, of Triton on a GPU, of memory, or
        because the model does what a compiled pass cannot.
    """

    def __init__(self, model: Any, rows: int, example: Inputs, name: str) -> None:
        self._model, self._rows = model, rows
        self._pass: Any = torch.compile(model, backend=_BACKEND, dynamic=False, fullgraph=True)
        try:
            # What the compiler warns of is its own code.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._pass(**example)
        except Exception as fault:
            raise UsageError(
                f"cannot be compiled: {_told(fault)}", name, "use --no-compile"
            ) from fault

    def __call__(self, inputs: Inputs) -> Tensor:
        count = len(next(iter(inputs.values())))
        if 2 * count <= self._rows or count > self._rows:
            return self._model(**inputs).logits
        filled = {name: _filled(values, self._rows) for name, values in inputs.items()}
        return self._pass(**filled).logits[:count]


def _filled(values: Tensor, rows: int) -> Tensor:
    """With rows of zeros, which no other row sees."""
    if len(values) == rows:
        return values
    whole = values.new_zeros(rows, *values.shape[1:])
    whole[: len(values)] = values
    return whole


def _told(fault: Exception) -> str:
    """The first paragraph: what follows is advice on how to debug the compiler."""
    return " ".join(str(fault).split("\n\n")[0].split())[:200] or type(fault).__name__

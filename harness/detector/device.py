"""Where a model computes and with how many bits: what was asked for, or an error."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch

from harness.errors import UsageError

_DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def resolve_device(name: str) -> torch.device:
    """`auto` (the GPU where there is one), `cpu`, `cuda` or `cuda:1`.

    Raises
    ------
    UsageError
        Where the device that was asked for is not there: nothing else is taken instead.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda" and not (kind == "cuda" and number.isascii() and number.isdecimal()):
        raise UsageError("no such device", f"--device {name}", "use auto, cpu, cuda or cuda:0")
    if not torch.cuda.is_available():
        raise UsageError(
            "there is no CUDA GPU here", f"--device {name}", "use --device cpu, or auto"
        )
    index = int(number or 0)
    if index >= torch.cuda.device_count():
        raise UsageError(
            f"there is no GPU {index} here",
            f"--device {name}",
            f"the last one is cuda:{torch.cuda.device_count() - 1}",
        )
    return torch.device("cuda", index)


def resolve_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type that weights and activations have at this precision.

    Raises
    ------
    UsageError
        Where there is no such precision, or the device does not have it.
    """
    if precision not in _DTYPES:
        raise UsageError(
            "no such precision", f"--precision {precision}", "use float32, tf32, bf16 or fp16"
        )
    if precision == "tf32":
        if device.type != "cuda":
            raise UsageError("a CPU has no tf32", "--precision tf32", "use float32")
        if torch.cuda.get_device_capability(device) < (8, 0):
            raise UsageError("this GPU has no tf32", "--precision tf32", "use float32")
    return _DTYPES[precision]


@contextmanager
def matrix_precision(tf32: bool) -> Generator[None]:
    """Whether float32 products and convolutions on a GPU may round their inputs to TF32.

    PyTorch's own default is that convolutions may and matrix products may not.
    """
    settings: tuple[Any, ...] = (
        torch.backends.cuda.matmul,
        torch.backends.cudnn.conv,  # pyright: ignore[reportAttributeAccessIssue]
    )
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "tf32" if tf32 else "ieee"
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value


def device_words(device: torch.device) -> str:
    """The device as the record of a run names it."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)

"""Where a model computes and with how many bits: what was asked for, or an error."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError

_DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}

_SETTINGS = Lock()


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
            f"name one up to cuda:{torch.cuda.device_count() - 1}",
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
def matrix_precision(device: torch.device, tf32: bool) -> Generator[None]:
    """Whether float32 products and convolutions on a GPU may round their inputs to TF32.

    PyTorch's own default is that convolutions may and matrix products may not. These are settings
    of the process, so one thread at a time is within; on a GPU that takes as long as to tell it
    what to do. A processor has no such choice, and its threads do not wait for each other.
    """
    if device.type != "cuda":
        yield
        return
    settings: tuple[Any, ...] = (
        torch.backends.cuda.matmul,
        torch.backends.cudnn.conv,  # pyright: ignore[reportAttributeAccessIssue]
    )
    with _SETTINGS:
        before = [setting.fp32_precision for setting in settings]
        try:
            for setting in settings:
                setting.fp32_precision = "tf32" if tf32 else "ieee"
            yield
        finally:
            for setting, value in zip(settings, before, strict=True):
                setting.fp32_precision = value


class Laps:
    """Seconds of the stages of one batch, by the device's own clock where it is a GPU.

    There the processor only hands out the work; `wait` is for its end.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, Any, Any]] = []

    @contextmanager
    def timing(self, stage: str) -> Generator[None]:
        began = self._mark()
        yield
        self._marks.append((stage, began, self._mark()))

    def wait(self) -> dict[str, float]:
        """Seconds by stage, once all of it is done."""
        if self._device.type != "cuda":
            return {stage: ended - began for stage, began, ended in self._marks}
        for _, _, ended in self._marks:
            ended.synchronize()
        return {stage: began.elapsed_time(ended) / 1000 for stage, began, ended in self._marks}

    def _mark(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event


def sent(values: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor in this process's memory on its way to the device; the processor does not wait."""
    if device.type == "cuda":
        values = values.pin_memory()
    return values.to(device, non_blocking=True).to(dtype or values.dtype)


def fetched(values: Tensor) -> Tensor:
    """float64 in this process's memory, there once the device is done with it (`Laps.wait`)."""
    if values.device.type != "cuda":
        return values.double()
    host = torch.empty(values.shape, dtype=torch.float64, pin_memory=True)
    return host.copy_(values.double(), non_blocking=True)


def device_words(device: torch.device) -> str:
    """The device as the record of a run names it."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)

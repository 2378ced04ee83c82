"""The device and precision of a model: exactly as requested, or an error."""

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
    """Return the device for `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`.

    Raises UsageError if the requested device does not exist; there is no substitute for it.
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
    """Return the type of weights and activations at a precision.

    Raises UsageError if there is no such precision, or the device does not support it.
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
    """Set whether float32 products and convolutions on a GPU may round their inputs to TF32.

    By default PyTorch lets convolutions do so and matrix products not. The settings are global, so
    only one thread at a time is in the block; on a GPU that is only as long as it takes to launch
    the work. CPUs have no such setting, and their threads do not wait for each other.
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
    """Seconds of the stages of one batch, on a GPU by its own clock.

    There the CPU only launches the work; `wait` waits for its end.
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
        """Wait for the end of all stages; return seconds by stage."""
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


def to_device(values: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Copy a tensor to the device without waiting for it."""
    if device.type == "cuda":
        values = values.pin_memory()
    return values.to(device, non_blocking=True).to(dtype or values.dtype)


def to_host(values: Tensor) -> Tensor:
    """Copy a tensor to host memory as float64; complete after `Laps.wait`."""
    if values.device.type != "cuda":
        return values.double()
    host = torch.empty(values.shape, dtype=torch.float64, pin_memory=True)
    return host.copy_(values.double(), non_blocking=True)


def device_words(device: torch.device) -> str:
    """Return the name of a device for the record of a run."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)

"""The lowest possible cost of a full-size AST's forward pass.

That is the counted floating point operations of a clip over the machine's own rate of matrix
products, measured in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

SECONDS = 5


def counted_flops(model: Any, batch: int = 1) -> int:
    """Operations of one clip's forward pass; a multiplication and an addition are two."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    parameter = next(model.parameters())
    inputs = torch.zeros(batch, 1024, 128, device=parameter.device, dtype=parameter.dtype)
    counter = FlopCounterMode(display=False)
    # Attention as matrix products, which the counter knows on every device.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        model(inputs)
    return counter.get_total_flops() // batch


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of the best square matrix product."""
    best = 0.0
    for size in (8192, 4096) if device.type == "cuda" else (2048, 1024):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        took = median_seconds(lambda a=a, b=b: a @ b, device, least=0.5, rounds=7)
        best = max(best, 2 * size**3 / took)
    return best


def median_seconds(
    call: Callable[[], Any], device: torch.device, least: float, rounds: int = 5
) -> float:
    """Median seconds of a call, over rounds that last `least` together, after one to warm up."""

    def several(calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls):
            call()
        wait(device)
        return (time.perf_counter() - began) / calls

    several(1)
    once = several(1)
    if once > least:
        return once
    calls = max(1, round(least / rounds / once))
    return float(np.median([several(calls) for _ in range(rounds)]))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def noise(clips: int) -> list[np.ndarray]:
    """Clips of 5 s at 16 kHz."""
    rng = np.random.default_rng(3)
    return [0.1 * rng.standard_normal(16000 * SECONDS, np.float32) for _ in range(clips)]

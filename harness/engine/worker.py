"""What runs in a preparing process: one thread, the recipe of the run, one clip at a time."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import scipy.signal  # noqa: F401  # pyright: ignore[reportUnusedImport]  # once, for all that fork
import torch
import torchaudio  # noqa: F401  # pyright: ignore[reportUnusedImport]

from harness.data.clip import Clip
from harness.engine.prepare import Prepared, Recipe, prepare
from harness.suite import Condition

_recipe: Recipe | None = None


def start(recipe: Recipe) -> None:
    """Set the process up; an interrupt is the parent's to handle."""
    global _recipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _recipe = recipe


def work(clip: Clip, conditions: Sequence[Condition]) -> list[Prepared]:
    """Prepare one clip."""
    if _recipe is None:
        raise RuntimeError("the worker was not started")
    return prepare(clip, conditions, _recipe)

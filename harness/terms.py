"""Words that both sides of the results use."""

from __future__ import annotations

from typing import Literal

CLEAN = "clean"
"""The condition of no perturbation at all; every suite has it."""

Channels = Literal["mean", "first", "loudest"]
"""What is scored of several channels: their mean, the first, or the one with the highest level."""

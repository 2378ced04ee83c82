"""Words that both sides of the results use."""

from __future__ import annotations

from typing import Literal

CLEAN = "clean"
"""The condition of no perturbation at all; every suite has it."""

Channels = Literal["mean", "first", "loudest"]
"""The part of several channels that is scored: their mean, the first, or the loudest."""

UnscoredPolicy = Literal["excluded", "wrong", "real"]
"""Treatment of a clip without a score: it is in no decision; it is decided wrongly, whatever its
class; it is called real, as by a gate that lets through what it cannot judge."""

Generators = Literal["these", "new"]
"""Scope of a statement about fakes: the generators of the test set, or others like them."""

POOLED = "*"
"""Name in place of a condition's for all conditions of a family together."""

LENGTH_EDGES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
LENGTH_BANDS = ("0-0.5 s", "0.5-1 s", "1-2 s", "2-4 s", "4-8 s", "8+ s")
"""Lengths of audio between the edges, as slices and forensic statements divide them."""

"""Where things are that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "tests" / "runs"
SHARED = ROOT.parent / "shared"
"""Recordings and a detector that are no part of the project; tests of them skip without it."""

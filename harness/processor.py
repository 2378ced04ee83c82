"""The processors of this machine that a process may use."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Return how many processors this process may use: in a container fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

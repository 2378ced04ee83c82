"""Memory of this process and of those that it started, where the system tells (Linux)."""

from __future__ import annotations

import math
import multiprocessing
from pathlib import Path


def resident_bytes() -> float:
    """Of this process, with the libraries that it shares with others; NaN where not known."""
    return _bytes("self", "Rss")


def largest_child_bytes() -> float:
    """Of the one that has most to itself alone, which is what one more takes; NaN without any."""
    own = [_bytes(str(each.pid), "Private") for each in multiprocessing.active_children()]
    return max((each for each in own if not math.isnan(each)), default=math.nan)


def _bytes(pid: str, kind: str) -> float:
    """Sum of the lines that begin so: `Rss` is one, `Private` clean and dirty pages."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # another system, or it has just ended
        return math.nan
    return 1024.0 * sum(int(line.split()[1]) for line in lines if line.startswith(kind))

"""Whether a policy can pass with the clips at hand, and how many groups it would take.

The chance is that of a candidate that is as good as the baseline, at the standard error that was
measured; the requirement that is hardest to pass is what a sentence is about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from harness.compare.difference import Difference
from harness.metrics.significance import POWER

_NEVER = 0.001
_Asked = Iterable[tuple[Difference, float]]
"""Compared figures that must pass, each with its margin."""


def outlook(required: _Asked) -> str:
    """Say whether these groups can pass the requirements, and how many groups would."""
    chances = [
        (float(chance), groups, cell, margin)
        for cell, margin in required
        for chance, groups in [(cell.contrast.chance(margin), float(cell.contrast.needed(margin)))]
        if not np.isnan(chance)
    ]
    if not chances:
        return ""
    chance, _, cell, margin = min(chances, key=lambda hardest: (hardest[0], -hardest[1]))
    needed = max(groups for _, groups, _, _ in chances)
    place = f"{cell.metric} under {cell.condition} with a margin of {margin:g}"
    if chance < _NEVER:
        can = f"With {cell.groups} groups this policy can never pass: {place} asks for more"
    else:
        can = (
            f"With {cell.groups} groups this policy can pass: of candidates as good as the "
            f"baseline at most {100 * chance:.0f} % would, limited by {place}"
        )
    if math.isinf(needed):
        return f"{can}; no number of groups is enough for every margin."
    return f"{can}; {100 * POWER:.0f} % take about {needed:.0f} groups like these."

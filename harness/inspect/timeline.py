"""Scores over windows that slide along a recording.

Two timelines: windows as long as what the detector takes in, where the recording is longer than
that, and short windows of 2 s. A short window is scored as a short clip is: the detector fills up
the rest in its own way, and what it answers there is worth what it is worth on clips of 2 s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.audio.wave import Wave
from harness.forensic.case import ScoreStep, Timeline, Window
from harness.inspect.detector_view import Listener

DEFAULT_WINDOW_S = 10.24
"""Of a detector that takes a recording whole."""

_SHORT_WINDOW_S, _SHORT_HOP_S, _HOP_S = 2.0, 0.25, 1.0
_MOST_WINDOWS = 160
"""Of one timeline; the hop grows with the recording beyond it."""
_LEAST_SIDE = 3
_LEAST_APART = 3.0
"""Lengths of a window: in shorter recordings all windows share sound, and drift looks like a step.
"""
_ROUND_S = 0.01


def timelines(wave: Wave, listener: Listener) -> list[Timeline]:
    """Score the wave, at the detector's rate, in windows; none where it is shorter than 2 s."""
    longest = listener.longest
    own_s = DEFAULT_WINDOW_S if longest is None else longest / listener.rate_hz
    wanted = [(own_s, _HOP_S)] if wave.seconds > own_s + _ROUND_S else []
    if wave.seconds > _SHORT_WINDOW_S + _ROUND_S and own_s > _SHORT_WINDOW_S:
        wanted.append((_SHORT_WINDOW_S, _SHORT_HOP_S))
    return [timeline(wave, listener, window_s, hop_s) for window_s, hop_s in wanted]


def timeline(wave: Wave, listener: Listener, window_s: float, hop_s: float) -> Timeline:
    """Scores of windows of one length, the last one flush with the end."""
    rate_hz = wave.rate_hz
    size = round(window_s * rate_hz)
    spare = len(wave.samples) - size
    hop = max(round(hop_s * rate_hz), -(-spare // (_MOST_WINDOWS - 1)))
    starts = [*range(0, spare, hop), spare]
    pieces = [Wave(wave.samples[start : start + size], rate_hz) for start in starts]
    windows = [
        Window(start / rate_hz, (start + size) / rate_hz, score, reason)
        for start, (score, reason) in zip(starts, listener.scores(pieces), strict=True)
    ]
    longest = listener.longest
    padded = longest is not None and size < longest - round(_ROUND_S * rate_hz)
    apart = wave.seconds >= _LEAST_APART * window_s
    step = largest_step(windows) if apart else None
    return Timeline(size / rate_hz, hop / rate_hz, padded, windows, step)


def largest_step(windows: Sequence[Window]) -> ScoreStep | None:
    """Where one step explains most of the scores' variance, as least squares has it.

    The step lies between the middles of two windows. With windows that overlap it is there give or
    take half a window. Every recording has a largest step; `strength` says how much there is to it.
    None with less than three windows on either side.
    """
    known = [window for window in windows if math.isfinite(window.score)]
    score = np.array([window.score for window in known])
    count = len(score)
    if count < 2 * _LEAST_SIDE:
        return None
    places = np.arange(_LEAST_SIDE, count - _LEAST_SIDE + 1)
    total = np.cumsum(score)
    before = total[places - 1] / places
    after = (total[-1] - total[places - 1]) / (count - places)
    explained = places * (count - places) / count * (after - before) ** 2
    whole = float(((score - score.mean()) ** 2).sum())
    best = int(np.argmax(explained))
    at = int(places[best])
    return ScoreStep(
        at_s=(known[at - 1].middle_s + known[at].middle_s) / 2,
        before=float(before[best]),
        after=float(after[best]),
        strength=float(explained[best]) / whole if whole else 0.0,
    )

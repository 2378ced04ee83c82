"""Scores of windows that slide along a recording.

There are two timelines: windows as long as the detector's input, if the recording is longer than
that, and short windows of 2 s. The detector pads a short window as it pads a short clip, so its
score is worth as much as on clips of 2 s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.audio.wave import Wave
from harness.forensic.case import ScoreStep, Timeline, Window
from harness.inspect.detector_view import WaveScorer

DEFAULT_WINDOW_S = 10.24
"""Window for a detector that takes a whole recording."""

_SHORT_WINDOW_S, _SHORT_HOP_S, _HOP_S = 2.0, 0.25, 1.0
_MOST_WINDOWS = 160
"""Most windows of a timeline; the hop grows for longer recordings."""
_LEAST_SIDE = 3
_LEAST_APART = 3.0
"""Shortest recording in windows: in shorter ones windows overlap, and drift looks like a step."""
_ROUND_S = 0.01


def timelines(wave: Wave, scorer: WaveScorer) -> list[Timeline]:
    """Score a wave at the detector's rate in windows; none if it is shorter than 2 s."""
    longest = scorer.longest
    own_s = DEFAULT_WINDOW_S if longest is None else longest / scorer.rate_hz
    windows = [(own_s, _HOP_S)] if wave.seconds > own_s + _ROUND_S else []
    if wave.seconds > _SHORT_WINDOW_S + _ROUND_S and own_s > _SHORT_WINDOW_S:
        windows.append((_SHORT_WINDOW_S, _SHORT_HOP_S))
    return [timeline(wave, scorer, window_s, hop_s) for window_s, hop_s in windows]


def timeline(wave: Wave, scorer: WaveScorer, window_s: float, hop_s: float) -> Timeline:
    """Score windows of one length, the last one flush with the end."""
    rate_hz = wave.rate_hz
    size = round(window_s * rate_hz)
    spare = len(wave.samples) - size
    hop = max(round(hop_s * rate_hz), -(-spare // (_MOST_WINDOWS - 1)))
    starts = [*range(0, spare, hop), spare]
    pieces = [Wave(wave.samples[start : start + size], rate_hz) for start in starts]
    windows = [
        Window(start / rate_hz, (start + size) / rate_hz, score, reason)
        for start, (score, reason) in zip(starts, scorer.scores(pieces), strict=True)
    ]
    longest = scorer.longest
    padded = longest is not None and size < longest - round(_ROUND_S * rate_hz)
    apart = wave.seconds >= _LEAST_APART * window_s
    step = largest_step(windows) if apart else None
    return Timeline(size / rate_hz, hop / rate_hz, padded, windows, step)


def largest_step(windows: Sequence[Window]) -> ScoreStep | None:
    """Find the single step that explains most of the scores' variance (least squares).

    The step lies between the middles of two windows; with overlapping windows it is accurate to
    half a window. Every recording has a largest step; `strength` is the share of variance that it
    explains. None with less than three windows on either side.
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

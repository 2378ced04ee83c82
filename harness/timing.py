"""The time of a run: seconds by stage, and whether preparing or scoring limits it.

Preparing is counted in processor seconds, summed over processes: these share the processors, so
that wall time would include waiting. Scoring is counted in wall time, or by the GPU's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from threading import Lock

WAITING = "waiting"
"""Stage of scoring: nothing is prepared yet."""

_CHECK = "check"
_NAMED = 3
_IDLE = 0.25
"""Share of the time that scoring waits before preparing counts as the limit: it waits for the first
audio, and both share the processors."""


class Stopwatch:
    """Adds up seconds by stage, by any clock; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def timing(self, stage: str) -> Generator[None]:
        """Count the time of the block, also where it raises."""
        began = self._clock()
        try:
            yield
        finally:
            self.add({stage: self._clock() - began})

    def add(self, seconds: Mapping[str, float]) -> None:
        with self._lock:
            for stage, more in seconds.items():
                self._seconds[stage] = self._seconds.get(stage, 0.0) + more

    def take(self) -> dict[str, float]:
        """Return the seconds since the last call, and reset."""
        with self._lock:
            seconds, self._seconds = self._seconds, {}
        return seconds

    def __getitem__(self, stage: str) -> float:
        return self._seconds.get(stage, 0.0)

    def rounded(self) -> dict[str, float]:
        """Return seconds by stage to the millisecond, the longest first."""
        longest = sorted(self._seconds.items(), key=lambda item: -item[1])
        return {stage: round(seconds, 3) for stage, seconds in longest}


class TimeSplit:
    """The stopwatches of preparing and scoring in a part of a run.

    Parameters
    ----------
    workers
        Processes that prepare; 0 where scoring and preparing take turns.
    scorers
        Processes or threads that score on processors; their seconds are added up.

    Attributes
    ----------
    preparing
        Processor seconds: `decode`, `perturb codec`, `attest`, ...
    scoring
        Wall seconds: `check`, `waiting`, `features`, `forward`, `write`. The remainder is overhead.
        On a GPU `features` and `forward` are seconds of the device, which overlap with the others.
    """

    def __init__(
        self, workers: int, clock: Callable[[], float] = time.monotonic, scorers: int = 1
    ) -> None:
        self.preparing = Stopwatch()
        self.scoring = Stopwatch()
        self.scorers, self._workers = scorers, workers
        self._clock, self._began = clock, clock()

    def pace(self, rows: int) -> str:
        """Return a progress line: `58 scores/s, limited by preparing`."""
        elapsed = self._elapsed()
        return f"{rows / elapsed:.3g} scores/s, limited by {self._limit(elapsed)}"

    def words(self) -> str:
        """Summarise where the time went, in one line."""
        elapsed, scoring = self._elapsed(), self.scoring
        detector = scoring["features"] + scoring["forward"]
        share = _share(detector, elapsed * self.scorers)
        return (
            f"Time: {elapsed:.1f} s, limited by {self._limit(elapsed)}. Preparing took "
            f"{_summary(self.preparing.rounded())}, the detector {detector:.1f} s "
            f"({share}), waiting for audio {scoring[WAITING]:.1f} s, "
            f"the check before it {scoring[_CHECK]:.1f} s."
        )

    def _elapsed(self) -> float:
        return max(self._clock() - self._began, 1e-3)

    def _limit(self, elapsed: float) -> str:
        waited = self.scoring[WAITING]
        idle = _IDLE if self._workers else 0.5
        scored = elapsed - self.scoring[_CHECK]
        return "preparing" if waited > idle * scored * self.scorers else "the detector"


def _summary(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values())
    named = [f"{stage} {_share(some, total)}" for stage, some in list(seconds.items())[:_NAMED]]
    return f"{total:.1f} s of processors" + (f" ({', '.join(named)})" if named else "")


def _share(some: float, total: float) -> str:
    return f"{100 * some / total:.0f} %" if total > 0 else "0 %"

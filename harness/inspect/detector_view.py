"""Score any number of waves with one detector, outside a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.audio.wave import Wave
from harness.detector.detector import Detector
from harness.engine.scorer import Scorer
from harness.forensic.case import NAN


class WaveScorer:
    """Scores waves in batches as a run does, with a reason for each that has no score."""

    def __init__(self, detector: Detector, note: Callable[[str], None]) -> None:
        self.detector = detector
        self._scorer = Scorer(detector, note)

    @property
    def rate_hz(self) -> int:
        return self.detector.rate_hz

    @property
    def longest(self) -> int | None:
        """Number of samples from the start of a wave that it uses; None if it uses them all."""
        return self.detector.longest

    def used_part(self, wave: Wave) -> Wave:
        """Return the part of a wave, at the detector's rate, that it uses."""
        return Wave(wave.samples[: self.longest].copy(), wave.rate_hz)

    def scores(self, waves: Sequence[Wave]) -> list[tuple[float, str]]:
        """Return the score of each wave at the detector's rate, or NaN and the reason for none."""
        reasons = [self.detector.admits(wave) for wave in waves]
        admitted = [wave for wave, reason in zip(waves, reasons, strict=True) if not reason]
        size = self.detector.batch_size
        outcomes = iter(
            outcome
            for start in range(0, len(admitted), size)
            for outcome in self._scorer.forward(admitted[start : start + size])
        )
        scores: list[tuple[float, str]] = []
        for reason in reasons:
            if reason:
                scores.append((NAN, reason))
                continue
            _, failure, logit_fake, logit_real = next(outcomes)
            scores.append((logit_fake - logit_real, failure))
        return scores

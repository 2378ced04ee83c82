"""A detector as a questioned recording is put to it: any number of waves, scores or reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.audio.wave import Wave
from harness.detector.detector import Detector
from harness.engine.scorer import Scorer
from harness.forensic.case import NAN


class Listener:
    """Scores waves in batches as a run does, and says why one has no score."""

    def __init__(self, detector: Detector, note: Callable[[str], None]) -> None:
        self.detector = detector
        self._scorer = Scorer(detector, note)

    @property
    def rate_hz(self) -> int:
        return self.detector.rate_hz

    @property
    def longest(self) -> int | None:
        """How many samples from the start of a wave it looks at; None where it hears it all."""
        return self.detector.longest

    def heard(self, wave: Wave) -> Wave:
        """What of a wave at the detector's rate it looks at."""
        return Wave(wave.samples[: self.longest].copy(), wave.rate_hz)

    def scores(self, waves: Sequence[Wave]) -> list[tuple[float, str]]:
        """The score of each wave at the detector's rate, or NaN and the reason for none."""
        reasons = [self.detector.admits(wave) for wave in waves]
        admitted = [wave for wave, reason in zip(waves, reasons, strict=True) if not reason]
        size = self.detector.batch_size
        outcomes = iter(
            outcome
            for start in range(0, len(admitted), size)
            for outcome in self._scorer.forward(admitted[start : start + size])
        )
        found: list[tuple[float, str]] = []
        for reason in reasons:
            if reason:
                found.append((NAN, reason))
                continue
            _, told, logit_fake, logit_real = next(outcomes)
            found.append((logit_fake - logit_real, told))
        return found

"""Score blocks of prepared rows with one detector; every row gets a score or a reason.

A block is scored in one batch, in smaller ones where memory runs out, and clip by clip where a
batch fails as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.detector import (
    AnyDetector,
    Detector,
    Doubtful,
    Logits,
    ScoreLookup,
    Timed,
    is_lookup,
)
from harness.engine.plan import Key
from harness.engine.prepare import Prepared
from harness.errors import ClipRejected, UsageError
from harness.results.clip_facts import columns
from harness.results.scores import Row
from harness.suite.condition import Condition
from harness.timing import Stopwatch

Outcome = tuple[str, str, float, float]
"""status, reason, logit_fake, logit_real"""

_MEMORY = ("out of memory", "can't allocate memory", "cudnn_status_alloc_failed", "not enough mem")


@dataclass(frozen=True, eq=False)
class PreparedRow:
    """A row that is ready to be scored, with the number of the block that it is scored in."""

    clip: Clip
    condition: Condition
    block: int
    prepared: Prepared


class Scorer:
    """Scores blocks with one detector.

    Parameters
    ----------
    note
        Called for every halving of the batch.
    """

    def __init__(
        self,
        detector: AnyDetector,
        note: Callable[[str], None],
    ) -> None:
        self.detector = detector
        self.note = note
        self._most: int | None = None
        self._whole = Stopwatch()

    @property
    def model(self) -> str:
        return self.detector.identity.name

    @property
    def spent(self) -> Stopwatch:
        """Seconds of the detector by stage; all as `forward` where it does not time itself."""
        return self.detector.spent if isinstance(self.detector, Timed) else self._whole

    def rows(self, scored: Sequence[PreparedRow], done: AbstractSet[Key]) -> list[Row]:
        """Return the rows of a block that this model has not scored yet."""
        model = self.model
        owed = [row for row in scored if (row.clip.clip_id, row.condition.name, model) not in done]
        if is_lookup(self.detector):
            return [_row(row, model, *_looked_up(self.detector, row)) for row in owed]
        outcomes = self._outcomes(self.detector, owed)
        return [_row(row, model, *outcome) for row, outcome in zip(owed, outcomes, strict=True)]

    def forward(self, waves: Sequence[Wave]) -> list[Outcome]:
        """Score admitted waves together, in halved batches where memory runs out."""
        if is_lookup(self.detector):
            raise TypeError("scores from a file are looked up, not computed")
        outcomes: list[Outcome] = []
        while len(outcomes) < len(waves):
            start = len(outcomes)
            batch = waves[start : start + (self._most or len(waves))]
            try:
                with self._whole.timing("forward"):
                    outcomes += _batch(self.detector, batch)
                if isinstance(self.detector, Doubtful) and (doubt := self.detector.doubt()):
                    self.note(f"{self.model}: {doubt}")
            except _OutOfMemory as fault:
                if len(batch) == 1:
                    outcomes.append(_failed(fault))
                    continue
                self._most = len(batch) // 2
                self.note(
                    f"{self.model}: no memory for {len(batch)} clips at once on "
                    f"{self.detector.device}, going on with {self._most}"
                )
        return outcomes

    def _outcomes(self, detector: Detector, owed: list[PreparedRow]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        admitted: list[int] = []
        for row in owed:
            prepared = row.prepared
            status, reason = prepared.status, prepared.reason
            if status == "ok" and (reason := detector.admits(prepared.waves[detector.rate_hz])):
                status = "rejected"
            if status == "ok":
                admitted.append(len(outcomes))
            outcomes.append((status, reason, np.nan, np.nan))
        waves = [owed[place].prepared.waves[detector.rate_hz] for place in admitted]
        for place, outcome in zip(admitted, self.forward(waves), strict=True):
            outcomes[place] = outcome
        return outcomes


class _OutOfMemory(Exception):
    pass


def _batch(detector: Detector, waves: Sequence[Wave]) -> list[Outcome]:
    """Score one batch; where it fails as a whole, each wave alone, so that only one row is lost."""
    try:
        return [_outcome(logits) for logits in detector.score(waves)]
    except UsageError:
        raise
    except Exception as fault:
        if _is_memory(fault):
            raise _OutOfMemory(str(fault)) from fault
        if len(waves) == 1:
            return [_failed(fault)]
    outcomes: list[Outcome] = []
    for wave in waves:
        try:
            outcomes += _batch(detector, [wave])
        except _OutOfMemory as fault:
            outcomes.append(_failed(fault))
    return outcomes


def _is_memory(fault: BaseException | None) -> bool:
    """Whether memory ran out, for which libraries have no common exception."""
    if fault is None:
        return False
    message = str(fault).lower()
    return (
        isinstance(fault, MemoryError)
        or any(words in message for words in _MEMORY)
        or _is_memory(fault.__cause__)
    )


def _failed(fault: Exception) -> Outcome:
    cause = fault.__cause__ if isinstance(fault, _OutOfMemory) and fault.__cause__ else fault
    text = " ".join(str(cause).split())[:300]
    return ("error", f"the detector failed: {type(cause).__name__}: {text}", np.nan, np.nan)


def _outcome(logits: Logits) -> Outcome:
    logit_fake, logit_real = (float(value) for value in logits)
    if not (np.isfinite(logit_fake) and np.isfinite(logit_real)):
        return ("error", f"logits are {logit_fake} and {logit_real}", np.nan, np.nan)
    return ("ok", "", logit_fake, logit_real)


def _looked_up(lookup: ScoreLookup, row: PreparedRow) -> Outcome:
    try:
        return ("ok", "", *lookup.lookup(row.clip.clip_id, row.condition.name)[:2])
    except ClipRejected as fault:
        return ("rejected", str(fault), np.nan, np.nan)


def _row(
    row: PreparedRow, model: str, status: str, reason: str, logit_fake: float, logit_real: float
) -> Row:
    clip, condition, measured = row.clip, row.condition, row.prepared.attestation
    reading = row.prepared.reading
    content: dict[str, Any] = {
        "clip_id": clip.clip_id,
        "model": model,
        "condition": condition.name,
        "family": condition.family,
        "severity": condition.severity,
        "label": clip.label,
        **columns(clip.facts),
        "seconds": measured.seconds if measured else np.nan,
        "status": status,
        "reason": reason,
        "score": logit_fake - logit_real,
        "logit_fake": logit_fake,
        "logit_real": logit_real,
        "snr_db": measured.snr_db if measured else np.nan,
        "bandwidth_hz": measured.bandwidth_hz if measured else np.nan,
        "delay_samples": measured.delay_samples if measured else np.nan,
        "changed": measured.changed if measured else None,
        "audio_digest": reading.audio_digest,
        "decoder": reading.decoder,
        "audio_notes": "; ".join(reading.notes),
    }
    return content

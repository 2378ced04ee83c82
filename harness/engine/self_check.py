"""Check before a run that a detector gives a clip the same score in every batch.

Padding, normalisation over a batch and low precision all change scores without an error. The first
clips are scored in the run's own batches and again one at a time; in a precision below float32 also
once in float32. Compiled models score full batches, and the uncompiled model a clip alone
(`harness.detector.compilation`), which compares the two. Rows are taken across the conditions, so
that lengths differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.detector import AnyDetector, Detector, audio_detectors, is_lookup
from harness.detector.source import open_detector
from harness.engine.early_abort import LEAST_CLIPS, broken_detector
from harness.engine.plan import Task
from harness.engine.prepare import Prepared
from harness.engine.scorer import Outcome, Scorer
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.results.record import MachineRecord, RunRecord, SelfCheckRecord
from harness.suite.condition import Condition

MOST_CLIPS = 32
TOLERANCE = {"float32": 1e-4, "tf32": 0.05, "fp16": 0.1, "bf16": 0.5}
"""Largest difference in log-odds. In float32 only rounding differs. The others are about ten times
what two small AST showed at their worst (bf16 0.05, fp16 0.01); the record has each run's own."""

_RELATIVE = 1e-6
"""Tolerance as a share of the largest score: log-odds of a thousand have fewer digits."""


def self_checks(
    pool: WorkerPool,
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    conditions: Sequence[Condition],
    record: RunRecord,
) -> list[SelfCheckRecord]:
    """Check each detector that scores audio and admits at least one of the first clips.

    Raises
    ------
    UsageError
        As `self_check`.
    """
    if not audio_detectors(scorer.detector for scorer in scorers):
        return []
    machine = record.machine
    first = first_clips(clips, conditions, machine.batch_size)
    prepared = [row for _, rows in pool.prepare(first) for row in rows]
    checks: list[SelfCheckRecord] = []
    for scorer in scorers:
        if waves := admitted(scorer.detector, prepared):
            checks.append(
                self_check(
                    scorer,
                    waves,
                    batch_size=machine.batch_size,
                    precision=machine.precision,
                    compiled=machine.compiled,
                    threshold=record.threshold_of(scorer.model),
                    reference=_reference(scorer.detector, machine),
                    fresh=not any(part.rows for part in record.parts),
                )
            )
    return checks


def admitted(detector: AnyDetector, prepared: Sequence[Prepared]) -> list[Wave]:
    """Return the prepared waves that the detector admits; none for scores from a file."""
    if is_lookup(detector):
        return []
    waves = [row.waves[detector.rate_hz] for row in prepared if row.status == "ok"]
    return [wave for wave in waves if not detector.admits(wave)]


def first_clips(
    clips: Sequence[Clip], conditions: Sequence[Condition], rows: int
) -> Iterator[Task]:
    """Yield the first clips, each under another condition, `clean` first."""
    for number, clip in enumerate(islice(clips, min(rows, MOST_CLIPS))):
        yield Task(clip, (conditions[number % len(conditions)],), (0,))


def _reference(detector: AnyDetector, machine: MachineRecord) -> Callable[[], Detector] | None:
    """Return what opens the detector in float32; None where the run's precision is no choice."""
    if is_lookup(detector):
        return None
    identity, device = detector.identity, detector.device.split(" ")[0]
    if machine.precision == "float32" or not detector.traits.takes_precision:
        return None

    def reopen() -> Detector:
        opened = open_detector(identity.spec, device=device, fake_label=identity.fake_label or None)
        if is_lookup(opened):
            raise TypeError(identity.spec)
        return opened

    return reopen


def self_check(
    scorer: Scorer,
    waves: Sequence[Wave],
    *,
    batch_size: int,
    precision: str,
    threshold: float,
    reference: Callable[[], Detector] | None,
    compiled: bool = False,
    fresh: bool = True,
) -> SelfCheckRecord:
    """Score the waves in the run's batches, alone and in float32, and compare.

    Parameters
    ----------
    waves
        One of each clip.
    reference
        Opens the same detector in float32; None where the run is in float32 already.
    compiled
        Whether the detector is compiled for batches of this size.
    fresh
        Whether the detector has not scored anything yet, and so may be broken.

    Raises
    ------
    UsageError
        Where a difference is over the tolerance, or the detector works on none of several clips.
    """
    usual: list[Outcome] = []
    for start in range(0, len(waves), batch_size):
        batch = waves[start : start + batch_size]
        full = list(islice(cycle(batch), batch_size)) if compiled else batch
        usual += scorer.forward(full)[: len(batch)]
    if fresh and len(usual) >= LEAST_CLIPS and all(outcome[0] == "error" for outcome in usual):
        raise broken_detector(scorer.model, len(usual), (outcome[1] for outcome in usual))
    alone = [outcome for wave in waves for outcome in scorer.forward([wave])]
    difference, flips = _compare(usual, alone, threshold)
    exact_difference: float | None = None
    exact_flips: int | None = None
    if reference is not None:
        other = Scorer(reference(), scorer.note)
        exact = [outcome for wave in waves for outcome in other.forward([wave])]
        exact_difference, exact_flips = _compare(usual, exact, threshold)
    check = SelfCheckRecord(
        model=scorer.model,
        clips=len(waves),
        batch_size=batch_size,
        batch_difference=difference,
        batch_flips=flips,
        precision=precision,
        precision_difference=exact_difference,
        precision_flips=exact_flips,
        tolerance=max(TOLERANCE[precision], _RELATIVE * _size(usual)),
    )
    _refuse_difference(check, compiled, scorer.detector.traits.batch_invariant)
    return check


def _compare(
    some: Sequence[Outcome], others: Sequence[Outcome], threshold: float
) -> tuple[float, int]:
    """Return the largest difference, infinite where only one has a score, and changed verdicts."""
    largest, flips = 0.0, 0
    for (status, _, *logits), (other_status, _, *other_logits) in zip(some, others, strict=True):
        if status != other_status:
            return math.inf, flips
        if status == "ok":
            first, second = logits[0] - logits[1], other_logits[0] - other_logits[1]
            largest = max(largest, abs(first - second))
            flips += (first >= threshold) != (second >= threshold)
    return largest, flips


def _size(outcomes: Sequence[Outcome]) -> float:
    return max(
        (abs(outcome[2] - outcome[3]) for outcome in outcomes if outcome[0] == "ok"), default=0.0
    )


def _refuse_difference(check: SelfCheckRecord, compiled: bool, batch_invariant: bool) -> None:
    if check.batch_difference > check.tolerance:
        problem = (
            f"the same clip gets log-odds that differ by {check.batch_difference:.3g} (over "
            f"{check.tolerance:g}), alone and in a batch of {check.batch_size}"
        )
        if compiled:
            raise UsageError(f"{problem} that is compiled", check.model, "try --no-compile")
        fix = (
            "use --batch-size 1; if that fails as well, the model is random"
            if batch_invariant
            else "--batch-size 1 where the model pads or normalises over a batch; at 1 it is random"
        )
        raise UsageError(problem, check.model, fix)
    if check.precision_difference is not None and check.precision_difference > check.tolerance:
        raise UsageError(
            f"log-odds in {check.precision} differ by {check.precision_difference:.3g} from those "
            f"in float32 (over {check.tolerance:g}; {check.precision_flips} of {check.clips} "
            "verdicts change)",
            check.model,
            "use --precision float32",
        )

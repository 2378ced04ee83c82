"""The check before the run: a detector says the same of a clip in every batch, or is not run.

Padding, normalisation over a batch and low precision all change scores without an error. The first
clips are scored in the run's own way and again one at a time; in a precision below float32 also
once in float32. Where models are compiled the run's own way is in full batches, and a clip alone is
scored by the model as it is (`harness.detector.compilation`): that holds one against the other.
Rows of the plan are taken across its conditions, so that lengths differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.detector import Detector, is_lookup
from harness.detector.source import open_detector
from harness.engine.plan import Task
from harness.engine.probation import SEVERAL, broken
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
"""Of a score's own size, where that is the larger: log-odds of a thousand have fewer digits."""


def self_checks(
    crew: WorkerPool,
    scorers: Sequence[Scorer],
    clips: Sequence[Clip],
    conditions: Sequence[Condition],
    record: RunRecord,
) -> list[SelfCheckRecord]:
    """Check each detector that listens; none is checked where none of the first clips is heard.

    Raises
    ------
    UsageError
        As `self_check`.
    """
    listening = [one for one in scorers if not is_lookup(one.detector)]
    if not listening:
        return []
    machine = record.machine
    first = _tasks(clips, conditions, machine.batch_size)
    prepared = [row for _, rows in crew.prepare(first) for row in rows if row.status == "ok"]
    checks: list[SelfCheckRecord] = []
    for scorer in listening:
        detector = scorer.detector
        if is_lookup(detector):
            continue
        waves = [row.waves[detector.rate_hz] for row in prepared]
        waves = [wave for wave in waves if not detector.admits(wave)]
        if waves:
            checks.append(
                self_check(
                    scorer,
                    waves,
                    batch_size=machine.batch_size,
                    precision=machine.precision,
                    compiled=machine.compiled,
                    threshold=record.threshold_of(scorer.model),
                    reference=_reference(detector, machine),
                    fresh=not any(part.rows for part in record.parts),
                )
            )
    return checks


def _reference(detector: Detector, machine: MachineRecord) -> Callable[[], Detector] | None:
    """What opens the detector in float32; None where it is, or has no precision of ours."""
    identity = detector.identity
    if machine.precision == "float32" or not detector.traits.takes_precision:
        return None

    def reopen() -> Detector:
        place = detector.device.split(" ")[0]
        spec = identity.spec
        found = open_detector(spec, device=place, fake_label=identity.fake_label or None)
        if is_lookup(found):
            raise TypeError(spec)
        return found

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
    """Score the waves in every way and compare.

    Parameters
    ----------
    waves
        Each of another clip.
    reference
        Opens the same detector in float32; None where the run is in float32 already.
    compiled
        Whether the detector is, for batches of this size.
    fresh
        Whether the detector has scored nothing yet, and so may be broken.

    Raises
    ------
    UsageError
        Where a difference is over the tolerance: model, figure, what to do; and where the detector
        works on none of several clips.
    """
    usual: list[Outcome] = []
    for start in range(0, len(waves), batch_size):
        batch = waves[start : start + batch_size]
        full = list(islice(cycle(batch), batch_size)) if compiled else batch
        usual += scorer.forward(full)[: len(batch)]
    if fresh and len(usual) >= SEVERAL and all(one[0] == "error" for one in usual):
        raise broken(scorer.model, len(usual), (one[1] for one in usual))
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
    _judge(check, compiled)
    return check


def _tasks(clips: Sequence[Clip], conditions: Sequence[Condition], rows: int) -> Iterator[Task]:
    """The first clips, each under another condition, `clean` first."""
    for number, clip in enumerate(islice(clips, min(rows, MOST_CLIPS))):
        yield Task(clip, (conditions[number % len(conditions)],), (0,))


def _compare(
    some: Sequence[Outcome], others: Sequence[Outcome], threshold: float
) -> tuple[float, int]:
    """Largest difference, and how many verdicts differ.

    A score in one way and none in the other is an infinite difference.
    """
    largest, flips = 0.0, 0
    for (one_status, _, *one), (other_status, _, *other) in zip(some, others, strict=True):
        if one_status != other_status:
            return math.inf, flips
        if one_status == "ok":
            first, second = one[0] - one[1], other[0] - other[1]
            largest = max(largest, abs(first - second))
            flips += (first >= threshold) != (second >= threshold)
    return largest, flips


def _size(outcomes: Sequence[Outcome]) -> float:
    return max((abs(one[2] - one[3]) for one in outcomes if one[0] == "ok"), default=0.0)


def _judge(check: SelfCheckRecord, compiled: bool) -> None:
    if check.batch_difference > check.tolerance:
        found = (
            f"the same clip gets log-odds that differ by {check.batch_difference:.3g} (over "
            f"{check.tolerance:g}), alone and in a batch of {check.batch_size}"
        )
        if compiled:
            raise UsageError(f"{found} that is compiled", check.model, "try --no-compile")
        raise UsageError(
            found,
            check.model,
            "--batch-size 1 where the model pads or normalises over a batch; at 1 it is random",
        )
    if check.precision_difference is not None and check.precision_difference > check.tolerance:
        raise UsageError(
            f"log-odds in {check.precision} differ by {check.precision_difference:.3g} from those "
            f"in float32 (over {check.tolerance:g}; {check.precision_flips} of {check.clips} "
            "verdicts change)",
            check.model,
            "use --precision float32",
        )

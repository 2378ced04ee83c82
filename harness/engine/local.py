"""The loop on one machine: workers prepare, this process scores, blocks of rows go to disk."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import groupby
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

import numpy as np

from harness.data.clip import Clip
from harness.detector.detector import Detector, Logits, ScoreLookup
from harness.engine.plan import Key, Task
from harness.engine.prepare import Prepared, Recipe, prepare
from harness.errors import UsageError
from harness.scores import Row, ScoresWriter
from harness.suite import Condition

_FLUSH_SECONDS = 30.0
_WINDOW = 3  # tasks in flight for each worker: enough to hide one slow clip, little to hold

Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Scored:
    """One prepared row on its way into the table."""

    clip: Clip
    condition: Condition
    block: int
    prepared: Prepared


def warm_up(workers: int) -> None:
    """Have the preparing processes' imports done beside what this one does first."""
    if workers:
        _context()
        forkserver.ensure_running()


def run_tasks(
    tasks: Iterator[Task],
    recipe: Recipe,
    detectors: Sequence[Detector | ScoreLookup],
    writer: ScoresWriter,
    done: set[Key],
    *,
    workers: int,
    advance: Advance,
) -> None:
    """Prepare and score every task; each finished block is handed to the writer whole.

    Parameters
    ----------
    done
        Keys that are in the table already: not scored again.
    workers
        Processes that prepare; 0 prepares in this one.
    advance
        Called with the number of rows after each block.

    Raises
    ------
    UsageError
        Where a detector fails on every row of the first block: that is no fault of the clips.
    """
    flushed, first = time.monotonic(), True
    for _, block in groupby(_prepared(tasks, recipe, workers), key=lambda row: row.block):
        scored = list(block)
        rows = [row for detector in detectors for row in _rows(detector, scored, done)]
        if first:
            _refuse_broken(rows, scored)
            first = False
        writer.append(rows)
        advance(len(rows))
        if time.monotonic() - flushed > _FLUSH_SECONDS:
            writer.flush()
            flushed = time.monotonic()


def _prepared(tasks: Iterator[Task], recipe: Recipe, workers: int) -> Iterator[Scored]:
    """Prepared rows in the order of the plan, whichever worker is first."""
    if workers == 0:
        for task in tasks:
            yield from _scored(task, prepare(task.clip, task.conditions, recipe))
        return
    waiting: deque[tuple[Task, Future[list[Prepared]]]] = deque()
    from harness.engine import worker

    with ProcessPoolExecutor(workers, _context(), worker.start, (recipe,)) as pool:
        try:
            for task in tasks:
                waiting.append((task, pool.submit(worker.work, task.clip, task.conditions)))
                if len(waiting) >= _WINDOW * workers:
                    oldest, future = waiting.popleft()
                    yield from _scored(oldest, future.result())
            while waiting:
                oldest, future = waiting.popleft()
                yield from _scored(oldest, future.result())
        except BrokenProcessPool as fault:
            raise UsageError(
                "a process that prepares audio was killed, perhaps for want of memory",
                "harness run",
                "the same command with the same --out goes on; --workers 1 takes less memory",
            ) from fault
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.engine.worker"])
    return context


def _scored(task: Task, prepared: list[Prepared]) -> Iterator[Scored]:
    for condition, block, one in zip(task.conditions, task.blocks, prepared, strict=True):
        yield Scored(task.clip, condition, block, one)


def _rows(detector: Detector | ScoreLookup, scored: list[Scored], done: set[Key]) -> list[Row]:
    """The rows that one model still owes of a block."""
    model = detector.identity.name
    owed = [row for row in scored if (row.clip.clip_id, row.condition.name, model) not in done]
    if isinstance(detector, ScoreLookup):
        return [_row(row, model, *_looked_up(detector, row)) for row in owed]
    outcomes = _score(detector, owed)
    return [_row(row, model, *outcome) for row, outcome in zip(owed, outcomes, strict=True)]


Outcome = tuple[str, str, float, float]
"""status, reason, logit_fake, logit_real"""


def _looked_up(lookup: ScoreLookup, row: Scored) -> Outcome:
    found = lookup.lookup(row.clip.clip_id, row.condition.name)
    if found is None:
        return ("rejected", "no score in the file for this clip and condition", np.nan, np.nan)
    return ("ok", "", *found[:2])


def _score(detector: Detector, owed: list[Scored]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    admitted: list[int] = []
    for row in owed:
        one = row.prepared
        reason = one.reason if one.status != "ok" else detector.admits(one.waves[detector.rate_hz])
        status = one.status if one.status != "ok" else ("rejected" if reason else "ok")
        if status == "ok":
            admitted.append(len(outcomes))
        outcomes.append((status, reason, np.nan, np.nan))
    for place, outcome in zip(admitted, _forward(detector, owed, admitted), strict=True):
        outcomes[place] = outcome
    return outcomes


def _forward(detector: Detector, owed: list[Scored], admitted: list[int]) -> list[Outcome]:
    """Score the admitted rows as one batch; if that fails, one by one, so that one row is lost."""
    waves = [owed[place].prepared.waves[detector.rate_hz] for place in admitted]
    if not waves:
        return []
    try:
        return [_outcome(logits) for logits in detector.score(waves)]
    except UsageError:
        raise
    except Exception:
        outcomes: list[Outcome] = []
        for wave in waves:
            try:
                outcomes.append(_outcome(detector.score([wave])[0]))
            except Exception as fault:
                reason = f"the detector failed: {type(fault).__name__}: {fault}"
                outcomes.append(("error", reason, np.nan, np.nan))
        return outcomes


def _outcome(logits: Logits) -> Outcome:
    logit_fake, logit_real = (float(value) for value in logits)
    if not (np.isfinite(logit_fake) and np.isfinite(logit_real)):
        return ("error", f"logits are {logit_fake} and {logit_real}", np.nan, np.nan)
    return ("ok", "", logit_fake, logit_real)


def _row(
    row: Scored, model: str, status: str, reason: str, logit_fake: float, logit_real: float
) -> Row:
    clip, condition, measured = row.clip, row.condition, row.prepared.attestation
    content: dict[str, Any] = {
        "clip_id": clip.clip_id,
        "model": model,
        "condition": condition.name,
        "family": condition.family,
        "severity": condition.severity,
        "label": clip.label,
        "source": clip.source,
        "generator": clip.generator,
        "speaker": clip.speaker,
        "group": clip.group,
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
    }
    return content


def _refuse_broken(rows: list[Row], scored: list[Scored]) -> None:
    prepared = any(row.prepared.status == "ok" for row in scored)
    faults = {str(row["reason"]) for row in rows if row["status"] == "error"}
    if prepared and rows and all(row["status"] == "error" for row in rows):
        raise UsageError(f"nothing could be scored: {sorted(faults)[0]}", str(rows[0]["model"]))

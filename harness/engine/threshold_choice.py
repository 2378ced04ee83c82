"""Thresholds that are chosen on clips other than those they are judged on.

The development clips are scored as they are, in a run of their own within the run directory, and
each model's threshold is chosen by the suite's rule. The judged clips play no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.data.clip import Clip
from harness.data.duplicates import twins
from harness.engine.scoring import Job, Progress, score
from harness.errors import UsageError
from harness.metrics.threshold import choose_threshold
from harness.results.record import ThresholdRecord, ThresholdRule
from harness.results.scores import read_scores
from harness.storage.storage import make_folder
from harness.suite.condition import CLEAN
from harness.suite.suite import Suite


def clean_suite(suite: Suite) -> Suite:
    """The suite by which development clips are scored: as they are."""
    words = "The clips that thresholds are chosen on."
    return replace(suite, name="development", description=words, threshold=0.0, conditions=(CLEAN,))


def refuse_shared(development: Sequence[Clip], judged: Sequence[Clip], spec: str) -> None:
    """Raise UsageError where a development recording is, byte for byte, one of those judged."""
    own = {id(clip) for clip in development}
    shared = [
        next(clip for clip in group if id(clip) in own)
        for group in twins([*development, *judged])
        if len({id(clip) in own for clip in group}) > 1
    ]
    if shared:
        raise UsageError(
            f"{len(shared)} of its recordings are among those judged, such as "
            f"{shared[0].clip_id!r}",
            spec,
            "choose the threshold on other recordings",
        )


def choose(
    job: Job, rule: ThresholdRule, note: Callable[[str], None], progress: Progress
) -> list[ThresholdRecord]:
    """Score the development clips, or what is left of them, and choose every model's threshold.

    Raises
    ------
    UsageError
        As `score`, and where a model has no score of a real or of a fake development clip.
    """
    make_folder(job.folder)
    score(job, note, progress)
    table: Any = read_scores(job.folder)
    data, found = job.record.data, list[ThresholdRecord]()
    for model in job.record.models:
        rows = table[table["model"] == model.name]
        scored = rows[rows["status"] == "ok"]
        real, fake = (
            scored.loc[scored["label"] == label, "score"].to_numpy(dtype=np.float64)
            for label in ("real", "fake")
        )
        if not len(real) or not len(fake):
            raise UsageError(
                f"{model.name}: {len(real)} real and {len(fake)} fake clips of it could be scored",
                data.spec,
                "choose the threshold on clips of both classes",
            )
        value = choose_threshold(real, fake, rule.choose, rule.at)
        one = ThresholdRecord(
            model=model.name,
            value=value,
            data=data.name,
            digest=data.digest,
            synthetic=data.synthetic,
            real=len(real),
            fake=len(fake),
            unscored=len(rows) - len(scored),
            fpr=float(np.mean(real >= value)),
            fnr=float(np.mean(fake < value)),
        )
        note(threshold_line(one, rule))
        if rule.at is not None and rule.at * len(real) < 1:
            note(f"{len(real)} real clips cannot show a false alarm rate of {rule.at:g}")
        found.append(one)
    return found


def threshold_line(one: ThresholdRecord, rule: ThresholdRule) -> str:
    """Where a threshold is and what it was chosen on, for people."""
    return (
        f"{one.model}: threshold {one.value:.4g}, chosen for {rule.words} on {one.real} real and "
        f"{one.fake} fake clips of {one.data} (false alarms {one.fpr:.3f}, misses {one.fnr:.3f})"
    )

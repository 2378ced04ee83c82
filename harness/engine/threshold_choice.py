"""Choose each model's threshold on development clips, which are not among those judged.

The development clips are scored unperturbed, in a run of their own within the run directory, and
the suite's rule is applied to their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.data.clip import Clip
from harness.data.duplicates import twins
from harness.engine.job import Inputs, Job, Note, open_job
from harness.engine.run_directory import DEVELOPMENT
from harness.engine.scoring import Progress, score
from harness.errors import UsageError
from harness.metrics.threshold import choose_threshold
from harness.results.record import DataRecord, ThresholdRecord, ThresholdRule
from harness.results.scores import read_scores
from harness.storage.storage import make_folder
from harness.suite.condition import CLEAN


def with_thresholds(job: Job, inputs: Inputs, note: Note, progress: Progress) -> Job:
    """Return the job with every model's threshold, where the suite has a rule to choose it by.

    Raises
    ------
    UsageError
        As `score`, where development clips are among those judged, and where a model has no score
        of one class.
    """
    rule, source = job.suite.threshold, inputs.development
    if not isinstance(rule, ThresholdRule) or source is None:
        return job
    suite = replace(
        job.suite,
        name="development",
        description="The clips that thresholds are chosen on.",
        threshold=0.0,
        conditions=(CLEAN,),
    )
    inputs = replace(inputs, suite=suite, source=source, whole=source, detectors=job.detectors)
    options = replace(job.options, limit=None)
    development = open_job(inputs, options, job.folder / DEVELOPMENT, note)
    _refuse_shared(development.clips, job.clips, source.origin.spec)
    make_folder(development.folder)
    score(development, note, progress)
    table = read_scores(development.folder)
    thresholds = [
        _threshold(table[table["model"] == model.name], model.name, development.record.data, rule)
        for model in job.record.models
    ]
    for threshold in thresholds:
        note(threshold_line(threshold, rule))
        if rule.at is not None and rule.at * threshold.real < 1:
            note(f"{threshold.real} real clips cannot show a false alarm rate of {rule.at:g}")
    return replace(job, record=job.record.model_copy(update={"thresholds": thresholds}))


def _refuse_shared(development: Sequence[Clip], judged: Sequence[Clip], spec: str) -> None:
    """Raise UsageError where a development recording has the bytes of one that is judged."""
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


def _threshold(rows: Any, model: str, data: DataRecord, rule: ThresholdRule) -> ThresholdRecord:
    scored = rows[rows["status"] == "ok"]
    real, fake = (
        scored.loc[scored["label"] == label, "score"].to_numpy(dtype=np.float64)
        for label in ("real", "fake")
    )
    if not len(real) or not len(fake):
        raise UsageError(
            f"{model}: {len(real)} real and {len(fake)} fake clips of it could be scored",
            data.spec,
            "choose the threshold on clips of both classes",
        )
    value = choose_threshold(real, fake, rule.choose, rule.at)
    return ThresholdRecord(
        model=model,
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


def threshold_line(threshold: ThresholdRecord, rule: ThresholdRule) -> str:
    """Say where a threshold is and what it was chosen on."""
    return (
        f"{threshold.model}: threshold {threshold.value:.4g}, chosen for {rule.words} on "
        f"{threshold.real} real and {threshold.fake} fake clips of {threshold.data} "
        f"(false alarms {threshold.fpr:.3f}, misses {threshold.fnr:.3f})"
    )

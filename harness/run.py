"""A whole run on one page: open, score, summarise, gate, report."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from harness.compare.flips import worth_hearing
from harness.compare.gate import check_gate_options, rule_or_note
from harness.engine.job import Inputs, open_inputs, open_job, refuse_one_class
from harness.engine.options import RunOptions
from harness.engine.ray import leave
from harness.engine.report_audio import unchanged_clips, write_examples
from harness.engine.run_directory import alone_in, disk_space_in
from harness.engine.scoring import Progress, score
from harness.engine.threshold_choice import with_thresholds
from harness.report.publish import Outcome, publish
from harness.results.run_folder import read_run
from harness.results.scores import recordings
from harness.summary.summary import figures

__all__ = ["RunOptions", "run"]


def run(options: RunOptions, note: Callable[[str], None], progress: Progress) -> Outcome:
    """Do the run that the options describe, or resume it where `out` holds a part of it.

    Raises
    ------
    UsageError
        For whatever can be known to be wrong before scoring starts, for an `out` that holds
        another run or is in use, and where the disk is full.
    """
    inputs = open_inputs(options, note)
    folder = options.out or _new_folder(inputs)
    job = open_job(inputs, options, folder, note)
    refuse_one_class(job)
    check_gate_options(job.record, folder, options.baseline, options.policy)
    with alone_in(folder), disk_space_in(folder):
        job = with_thresholds(job, inputs, note, progress)
        score(job, note, progress)
        if job.cluster is not None:
            leave()
        finished_run = read_run(folder, options.published)
        summary = figures(finished_run)
        ruling = rule_or_note(finished_run, summary, options.baseline, options.policy, note)
        flips = worth_hearing(ruling.flips) if ruling else []
        shown = {score.clip_id for score in (*summary.mistakes, *flips)}
        clips = unchanged_clips(job.clips, shown, recordings(finished_run.table).to_dict())
        write_examples(folder, summary.mistakes, flips, job.suite, clips, job.recipe)
        return publish(finished_run, summary, ruling)


def _new_folder(inputs: Inputs) -> Path:
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    models = "+".join(
        re.sub(r"[^\w.-]+", "-", detector.identity.name).strip("-") for detector in inputs.detectors
    )
    return Path("reports/runs") / f"{utc}-{inputs.suite.name}-{models[:80]}"

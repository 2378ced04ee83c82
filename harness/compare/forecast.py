"""Whether a policy can pass, said before a candidate exists: from the baseline alone.

A candidate as good as the baseline is drawn from the baseline's own scores: within a class and
condition its scores correlate with the baseline's by `CORRELATION`. What sets them apart is shared
by the conditions and by the clips of a group as in the gate's simulation. Comparing the two gives
the standard errors that a gate would have; a candidate that is more like the baseline has smaller
ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from harness.compare.compare import compare
from harness.compare.judge import RunEvidence
from harness.compare.outlook import outlook
from harness.compare.policy import ReleasePolicy
from harness.results.run_folder import RunFolder
from harness.summary.summary import figures

CORRELATION = 0.9
SHARED = 0.8
LIKENESS = 0.3
_RESAMPLES = 400


def forecast(baseline: RunFolder, policy: ReleasePolicy) -> str:
    """Say whether gates against this baseline can pass, and how many groups it would take."""
    candidate = equal_candidate(baseline)
    compared = compare(candidate, baseline, resamples=_RESAMPLES, generators=policy.statement)
    evidence = RunEvidence.of(candidate, figures(candidate, 2), compared)
    return outlook(evidence.required(policy))


def equal_candidate(baseline: RunFolder, seed: int = 0) -> RunFolder:
    """A run of the same clips with scores that differ by chance alone."""
    table: Any = baseline.table.copy()
    rng = np.random.default_rng(seed)
    score = table["score"].to_numpy(dtype=np.float64)
    scored = np.isfinite(score)
    by = [table[name].astype(str) for name in ("model", "condition", "label")]
    grouped = table.assign(score=np.where(scored, score, np.nan)).groupby(by)["score"]
    mean, spread = grouped.transform("mean"), grouped.transform("std").fillna(0.0)

    def normal(*columns: str) -> np.ndarray:
        """A number for every value of these columns, shape as the rows."""
        keys = table[list(columns)].astype(str).agg("\0".join, axis=1)
        codes = keys.astype("category").cat.codes.to_numpy()
        return rng.standard_normal(codes.max() + 1)[codes]

    noise = np.zeros(len(table))
    for share, unit in ((LIKENESS, ("group", "label")), (1 - LIKENESS, ("clip_id",))):
        common, own = normal("model", *unit), normal("model", "condition", *unit)
        noise += np.sqrt(share) * (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own)
    apart = np.sqrt(1 - CORRELATION**2) * spread.to_numpy() * noise
    moved = mean.to_numpy() + CORRELATION * (score - mean.to_numpy()) + apart
    return replace(baseline, table=table.assign(score=np.where(scored, moved, score)))

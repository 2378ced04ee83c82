"""Match the models and conditions of two runs, and say what bars a comparison of their figures.

Models and conditions are matched by name. Where each run has one model these are matched whatever
their names; a renamed condition is found by its digest. What only one run has stays unmatched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.metrics import METRICS
from harness.results.record import ConditionRecord, RunRecord, ThresholdRule


@dataclass(frozen=True)
class MatchedName:
    """The name of a model or condition in each run; empty where a run does not have it."""

    run: str
    baseline: str

    @property
    def name(self) -> str:
        return self.run or self.baseline


def match_models(run: Sequence[str], baseline: Sequence[str]) -> list[MatchedName]:
    """Models by name, or the only one of each run."""
    if len(run) == len(baseline) == 1:
        return [MatchedName(run[0], baseline[0])]
    return _by_name(run, baseline)


def match_conditions(
    run: RunRecord, baseline: RunRecord, names: Sequence[str], others: Sequence[str]
) -> list[MatchedName]:
    """Conditions by name, the remaining ones by digest where it is unique in each run."""
    matches = _by_name(names, others)
    new = _by_digest(run, (match.run for match in matches if not match.baseline))
    gone = _by_digest(baseline, (match.baseline for match in matches if not match.run))
    renamed = {name: gone[digest] for digest, name in new.items() if digest in gone}
    taken = set(renamed.values())
    return [
        MatchedName(match.run, renamed.get(match.run, match.baseline))
        for match in matches
        if match.run or match.baseline not in taken
    ]


def _by_name(run: Sequence[str], baseline: Sequence[str]) -> list[MatchedName]:
    """The run's names in order, then those that only the baseline has."""
    own, others = set(run), set(baseline)
    return [MatchedName(name, name if name in others else "") for name in run] + [
        MatchedName("", name) for name in baseline if name not in own
    ]


def _by_digest(record: RunRecord, names: Iterable[str]) -> dict[str, str]:
    listed = set(names)
    digests = [
        (condition.digest, condition.name)
        for condition in record.suite.conditions
        if condition.name in listed
    ]
    counts = Counter(digest for digest, _ in digests)
    return {digest: name for digest, name in digests if digest and counts[digest] == 1}


def recorded(record: RunRecord, name: str) -> ConditionRecord | None:
    """The record of a condition."""
    return next(
        (condition for condition in record.suite.conditions if condition.name == name), None
    )


def reason_against(
    run: RunRecord,
    baseline: RunRecord,
    model: MatchedName,
    condition: MatchedName,
    metric: str,
) -> str:
    """Why the records of two runs of the same data bar a comparison; empty where they do not."""
    if run.channels != baseline.channels:
        return f"the channels are heard as {run.channels}, were as {baseline.channels}"
    now, before = recorded(run, condition.run), recorded(baseline, condition.baseline)
    if now is not None and before is not None:
        if now.digest != before.digest:
            return "the condition is another one under the same name"
        if now.content and before.content and now.content != before.content:
            return "the recordings that the condition draws from are others under the same name"
        seeds = run.suite.seed, baseline.suite.seed
        if now.chain and seeds[0] != seeds[1]:
            return f"the suite's seed is {seeds[0]}, was {seeds[1]}, so the perturbed audio differs"
    if not METRICS.is_decided(metric):
        return ""
    if reason := _threshold_reason(run, baseline, model):
        return reason
    if run.suite.unscored != baseline.suite.unscored:
        return (
            f"clips without a score count as {run.suite.unscored}, "
            f"counted as {baseline.suite.unscored}"
        )
    return ""


def _threshold_reason(run: RunRecord, baseline: RunRecord, model: MatchedName) -> str:
    """Thresholds may differ where one rule chose both on the same development clips."""
    now, before = run.threshold_of(model.run), baseline.threshold_of(model.baseline)
    rule, was = _threshold_rule(run, model.run), _threshold_rule(baseline, model.baseline)
    if rule == was and (rule is not None or now == before):
        return ""
    how = "" if rule == was else ", chosen in another way or on other clips"
    return f"the threshold is {now:.4g}, was {before:.4g}{how}"


def _threshold_rule(record: RunRecord, model: str) -> tuple[object, ...] | None:
    """Return how and on which clips a model's threshold was chosen; None where it was set."""
    rule = record.suite.threshold
    if not isinstance(rule, ThresholdRule):
        return None
    clips = next(
        (threshold.digest for threshold in record.thresholds if threshold.model == model), ""
    )
    return rule.choose, rule.at, clips

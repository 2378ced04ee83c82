"""Is a run good enough to be released? Each requirement of a policy, by non-inferiority.

A requirement with a margin holds the run against a baseline on the clips of both. It passes where
the 95 % interval of the difference lies above minus the margin, fails where the difference is
surely below that, and is inconclusive in between: no evidence of harm is no evidence of no harm.

All requirements must pass for the gate to pass, so passing needs no correction (an intersection of
tests, Berger 1982). To fail, one is enough, so the p-values of failing are adjusted by Holm's
method: the chance of failing a run that is just good enough everywhere is at most the policy's
level. What cannot be compared (a condition that vanished, a figure without a value, other data,
another suite) fails as what it is, and too little coverage is inconclusive.

Berger, Technometrics 24, 1982; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from harness.claims.claim import claim_of
from harness.claims.equivalence import against_run
from harness.claims.published import published_for
from harness.compare.baseline import name_of, open_baseline
from harness.compare.compare import Comparison, Difference, compare
from harness.compare.flips import Flip
from harness.compare.policy import DEFAULT, Policy, Requirement, load_policy
from harness.compare.verdict import Gate, Verdict, Word
from harness.errors import UsageError
from harness.metrics import METRICS
from harness.metrics.intervals import LEVEL
from harness.metrics.significance import Contrast, holm
from harness.results.coverage import complete, shortfalls, tally
from harness.results.figures import Summary
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.summary.score_warnings import baseline_warnings
from harness.terms import CLEAN

_WORDS: dict[str, Word] = {"inconclusive": "INCONCLUSIVE", "fail": "FAIL", "pass": "PASS"}


@dataclass(frozen=True)
class _Trial:
    """A requirement's own outcome, and the p-value of failing that is still to be adjusted.

    `undecided` is the policy's word for an outcome that is inconclusive.
    """

    verdict: Verdict
    p: float
    undecided: Word


PUBLISHED = "published"


@dataclass(frozen=True)
class Ruling:
    """A gate, and the comparison that it rests on; None where the baseline is a card's figures."""

    gate: Gate
    comparison: Comparison | None

    @property
    def flips(self) -> list[Flip]:
        return [] if self.comparison is None else self.comparison.flips


def rule(run: RunFolder, summary: Summary, baseline: str, policy: str | None) -> Ruling | None:
    """Hold a run to a policy against a baseline that the user names.

    Parameters
    ----------
    baseline
        `published`, `accepted`, `if-accepted`, the name of an accepted baseline, or a directory.
    policy
        Name or file; None for the one that comes with the harness for such a baseline.

    Returns
    -------
    Ruling or None
        None for `if-accepted` where none was accepted yet.

    Raises
    ------
    UsageError
        Where there is no such baseline or policy, or the baseline is the run itself.
    """
    held = _policy(baseline, policy)
    if baseline == PUBLISHED:
        gate = judge(run, summary, None, held, f"the card of {published_for(run).model}")
        return Ruling(replace(gate, warnings=summary.warnings), None)
    found = _baseline(baseline, run.record, run.folder)
    if found is None:
        return None
    comparison = compare(run, found)
    gate = judge(run, summary, comparison, held, str(found.folder))
    warnings = [*summary.warnings, *baseline_warnings(found)]
    return Ruling(replace(gate, warnings=warnings), comparison)


def refuse_ungated(
    record: RunRecord, folder: Path, baseline: str | None, policy: str | None
) -> None:
    """Raise UsageError, before anything is scored, where a gate is asked for and cannot be had."""
    if baseline is None:
        if policy is not None:
            raise UsageError("a policy needs a baseline", f"--policy {policy}", "add --baseline")
        return
    _policy(baseline, policy)
    if baseline != PUBLISHED:
        _baseline(baseline, record, folder)


def _policy(baseline: str, policy: str | None) -> Policy:
    return load_policy(policy or (PUBLISHED if baseline == PUBLISHED else DEFAULT))


def _baseline(spec: str, record: RunRecord, folder: Path) -> RunFolder | None:
    found = open_baseline(spec, record)
    if found is not None and found.folder.resolve() == folder.resolve():
        raise UsageError("is the run itself", f"--baseline {spec}", "name an earlier run")
    return found


def ruled(
    run: RunFolder,
    summary: Summary,
    baseline: str | None,
    policy: str | None,
    note: Callable[[str], None],
) -> Ruling | None:
    """The ruling where a baseline is named, or a note that none was accepted yet."""
    if baseline is None:
        return None
    ruling = rule(run, summary, baseline, policy)
    if ruling is None:
        note(
            f"Not gated: no baseline {name_of(run.record)} was accepted yet; "
            f"harness baseline accept {run.folder} makes this run one."
        )
    return ruling


def judge(
    run: RunFolder, summary: Summary, comparison: Comparison | None, policy: Policy, baseline: str
) -> Gate:
    """Hold a run to a policy.

    Parameters
    ----------
    comparison
        With the baseline; None to hold requirements with a margin against the published figures.
    baseline
        What the baseline is called.
    """
    trials = [
        trial
        for requirement in policy.require
        for trial in _trials(requirement, policy, run, summary, comparison)
    ]
    adjusted = holm([trial.p for trial in trials])
    verdicts = [
        _decided(trial, float(p), policy.level) for trial, p in zip(trials, adjusted, strict=True)
    ]
    tested = int(np.sum(~np.isnan(adjusted)))
    return Gate(
        policy=policy.name,
        run=str(run.folder),
        baseline=baseline,
        correction=(
            f"A requirement passes by its own 95 % interval, as all must; it fails at "
            f"{policy.level:g} after Holm's correction for {tested} requirements with a margin. "
            "Absolute requirements are judged by their own 95 % interval."
        ),
        verdicts=[
            *verdicts,
            *_coverage(run, policy),
            *_comparable(run, policy, comparison),
            *_contradictions(summary),
        ],
        notes=[] if comparison is None else comparison.notes,
    )


def _trials(
    requirement: Requirement,
    policy: Policy,
    run: RunFolder,
    summary: Summary,
    comparison: Comparison | None,
) -> Iterator[_Trial]:
    undecided = _WORDS[requirement.undecided or policy.undecided]
    families = {each.name: each.family for each in run.record.suite.conditions}
    cells = [] if comparison is None else comparison.cells
    places = list(
        dict.fromkeys(
            [
                *((model.name, name) for model in run.record.models for name in families),
                *((cell.model, cell.condition) for cell in cells),
            ]
        )
    )
    wanted = [
        (model, name)
        for model, name in places
        if requirement.holds_for(name, families.get(name, ""))
    ]
    named = {name for _, name in wanted} | {families.get(name, "") for _, name in wanted}
    for name in (*requirement.conditions, *requirement.families):
        if name not in named:
            yield _Trial(
                Verdict("", requirement.metric, name, "to be measured", "FAIL",
                        reason="missing: no condition or family with this name"),
                math.nan, "FAIL",
            )  # fmt: skip
    for model, name in wanted:
        if requirement.margin is not None:
            same = comparison is not None and (model, name) in comparison.identical
            yield (
                _reported(requirement, run, summary, model, name, undecided)
                if comparison is None
                else _compared(requirement, model, name, cells, undecided, same)
            )
        if requirement.at_least is not None or requirement.at_most is not None:
            yield from _absolute(requirement, model, name, summary, undecided)


def _compared(
    requirement: Requirement,
    model: str,
    condition: str,
    cells: Sequence[Difference],
    undecided: Word,
    same: bool,
) -> _Trial:
    metric, margin = requirement.metric, requirement.margin or 0.0
    lower = METRICS[metric].better == "lower"
    required = f"at most {margin:g} {'above' if lower else 'below'} the baseline"
    found = [
        cell for cell in cells
        if (cell.model, cell.condition, cell.metric) == (model, condition, metric)
    ]  # fmt: skip
    blank = Verdict(model, metric, condition, required, "FAIL")
    if not found:
        told = "missing: this figure is not compared"
        return _Trial(replace(blank, reason=told), math.nan, undecided)
    (cell,) = found
    verdict = replace(
        blank,
        value=cell.value,
        baseline=cell.baseline,
        difference=cell.difference,
        low=cell.low,
        high=cell.high,
        n=cell.n,
        groups=cell.groups,
    )
    if cell.status != "compared":
        return _Trial(replace(verdict, reason=f"{cell.status}: {cell.reason}"), math.nan, undecided)
    if same:  # on no clips would they differ by chance
        told = "every score is the same but for rounding"
        bounds = {"low": cell.difference, "high": cell.difference}
        verdict = replace(verdict, word="PASS", reason=told, **bounds)
        return _Trial(verdict, math.nan, undecided)
    contrast = _contrast(cell)
    contrast = contrast.reversed() if lower else contrast
    worst = -cell.high if lower else cell.low
    word: Word = "PASS" if worst >= -margin else "INCONCLUSIVE"
    return _Trial(replace(verdict, word=word), float(contrast.p_below(-margin)), undecided)


def _reported(
    requirement: Requirement,
    run: RunFolder,
    summary: Summary,
    model: str,
    condition: str,
    undecided: Word,
) -> _Trial:
    """A margin against a published figure, which has a sampling error of its own."""
    metric, margin = requirement.metric, requirement.margin or 0.0
    side = -1 if METRICS[metric].better == "lower" else 1
    required = f"at most {margin:g} {'above' if side < 0 else 'below'} the published figure"
    blank = Verdict(model, metric, condition, required, "INCONCLUSIVE")
    found = [
        one
        for one in against_run(claim_of(published_for(run)), summary.rows, max(margin, 1e-9))
        if condition == CLEAN and (one.model, one.metric) == (model, metric)
    ]
    if not found or math.isnan(found[0].outer_low):
        told = "nothing was published of it" if not found else "too few groups for an interval"
        return _Trial(replace(blank, reason=told), math.nan, undecided)
    (one,) = found
    low, high = one.outer_low, one.outer_high
    verdict = replace(
        blank,
        word="PASS" if side * (low if side > 0 else high) >= -margin else "INCONCLUSIVE",
        value=one.measured,
        baseline=one.reported,
        difference=one.difference,
        low=low,
        high=high,
        n=one.n,
    )
    error = (high - low) / (2 * ndtri((1 + LEVEL) / 2))
    return _Trial(verdict, float(ndtr((side * one.difference + margin) / error)), undecided)


def _contrast(cell: Difference) -> Contrast:
    return Contrast(
        np.array(cell.difference),
        np.array(cell.error),
        np.array(cell.groups),
        np.array(cell.differing),
        np.array(cell.largest),
        np.array(cell.skew),
        METRICS[cell.metric].most,
    )


def _decided(trial: _Trial, p: float, level: float) -> Verdict:
    """What fails is decided first; the policy's word for the undecided comes last.

    Without an interval there is nothing that a policy could let pass.
    """
    verdict = replace(trial.verdict, p=p)
    if verdict.word != "INCONCLUSIVE":
        return verdict
    if p <= level:
        return replace(verdict, word="FAIL")
    passes = trial.undecided == "PASS" and not math.isnan(verdict.low)
    word: Word = "PASS" if passes else "FAIL" if trial.undecided == "FAIL" else "INCONCLUSIVE"
    if word == "INCONCLUSIVE":
        return replace(verdict, undecided=True)
    told = f"{verdict.reason or 'the interval reaches beyond it'}; undecided counts as {word}"
    return replace(verdict, word=word, undecided=True, reason=told)


def _absolute(
    requirement: Requirement, model: str, condition: str, summary: Summary, undecided: Word
) -> Iterator[_Trial]:
    rows = [
        row for row in summary.rows
        if (row.model, row.condition, row.slice, row.metric)
        == (model, condition, "all", requirement.metric)
    ]  # fmt: skip
    for bound, side in ((requirement.at_least, 1), (requirement.at_most, -1)):
        if bound is None:
            continue
        required = f"at {'least' if side > 0 else 'most'} {bound:g}"
        blank = Verdict(model, requirement.metric, condition, required, "FAIL")
        if not rows or math.isnan(rows[0].value):
            yield _Trial(replace(blank, reason="missing: no value"), math.nan, undecided)
            continue
        row = rows[0]
        near, far = (row.low, row.high) if side > 0 else (row.high, row.low)
        word: Word = "INCONCLUSIVE"
        if side * near >= side * bound:
            word = "PASS"
        elif side * far < side * bound:
            word = "FAIL"
        reason = "" if not math.isnan(near) else "too few groups for an interval"
        verdict = replace(
            blank, word=word, value=row.value, low=row.low, high=row.high, n=row.n, reason=reason
        )
        yield _Trial(verdict, math.nan, undecided)


def _comparable(run: RunFolder, policy: Policy, comparison: Comparison | None) -> Iterator[Verdict]:
    """Too many recordings differ from the baseline: too little of the data is compared."""
    if comparison is None or not comparison.not_comparable:
        return
    least = policy.min_coverage
    least = run.record.suite.min_coverage if least is None else least
    count, share = len(comparison.not_comparable), comparison.comparable
    differ = "recording differs" if count == 1 else "recordings differ"
    yield Verdict(
        "", "comparable", "*", f"at least {least:g} of the clips ({count} {differ})",
        "PASS" if share >= least else "INCONCLUSIVE", value=share,
        reason="recordings that differ from the baseline's are not comparable",
    )  # fmt: skip


def _coverage(run: RunFolder, policy: Policy) -> Iterator[Verdict]:
    """Too little scored: whatever the figures are, they are of other clips than were asked for."""
    record = run.record
    if policy.min_coverage is not None:
        suite = record.suite.model_copy(update={"min_coverage": policy.min_coverage})
        record = record.model_copy(update={"suite": suite})
    least = record.suite.min_coverage
    whole = complete(run.table, record)
    if missing := tally(whole).missing:
        yield Verdict(
            "", "coverage", "*", "a finished run", "INCONCLUSIVE",
            n=len(whole), reason=f"{missing} of {len(whole)} rows are missing",
        )  # fmt: skip
    low = shortfalls(whole, record)
    for one in low:
        yield Verdict(
            one.model, "coverage", one.condition, f"at least {least:g} of the {one.label} clips",
            "INCONCLUSIVE", value=one.coverage, n=one.rows, reason="too little was scored",
        )  # fmt: skip
    if not low:
        for model in record.models:
            yield Verdict(model.name, "coverage", "*", f"at least {least:g} everywhere", "PASS")


def _contradictions(summary: Summary) -> Iterator[Verdict]:
    for one in summary.contradictions:
        yield Verdict(
            "", "attestation", one.condition, f"expected {one.expected}", "FAIL",
            n=one.clips, reason=f"measured: {one.measured}",
        )  # fmt: skip

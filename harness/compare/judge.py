"""Judge a run by a release policy: non-inferiority to a baseline, and absolute bounds.

A requirement with a margin compares the run with a baseline on the clips of both. It passes where
the 95 % interval of the difference lies above minus the margin, fails where the difference is
significantly below that, and is inconclusive in between: absence of evidence of harm is not
evidence of its absence.

All requirements must pass for the gate to pass, so passing needs no correction (an intersection of
tests, Berger 1982). A single one can fail the gate, so the p-values of failing are adjusted by
Holm's method: a run that is just good enough everywhere fails with at most the probability that the
policy sets as its level. What cannot be compared (a condition that vanished, a figure without a
value, other data, another suite) fails, and too little coverage is inconclusive.

Berger, Technometrics 24, 1982; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from harness.claims.claim import claim_of
from harness.claims.equivalence import against_run
from harness.claims.published import published_for
from harness.compare.compare import Comparison, Difference
from harness.compare.policy import ReleasePolicy, Requirement
from harness.compare.verdict import Gate, Verdict, Word
from harness.metrics import METRICS
from harness.metrics.intervals import LEVEL
from harness.metrics.significance import holm
from harness.results.coverage import complete, shortfalls, tally
from harness.results.figures import Summary
from harness.results.run_folder import RunFolder
from harness.terms import CLEAN

_Tested = tuple[Verdict, float]
"""A verdict, and the p-value of failing that is still to be adjusted; NaN where none is needed."""


def judge(
    run: RunFolder,
    summary: Summary,
    comparison: Comparison | None,
    policy: ReleasePolicy,
    baseline: str,
) -> Gate:
    """Judge every requirement of a policy.

    Parameters
    ----------
    comparison
        With the baseline; None to apply margins to the published figures instead.
    baseline
        Its name in the report.
    """
    evidence = _Evidence(run, summary, comparison)
    tested = [
        (verdict, p, requirement.undecided or policy.undecided)
        for requirement in policy.require
        for verdict, p in evidence.verdicts(requirement)
    ]
    adjusted = holm([p for _, p, _ in tested]).tolist()
    return Gate(
        policy=policy.name,
        run=str(run.folder),
        baseline=baseline,
        correction=_correction(policy, int(np.sum(~np.isnan(adjusted)))),
        verdicts=[
            *(
                _decided(replace(verdict, p=p), undecided.upper(), policy.level)
                for (verdict, _, undecided), p in zip(tested, adjusted, strict=True)
            ),
            *_coverage(run, policy),
            *_comparable(run, policy, comparison),
            *_contradictions(summary),
        ],
        notes=[] if comparison is None else comparison.notes,
    )


def _correction(policy: ReleasePolicy, tested: int) -> str:
    """Describe how requirements are judged, as far as it applies to this policy and run."""
    sentences: list[str] = []
    if any(requirement.margin is not None for requirement in policy.require):
        fails = (
            f"; it fails at {policy.level:g} after Holm's correction for {tested} "
            f"requirement{'s' * (tested != 1)} with a margin"
        )
        sentences.append(
            f"A requirement passes by its own 95 % interval, as all must{fails if tested else ''}."
        )
    if any(requirement.absolute for requirement in policy.require):
        sentences.append("Absolute requirements are judged by their own 95 % interval.")
    return " ".join(sentences)


def _decided(verdict: Verdict, undecided: str, level: float) -> Verdict:
    """Apply the adjusted p-value, then the policy's choice for what is still undecided.

    Without an interval no policy lets a requirement pass.
    """
    if verdict.word != "INCONCLUSIVE":
        return verdict
    if verdict.p <= level:
        return replace(verdict, word="FAIL")
    word: Word = "INCONCLUSIVE"
    if undecided == "FAIL":
        word = "FAIL"
    elif undecided == "PASS" and not math.isnan(verdict.low):
        word = "PASS"
    if word == "INCONCLUSIVE":
        return replace(verdict, undecided=True)
    reason = verdict.reason or "the interval reaches beyond it"
    return replace(
        verdict, word=word, undecided=True, reason=f"{reason}; undecided counts as {word}"
    )


@dataclass(frozen=True)
class _Evidence:
    """Evidence that requirements are judged on."""

    run: RunFolder
    summary: Summary
    comparison: Comparison | None

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Difference]:
        cells = self.comparison.cells if self.comparison else []
        return {(cell.model, cell.condition, cell.metric): cell for cell in cells}

    @cached_property
    def families(self) -> dict[str, str]:
        return {condition.name: condition.family for condition in self.run.record.suite.conditions}

    @cached_property
    def places(self) -> list[tuple[str, str]]:
        """Models and conditions of the run, then those of the baseline alone."""
        owed = [(model.name, name) for model in self.run.record.models for name in self.families]
        return list(dict.fromkeys([*owed, *((model, name) for model, name, _ in self.cells)]))

    def verdicts(self, requirement: Requirement) -> Iterator[_Tested]:
        """Judge a requirement wherever it applies."""
        places = [
            (model, name)
            for model, name in self.places
            if requirement.applies_to(name, self.families.get(name, ""))
        ]
        known = {name for _, name in places} | {self.families.get(name, "") for _, name in places}
        for name in (*requirement.conditions, *requirement.families):
            if name not in known:
                reason = "missing: no condition or family with this name"
                verdict = Verdict("", requirement.metric, name, "to be measured", "FAIL")
                yield replace(verdict, reason=reason), math.nan
        by_margin = self._against_baseline if self.comparison else self._against_published
        for model, name in places:
            if requirement.margin is not None:
                yield by_margin(requirement.metric, requirement.margin, model, name)
            for bound, side in ((requirement.at_least, 1), (requirement.at_most, -1)):
                if bound is not None:
                    yield self._absolute(requirement.metric, bound, side, model, name), math.nan

    def _against_baseline(self, metric: str, margin: float, model: str, condition: str) -> _Tested:
        side = _side(metric)
        required = f"at most {margin:g} {'below' if side > 0 else 'above'} the baseline"
        verdict = Verdict(model, metric, condition, required, "FAIL")
        cell = self.cells.get((model, condition, metric))
        if cell is None:
            return replace(verdict, reason="missing: this figure is not compared"), math.nan
        verdict = replace(
            verdict,
            value=cell.value,
            baseline=cell.baseline,
            difference=cell.difference,
            low=cell.low,
            high=cell.high,
            n=cell.n,
            groups=cell.groups,
        )
        if cell.status != "compared":
            return replace(verdict, reason=f"{cell.status}: {cell.reason}"), math.nan
        if self.comparison and (model, condition) in self.comparison.identical:
            # No other clips would show a difference by chance.
            bounds = {"low": cell.difference, "high": cell.difference}
            reason = "every score is the same but for rounding"
            return replace(verdict, word="PASS", reason=reason, **bounds), math.nan
        contrast = cell.contrast if side > 0 else cell.contrast.reversed()
        worst = cell.low if side > 0 else -cell.high
        word: Word = "PASS" if worst >= -margin else "INCONCLUSIVE"
        return replace(verdict, word=word), float(contrast.p_below(-margin))

    def _against_published(self, metric: str, margin: float, model: str, condition: str) -> _Tested:
        """Judge a margin against a published figure, which has a sampling error of its own."""
        side = _side(metric)
        required = f"at most {margin:g} {'below' if side > 0 else 'above'} the published figure"
        verdict = Verdict(model, metric, condition, required, "INCONCLUSIVE")
        claim = claim_of(published_for(self.run))
        reported = [
            test
            for test in against_run(claim, self.summary.rows, max(margin, 1e-9))
            if condition == CLEAN and (test.model, test.metric) == (model, metric)
        ]
        if not reported:
            return replace(verdict, reason="no figure was published for it"), math.nan
        (test,) = reported
        low, high = test.outer_low, test.outer_high
        if math.isnan(low):
            return replace(verdict, reason="too few groups for an interval"), math.nan
        worst = low if side > 0 else -high
        verdict = replace(
            verdict,
            word="PASS" if worst >= -margin else "INCONCLUSIVE",
            value=test.measured,
            baseline=test.reported,
            difference=test.difference,
            low=low,
            high=high,
            n=test.n,
        )
        error = (high - low) / (2 * ndtri((1 + LEVEL) / 2))
        return verdict, float(ndtr((side * test.difference + margin) / error))

    def _absolute(
        self, metric: str, bound: float, side: int, model: str, condition: str
    ) -> Verdict:
        """Judge a lower (`side` 1) or upper (-1) bound by the interval of the figure itself."""
        required = f"at {'least' if side > 0 else 'most'} {bound:g}"
        verdict = Verdict(model, metric, condition, required, "FAIL")
        key = (model, condition, "all", metric)
        row = next(
            (
                row
                for row in self.summary.rows
                if (row.model, row.condition, row.slice, row.metric) == key
            ),
            None,
        )
        if row is None or math.isnan(row.value):
            return replace(verdict, reason="missing: no value")
        near, far = (row.low, row.high) if side > 0 else (row.high, row.low)
        if METRICS[metric].is_count:
            near = far = row.value
        word: Word = "INCONCLUSIVE"
        if side * near >= side * bound:
            word = "PASS"
        elif side * far < side * bound:
            word = "FAIL"
        reason = "too few groups for an interval" if math.isnan(near) else ""
        figures = {"value": row.value, "low": row.low, "high": row.high}
        return replace(verdict, word=word, reason=reason, n=row.n, **figures)


def _side(metric: str) -> int:
    """1 where a higher figure is better, else -1."""
    return -1 if METRICS[metric].better == "lower" else 1


def _comparable(
    run: RunFolder, policy: ReleasePolicy, comparison: Comparison | None
) -> Iterator[Verdict]:
    """Judge whether enough recordings are the same as the baseline's."""
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


def _coverage(run: RunFolder, policy: ReleasePolicy) -> Iterator[Verdict]:
    """Judge whether enough was scored: figures of a part are not figures of the whole."""
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
    for shortfall in low:
        yield Verdict(
            shortfall.model, "coverage", shortfall.condition,
            f"at least {least:g} of the {shortfall.label} clips", "INCONCLUSIVE",
            value=shortfall.coverage, n=shortfall.rows, reason="too little was scored",
        )  # fmt: skip
    if not low:
        for model in record.models:
            yield Verdict(model.name, "coverage", "*", f"at least {least:g} everywhere", "PASS")


def _contradictions(summary: Summary) -> Iterator[Verdict]:
    """Fail conditions whose audio is not what they are called."""
    for contradiction in summary.contradictions:
        yield Verdict(
            "", "attestation", contradiction.condition, f"expected {contradiction.expected}",
            "FAIL", n=contradiction.clips, reason=f"measured: {contradiction.measured}",
        )  # fmt: skip

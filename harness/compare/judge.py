"""Judge a run by a release policy: non-inferiority to a baseline, and absolute bounds.

A requirement with a margin compares the run with a baseline on the clips of both. It passes where
the 95 % interval of the difference lies above minus the margin, fails where the difference is
significantly below that, and is inconclusive in between: absence of evidence of harm is not
evidence of its absence.

All requirements must pass for the gate to pass, so passing needs no correction (an intersection of
tests, Berger 1982). A single one can fail the gate, so the p-values of failing are adjusted by
Holm's method: a run that is just good enough everywhere fails with at most the probability that the
policy sets as its level. In a policy of version 2 the level is split evenly over its requirements,
and the share of each over the conditions or families that it is of (Holm's weighted method): the
mean over all conditions is then not tested as one of eighty. A veto passes unless it fails. What
cannot be compared (a condition that vanished, a figure without a value, other data, another suite)
fails, and too little coverage is inconclusive.

Berger, Technometrics 24, 1982; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from scipy.special import ndtr, ndtri

from harness.claims.claim import claim_of
from harness.claims.equivalence import against_run
from harness.claims.published import published_for
from harness.compare.compare import Comparison, Difference
from harness.compare.mean_difference import MeanDifference
from harness.compare.outlook import outlook
from harness.compare.policy import ReleasePolicy, Requirement
from harness.compare.verdict import Gate, Verdict, Word
from harness.metrics import METRICS
from harness.metrics.intervals import LEVEL
from harness.metrics.significance import holm
from harness.results.coverage import complete, shortfalls, tally
from harness.results.figures import Summary
from harness.results.run_folder import RunFolder
from harness.terms import CLEAN, Generators


@dataclass(frozen=True)
class _Tested:
    """A verdict and the p-values that are still to be adjusted; NaN where none is needed."""

    verdict: Verdict
    p: float = math.nan
    p_worse: float = math.nan


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
    evidence = RunEvidence.of(run, summary, comparison)
    verdicts = decide(policy, evidence)
    tested = sum(math.isfinite(verdict.p) for verdict in verdicts)
    return Gate(
        policy=policy.name,
        run=str(run.folder),
        baseline=baseline,
        correction=_correction(policy, tested, against=comparison is not None),
        verdicts=[
            *verdicts,
            *_coverage(run, policy),
            *_comparable(run, policy, comparison),
            *_contradictions(summary),
        ],
        notes=[] if comparison is None else comparison.notes,
        generators=policy.statement,
        outlook=outlook(evidence.required(policy)),
    )


def decide(policy: ReleasePolicy, evidence: Evidence) -> list[Verdict]:
    """Hold every requirement to the evidence, and adjust for all of them.

    A requirement on means asks nothing where no conditions make any; a policy that asks nothing at
    all but vetoes fails.
    """
    tested: list[tuple[Requirement, _Tested, float]] = []
    for requirement in policy.require:
        own = list(evidence.verdicts(requirement))
        share = 1.0 if policy.version == 1 else 1.0 / max(len(own), 1)
        tested += [(requirement, outcome, share) for outcome in own]
    weights = [share for _, _, share in tested]
    adjusted = holm([outcome.p for _, outcome, _ in tested], weights).tolist()
    p_worse = [
        math.nan if requirement.veto else outcome.p_worse for requirement, outcome, _ in tested
    ]
    verdicts = [
        _decided(
            replace(outcome.verdict, p=p, p_worse=worse, tier=requirement.tier),
            "PASS" if requirement.veto else (requirement.undecided or policy.undecided).upper(),
            policy.level,
        )
        for (requirement, outcome, _), p, worse in zip(
            tested, adjusted, holm(p_worse, weights).tolist(), strict=True
        )
    ]
    if all(verdict.tier == "veto" for verdict in verdicts):
        reason = "missing: no requirement of the policy applies to this run; vetoes pass nothing"
        verdicts.append(Verdict("", "policy", "*", "something to pass by", "FAIL", reason=reason))
    return verdicts


def _correction(policy: ReleasePolicy, tested: int, *, against: bool) -> str:
    """Describe how requirements are judged, as far as it applies to this policy and run."""
    sentences: list[str] = []
    margins = [requirement for requirement in policy.require if requirement.margin is not None]
    if margins:
        fails = (
            f"; it fails at {policy.level:g} after Holm's correction for {tested} "
            f"requirement{'s' * (tested != 1)} with a margin"
        )
        if policy.version > 1:
            fails += f", the level split evenly over the policy's {len(margins)}"
        sentences.append(
            f"A requirement passes by its own 95 % interval, as all must{fails if tested else ''}."
        )
    if any(requirement.veto for requirement in margins):
        sentences.append("Vetoes can only fail the gate: one that is not used shows nothing.")
    if any(requirement.absolute for requirement in policy.require):
        sentences.append("Absolute requirements are judged by their own 95 % interval.")
    if margins and against and policy.version > 1:
        sentences.append(_GENERATORS[policy.statement])
    return " ".join(sentences)


_GENERATORS: dict[Generators, str] = {
    "these": "Differences hold for the generators of this test set.",
    "new": "Differences hold for new generators like those of this test set, where these are known "
    "to vary.",
}


def _decided(verdict: Verdict, undecided: str, level: float) -> Verdict:
    """Apply the adjusted p-value, then the policy's choice for what is still undecided.

    A proven failure fails whatever the policy says, and without an interval no policy lets a
    requirement pass. A veto that is not used passes.
    """
    if verdict.tier == "veto" and not verdict.p <= level:
        return verdict if verdict.word == "FAIL" else replace(verdict, word="PASS")
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
class Evidence:
    """Differences between two runs that requirements are judged on.

    Parameters
    ----------
    cells, means
        None where there is no baseline.
    families
        Of every condition of the run.
    models
        Of the run.
    identical
        Models and conditions under which all scores agree.
    """

    cells: Sequence[Difference] | None
    means: Sequence[MeanDifference]
    families: Mapping[str, str]
    models: Sequence[str]
    identical: Collection[tuple[str, str]] = ()

    @cached_property
    def by_key(self) -> dict[tuple[str, str, str], Difference]:
        return {cell.key: cell for cell in self.cells or ()}

    @cached_property
    def places(self) -> list[tuple[str, str]]:
        """Models and conditions of the run, then those of the baseline alone."""
        owed = [(model, name) for model in self.models for name in self.families]
        return list(dict.fromkeys([*owed, *((model, name) for model, name, _ in self.by_key)]))

    def verdicts(self, requirement: Requirement) -> Iterator[_Tested]:
        """Judge a requirement wherever it applies."""
        if requirement.over != "conditions":
            yield from self._over_means(requirement)
            return
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
                yield _Tested(replace(verdict, reason=reason))
        for model, name in places:
            if requirement.margin is not None:
                yield self.by_margin(requirement.metric, requirement.margin, model, name)
            for bound, side in ((requirement.at_least, 1), (requirement.at_most, -1)):
                if bound is not None:
                    yield _Tested(self.bounded(requirement.metric, bound, side, model, name))

    def required(self, policy: ReleasePolicy) -> Iterator[tuple[Difference, float]]:
        """Compared figures that must pass, with their margins, where any score differs."""
        for requirement in policy.require:
            if requirement.veto or requirement.margin is None:
                continue
            if requirement.over == "conditions":
                cells = [
                    cell
                    for cell in self.by_key.values()
                    if cell.metric == requirement.metric
                    and requirement.applies_to(
                        cell.condition, self.families.get(cell.condition, "")
                    )
                ]
            else:
                cells = self._means(requirement)
            for cell in cells:
                if cell.status == "compared" and not self._same(cell):
                    yield cell, requirement.margin

    def by_margin(self, metric: str, margin: float, model: str, condition: str) -> _Tested:
        """Judge a margin under one condition."""
        cell = self.by_key.get((model, condition, metric))
        same = cell is not None and self._same(cell)
        return _against_baseline(cell, metric, margin, model, condition, same=same)

    def bounded(self, metric: str, bound: float, side: int, model: str, condition: str) -> Verdict:
        """Judge a bound on the figure itself, which takes more than differences."""
        raise NotImplementedError

    def _same(self, cell: Difference) -> bool:
        """Whether every score behind a figure is the same in both runs."""
        conditions = cell.conditions if isinstance(cell, MeanDifference) else (cell.condition,)
        return all((cell.model, name) in self.identical for name in conditions)

    def _means(self, requirement: Requirement) -> list[MeanDifference]:
        wanted = requirement.families
        return [
            mean
            for mean in self.means
            if mean.metric == requirement.metric
            and bool(mean.family) == (requirement.over == "families")
            and (not wanted or mean.family in wanted)
        ]

    def _over_means(self, requirement: Requirement) -> Iterator[_Tested]:
        """Judge a margin of the mean over all perturbed conditions, or of those of families."""
        metric, margin = requirement.metric, requirement.margin or 0.0
        wanted = requirement.families
        means = self._means(requirement)
        missing = [name for name in wanted if name not in {mean.family for mean in means}]
        if self.cells is None:
            verdict = Verdict("", metric, CLEAN, "a mean over conditions", "INCONCLUSIVE")
            yield _Tested(replace(verdict, reason="no figure was published for it"))
            return
        for name in missing:
            verdict = Verdict("", metric, name, "to be measured", "FAIL")
            yield _Tested(replace(verdict, reason="missing: no mean over two conditions and more"))
        for mean in means:
            same = self._same(mean)
            yield _against_baseline(mean, metric, margin, mean.model, mean.condition, same=same)


def _against_baseline(
    cell: Difference | None, metric: str, margin: float, model: str, condition: str, *, same: bool
) -> _Tested:
    """Judge a difference; `same` says that every score behind it is."""
    side = _side(metric)
    required = f"at most {margin:g} {'below' if side > 0 else 'above'} the baseline"
    verdict = Verdict(model, metric, condition, required, "FAIL")
    if cell is None:
        return _Tested(replace(verdict, reason="missing: this figure is not compared"))
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
        return _Tested(replace(verdict, reason=f"{cell.status}: {cell.reason}"))
    if same:
        # No other clips would show a difference by chance.
        bounds = {"low": cell.difference, "high": cell.difference}
        reason = "every score is the same but for rounding"
        return _Tested(replace(verdict, word="PASS", reason=reason, **bounds))
    contrast = cell.contrast if side > 0 else cell.contrast.reversed()
    worst = cell.low if side > 0 else -cell.high
    word: Word = "PASS" if worst >= -margin else "INCONCLUSIVE"
    p, p_worse = (float(contrast.p_below(bound)) for bound in (-margin, 0.0))
    return _Tested(replace(verdict, word=word), p, p_worse)


@dataclass(frozen=True, kw_only=True)
class RunEvidence(Evidence):
    """What a run, its figures and perhaps a comparison say."""

    run: RunFolder
    summary: Summary

    @classmethod
    def of(cls, run: RunFolder, summary: Summary, comparison: Comparison | None) -> RunEvidence:
        return cls(
            None if comparison is None else comparison.cells,
            [] if comparison is None else comparison.means,
            {condition.name: condition.family for condition in run.record.suite.conditions},
            [model.name for model in run.record.models],
            [] if comparison is None else comparison.identical,
            run=run,
            summary=summary,
        )

    def by_margin(self, metric: str, margin: float, model: str, condition: str) -> _Tested:
        """Judge a margin against the baseline, or against a published figure without one."""
        if self.cells is None:
            return self._against_published(metric, margin, model, condition)
        return super().by_margin(metric, margin, model, condition)

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
            return _Tested(replace(verdict, reason="no figure was published for it"))
        (test,) = reported
        low, high = test.outer_low, test.outer_high
        if math.isnan(low):
            return _Tested(replace(verdict, reason="too few groups for an interval"))
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
        p, p_worse = (
            float(ndtr((side * test.difference + allowed) / error)) for allowed in (margin, 0.0)
        )
        return _Tested(verdict, p, p_worse)

    def bounded(self, metric: str, bound: float, side: int, model: str, condition: str) -> Verdict:
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

"""The result of a gate: a verdict on each requirement, and the overall one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from harness.metrics.intervals import SIZE
from harness.results.figures import ScoreWarning
from harness.terms import Generators

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Tier = Literal["mean", "family", "condition", "bound", "veto", ""]
Finding = Literal[
    "PASS", "NO VETO", "NOT JUDGED", "TOO FEW CLIPS", "WORSE BY AN UNKNOWN AMOUNT", "WORSE", "FAIL"
]
"""What the clips show, in plain words, the gravest last."""

TIERS: dict[Tier, str] = {
    "mean": "Mean over perturbed conditions",
    "family": "Means of families",
    "condition": "Single conditions",
    "bound": "Bounds on the figure itself",
    "veto": "Vetoes of single conditions",
    "": "What was scored",
}
"""What requirements are of, in the order in which a reader sees them."""

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
_GRAVEST_FIRST = ("FAIL", "INCONCLUSIVE", "PASS")
_MEANINGS = {
    "PASS": "Every requirement is fulfilled, and these clips are enough to know it.",
    "undecided": "Nothing is known to fail; the policy lets requirements pass that these clips "
    "cannot decide.",
    "FAIL": "At least one requirement is shown not to be fulfilled, or cannot be compared.",
    "INCONCLUSIVE": "Nothing is known to fail, but these clips cannot tell, or too little was "
    "scored.",
}
_FINDINGS: dict[Finding, str] = {
    "PASS": "The candidate is shown to be no worse than the baseline by more than is allowed.",
    "NO VETO": "No loss beyond the margin is shown; this alone passes nothing.",
    "NOT JUDGED": "There is no figure to judge.",
    "TOO FEW CLIPS": "The candidate may be as good as the baseline or worse than is allowed: more "
    "clips, of more speakers, would tell.",
    "WORSE BY AN UNKNOWN AMOUNT": "The candidate is significantly worse than the baseline; these "
    "clips cannot tell whether by more than is allowed.",
    "WORSE": "The candidate is worse than the baseline by more than is allowed.",
    "FAIL": "Something is missing, not comparable, or surely beyond a fixed bound.",
}


@dataclass(frozen=True)
class Verdict:
    """The outcome of one requirement for one figure of one model.

    Parameters
    ----------
    required
        In words: `at most 0.02 below the baseline`, `at least 0.9`.
    word
        What it counts as.
    undecided
        Whether the clips cannot decide it, and `word` is the policy's choice for that.
    value, baseline, difference, low, high
        Figures of the candidate and of the baseline, candidate minus baseline on the paired clips,
        and its 95 % interval; for an absolute requirement the interval of the figure itself. NaN
        where there is none.
    n, groups
        Clips and groups behind it.
    p
        Of the hypothesis that the requirement is fulfilled, adjusted for all requirements; NaN
        where no test was needed.
    reason
        Why, in words, where the figures alone do not show it.
    tier
        What it is of (`TIERS`); a veto only fails the gate, and passes nothing.
    p_worse
        Of the hypothesis that the candidate is no worse than the baseline, adjusted for all
        requirements but vetoes; NaN where no test was needed.
    """

    model: str
    metric: str
    condition: str
    required: str
    word: Word
    value: float = math.nan
    baseline: float = math.nan
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    groups: int = 0
    p: float = math.nan
    reason: str = ""
    undecided: bool = False
    tier: Tier = ""
    p_worse: float = math.nan

    @property
    def finding(self) -> Finding:
        """What the clips show, whatever the policy makes of it."""
        if self.outcome == "PASS":
            return "NO VETO" if self.tier == "veto" else "PASS"
        if self.outcome == "FAIL":
            return "FAIL" if math.isnan(self.p) else "WORSE"
        if self.p_worse <= SIZE:
            return "WORSE BY AN UNKNOWN AMOUNT"
        return "NOT JUDGED" if self.tier and math.isnan(self.value) else "TOO FEW CLIPS"

    @property
    def outcome(self) -> Word:
        """Verdict by the clips alone, before the policy decides what is undecided."""
        return "INCONCLUSIVE" if self.undecided else self.word

    @property
    def name(self) -> str:
        return f"{self.metric} under {self.condition}: {self.required}"


def _gravest(findings: Collection[Finding]) -> Finding:
    for finding in reversed(_FINDINGS):
        if finding in findings:
            return finding
    return "PASS"


class TierTally(NamedTuple):
    """The requirements of a tier, how many of them count as passed, and the gravest finding."""

    tier: Tier
    title: str
    requirements: int
    passed: int
    finding: Finding


@dataclass(frozen=True)
class Gate:
    """All verdicts of a policy on a run.

    Parameters
    ----------
    warnings
        Of the scores of run and baseline.
    generators
        What its differences hold for.
    outlook
        In words: whether the policy can pass with these groups, and how many it would take.
    """

    policy: str
    run: str
    baseline: str
    correction: str
    verdicts: list[Verdict]
    notes: list[str]
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])
    generators: Generators = "these"
    outlook: str = ""

    @property
    def word(self) -> Word:
        words = {verdict.word for verdict in self.verdicts}
        return "FAIL" if "FAIL" in words else "INCONCLUSIVE" if "INCONCLUSIVE" in words else "PASS"

    @property
    def finding(self) -> Finding:
        """The gravest finding of all requirements; PASS where only vetoes were required."""
        findings: set[Finding] = {v.finding for v in (*self.requirements, *self.vetoes_used)}
        return _gravest(findings)

    @property
    def in_words(self) -> str:
        """The finding in a sentence."""
        return _FINDINGS[self.finding]

    @property
    def vetoes(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.tier == "veto"]

    @property
    def vetoes_used(self) -> list[Verdict]:
        return [verdict for verdict in self.vetoes if verdict.word == "FAIL"]

    @property
    def requirements(self) -> list[Verdict]:
        """Verdicts that must pass."""
        return [verdict for verdict in self.verdicts if verdict.tier != "veto"]

    @property
    def tiers(self) -> list[TierTally]:
        """How many of every tier pass, in the order of `TIERS`."""
        return [
            TierTally(
                tier,
                TIERS[tier],
                len(part),
                sum(verdict.word == "PASS" for verdict in part),
                _gravest({verdict.finding for verdict in part}),
            )
            for tier in TIERS
            if (part := [verdict for verdict in self.verdicts if verdict.tier == tier])
        ]

    @property
    def exit_code(self) -> int:
        return EXIT[self.word]

    @property
    def meaning(self) -> str:
        """The overall verdict in a sentence."""
        lenient = self.word == "PASS" and any(verdict.undecided for verdict in self.verdicts)
        return _MEANINGS["undecided" if lenient else self.word]

    @property
    def tally(self) -> str:
        """`of 68 requirements 3 fail, 2 are inconclusive, 63 pass`.

        Also counts those that the policy decided because the clips could not.
        """
        required = self.requirements
        words = Counter(verdict.word for verdict in required)
        verbs = (("fails", "fail"), ("is inconclusive", "are inconclusive"), ("passes", "pass"))
        parts = [
            f"{words[word]} {singular if words[word] == 1 else plural}"
            for word, (singular, plural) in zip(_GRAVEST_FIRST, verbs, strict=True)
            if words[word]
        ]
        total = len(required)
        by_policy = sum(verdict.word != verdict.outcome for verdict in required)
        rest = f"; the clips cannot decide {by_policy} of these" if by_policy else ""
        if self.vetoes:
            used = len(self.vetoes_used) or "none"
            rest += f"; {used} of {len(self.vetoes)} vetoes is used"
        return f"of {total} requirement{'s' * (total != 1)} {', '.join(parts)}{rest}"


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sort failures first, then undecided ones; within these the worst first."""

    def rank(verdict: Verdict) -> tuple[int, bool, int, float, float]:
        p = math.inf if math.isnan(verdict.p) else verdict.p
        size = 0.0 if math.isnan(verdict.difference) else -abs(verdict.difference)
        tier = list(TIERS).index(verdict.tier)
        return _GRAVEST_FIRST.index(verdict.word), not verdict.undecided, tier, p, size

    return sorted(verdicts, key=rank)


def as_plain(gate: Gate) -> dict[str, Any]:
    """Return what `gate.json` holds, for `harness.plain_json`."""
    return {
        "verdict": gate.word,
        "exit_code": gate.exit_code,
        "finding": gate.finding,
        "in_words": gate.in_words,
        "policy": gate.policy,
        "run": gate.run,
        "baseline": gate.baseline,
        "correction": gate.correction,
        "warnings": gate.warnings,
        "notes": gate.notes,
        "generators": gate.generators,
        "outlook": gate.outlook,
        "tiers": gate.tiers,
        "requirements": [
            vars(verdict) | {"outcome": verdict.outcome, "finding": verdict.finding}
            for verdict in gate.verdicts
        ],
    }

"""The result of a gate: a verdict on each requirement, and the overall one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.results.figures import ScoreWarning

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]

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

    @property
    def outcome(self) -> Word:
        """Verdict by the clips alone, before the policy decides what is undecided."""
        return "INCONCLUSIVE" if self.undecided else self.word

    @property
    def name(self) -> str:
        return f"{self.metric} under {self.condition}: {self.required}"


@dataclass(frozen=True)
class Gate:
    """All verdicts of a policy on a run; `warnings` concern the scores of run and baseline."""

    policy: str
    run: str
    baseline: str
    correction: str
    verdicts: list[Verdict]
    notes: list[str]
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])

    @property
    def word(self) -> Word:
        words = {verdict.word for verdict in self.verdicts}
        return "FAIL" if "FAIL" in words else "INCONCLUSIVE" if "INCONCLUSIVE" in words else "PASS"

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
        words = Counter(verdict.word for verdict in self.verdicts)
        verbs = (("fails", "fail"), ("is inconclusive", "are inconclusive"), ("passes", "pass"))
        parts = [
            f"{words[word]} {singular if words[word] == 1 else plural}"
            for word, (singular, plural) in zip(_GRAVEST_FIRST, verbs, strict=True)
            if words[word]
        ]
        total = len(self.verdicts)
        by_policy = sum(verdict.word != verdict.outcome for verdict in self.verdicts)
        rest = f"; the clips cannot decide {by_policy} of these" if by_policy else ""
        return f"of {total} requirement{'s' * (total != 1)} {', '.join(parts)}{rest}"


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sort failures first, then undecided ones; within these the worst first."""

    def rank(verdict: Verdict) -> tuple[int, bool, float, float]:
        p = math.inf if math.isnan(verdict.p) else verdict.p
        size = 0.0 if math.isnan(verdict.difference) else -abs(verdict.difference)
        return _GRAVEST_FIRST.index(verdict.word), not verdict.undecided, p, size

    return sorted(verdicts, key=rank)


def as_plain(gate: Gate) -> dict[str, Any]:
    """Return what `gate.json` holds, for `harness.plain_json`."""
    return {
        "verdict": gate.word,
        "exit_code": gate.exit_code,
        "policy": gate.policy,
        "run": gate.run,
        "baseline": gate.baseline,
        "correction": gate.correction,
        "warnings": gate.warnings,
        "notes": gate.notes,
        "requirements": gate.verdicts,
    }

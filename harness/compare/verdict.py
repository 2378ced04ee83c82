"""What a gate found: a verdict for each requirement, and what they come to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.results.figures import ScoreWarning

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
_MEANINGS = {
    "PASS": "Every requirement is fulfilled, and these clips are enough to know it.",
    "undecided": "Nothing surely fails; the policy lets requirements pass that these clips cannot "
    "decide.",
    "FAIL": "At least one requirement is surely not fulfilled, or cannot be compared.",
    "INCONCLUSIVE": "Nothing surely fails, but these clips cannot tell, or too little was scored.",
}


@dataclass(frozen=True)
class Verdict:
    """One requirement on one figure of one model.

    Parameters
    ----------
    required
        In words: `at most 0.02 below the baseline`, `at least 0.9`.
    word
        What it counts as.
    undecided
        Whether its own outcome is inconclusive, and `word` is the policy's for that.
    value, baseline, difference, low, high
        The candidate's figure, the baseline's, candidate minus baseline on the paired clips with
        its 95 % interval; for an absolute requirement the interval is of the figure itself. NaN
        where there is none.
    n, groups
        Clips and groups that it rests on.
    p
        Of the hypothesis that the requirement is fulfilled, adjusted for all requirements; NaN
        where it was decided without one.
    reason
        Why, in words, where the figures alone do not say it.
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
        """What these clips show, whatever the policy makes of it."""
        return "INCONCLUSIVE" if self.undecided else self.word

    @property
    def name(self) -> str:
        return f"{self.metric} under {self.condition}: {self.required}"


@dataclass(frozen=True)
class Gate:
    """All verdicts of a policy on a run, and what they come to.

    `warnings` are of the scores of the run and of its baseline.
    """

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
        """What the word says, and whether it rests on what these clips cannot decide."""
        lenient = self.word == "PASS" and any(each.undecided for each in self.verdicts)
        return _MEANINGS["undecided" if lenient else self.word]

    @property
    def tally(self) -> str:
        """`of 68 requirements 3 fail, 2 are inconclusive, 63 pass`.

        Those that the policy decided and the clips could not are counted as well.
        """
        words = Counter(verdict.word for verdict in self.verdicts)
        parts = [
            f"{words[word]} {one if words[word] == 1 else many}"
            for word, one, many in (
                ("FAIL", "fails", "fail"),
                ("INCONCLUSIVE", "is inconclusive", "are inconclusive"),
                ("PASS", "passes", "pass"),
            )
            if words[word]
        ]
        total = len(self.verdicts)
        by_policy = sum(verdict.word != verdict.outcome for verdict in self.verdicts)
        told = f"; the clips cannot decide {by_policy} of these" if by_policy else ""
        return f"of {total} requirement{'s' * (total != 1)} {', '.join(parts)}{told}"


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """What fails first, then what is undecided; within these the worst first."""
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}

    def harm(verdict: Verdict) -> float:
        return math.inf if math.isnan(verdict.p) else verdict.p

    def apart(verdict: Verdict) -> float:
        return 0.0 if math.isnan(verdict.difference) else -abs(verdict.difference)

    return sorted(
        verdicts,
        key=lambda verdict: (
            order[verdict.word],
            not verdict.undecided,
            harm(verdict),
            apart(verdict),
        ),
    )


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

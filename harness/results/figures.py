"""The finished figures of a run, as reports, gates and people read them.

Conventions: positive class `fake`, decision at `score >= threshold`; rates are fractions; intervals
are 95 % intervals of a bootstrap over groups; a value without data is NaN with n = 0.

An interval `low` to `high` is for the generators of the test set, and other speakers; `new_low` to
`new_high` is for other generators as well. The latter is NaN where the fakes of a figure are of
fewer than two known generators; of a figure without fakes it is the same as the former.

The run's policy decides how clips without a score count (`harness.metrics.classification`): by
default in coverage alone, else in every figure of decisions. Figures of ranking always rest on
scored clips.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from harness.terms import UnscoredPolicy


@dataclass(frozen=True)
class MetricRow:
    """One figure, as in `metrics.json`.

    Parameters
    ----------
    condition
        A condition of the suite, or `*` for all conditions of the family that `slice` names.
    slice
        `all`, or `generator=NAME`, `source=NAME`, `length=0.5-1 s`, `family=NAME` and the like.
    low, high, new_low, new_high
        95 % intervals; NaN where there is none, as of coverage, which is a count.
    n
        Clips in the denominator (recall: the fakes; precision: those called fake; coverage: all),
        with those that the policy decides. Under `*` a clip counts once for every condition.
    """

    model: str
    condition: str
    slice: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    new_low: float = math.nan
    new_high: float = math.nan


@dataclass(frozen=True)
class Damage:
    """Perturbed minus clean, paired on the clips that count under both.

    These are the clips scored under both. Where the policy decides clips without a score, figures
    of decisions are paired on every clip tried under both, so that a condition also does damage by
    making clips impossible to score. n counts the clips of the metric's denominator.
    """

    model: str
    condition: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    new_low: float = math.nan
    new_high: float = math.nan


@dataclass(frozen=True)
class FamilyDamage:
    """Mean damage over the conditions of a family that have a value, and the worst of them."""

    model: str
    family: str
    metric: str
    value: float
    low: float
    high: float
    conditions: int
    worst: str
    new_low: float = math.nan
    new_high: float = math.nan


EquivalenceVerdict = Literal[
    "equivalent", "better", "worse", "different", "undecided", "not measured"
]
"""Results of comparing a measured figure with a reported one (`harness.claims.equivalence`)."""


@dataclass(frozen=True)
class ClaimCheck:
    """A published figure beside the one measured on `clean`.

    Parameters
    ----------
    metric
        For the published positive class (fake where none is named): `recall_real` where it is real.
    difference
        Measured minus reported.
    verdict
        Whether the measured interval covers the reported value as if that were exact, else on which
        side the measured value lies; `not measured` without a value or an interval.
    equivalence
        From two one-sided tests within `margin`, with the sampling error of both figures.
    apart_low, apart_high
        The 90 % interval of the difference that these tests rest on.
    reported_n
        Clips behind the reported figure; 0 where unknown, which is taken as exact.
    """

    model: str
    metric: str
    reported: float
    measured: float
    low: float
    high: float
    n: int
    difference: float
    verdict: Literal["covered", "below", "above", "not measured"]
    equivalence: EquivalenceVerdict = "not measured"
    margin: float = math.nan
    apart_low: float = math.nan
    apart_high: float = math.nan
    reported_n: int = 0


@dataclass(frozen=True)
class Hindsight:
    """The gain from a threshold chosen on the judged clips themselves.

    Parameters
    ----------
    metric, value
        A figure at the threshold that was set beforehand (`hter`, `act_dcf`).
    best_metric, best
        The same at the best threshold for these clips (`eer`, `min_dcf`).
    hidden
        `value` less `best`, with its interval from the same draws.
    """

    model: str
    condition: str
    metric: str
    best_metric: str
    value: float
    best: float
    hidden: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Curve:
    """ROC of one condition: at most 200 points, false-alarm and hit rate of `fake` ascending."""

    model: str
    condition: str
    fpr: list[float]
    tpr: list[float]


@dataclass(frozen=True)
class Histogram:
    """Scores of one class: `counts[i]` between `edges[i]` and `edges[i + 1]`.

    All conditions of a model share the edges, one of which is the threshold where it lies among the
    scores. The outermost bins also hold what lies beyond them.
    """

    model: str
    condition: str
    label: str
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Mistake:
    """A confident error: a score far on the wrong side of the threshold."""

    model: str
    condition: str
    clip_id: str
    label: str
    score: float
    generator: str
    source: str
    seconds: float


@dataclass(frozen=True)
class Unscored:
    """Rows without a score by status (also `missing`) and reason."""

    model: str
    condition: str
    status: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Tally:
    """Rows of a run by status; `missing` rows are owed and not in the table."""

    ok: int
    rejected: int
    error: int
    missing: int

    @property
    def there(self) -> int:
        return self.ok + self.rejected + self.error

    @property
    def owed(self) -> int:
        return self.there + self.missing


@dataclass(frozen=True)
class Reason:
    """A reason why rows have no score; empty words where only the status is known."""

    status: str
    words: str
    rows: int


@dataclass(frozen=True)
class Shortfall:
    """A condition and label of which less was scored than the suite demands.

    `rows` includes missing ones; `reasons` are the commonest, most frequent first.
    """

    model: str
    condition: str
    label: str
    coverage: float
    scored: int
    rows: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of n measurements; NaN where there are none."""

    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Contradiction:
    """A condition whose audio is not what its name says, with `clip_id` as an example.

    `words` is the condition in words, and `clips` how many were measured.
    """

    condition: str
    words: str
    expected: str
    measured: str
    clips: int
    clip_id: str

    @property
    def line(self) -> str:
        return (
            f"condition {self.condition} is not what it says: expected {self.expected}; measured "
            f"{self.measured}, of {self.clips}; an example is {self.clip_id}"
        )


@dataclass(frozen=True)
class Attested:
    """Measurements of a condition's audio over all clips, whatever the model.

    Parameters
    ----------
    clips, changed, silent, contradicted
        Clips measured; of these, clips that differ from the clean one, that are silent when clean,
        and that contradict the condition by themselves and were not scored.
    factor
        Length over that of the clean clip.
    """

    condition: str
    clips: int
    changed: int
    silent: int
    contradicted: int
    snr_db: Spread
    seconds: Spread
    factor: Spread
    delay_ms: Spread
    bandwidth_hz: Spread
    contradictions: list[Contradiction]


@dataclass(frozen=True)
class Recordings:
    """The number of clips with a digest of their recording, and a digest of all of these.

    `digest` has 64 bits in hexadecimal; it is empty where none is known.
    """

    clips: int = 0
    known: int = 0
    digest: str = ""


@dataclass(frozen=True)
class AudioNote:
    """A kind of note on how recordings were read, and the number of clips that have it."""

    words: str
    clips: int


@dataclass(frozen=True)
class ScoreWarning:
    """A sign that a model's scores are not log-odds of fake (`harness.summary.score_warnings`).

    Parameters
    ----------
    kind
        `swapped`, or `one class`: nearly every clip is called the same.
    value
        The AUC under the condition, with its interval, from n clips.
    words
        What is wrong and what to do.
    """

    model: str
    kind: Literal["swapped", "one class"]
    condition: str
    value: float
    low: float
    high: float
    n: int
    words: str

    @property
    def line(self) -> str:
        return f"{self.model}: {self.words}."


@dataclass(frozen=True)
class Summary:
    """Every figure of one run."""

    rows: list[MetricRow]
    damage: list[Damage]
    families: list[FamilyDamage]
    claims: list[ClaimCheck]
    curves: list[Curve]
    histograms: list[Histogram]
    mistakes: list[Mistake]
    unscored: list[Unscored]
    resamples: int
    groups: int
    policy: UnscoredPolicy
    tally: Tally
    shortfalls: list[Shortfall]
    attested: list[Attested] = field(default_factory=list[Attested])
    hindsight: list[Hindsight] = field(default_factory=list[Hindsight])
    recordings: Recordings = Recordings()
    audio_notes: list[AudioNote] = field(default_factory=list[AudioNote])
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])

    @property
    def contradictions(self) -> list[Contradiction]:
        """Return the conditions whose audio is not what they say; with any, the run has failed."""
        return [fault for attested in self.attested for fault in attested.contradictions]


@dataclass(frozen=True)
class HeadlineRow:
    """A line of the short answer.

    `words` is the condition in words, `reported` the published figure, `damage` as in `Damage`; NaN
    where there is none.
    """

    model: str
    condition: str
    words: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    reported: float
    damage: float
    new_low: float = math.nan
    new_high: float = math.nan

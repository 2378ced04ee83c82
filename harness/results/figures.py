"""The figures of a run, finished: what a report, a gate or a person reads.

Conventions: positive class `fake`, decision at `score >= threshold`; rates are fractions; intervals
are 95 % intervals of a bootstrap over groups; a value without data is NaN with n = 0.

What becomes of a clip without a score is the policy of the run (`harness.metrics.classification`):
by default it is in no figure but coverage, else in every figure of decisions, as the policy has it.
Figures of ranking are of scored clips under every policy.
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
        `all`, or `generator=NAME`, `source=NAME`, `length=0.5-1 s`, `family=NAME`.
    low, high
        95 % interval; NaN where it cannot be had.
    n
        Clips that the value is of: those in its denominator (recall is of the fakes, precision of
        the clips called fake, coverage of all, scored or not), with those that the policy decides.
        Under `*` a clip counts once for every condition.
    """

    model: str
    condition: str
    slice: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Damage:
    """Perturbed minus clean, paired on the clips that count under both (n of them).

    These are the clips scored under both; where the policy decides clips without a score, a figure
    of decisions is paired on every clip that was tried under both, so that a condition that makes
    clips impossible to score does damage by that too.

    As with `MetricRow`, n counts the clips of the metric's denominator. A positive value is an
    improvement or a loss as the metric's direction says (`harness.metrics.METRICS`).
    """

    model: str
    condition: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class FamilyDamage:
    """Mean damage over a family's conditions, and the condition of it that hurts most.

    `conditions` counts those that have a value; without one the value is NaN and `worst` empty.
    """

    model: str
    family: str
    metric: str
    value: float
    low: float
    high: float
    conditions: int
    worst: str


EquivalenceVerdict = Literal[
    "equivalent", "better", "worse", "different", "undecided", "not measured"
]
"""What a measured figure is to a reported one, by a margin (`harness.claims.equivalence`)."""


@dataclass(frozen=True)
class ClaimCheck:
    """A published figure beside the one measured on `clean`.

    Parameters
    ----------
    metric
        Of the positive class that the published figures name: `recall_real` where that is real.
        Where they name none, it is fake.
    difference
        Measured minus reported.
    verdict
        Of the measured interval alone, as if the report were exact: `covered` where it holds the
        reported value, else which side the measured value lies on (`below`, `above`); `not
        measured` where there is no value or no interval to judge it by.
    equivalence
        Of two one-sided tests within `margin`, which allow for the sampling error of both figures.
    apart_low, apart_high
        The 90 % interval of the difference that these tests rest on.
    reported_n
        Clips that the reported figure is of; 0 where that is unknown, which is taken as exact.
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
    """What a threshold chosen on the judged clips themselves would have hidden.

    Parameters
    ----------
    metric, value
        A figure at the threshold that was set beforehand (`hter`, `act_dcf`).
    best_metric, best
        The same at the best threshold for these clips, which nobody has in use (`eer`, `min_dcf`).
    hidden
        `value` less `best`, with its interval; from the same draws.
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

    The edges are the same for all conditions of a model, and one of them is the threshold where it
    lies among the scores. The outermost bins also hold what lies beyond them.
    """

    model: str
    condition: str
    label: str
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Mistake:
    """A confident error: the score lies far on the wrong side of the threshold."""

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
    """How many rows have the same status (also `missing`: owed, and not there) and reason."""

    model: str
    condition: str
    status: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Tally:
    """Rows of a run by status; `missing` ones are owed, and not in its table."""

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
    """Why rows have no score, and how many; empty words where only the status is known."""

    status: str
    words: str
    rows: int


@dataclass(frozen=True)
class Shortfall:
    """A condition and label of which less was scored than the suite demands.

    Parameters
    ----------
    coverage
        `scored` of `rows`; rows that the run owes and that are missing are among these.
    reasons
        The commonest, most frequent first.
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
    """A condition whose audio is not what its name says, with the evidence.

    Parameters
    ----------
    words
        The condition in words.
    clips
        How many were measured; `clip_id` is one that shows it.
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
    """What was measured of a condition's audio, over all clips and whatever the model.

    Parameters
    ----------
    clips, changed, silent, contradicted
        How many were measured; of these, how many differ from the clean clip, how many are silent
        when clean, and how many contradict the condition by themselves and were not scored.
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
    """What is known of the recordings that a table was made from.

    Parameters
    ----------
    clips
        Of the table.
    known
        Clips with a digest of their recording.
    digest
        Over all of them, of 64 bits in hexadecimal; empty where none is known.
    """

    clips: int = 0
    known: int = 0
    digest: str = ""


@dataclass(frozen=True)
class AudioNote:
    """What was noted of how recordings were read: a kind of note, and of how many clips."""

    words: str
    clips: int


@dataclass(frozen=True)
class ScoreWarning:
    """A sign that a model's scores are not log-odds of fake (`harness.summary.score_warnings`).

    Parameters
    ----------
    kind
        `swapped`, or `one class`: nearly every clip is called the same.
    condition
        Whose AUC is `value`, with its interval, of n clips.
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
    """Everything that the report shows of one run, already computed."""

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
        """What of the audio is not what a condition's name says: with any, the run has failed."""
        return [each for attested in self.attested for each in attested.contradictions]


@dataclass(frozen=True)
class HeadlineRow:
    """A line of the short answer.

    Parameters
    ----------
    words
        The condition in words.
    reported
        The published figure; NaN where there is none.
    damage
        Perturbed minus clean, paired as `Damage`; NaN for `clean`.
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

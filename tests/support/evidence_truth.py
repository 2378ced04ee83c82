"""Evidence from a known truth: what is promised of a score, and how often the promise is kept.

A score is the class's mean plus what the speaker adds plus what the clip adds, of variance 1 in
all, of which `LIKENESS` is the speaker's. An odd speaker misleads the detector: all clips of one
class score as the other class does. Every promise is judged on many new speakers of the same kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from harness.forensic.abstention import TARGETS, AbstentionRule, ScoredRows, rule_orders, shown
from harness.forensic.drift import drift
from harness.forensic.minimum_duration import shortest
from harness.forensic.run_view import ForensicFigure, ForensicRun, with_intervals
from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet, draw, estimate
from harness.metrics.calibration import Falling, cross_calibrated, fit, fold_numbers
from harness.metrics.elub import Bounds, empirical_bounds
from harness.metrics.intervals import positive_interval
from harness.metrics.refit import refitted_cost
from tests.support.evidence_run import SEPARATION, finished

LIKENESS = 0.3
DRAWS = 500
VERDICTS = ("holds", "does not hold", "not known")
LENGTHS = (8.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.5)

Scores = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Voices:
    """Speakers with so many real clips and fakes each, whose scores lie `apart`.

    Parameters
    ----------
    scale, shift
        What the scores are multiplied by, and moved by, afterwards.
    odd
        Share of speakers, of each class, whose clips score as the other class.
    """

    speakers: int
    clips: int
    apart: float = 3.0
    scale: float = 1.0
    shift: float = 0.0
    odd: float = 0.0

    def draw(self, rng: np.random.Generator, speakers: int = 0) -> Scores:
        """Scores of real clips and fakes, of shape (speakers * clips,)."""
        count = speakers or self.speakers
        parts: list[np.ndarray] = []
        for side in (-1.0, 1.0):
            centre = side * self.apart / 2 * np.where(rng.random((count, 1)) < self.odd, -1, 1)
            voice = math.sqrt(LIKENESS) * rng.normal(size=(count, 1))
            clip = math.sqrt(1 - LIKENESS) * rng.normal(size=(count, self.clips))
            parts.append((self.shift + self.scale * (centre + voice + clip)).ravel())
        return parts[0], parts[1]

    @property
    def groups(self) -> np.ndarray:
        return np.repeat(np.arange(self.speakers), self.clips)


def bounded_cost(scores: Scores, groups: np.ndarray, new: Scores) -> tuple[float, float]:
    """Cllr of new clips by the bounded ratios of these, and cross-validated Cllr of these.

    NaN and infinity where a map would fall, and no ratio is given.
    """
    try:
        line = fit(*scores, "logistic", 1)
        held_out = cross_calibrated(*scores, groups, groups, "logistic", misleading=1)
    except Falling:
        return math.nan, math.inf
    bounds = empirical_bounds(held_out.real, held_out.fake, groups, groups)
    cllr = METRICS["cllr"].value
    known = cllr(*(bounds.clip(part) for part in (held_out.real, held_out.fake)))
    return cllr(*(bounds.clip(line.llr(part)) for part in new)), known


def band_costs(long: Voices, short: Voices, sets: int) -> dict[str, float]:
    """Mean Cllr of short files by all clips and by short ones, and of how many there is a ratio."""
    rows: list[tuple[float, float, float]] = []
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        own, others, new = short.draw(rng), long.draw(rng), short.draw(rng, 2000)
        everything = tuple(np.concatenate(pair) for pair in zip(own, others, strict=True))
        together, _ = bounded_cost(everything, np.concatenate([short.groups, long.groups]), new)
        alone, known = bounded_cost(own, short.groups, new)
        rows.append((together, alone, known))
    together, alone, known = np.array(rows).T
    given = known < 1
    return {
        "all lengths": float(np.nanmean(together)),
        "own band": float(alone[given].mean()),
        "own band above 1": float(np.mean(alone[given] > 1)),
        "given": float(given.mean()),
    }


def bound_products(voices: Voices, sets: int) -> dict[str, float]:
    """Mean product of the bound and the share of new clips that reach it, both classes the larger.

    By bounds that count clips, and by those that count speakers; and the mean of their bounds.
    """
    products: dict[str, list[tuple[float, float, float]]] = {"clips": [], "speakers": []}
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        scores, groups = voices.draw(rng), voices.groups
        new = voices.draw(rng, 2000)
        line = fit(*scores, "logistic", 1)
        held_out = cross_calibrated(*scores, groups, groups, "logistic", misleading=1)
        real, fake = (line.llr(part) for part in new)
        for name, members in (("clips", np.arange(len(groups))), ("speakers", groups)):
            bounds = empirical_bounds(held_out.real, held_out.fake, members, members)
            products[name].append(
                (
                    math.exp(bounds.upper) * float(np.mean(real >= bounds.upper)),
                    math.exp(-bounds.lower) * float(np.mean(fake <= bounds.lower)),
                    math.exp(bounds.upper),
                )
            )
    means = {name: np.mean(rows, axis=0) for name, rows in products.items()}
    return {name: float(max(mean[:2])) for name, mean in means.items()} | {
        f"{name}: bound": float(mean[2]) for name, mean in means.items()
    }


NOISE = ((math.inf, 4.0), (20.0, 3.0), (5.0, 1.0))
"""SNR of three conditions, and how far the classes lie apart under each."""


def noisy_rows(rng: np.random.Generator, speakers: int, clips: int) -> ScoredRows:
    """The same clips under the conditions of `NOISE`, threshold 0."""
    group = np.repeat(np.arange(speakers), clips)
    columns: list[np.ndarray] = []
    wrong: list[np.ndarray] = []
    for side in (-1.0, 1.0):
        voice = math.sqrt(LIKENESS) * np.repeat(rng.normal(size=speakers), clips)
        for snr_db, apart in NOISE:
            clip = math.sqrt(1 - LIKENESS) * rng.normal(size=len(group))
            score = side * apart / 2 + voice + clip
            constant = (np.full(len(group), value) for value in (3.0, snr_db, 7800.0))
            columns.append(np.stack([*constant, np.abs(score)]))
            wrong.append((score >= 0) != (side > 0))
    return ScoredRows(
        np.concatenate(columns, axis=1), np.concatenate(wrong), np.tile(group, len(columns))
    )


@dataclass(frozen=True)
class Promises:
    """Shares of sets: a rule is given, its bound meets the target where it is judged, it is broken.

    `broken` is of the sets with a rule: its error on new speakers is above the target. `coverage`
    is the mean share of new clips that it decides, NaN where no set has a rule.
    """

    given: float
    kept: float
    broken: float
    coverage: float


def rule_promises(speakers: int, clips: int, sets: int, by: str = "steps") -> dict[float, Promises]:
    """Rules by target, tuned on half of the speakers and judged on the other half.

    Parameters
    ----------
    by
        `error`: the one that decides most clips with an error within the target on the first half;
        `bound`: the same with its upper bound; `steps`: as the harness does.
    """
    truth = noisy_rows(np.random.default_rng(999), 4000, 2)
    outcomes: dict[float, list[tuple[bool, bool, bool, float]]] = {at: [] for at in TARGETS}
    for seed in range(sets):
        rows = noisy_rows(np.random.default_rng(seed), speakers, clips)
        first = rows.group < speakers // 2
        tuning, judged = rows.part(first), rows.part(~first)
        weights = resampled(speakers, seed)
        orders = rule_orders(tuning, weights)
        for target, order in zip(TARGETS, orders, strict=True):
            if by == "steps":
                rule = shown(order, judged, target, weights)
            else:
                rule = _tuned(tuning, target, weights, by)
            kept = broken = False
            coverage = math.nan
            if rule is not None:
                kept = bool(judged.bounds([rule], weights)[0] <= target)
                decided = truth.decided(rule)
                broken = bool(truth.wrong[decided].mean() > target)
                coverage = float(decided.mean())
            outcomes[target].append((rule is not None, kept, broken, coverage))
    return {target: _promises(rows) for target, rows in outcomes.items()}


def _promises(rows: Sequence[tuple[bool, bool, bool, float]]) -> Promises:
    given, kept, broken, coverage = np.array(rows, dtype=np.float64).T
    some = given.any()
    return Promises(
        float(given.mean()),
        float(kept.mean()),
        float(broken.sum() / given.sum()) if some else math.nan,
        float(np.nanmean(coverage)) if some else math.nan,
    )


def _tuned(rows: ScoredRows, target: float, weights: np.ndarray, by: str) -> AbstentionRule | None:
    """The rule on the error itself, or on its upper bound, of the rows that it is tuned on."""
    best, most = None, 0
    levels = np.append(0.0, np.quantile(rows.columns[3], np.linspace(0, 0.95, 20)))
    for snr_db in (-math.inf, 5.0, 15.0, 25.0):
        rules = [AbstentionRule(0.0, snr_db, 0.0, float(at)) for at in np.unique(levels)]
        decided = np.stack([rows.decided(rule) for rule in rules])
        counts = decided.sum(axis=1)
        error = (
            rows.bounds(rules, weights)
            if by == "bound"
            else (decided & rows.wrong).sum(axis=1) / np.maximum(counts, 1)
        )
        met = np.flatnonzero((error <= target) & (counts > most))
        if len(met):
            at = met[np.argmax(counts[met])]
            best, most = rules[int(at)], int(counts[at])
    return best


def resampled(groups: int, seed: int) -> np.ndarray:
    return np.concatenate(list(draw(groups, DRAWS, seed)), axis=1).astype(np.float64)


@dataclass(frozen=True)
class Assured:
    """Shares of sets with a shortest length, and with one whose error is above the target."""

    given: float
    falsely: float


def assured_lengths(
    speakers: int,
    clips: int,
    errors: Sequence[float],
    target: float,
    sets: int,
    *,
    stop: bool = True,
) -> Assured:
    """How often a shortest length is given, by the true errors at `LENGTHS`.

    A tenth of the clips is of 8 s and more, 30 % of 4 s, 60 % of 3 s, 90 % of 2 s. Without `stop`
    the search goes on past lengths whose bound is above the target and whose error is not.
    """
    rows: list[tuple[bool, bool]] = []
    for seed in range(sets):
        falling = _falling(speakers, clips, errors, seed)
        seconds = shortest(target, falling)[0] if stop else _skipping(target, falling)
        known = not math.isnan(seconds)
        rows.append((known, known and errors[LENGTHS.index(seconds)] > target))
    given, falsely = np.mean(rows, axis=0).tolist()
    return Assured(given, falsely)


def _falling(
    speakers: int, clips: int, errors: Sequence[float], seed: int
) -> list[tuple[float, ForensicFigure]]:
    rng = np.random.default_rng(seed)
    shape = (2, speakers, clips)
    voice, clip, length = (
        rng.normal(size=(2, speakers, 1)),
        rng.normal(size=shape),
        rng.random(shape),
    )
    groups = np.broadcast_to(np.arange(speakers)[:, None], shape[1:])
    cells: list[ClipSet] = []
    for error, share in zip(errors, (0.1, 0.3, 0.6, 0.9, 1.0, 1.0, 1.0), strict=True):
        own = math.sqrt(0.8) * clip + math.sqrt(0.2) * rng.normal(size=shape)
        score = math.sqrt(LIKENESS) * voice + math.sqrt(1 - LIKENESS) * own
        real, fake = (part <= share for part in length)
        cells.append(
            ClipSet(
                (score[0] + norm.ppf(error))[real],
                (score[1] - norm.ppf(error))[fake],
                groups[real],
                groups[fake],
                metrics=("hter",),
            )
        )
    estimates = estimate(cells, speakers, DRAWS, seed)
    return [
        (seconds, with_intervals(estimates[cell])["hter"])
        for seconds, cell in zip(LENGTHS, cells, strict=True)
    ]


def _skipping(target: float, falling: Sequence[tuple[float, ForensicFigure]]) -> float:
    reached = math.nan
    for seconds, error in falling:
        if error.known and error.high <= target:
            reached = seconds
        elif error.known and error.value > target:
            break
    return reached


def cost_coverage(voices: Voices, sets: int) -> dict[str, float]:
    """How often 95 % intervals of cross-validated Cllr hold that of new speakers.

    With the map as it is, and with the map fitted again in every resample.
    """
    rows: list[tuple[bool, ...]] = []
    new = voices.draw(np.random.default_rng(777), 3000)
    many = math.log(voices.speakers + 1)
    bounds = Bounds(-many, many)
    for seed in range(sets):
        real, fake = voices.draw(np.random.default_rng(seed))
        groups, weights = voices.groups, resampled(voices.speakers, seed)
        cell = ClipSet(real, fake, groups, groups, metrics=("cllr",))
        folds = fold_numbers(groups, groups, 5, 0)
        cost = refitted_cost(cell, cell, folds, bounds, (weights, weights), 1)
        held_out = ClipSet(cost.real, cost.fake, groups, groups, metrics=("cllr",))
        fixed = estimate([held_out], voices.speakers, DRAWS, seed)[held_out]["cllr"]
        line = fit(real, fake, "logistic", 1)
        truth = METRICS["cllr"].value(*(bounds.clip(line.llr(part)) for part in new))
        inside: list[bool] = []
        for draws in (fixed.draws, cost.draws):
            low, high = positive_interval(
                np.array([fixed.value]), draws[None], np.array([voices.speakers])
            )
            inside.append(bool(low[0] <= truth <= high[0]))
        rows.append(tuple(inside))
    fixed_share, refitted_share = np.mean(rows, axis=0).tolist()
    return {"fixed": fixed_share, "refitted": refitted_share}


def drift_verdicts(shift: float, speakers: int, sets: int) -> dict[str, dict[str, float]]:
    """Shares of runs by verdict on a condition whose scores are moved, by threshold and map.

    Runs of `tests.support.evidence_run` with a second condition, `reverb`, whose classes lie 0.9
    times as far apart, moved until they lie as in clean, and by the shift.
    """
    shares: dict[str, dict[str, float]] = {}
    for seed in range(sets):
        run = finished(groups=speakers, seed=seed)
        table = run.table[run.table["condition"].isin(["clean", "reverb"])].reset_index(drop=True)
        moved = table["condition"] == "reverb"
        back = np.where(table["label"] == "fake", 1.0, -1.0) * 0.1 * SEPARATION / 2
        table["score"] = table["score"].where(~moved, table["score"] + back + shift)
        found = drift(ForensicRun.of(replace(run, table=table)), None, DRAWS, seed)
        for name, verdict in (
            ("threshold", found.thresholds[0].verdict),
            ("map", found.calibrations[0].verdict),
        ):
            of_kind = shares.setdefault(name, dict.fromkeys(VERDICTS, 0.0))
            of_kind[verdict] += 1 / sets
    return shares

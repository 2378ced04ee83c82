"""A gate and a comparison made by hand, of the small run."""

from __future__ import annotations

import math

from harness.compare.compare import Comparison
from harness.compare.difference import Difference
from harness.compare.flips import Flip, FlipCount
from harness.compare.matching import MatchedName
from harness.compare.verdict import Gate, Verdict
from harness.metrics import METRICS
from harness.summary.corruption_error import CorruptionError, FamilyLoss, WorstCondition

COMPARED = METRICS.compared
NAN = math.nan
MODEL = "someone/detector"
NOISE = "noise:white@0dB"
GONE = "codec:opus@6k"


def gate() -> Gate:
    margin = "at most 0.02 below the baseline"
    figures = {"n": 199, "groups": 25}
    return Gate(
        policy="release",
        run="reports/runs/one",
        baseline="reports/baselines/release",
        correction="It fails at 0.05 after Holm's correction for 3 requirements.",
        verdicts=[
            Verdict(
                MODEL, "accuracy", "clean", margin, "PASS",
                0.95, 0.951, -0.001, -0.0104, 0.0084, p=0.9, **figures,
            ),
            Verdict(
                MODEL, "accuracy", "codec:g711", margin, "INCONCLUSIVE",
                0.94, 0.96, -0.02, -0.05, 0.01, p=0.7, **figures,
            ),
            Verdict(
                MODEL, "accuracy", NOISE, margin, "FAIL",
                0.6, 0.75, -0.15, -0.21, -0.09, p=0.0002, **figures,
            ),
            Verdict(
                MODEL, "eer", GONE, "at most 0.02 above the baseline", "FAIL",
                baseline=0.11, reason="missing: the run does not have this condition",
            ),
            Verdict(MODEL, "auc", "clean", "at least 0.9", "PASS", 0.98, low=0.96, high=0.99, n=9),
            Verdict(MODEL, "coverage", "*", "at least 0.9 everywhere", "PASS"),
        ],
        notes=["device is cuda, was cpu"],
    )  # fmt: skip


def cell(model: str, name: str, metric: str, change: float, p: float) -> Difference:
    test = {"accuracy": "mcnemar", "auc": "delong"}.get(metric, "")
    return Difference(
        model, name, metric, "compared", "", 0.9 + change, 0.9, change, change - 0.03,
        change + 0.03, 0.015, 199, 25, 9, 0.02, p / 9, p, test, p / 50, 0.044,  # type: ignore[arg-type]
    )  # fmt: skip


def comparison(model: str = MODEL, flips: int = 3) -> Comparison:
    cells = [cell(model, "clean", metric, 0.0, 1.0) for metric in COMPARED]
    cells += [cell(model, "codec:g711", metric, -0.02, 0.4) for metric in COMPARED]
    cells += [cell(model, NOISE, metric, -0.15, 0.0004) for metric in COMPARED]
    cells += [
        Difference(
            model, GONE, metric, "missing", "the run does not have this condition", NAN, 0.89
        )
        for metric in COMPARED
    ]
    cells += [
        Difference(model, "crop@0.1s", metric, "no data", "no value in either run", NAN, NAN)
        for metric in COMPARED
    ]
    cells[COMPARED.index("f1")] = Difference(
        model, "clean", "f1", "not comparable", "the threshold is 1, was 0", 0.9, 0.91
    )
    cells.append(
        Difference(
            model, "noise:white@20dB", "auc", "new", "had no value before", 0.9, float("nan")
        )
    )
    turned = [
        Flip(
            model, NOISE, f"fake/{number}.wav", "fake", "WORLD", "wrong", -1.5 - number / 100, 0.75
        )
        for number in range(flips - 1)
    ]
    right = Flip(model, "codec:g711", "real/z.wav", "real", "", "right", -0.25, 3.5)
    return Comparison(
        models=[MatchedName(model, "someone/older"), MatchedName("", "someone/withdrawn")],
        conditions=[MatchedName(NOISE, NOISE)],
        cells=cells,
        means=[],
        flips=[right, *turned],
        flip_counts=[
            FlipCount(model, "clean", "*", 0, 0, 199),
            FlipCount(model, "codec:g711", "*", 1, 0, 199),
            FlipCount(model, NOISE, "*", 0, flips - 1, 199),
            FlipCount(model, NOISE, "WORLD", 0, flips - 1, 99),
        ],
        corruption=[
            CorruptionError(model, "mce", 1.234, 1.1, 1.37, 4, ["crop"]),
            CorruptionError(model, "relative_mce", 1.5, 1.2, 1.8, 4, ["crop"]),
        ],
        families=[
            FamilyLoss(model, "noise", -0.17, -0.1, -0.07, -0.09, -0.05, 3, 3),
            FamilyLoss(model, "codec", -0.01, -0.01, 0.0, -0.02, 0.02, 1, 2),
        ],
        worst=[WorstCondition(model, NOISE, 0.6, NOISE, 0.75, NOISE, -0.15)],
        identical=[(model, "clean")],
        not_comparable=[],
        comparable=1.0,
        notes=["device is cuda, was cpu", "precision is bfloat16, was float32"],
        family=27,
        resamples=1000,
        groups=25,
        generators="these",
    )

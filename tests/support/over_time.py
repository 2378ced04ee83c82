"""A history and a leaderboard made by hand, with names that are hard to show."""

from __future__ import annotations

import math

from harness.leaderboard.history import History, Track
from harness.leaderboard.leaderboard import Cost, DataSet, Leaderboard, RankedModel
from harness.leaderboard.model_run import LeftOut
from harness.leaderboard.release import Release, ReleaseStep, Turn
from harness.leaderboard.standing import Bounded, Standing
from harness.metrics import METRICS
from harness.results.figures import FamilyDamage, MetricRow

HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=alert(1)>'
LONG = "a-detector-with-a-very-long-name-and-no-blank-in-it-" * 3


def release(day: int, line: str, turn: Turn | None) -> Release:
    def steps(names: tuple[str, ...]) -> list[ReleaseStep]:
        if turn is None:
            return []
        return [ReleaseStep(name, -0.05, -0.08, -0.02, 0.01, turn) for name in names]

    value = 0.9 - day / 100
    return Release(
        run=f"runs/{day} {HOSTILE}",
        model=line,
        version=f"revision {day}",
        digest="",
        started=f"2026-03-{day:02d}T10:00:00Z",
        finished=day != 2,
        harness_version="1",
        synthetic=False,
        figures=[
            MetricRow(line, "clean", "all", name, value, value - 0.05, value + 0.05, 100)
            for name in METRICS.released
        ],
        families=[
            FamilyDamage(line, "noise", "accuracy", -0.2, -0.3, -0.1, 3, "noise:a"),
            FamilyDamage(line, "codec", "accuracy", math.nan, math.nan, math.nan, 0, ""),
        ],
        steps=steps(METRICS.released),
        family_steps=steps(("noise",)),
    )


def history() -> History:
    """Two detectors; the first has a break, a step either way and one that was not compared."""
    turns: list[Turn | None] = [None, "worse", "better", "open", "not compared"]
    first = [release(day, LONG, turn) for day, turn in enumerate(turns, start=1)]
    return History(
        tracks=[
            Track(LONG, "release", HOSTILE, False, 66, "", first),
            Track(
                LONG, "other", "data", False, 3, f"other data: {HOSTILE}", [release(8, LONG, None)]
            ),
            Track(HOSTILE, "release", "data", False, 66, "", [release(9, HOSTILE, None)]),
        ],
        refused=[LeftOut(f"runs/{HOSTILE}", "a damaged record; run again")],
        copies=[("baselines/a", "runs/1")],
        resamples=1000,
    )


def leaderboard() -> Leaderboard:
    """Three models on two data sets, one of them without a rank under perturbation."""
    models = [("first", 1, "a", 0.05), (LONG, 2, "a b", 0.08), (HOSTILE, 3, "b", 0.2)]
    return Leaderboard(
        metric="eer",
        better="lower",
        reference="first",
        data=[
            DataSet(name, name * 16, "release", 200, 190, 30, 65, 14, True, "excluded")
            for name in ("a", HOSTILE)
        ],
        rows=[_row(*model) for model in models],
        refused=[LeftOut(f"runs/{HOSTILE}", "other data")],
        resamples=1000,
    )


def _row(model: str, place: int, letters: str, value: float) -> RankedModel:
    figure = Bounded(value, value / 2, value * 1.5, 190)
    standing = Standing(figure, place, max(1, place - 1), min(3, place + 1), letters)
    robust = place < 3
    return RankedModel(
        model=model,
        release="abc",
        runs=["runs/a", f"runs/{HOSTILE}"],
        synthetic=False,
        parameters=None if place == 1 else 86_200_000,
        clean=standing,
        perturbed=standing if robust else Standing(),
        figures=dict.fromkeys(("accuracy", "f1", "eer", "auc", "act_dcf"), figure),
        damage=figure if robust else Bounded(),
        worst="noise:a" if robust else "",
        worst_value=0.4 if robust else math.nan,
        mce=figure if robust else Bounded(),
        coverage=0.95,
        perturbed_coverage=0.9 if robust else 0.1,
        cost=[Cost(10.0, "cpu", "float32", 1), Cost(99.0, "cuda", "bf16", 2)],
        data=[standing, standing],
        pooled=figure,
        note="" if robust else f"10.0% of {HOSTILE} was scored",
    )

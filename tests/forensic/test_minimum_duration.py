"""The shortest clip and what fills the window."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.forensic.minimum_duration import duration_analysis, shortest
from harness.forensic.run_view import NO_FIGURE, ForensicFigure, ForensicRun
from tests.support.evidence_run import finished


def test_lengths_are_of_clips_that_were_cut() -> None:
    run = finished()
    short = (run.table["condition"] == "crop@2s") & run.table["clip_id"].str.endswith("7")
    table = run.table.assign(seconds=run.table["seconds"].where(~short, 1.2))
    found = duration_analysis(ForensicRun.of(replace(run, table=table)), 200)
    clips = {each.seconds: each.hter.clips for each in found.lengths}
    assert clips == {2.0: 120 - int(short.sum()) // 2, 0.5: 120}


def test_the_shortest_is_bounded_from_above() -> None:
    found = duration_analysis(ForensicRun.of(finished(groups=80)), 400)
    by_wish = {each.wanted: each for each in found.shortest}
    errors = {each.seconds: each.hter for each in found.lengths}
    assert errors[2.0].high < 0.2 < errors[0.5].value
    assert by_wish[0.2].seconds == 2.0
    assert math.isnan(by_wish[0.01].seconds)
    assert by_wish[0.01].why.startswith("the lowest upper bound is")


def test_padding_is_paired_with_the_same_cut() -> None:
    found = duration_analysis(ForensicRun.of(finished()), 200).padding
    assert [(each.condition, each.against, each.fill) for each in found] == [
        ("filled@0.5s", "crop@0.5s", "repeat")
    ]
    change = found[0].change
    assert change.value == pytest.approx(found[0].filled.value - found[0].plain.value)
    assert change.high < 0  # the made scores are better there


def test_a_suite_without_cuts_has_no_lengths() -> None:
    run = finished()
    table = run.table[run.table["condition"].isin(["clean", "reverb"])]
    found = duration_analysis(ForensicRun.of(replace(run, table=table)), 50)
    assert (found.lengths, found.shortest, found.padding) == ([], [], [])


def test_floors_are_of_clips_of_their_own_length() -> None:
    run = finished(groups=80)
    view = ForensicRun.of(run)
    found = {(each.condition, each.wanted): each for each in duration_analysis(view, 400).floors}
    cut = {each.condition for each in duration_analysis(view, 20).lengths}
    assert not cut & {condition for condition, _ in found}
    clean = run.table[(run.table["condition"] == "clean") & (run.table["status"] == "ok")]
    for wanted in (0.2, 0.1):
        floor = found["clean", wanted]
        assert floor.why == ""
        kept = clean[clean["seconds"] >= floor.seconds]
        right = (kept["score"] >= 0) == (kept["label"] == "fake")
        wrong = 1 - right.groupby(kept["label"]).mean()
        assert wrong.mean() < wanted
    assert found["clean", 0.01].why.startswith(("the lowest upper bound is", "too few"))


def bounded(high: float, clips: int = 100, groups: int = 30) -> ForensicFigure:
    return ForensicFigure(high / 2, high / 4, high, clips, groups)


def test_the_search_stops_at_the_first_length_that_is_not_shown() -> None:
    """At 2 s the value is below the target and its bound is not: 1 s is not looked at."""
    falling = [(4.0, bounded(0.08)), (2.0, bounded(0.11)), (1.0, bounded(0.09))]
    assert shortest(0.1, falling) == (4.0, "")
    assert shortest(0.2, falling) == (1.0, "")
    failed = shortest(0.1, falling[1:])
    assert math.isnan(failed[0])
    assert failed[1].startswith("the lowest upper bound is 0.090, at 1 s")


def test_lengths_with_few_clips_are_not_tested_whatever_they_show() -> None:
    few = [(8.0, NO_FIGURE), (4.0, bounded(0.5, clips=49)), (3.0, bounded(0.01, groups=14))]
    assert shortest(0.1, [*few, (2.0, bounded(0.09))]) == (2.0, "")
    assert math.isnan(shortest(0.1, [*few, (2.0, bounded(0.2))])[0])
    assert shortest(0.1, [(8.0, NO_FIGURE)])[1] == "too few clips of any length"

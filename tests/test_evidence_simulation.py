"""What the forensic page promises, where the truth is known; sets from seeds, the same each time.

`tests/bench/evidence_simulation.py` measures more designs with more sets; `docs/forensics.md` has
its tables.
"""

from __future__ import annotations

from tests.support.evidence_truth import (
    Voices,
    assured_lengths,
    band_costs,
    bound_products,
    cost_coverage,
    drift_verdicts,
    rule_promises,
)


def test_short_files_among_long_ones_are_worth_more_by_their_own_band() -> None:
    cost = band_costs(Voices(30, 9, apart=4.0), Voices(30, 1, apart=1.2, shift=-1.3), sets=10)
    assert cost["all lengths"] > 1
    assert cost["own band"] < 0.9
    assert cost["given"] == 1


def test_bounds_hold_where_some_speakers_mislead() -> None:
    """2 % of speakers are odd: the product of bound and error is at most 1 if speakers count."""
    product = bound_products(Voices(30, 40, apart=4.0, odd=0.02), sets=15)
    assert product["speakers"] <= 1
    assert product["clips"] > 2


def test_rules_that_are_given_keep_their_target() -> None:
    by_error = rule_promises(100, 5, sets=6, by="error")
    steps = rule_promises(100, 5, sets=6)
    assert steps[0.1].given == steps[0.1].kept >= 5 / 6
    assert steps[0.1].broken == 0
    assert steps[0.1].coverage > 0.7
    assert by_error[0.1].kept <= 0.5


def test_a_search_that_stops_assures_less_often_falsely() -> None:
    """The error is 0.102 at all lengths: nothing within 0.1 can be right."""
    stops, goes_on = (
        assured_lengths(30, 5, (0.102,) * 7, 0.1, sets=40, stop=stop) for stop in (True, False)
    )
    assert stops.falsely <= 0.05
    assert goes_on.falsely >= stops.falsely
    falling = (0.02, 0.02, 0.02, 0.02, 0.02, 0.03, 0.2)
    assert assured_lengths(100, 5, falling, 0.1, sets=5).given == 1


def test_intervals_of_cllr_cover_with_the_map_refitted() -> None:
    share = cost_coverage(Voices(30, 5, apart=2.5), sets=25)
    assert share["refitted"] >= max(share["fixed"], 0.88)


def test_drift_is_seen_where_it_is_and_not_where_it_is_not() -> None:
    moved, unmoved = (drift_verdicts(shift, 40, sets=2) for shift in (1.5, 0.0))
    assert moved["threshold"]["does not hold"] == moved["map"]["does not hold"] == 1
    assert unmoved["threshold"]["does not hold"] == unmoved["map"]["does not hold"] == 0

from dataclasses import replace

from harness.report.lookup import Index
from harness.results.figures import MetricRow
from tests.support.small_run import MODEL, record, summary


def test_what_was_not_measured_is_missing_with_no_clips() -> None:
    row = Index(summary(), record()).row(MODEL, "clean", "no such metric")
    assert row.value != row.value
    assert row.n == 0
    damage = Index(summary(), record()).damage(MODEL, "clean")
    assert (damage.value != damage.value, damage.n) == (True, 0)


def test_losses_come_worst_first_and_unmeasured_last() -> None:
    losses = Index(summary(), record()).losses(MODEL)
    assert [loss.condition.name for loss in losses] == [
        "noise:white@0dB",
        "noise:white@10dB",
        "noise:white@20dB",
        "codec:g711",
        "crop@0.1s",
    ]
    assert [loss.shown for loss in losses] == [True, True, False, False, False]


def test_lengths_go_from_short_to_long() -> None:
    lengths = ("8+ s", "0.5-1 s", "0-0.5 s", "2-4 s")
    rows = [MetricRow(MODEL, "clean", f"length={x}", "accuracy", 1, 1, 1, 9) for x in lengths]
    index = Index(replace(summary(), rows=rows), record())
    assert index.slices(MODEL, "length") == [
        f"length={x}" for x in ("0-0.5 s", "0.5-1 s", "2-4 s", "8+ s")
    ]


def test_a_figure_of_all_conditions_of_a_family_is_no_condition() -> None:
    index = Index(summary(), record())
    assert [c.name for c in index.conditions] == [c.name for c in record().suite.conditions]


def test_a_condition_that_only_the_summary_has_is_shown() -> None:
    more = MetricRow(MODEL, "unknown", "all", "accuracy", 0.5, 0.4, 0.6, 9)
    figures = summary()
    index = Index(replace(figures, rows=[*figures.rows, more]), record())
    assert index.conditions[-1].name == "unknown"

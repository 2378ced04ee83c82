from harness.report.lookup import Index
from harness.report.sections.damage import heat_map
from harness.report.view import ModelView, RunView
from tests.support.small_run import MODEL, record, summary


def test_the_heat_map_has_the_series_that_costs_most_on_top_and_mild_levels_left() -> None:
    rows = heat_map(ModelView(RunView(Index(summary(), record())), 0, MODEL))
    assert [row.conditions[0].series for row in rows] == ["noise:white", "codec:g711", "crop"]
    assert [(c.level, c.text, c.color, c.excludes_zero) for c in rows[0].cells] == [
        ("20", "0.94", "loss-1", False),
        ("10", "0.80", "loss-4", True),
        ("0", "0.60", "loss-6", True),
    ]
    assert (rows[0].title, rows[0].unit) == ("white", "dB")
    assert [(c.text, c.color) for c in rows[2].cells] == [("–", "missing")]

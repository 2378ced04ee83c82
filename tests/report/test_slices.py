from dataclasses import replace

from harness.report.lookup import Index
from harness.report.sections.slices import build
from harness.report.view import ModelView, RunView
from harness.results.figures import MetricRow
from tests.support.small_run import MODEL, record, summary


def slices(*rows: tuple[str, str, float, int]) -> dict[str, list[list[tuple[str, ...]]]]:
    """Texts of the tables of clean clips, by title."""
    base = summary()
    figures = [
        MetricRow(MODEL, "clean", part, metric, value, 0.1, 0.9, n)
        for part, metric, value, n in rows
    ]
    whole = [row for row in base.rows if row.slice == "all"]
    index = Index(replace(base, rows=whole + figures), record())
    content = build(ModelView(RunView(index), 0, MODEL))
    if content is None:
        return {}
    return {
        division["title"]: [
            [(cell.text, *cell.below) for cell in row.cells] for row in division["clean"].rows
        ]
        for division in content["divisions"]
    }


def test_fakes_of_a_generator_are_counted_without_the_real_clips() -> None:
    ((name, clips, recall, _, _, *others),) = slices(
        ("generator=WORLD", "recall", 0.5, 12), ("generator=WORLD", "auc", 0.75, 112)
    )["By generator"]
    assert (name, clips) == (("WORLD",), ("12",))
    assert recall == ("0.500", "0.100 to 0.900", "")
    assert ("0.750", "0.100 to 0.900", "n 112") in others


def test_a_column_of_the_manifest_is_shown_as_any_other_fact() -> None:
    shown = slices(("native_language=", "accuracy", 0.5, 12))
    ((name, clips, accuracy, *_),) = shown["By native_language"]
    assert (name, clips, accuracy[0]) == (("unknown",), ("12",), "0.500")


def test_a_condition_without_figures_by_length_has_no_chart() -> None:
    base = summary()
    few = [row for row in base.rows if row.condition == "clean" or "length=" not in row.slice]
    kinds = {"every": base, "clean": replace(base, rows=few)}
    counts: dict[str, int] = {}
    for name, content in kinds.items():
        view = ModelView(RunView(Index(content, record())), 0, MODEL)
        built = build(view)
        assert built is not None
        (by_length,) = [part for part in built["divisions"] if part["title"] == "By length"]
        assert [key for key, _ in by_length["charts"].charts] == list(built["charts"])
        counts[name] = len(built["charts"])
        assert by_length["charts"].charts[0][1] == "as recorded"
    assert counts == {"every": len(record().suite.conditions), "clean": 1}


def test_without_slices_there_is_no_section() -> None:
    assert slices() == {}

"""Tables as all pages have them."""

from __future__ import annotations

import math
import re

from harness.report.page_base import environment
from harness.report.table import (
    Cell,
    Column,
    Interval,
    Scale,
    Table,
    difference_cell,
    figure_cell,
    number,
    strips,
)

NAN = math.nan


def drawn(table: Table[float]) -> str:
    template = '{% from "tables.html.j2" import table %}{{ table(t) }}'
    return environment().from_string(template).render(t=table)


def test_a_strip_is_drawn_to_scale_and_without_what_is_missing() -> None:
    strip = Scale(-0.5, 0.5).strip(0.0, -0.25, NAN)
    assert (strip.low, strip.high, strip.value, strip.mark, strip.zero) == (25, None, 50, None, 50)
    assert Scale.around([0.83, NAN], 0.9, 1.0) == Scale(0.8, 1.0)


def test_a_missing_figure_is_a_dash_and_sorts_last() -> None:
    missing = figure_cell(Interval(NAN, NAN, NAN))
    assert (missing.text, missing.sort) == ("–", "")
    assert difference_cell(Interval(0.1, -0.1, 0.3)).below[0] == "−0.100 to 0.300"


def test_a_table_escapes_all_text_and_keeps_its_order() -> None:
    evil = "<script>alert(1)</script>\u202e"
    table = Table(
        "anchor",
        evil,
        evil,
        [0.5, NAN],
        [
            Column(evil, lambda _: Cell(evil, (evil, ""), alarm=evil, hint=evil)),
            number("Value", lambda value: figure_cell(Interval(value, value, value)), evil),
            strips(lambda value: Scale(0, 1).strip(value, 0, 1, words=evil)),
            Column("Empty", lambda _: ""),
        ],
        filter="things",
    )
    text = drawn(table)
    assert "<script" not in text
    assert "\u202e" not in text
    assert re.findall(r'data-v="([^"]*)"', text) == ["0.5", ""]
    assert text.count("<tr>") == 3
    assert 'data-filter="anchor"' in text
    assert "<td>–</td>" in text

"""Sections of a page: an anchor, a title, and a function that fills a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from markupsafe import Markup

from harness.report.chart import Chart
from harness.report.page_base import environment, trusted

SYNTHETIC = "Clips or detectors are synthetic: their figures say nothing about any published model."
View = TypeVar("View")
Content = Mapping[str, Any]


@dataclass(frozen=True)
class Section(Generic[View]):
    """A section of a page whose content is built from a `View`.

    Parameters
    ----------
    name
        Its anchor; on a page of several models followed by the model's number.
    build
        Returns what the template is filled with, or None where the page has no such section.
        `charts` in it are drawn, and `tables` are those of the default template.
    template
        A file of `harness/report/templates`, or of `harness/report/sections`.
    """

    name: str
    title: str
    build: Callable[[View], Content | None]
    template: str = "section.html.j2"


@dataclass(frozen=True)
class Shown:
    """A rendered section."""

    anchor: str
    title: str
    body: Markup


@dataclass(frozen=True)
class Panel:
    """The sections about one of the page's models."""

    name: str
    sections: list[Shown]


def shown(
    sections: Sequence[Section[View]], view: View, charts: dict[str, Chart], suffix: str = ""
) -> list[Shown]:
    """Render the sections that have content; their charts are added to `charts`."""
    result: list[Shown] = []
    for section in sections:
        content = section.build(view)
        if content is None:
            continue
        charts |= content.get("charts", {})
        template = environment().get_template(section.template)
        anchor = section.name + suffix
        body = trusted(template.render({"anchor": anchor, "charts": {}, **content}))
        result.append(Shown(anchor, section.title, body))
    return result

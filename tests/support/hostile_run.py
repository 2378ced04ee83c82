"""The small run with something hostile behind every text that came from a file or a user."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from harness.claims.published import Published
from harness.report.example import Example
from harness.report.page import render
from harness.results.figures import Summary
from harness.results.record import RunRecord
from tests.support.small_run import METRICS, example, published, record, summary

Value = TypeVar("Value")

PAYLOADS = (
    "<script>document.title='taken'</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    '"><svg onload=alert(4)>',
    "'><a href='javascript:alert(5)' autofocus onfocus=alert(6)>x</a>",
    "</style><style>*{display:none;background:url(http://localhost:9/a)}",
    "</title></table></select></template></textarea><base href=//localhost:9>",
    "<iframe srcdoc='<script>alert(7)</script>'><meta http-equiv=refresh content=0>",
    "<!-- --!> ]]> &lt;script&gt; &#60; {{7*7}} {% include 'x' %} ${alert(8)} `",
    '","data":{"url":"http://localhost:9/a.json"},"href":"javascript:alert(9)',
    "[red]markup[/red][link=http://localhost:9]link[/link] :warning:",
    "\x1b[31m\x1b[2J\x1b]8;;http://localhost:9\x07\x9b31m\x00\x08\r\x7f",
    "\u2028\u2029\u202egnp.wav\u2066\u200f",
    "\ud800\udcff",
    "javascript:alert(10)",
    "=HYPERLINK(0)",
)
HOSTILE = " ".join(PAYLOADS)

# The harness's own words: what they may be is checked before they come near a page.
OWN = {"", "clean", "all", "*", "fake", "real", "lower", "higher", "unstated", "covered"}
OWN |= {"undecided", "excluded", "audio/flac", "finished", *METRICS, "coverage", "f1"}


def spoiled(value: Value) -> Value:
    """The value with every text in it spoiled, the same text always in the same way."""
    found: Any = value
    if isinstance(found, str):
        kind, equals, _ = found.partition("=")
        own = found in OWN or (equals and kind == "length")
        found = found if own else found + HOSTILE
    elif isinstance(found, BaseModel):
        each = {name: spoiled(getattr(found, name)) for name in type(found).model_fields}
        found = found.model_copy(update=each)
    elif is_dataclass(found) and not isinstance(found, type):
        found = replace(
            found, **{one.name: spoiled(getattr(found, one.name)) for one in fields(found)}
        )
    elif isinstance(found, dict):
        found = {spoiled(key): spoiled(each) for key, each in found.items()}
    elif isinstance(found, list | tuple):
        found = type(found)(spoiled(each) for each in found)
    return found


def parts(
    models: tuple[str, ...] = ("someone/detector", "another/model"),
) -> tuple[Summary, RunRecord, Published, list[Example]]:
    run = record(models, finished=None)
    described = run.suite.model_copy(update={"description": "What it is for."})
    models_ = [
        model.model_copy(
            update={
                "revision": "r",
                "digest": "d",
                "architecture": "AST",
                "fake_label": "spoof",
                "notes": ["A note."],
            }
        )
        for model in run.models
    ]
    data = run.data.model_copy(update={"revision": "r"})
    run = run.model_copy(update={"suite": described, "models": models_, "data": data})
    card = published(wording=("Some words.",), contradictions=("It contradicts itself.",))
    return summary(models), run, card, [example(), example(model=models[-1])]


def tame_page() -> str:
    return render(*parts())


def hostile_page() -> str:
    return render(*(spoiled(part) for part in parts()))

"""The report: one HTML file that loads nothing, from figures that are finished.

Everything that a table, a model card or a file name holds is text here: Jinja escapes it, control
characters are spelled out, and JSON inside the page has no `<`. A content security policy allows
the page its own style and scripts by their hashes, pictures and sound from within itself, and
nothing else: text that were taken for markup still could do nothing. For the same reason the
expressions in charts are interpreted, not compiled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.figure import Summary
from harness.place import cache_directory
from harness.published import Published
from harness.record import RunRecord, write_whole
from harness.report import glossary, measurement, number, sentence
from harness.report.against import against
from harness.report.example import Example
from harness.report.heat import LOSS_STEPS
from harness.report.index import Index
from harness.report.limitation import limitations
from harness.report.panel import PARTS, Panel, panel
from harness.report.requirement import requirements
from harness.report.specification import specifications

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare import Comparison
    from harness.verdict import Gate

MOST_BYTES = 3_000_000
MOST_SHORTFALLS = 200


def render(
    summary: Summary,
    record: RunRecord,
    published: Published | None,
    examples: Sequence[Example],
    gate: Gate | None = None,
    comparison: Comparison | None = None,
) -> str:
    """Write the page of one run, in less than `MOST_BYTES` bytes of UTF-8.

    Examples of the worst mistakes and of clips that turned come in the order given as long as there
    is room; the page says how many were left out.

    Parameters
    ----------
    gate
        What the run was held to, for the first section.
    comparison
        With a baseline, for a section on each model. Examples of clips that turned are heard there
        where they are not among the worst mistakes.
    """
    index = Index(summary, record)
    content = _content(index, published) | _judged(index, gate, comparison)
    # A run keeps examples of what turned against one baseline, and may be held against another.
    told = content["mistaken"] | content["flipped"].keys()
    examples = [example for example in examples if example.key in told]
    template = _environment().get_template("page.html.j2")
    bare = template.render(content, examples=[], left_out=len(examples), anchors={})
    room = MOST_BYTES - len(bare.encode("utf-8"))
    fitting: list[Example] = []
    for example in examples:
        if _size(example) <= room:
            room -= _size(example)
            fitting.append(example)
    anchors = {
        example.key: f"example-{place}"
        for place, example in enumerate(fitting)
        if example.key in content["flipped"]
    }
    left_out = len(examples) - len(fitting)
    return template.render(content, examples=fitting, left_out=left_out, anchors=anchors)


def _judged(index: Index, gate: Gate | None, comparison: Comparison | None) -> dict[str, Any]:
    """What the templates of the gate and of the comparison are filled with."""
    told = [] if gate is None else gate.notes
    flips = [] if comparison is None else comparison.flips
    flipped = {(flip.model, flip.condition, flip.clip_id): flip for flip in flips}
    mistakes = {(each.model, each.condition, each.clip_id) for each in index.summary.mistakes}
    return {
        "gate": gate,
        "requirements": None if gate is None else requirements(index, gate),
        "against": {
            model: against(index, model, comparison, told)
            for model in index.models
            if comparison is not None
        },
        "comparison": comparison,
        "flipped": flipped,
        "mistaken": mistakes,
    }


def _size(example: Example) -> int:
    """Bytes that an example takes on the page, rather too many: base64 and its words, escaped."""
    words = len(example.clip_id) + len(example.words) + len(example.model)
    return (len(example.audio) + len(example.spectrogram_png)) * 4 // 3 + 20 * words + 2000


def _content(index: Index, published: Published | None) -> dict[str, Any]:
    """What the templates are filled with, all but the examples."""
    record, summary = index.record, index.summary
    panels = [panel(index, place, published) for place in range(len(index.models))]
    style, script = _asset("style.css"), _asset("script.js")
    return {
        "security": _security([style], [_bundle(), script]),
        "style": _trusted(style),
        "scripts": [_trusted(_bundle()), _trusted(script)],
        "charts": _json({"specs": specifications(), "charts": _charts(panels)}),
        "record": record,
        "threshold": sentence.rule_words(record),
        "summary": summary,
        "tally": summary.tally,
        "missing": sentence.missing_sentence(record, summary.tally),
        "shortfalls": _shortfalls(index),
        "unscored": sentence.POLICIES[summary.policy],
        "contradictions": summary.contradictions,
        "treatments": measurement.treatments(index),
        "titles": measurement.TITLES,
        "index": index,
        "panels": panels,
        "published": published,
        "limitations": limitations(index, published),
        "command": shlex.join(record.command),
        "parts": PARTS,
        "groups": glossary.GROUPS,
        "terms": [t for t in glossary.TERMS if t.metric in index.metrics],
        "steps": LOSS_STEPS,
        "term": glossary.term,
        "interval": number.interval,
        "data_uri": _data_uri,
    }


def _shortfalls(index: Index) -> list[str]:
    minimum = index.record.suite.min_coverage
    return [
        sentence.shortfall_sentence(shortfall, index.words(shortfall.condition), minimum)
        for shortfall in index.summary.shortfalls[:MOST_SHORTFALLS]
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        figure=number.figure,
        signed=number.signed,
        count=number.count,
        probability=number.probability,
        quantity=number.quantity,
    )
    return environment


def _finalize(value: Any) -> Any:
    """What every expression of a template passes through before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return number.visible(value)
    return value


@cache
def _asset(name: str) -> str:
    return (files("harness.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; kept, as making it takes a second."""
    kept = cache_directory() / f"vega-{metadata.version('vl-convert-python')}.js"
    with suppress(OSError, UnicodeError):
        return kept.read_text(encoding="utf-8")
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in script.lower():
        raise RuntimeError("the plotting library's script would end its own element")
    with suppress(OSError):  # a cache that cannot be written costs the second again
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, script)
    return script


def _security(styles: Sequence[str], scripts: Sequence[str]) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            "media-src data:",
            f"style-src {' '.join(map(_hash, styles))}",
            f"script-src {' '.join(map(_hash, scripts))}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"


def _charts(panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        key: {
            "spec": chart.spec,
            "columns": {name: _shown(values) for name, values in chart.columns.items()},
            "params": chart.params,
            "words": number.visible(chart.words),
        }
        for each in panels
        for key, chart in each.charts.items()
    }


def _shown(values: Sequence[Any]) -> list[Any]:
    return [number.visible(value) if isinstance(value, str) else value for value in values]


def _trusted(text: str) -> Markup:
    """Text that is put on the page as it is: the page's own files, and what is encoded for it."""
    return Markup(text)  # noqa: S704


def _json(value: Any) -> Markup:
    """JSON that is inert within a script element, whatever strings it holds."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _trusted(text)


def _data_uri(content: bytes, media_type: str) -> Markup:
    return _trusted(f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}")

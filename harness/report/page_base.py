"""The base of all pages: templates, style, scripts, and the policy that blocks everything else.

Everything that a table, a model card or a file name holds is text here: Jinja escapes it, control
characters are spelled out, and JSON inside the page has no `<`. A content security policy allows
a page its own style and scripts by their hashes, pictures and sound from within itself, and nothing
else: text that were taken for markup still could do nothing. For the same reason the expressions in
charts are interpreted, not compiled.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import formatting
from harness.report.chart import Chart
from harness.storage.cache_dir import cache_directory
from harness.storage.storage import write_whole

FOLDERS = ("templates", "sections", "forensic_sections")
"""Folders of the templates; no two templates have the same name."""


def render_page(
    template: str, charts: Mapping[str, Chart], specs: Mapping[str, Any], **content: Any
) -> str:
    """Write a page that extends `page_base.html.j2`.

    `content` has the sections `before` and `after` all others and the `panels` between, one for
    each model.
    """
    page = environment().get_template(template)
    return page.render(dress(charts, specs) | content)


def dress(charts: Mapping[str, Chart], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a page's head and foot: policy, style, scripts and charts."""
    style, script = asset("style.css"), asset("script.js")
    return {
        "security": security([style], [bundle(), script]),
        "style": trusted(style),
        "scripts": [trusted(bundle()), trusted(script)],
        "charts": inert_json({"specs": specs, "charts": _charts(charts.items())}),
    }


@cache
def environment() -> Environment:
    """Return the templates, in which every expression is escaped and made visible."""
    env = Environment(
        loader=ChoiceLoader([PackageLoader("harness.report", folder) for folder in FOLDERS]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    filters: dict[str, Callable[..., Any]] = {
        "count": formatting.count,
        "data_uri": data_uri,
        "figure": formatting.figure,
        "interval": formatting.interval,
        "probability": formatting.probability,
        "quantity": formatting.quantity,
        "signed": formatting.signed,
    }
    env.filters.update(filters)
    return env


def _finalize(value: Any) -> Any:
    """Make the value of an expression visible before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return formatting.visible(value)
    return value


@cache
def asset(name: str) -> str:
    """Return a file of the templates as text."""
    return (files("harness.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, cached on disk."""
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


def security(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return the policy of a page that has these styles and scripts and nothing else."""
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


def _charts(charts: Iterable[tuple[str, Chart]]) -> dict[str, Any]:
    return {
        key: {
            "spec": chart.spec,
            "columns": {name: _shown(values) for name, values in chart.columns.items()},
            "params": chart.params,
            "words": formatting.visible(chart.words),
        }
        for key, chart in charts
    }


def _shown(values: Sequence[Any]) -> list[Any]:
    return [formatting.visible(value) if isinstance(value, str) else value for value in values]


def trusted(text: str) -> Markup:
    """Mark text as safe: only the page's own files, and what is encoded for it."""
    return Markup(text)  # noqa: S704


def inert_json(value: Any) -> Markup:
    """Return JSON that is inert within a script element, whatever strings it holds."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return trusted(text)


def data_uri(content: bytes, media_type: str) -> Markup:
    """Return content as a URI within the page itself."""
    return trusted(f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}")

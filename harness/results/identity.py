"""Whether two records are of one detector: whatever moves a score is its identity, names are not.

The same weights with another class called fake, another normalisation of the features or another
attention give other scores. Precision, compiling and package versions belong to a run, whose record
has them (`harness.engine.provenance.moved`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from harness.errors import shortened
from harness.results.record import ModelRecord, RunRecord
from harness.seed import canonical, digest

_DIGITS = 12
"""Digits of a digest that are shown."""


def identity_of(model: ModelRecord) -> str:
    """Return a digest of all that moves a score; empty for a record without settings."""
    return digest(_parts(model) | model.settings) if model.settings else ""


def difference(now: ModelRecord, before: ModelRecord) -> str:
    """Describe what moves a score and differs: `fake label fake, now real`.

    Empty where it is the same detector as far as both records tell: one without settings, as up to
    version 3, knows its weights, classes and rate alone.
    """
    if now.digest_of != before.digest_of:
        return f"of kind {before.kind}, now {now.kind}"
    new, old = _parts(now), _parts(before)
    if now.settings and before.settings:
        new, old = new | now.settings, old | before.settings
    moved = [
        name
        for name in dict.fromkeys([*old, *new])
        if name not in new or name not in old or canonical(new[name]) != canonical(old[name])
    ]
    if not moved:
        return ""
    more = f", and {len(moved) - 1} more" if len(moved) > 1 else ""
    return f"{moved[0]} {_shown(old, moved[0])}, now {_shown(new, moved[0])}{more}"


def same_scores(run: RunRecord, baseline: RunRecord, name: str, other: str) -> bool:
    """Whether two runs use one detector alike, so that the same audio has the same scores."""
    now, before = _model(run, name), _model(baseline, other)
    if now is None or before is None or not now.digest or difference(now, before):
        return False
    ways = [(record.machine.precision, record.machine.compiled) for record in (run, baseline)]
    return ways[0] == ways[1]


def flattened(content: Mapping[str, Any], within: str) -> dict[str, Any]:
    """Flatten a JSON object: `{"a": {"b": 1}}` within `config` is `config a.b` 1."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{within} {key}"
        if isinstance(value, dict):
            inner = flattened(cast("dict[str, Any]", value), "")
            flat |= {f"{name}.{rest.strip()}": leaf for rest, leaf in inner.items()}
        else:
            flat[name] = value
    return flat


def _parts(model: ModelRecord) -> dict[str, Any]:
    parts = {
        model.digest_of: model.digest,
        "fake label": model.fake_label,
        **{f"class {index}": name for index, name in model.labels.items()},
        "sampling rate": model.rate_hz,
        "architecture": model.architecture,
    }
    return {name: value for name, value in parts.items() if value}


def _model(record: RunRecord, name: str) -> ModelRecord | None:
    return next((model for model in record.models if model.name == name), None)


def _shown(parts: Mapping[str, Any], name: str) -> str:
    if name not in parts:
        return "not stated"
    value = parts[name]
    if name in ("weights", "source", "file"):
        return str(value)[:_DIGITS]
    return shortened(value if isinstance(value, str) else canonical(value).decode())

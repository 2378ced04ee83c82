"""Whether two records are of one detector: all that moves a score is its identity, names are not.

Weights alone are none: the same weights with another class called fake, another normalisation of
the features or another attention give other scores. Precision and compiling belong to a run, whose
record has them (`harness.engine.provenance.moved`); so do the versions of packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from harness.errors import shortened
from harness.results.record import ModelRecord, RunRecord
from harness.seed import canonical, digest

_DIGITS = 12
"""Of a digest, where it is shown."""


def identity_of(model: ModelRecord) -> str:
    """Digest of all that moves a score; empty in a record from before that was kept."""
    return digest(_parts(model) | model.settings) if model.settings else ""


def difference(now: ModelRecord, before: ModelRecord) -> str:
    """What moves a score and was otherwise, in words: `fake label fake, now real`.

    Empty where it is the same detector as far as both records tell: one from before settings were
    kept knows its weights, classes and rate alone.
    """
    if now.digest_of != before.digest_of:
        return f"of kind {before.kind}, now {now.kind}"
    one, other = _parts(now), _parts(before)
    if now.settings and before.settings:
        one, other = one | now.settings, other | before.settings
    moved = [
        name
        for name in dict.fromkeys([*other, *one])
        if name not in one or name not in other or canonical(one[name]) != canonical(other[name])
    ]
    if not moved:
        return ""
    more = f", and {len(moved) - 1} more" if len(moved) > 1 else ""
    return f"{moved[0]} {_told(other, moved[0])}, now {_told(one, moved[0])}{more}"


def same_scores(run: RunRecord, baseline: RunRecord, name: str, other: str) -> bool:
    """Whether two runs have one detector, used alike: then the same audio has the same scores."""
    now, before = _model(run, name), _model(baseline, other)
    if now is None or before is None or not now.digest or difference(now, before):
        return False
    machines = run.machine, baseline.machine
    ways = [(machine.precision, machine.compiled) for machine in machines]
    return ways[0] == ways[1]


def flattened(content: Mapping[str, Any], within: str) -> dict[str, Any]:
    """A JSON object as one value a name: `{"a": {"b": 1}}` within `config` is `config a.b` 1."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{within} {key}"
        if isinstance(value, dict):
            inner = flattened(cast("dict[str, Any]", value), "")
            found |= {f"{name}.{rest.strip()}": each for rest, each in inner.items()}
        else:
            found[name] = value
    return found


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
    return next((each for each in record.models if each.name == name), None)


def _told(parts: Mapping[str, Any], name: str) -> str:
    if name not in parts:
        return "not stated"
    value = parts[name]
    if name in ("weights", "source", "file"):
        return str(value)[:_DIGITS]
    return shortened(value if isinstance(value, str) else canonical(value).decode())

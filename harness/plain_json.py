"""Strict JSON of results: dataclasses and models as objects, NaN and infinities as null.

JSON has no word for a number that is not finite. All text is plain ASCII, because names may hold
what no encoding has, or what a terminal takes for a command.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel


def plain(value: Any) -> Any:
    """Return the value as `json` writes it: dictionaries, lists, finite numbers and text alone."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "as_posix"):  # paths of disks and of stores
        return str(value)
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return plain(value.tolist())
    raise TypeError(f"no JSON for {type(value).__name__}: {value!r}")


def json_text(value: Any) -> str:
    """Return the text of a JSON file that people read."""
    return json.dumps(plain(value), indent=1, allow_nan=False) + "\n"


def json_lines(content: Mapping[str, Any]) -> str:
    """Return the text of a large JSON object: every item of its lists on a line of its own."""
    parts: list[str] = []
    for name, value in content.items():
        if isinstance(value, list) and value:
            items = ",\n".join(_compact(item) for item in value)
            parts.append(f"{json.dumps(name)}: [\n{items}\n]")
        else:
            parts.append(f"{json.dumps(name)}: {_compact(value)}")
    return "{" + ",\n".join(parts) + "}\n"


def _compact(value: Any) -> str:
    return json.dumps(plain(value), allow_nan=False)

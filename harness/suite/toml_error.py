"""What is said of a TOML file that asks for something unknown or impossible."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.errors import UsageError, shortened

_TAGS = ("number", "table")
"""Names that a union gives its branches: no keys of the file."""


def known_keys(table: Mapping[str, Any], known: list[str], where: str) -> None:
    """Raise UsageError for a key that is none of those known; names the nearest."""
    for key in table:
        if key not in known:
            raise UsageError(f"unknown key {shown(key)}", where, nearest(key, known, "keys"))


def nearest(name: str, known: list[str], what: str) -> str:
    """What to do about an unknown name: take the nearest, else one of them all."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"{what} are {', '.join(known)}"


def refusal(fault: ValidationError, where: str) -> UsageError:
    """The first fault that pydantic found: its key, what is wrong and the value given."""
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    plain = key and isinstance(given, str | int | float | bool)
    told = f" (given {shown(given)})" if plain else ""
    return UsageError(f"{key}: {message}{told}" if key else message, where)


def shown(value: object) -> str:
    """A value as Python writes it, cut to a length that a line bears."""
    return shortened(repr(value))

"""Errors for unknown keys and impossible values in TOML files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.errors import UsageError, closest, shortened

_TAGS = ("number", "table")
"""Tags of unions in pydantic's error locations; they are not keys of the file."""


def known_keys(table: Mapping[str, Any], known: list[str], where: str) -> None:
    """Raise UsageError for an unknown key, with the nearest known one."""
    for key in table:
        if key not in known:
            raise UsageError(f"unknown key {shown(key)}", where, nearest(key, known, "keys"))


def nearest(name: str, known: list[str], what: str) -> str:
    """Advise on an unknown name: suggest the nearest, or else list all."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else f"{what} are {', '.join(known)}"


def refusal(fault: ValidationError, where: str) -> UsageError:
    """The first error that pydantic reports: its key, what is wrong and the value given."""
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    plain = key and isinstance(given, str | int | float | bool)
    number = isinstance(given, float)
    value = f" (given {f'{given:g}' if number else shown(given)})" if plain else ""
    return UsageError(f"{key}: {message}{value}" if key else message, where)


def shown(value: object) -> str:
    """The value's repr, shortened to fit a line."""
    return shortened(repr(value))

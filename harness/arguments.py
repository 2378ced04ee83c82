"""Checks of the arguments of the public functions; what is wrong becomes one line."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from pathlib import Path
from typing import SupportsIndex, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from harness.errors import UsageError, shortened
from harness.storage.storage import place

_LARGEST_SAMPLE = 4.0
"""Samples are between -1 and 1; resampled ones may be a little beyond."""
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "string": "text",
    "literal": "{expected}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
}
"""Expected values of an option, by the beginning of pydantic's word for the fault."""


def invalid_option(fault: ValidationError) -> UsageError:
    """Return the first fault of validated options as a usage error."""
    first = fault.errors()[0]
    word = first["type"]
    kind = word if word in _EXPECTED else word.split("_")[0]
    expected = _EXPECTED.get(kind, "another").format(**first.get("ctx", {}))
    what = f"is {shortened(repr(first['input']))}"
    return UsageError(what, str(first["loc"][0]), f"give {expected}")


def wrong_type(value: object, where: str, fix: str) -> UsageError:
    """Return the fault of an argument that is of another type."""
    return UsageError(f"cannot be of the type {type(value).__name__}", where, fix)


def choice_of(value: object, where: str, known: Sequence[str]) -> None:
    """Refuse a value that is none of the known ones."""
    if value not in known:
        fix = f"give {', '.join(map(repr, known))}"
        raise UsageError(f"is {shortened(repr(value))}", where, fix)


def function_of(value: object, where: str) -> None:
    """Refuse a value that cannot be called."""
    if not callable(value):
        raise wrong_type(value, where, "give a function")


def path_of(value: str | Path, where: str) -> Path:
    """Return a path, also of the URL of a store."""
    if isinstance(value, str):
        return place(value)
    if not hasattr(value, "as_posix"):
        raise wrong_type(value, where, "give a path or a URL")
    return value


def name_of(value: object, where: str) -> str:
    """Return a name, or a path as text."""
    if not isinstance(value, str) and not hasattr(value, "as_posix"):
        raise wrong_type(value, where, "give a name or a path")
    if not str(value):
        raise UsageError("is empty", where, "give a name or a path")
    return str(value)


def whole_number(value: object, where: str, least: int, most: int) -> int:
    """Return a whole number as `int`, whatever its type."""
    try:
        number = -1 if isinstance(value, bool) else index(cast("SupportsIndex", value))
    except TypeError:
        raise wrong_type(value, where, "give a whole number") from None
    if not least <= number <= most:
        raise UsageError(f"is {value}", where, f"give a whole number from {least} to {most}")
    return number


def mono_samples(samples: ArrayLike) -> NDArray[np.float32]:
    """Return samples as float32; integers and what is far above full scale are refused."""
    fix = "give floating-point numbers between -1 and 1, shape (n,)"
    try:
        content = np.asarray(samples)
    except (TypeError, ValueError):
        raise UsageError("are no array of numbers", "samples", fix) from None
    if content.dtype.kind != "f":
        raise UsageError(f"are of the type {content.dtype}", "samples", fix)
    if content.ndim != 1 or not len(content):
        raise UsageError(f"have the shape {content.shape}", "samples", fix)
    peak = float(np.abs(content).max())
    if not peak <= _LARGEST_SAMPLE:
        raise UsageError(f"are as large as {peak:g}", "samples", fix)
    return content.astype(np.float32)

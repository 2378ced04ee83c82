"""Reading a perturbation back from its name.

There is no grammar beside `Perturbation.name`: field values are proposed from the numbers and words
of a text, and those whose own name is that text are the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import product
from typing import Any

from pydantic import ValidationError

from harness.perturb import PERTURBATIONS
from harness.perturb.perturbation import Perturbation

_NUMBER = re.compile(r"(?:(?<!\d)-)?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_MOST_NUMBERS = 5
"""More than any name holds: every one of them is tried in every field."""

_STEP = re.compile(rf"\s+\+\s+|\+(?=(?:perturb=|{'|'.join(PERTURBATIONS)})\b)")


def step_names(name: str) -> list[str]:
    """The parts of a chain's name, one for each step: `a+b`, or `a + b`."""
    return _STEP.split(name)


def kind_of(name: str) -> str:
    """The part of a name that says which perturbation it is: `codec` of `codec:mp3@32k`."""
    return re.split(r"[:@*]", name, maxsplit=1)[0]


def perturbation_of(name: str) -> Perturbation | None:
    """The perturbation with this name (`codec:mp3@32k`); None where no value has it.

    Folders of recordings are not in names, so perturbations that use one are not found.

    Raises
    ------
    ValidationError
        For the name of a perturbation with an impossible value (`crop@0s`).
    """
    perturbation = PERTURBATIONS.get(kind_of(name))
    if perturbation is None or len(_NUMBER.findall(name)) > _MOST_NUMBERS:
        return None
    impossible: ValidationError | None = None
    for values in _proposals(perturbation, name):
        try:
            step = perturbation.model_validate(values)
        except ValidationError as fault:
            if impossible is None and _would_be(perturbation, values, name):
                impossible = fault
            continue
        if step.name == name:
            return step
    if impossible is not None:
        raise impossible
    return None


def _would_be(perturbation: type[Perturbation], values: dict[str, Any], name: str) -> bool:
    """Whether the name is that of values which the perturbation refuses."""
    with suppress(Exception):  # properties expect valid values
        return perturbation.model_construct(**values).name == name
    return False


def _proposals(perturbation: type[Perturbation], name: str) -> Iterator[dict[str, Any]]:
    """Every combination of values for the fields, defaults first."""
    schema = perturbation.model_json_schema()
    needed = schema.get("required", ())
    fields = {key: field for key, field in schema["properties"].items() if key != "perturb"}
    choices = [_values(field, name, key in needed) for key, field in fields.items()]
    for values in product(*choices):
        yield {key: value for key, value in zip(fields, values, strict=True) if value is not None}


def _values(field: dict[str, Any], name: str, needed: bool) -> list[Any]:
    """Values of a field that the name may stand for; None leaves it out."""
    values: list[Any] = [] if needed else [None]
    for option in field.get("anyOf", [field]):
        if "enum" in option:
            values += [v for v in option["enum"] if not needed or str(v) in name]
        elif option["type"] in ("number", "integer"):
            numbers = [Decimal(text) for text in _NUMBER.findall(name)]
            if "%" in name:
                numbers += [number / 100 for number in numbers]
            whole = option["type"] == "integer"
            values += [int(n) if whole else float(n) for n in numbers if not whole or n == int(n)]
    return list(dict.fromkeys(values))

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from harness.plain_json import json_lines, json_text, plain


class Model(BaseModel):
    value: float
    path: Path = Path("a/b")


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    inner: list[Any] = field(default_factory=list[Any])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (-math.inf, None),
        (True, True),
        ((1, "é", None), [1, "é", None]),
        ({0.5: math.inf, "a": {"b": math.nan}}, {"0.5": None, "a": {"b": None}}),
        (Figure("x", math.nan, [Figure("y", 1.5)]), {
            "name": "x", "value": None, "inner": [{"name": "y", "value": 1.5, "inner": []}]
        }),
        (Model(value=math.nan), {"value": None, "path": "a/b"}),
        (Path("a/b"), "a/b"),
        (np.float64(0.1), 0.1),
        (np.float32("nan"), None),
        (np.int64(3), 3),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
    ],
)  # fmt: skip
def test_plain(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert json.loads(json_text(value), parse_constant=pytest.fail) == expected


def test_full_precision_survives() -> None:
    assert json.loads(json_text(np.float64(1 / 3))) == 1 / 3


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        plain(object())


def test_lines_have_an_item_each_and_no_character_beyond_ascii() -> None:
    text = json_lines({"of": "é", "rows": [Figure("a", 1.0), Figure("b", math.nan)], "none": []})
    assert text == (
        '{"of": "\\u00e9",\n"rows": [\n'
        '{"name": "a", "value": 1.0, "inner": []},\n{"name": "b", "value": null, "inner": []}\n'
        '],\n"none": []}\n'
    )

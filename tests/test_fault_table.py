"""The page of faults names tests that there are, and each of its lines names one."""

import ast
import re
from functools import cache

import pytest

from tests.support.paths import ROOT

LINES = [
    line
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| fault |", "| bad input |", "| --- |"))
]


def test_there_is_a_table() -> None:
    assert len(LINES) > 80


@pytest.mark.parametrize("line", LINES)
def test_a_line_names_a_test_that_asserts(line: str) -> None:
    fault, happens, node = (cell.strip() for cell in line.strip("|").split("|"))
    assert fault
    assert happens
    match = re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)(\[(.+)\])?", node)
    assert match, node
    functions = functions_of(match[1])
    assert match[2] in functions, node
    assert asserts(functions[match[2]], functions), node
    if match[4]:  # the value is among the parameters
        assert f'"{match[4]}"' in (ROOT / match[1]).read_text(encoding="utf-8"), node


@cache
def functions_of(file: str) -> dict[str, ast.FunctionDef]:
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def asserts(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether a test asserts, or expects an error, itself or by a helper of its file."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.startswith(("pytest.raises", "pytest.fail", "np.testing.assert_")):
                return True
            helper = functions.get(name)
            if helper is not None and helper is not function and asserts(helper, functions):
                return True
    return False


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", False),
        ("pytest.approx(1)", False),
        ("assert 1", True),
        ("with pytest.raises(E): f()", True),
        ("check()", True),
    ],
)
def test_what_counts_as_asserting(body: str, expected: bool) -> None:
    module = ast.parse(f"def check():\n    assert 1\ndef test():\n    {body}\n")
    check, test = (node for node in module.body if isinstance(node, ast.FunctionDef))
    assert asserts(test, {"check": check, "test": test}) == expected

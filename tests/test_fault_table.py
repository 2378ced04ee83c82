"""The page of faults names tests that there are, and each of its lines names one."""

import ast
import re

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
def test_a_line_names_a_test_that_there_is(line: str) -> None:
    fault, happens, node = (cell.strip() for cell in line.strip("|").split("|"))
    assert fault
    assert happens
    found = re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)(\[(.+)\])?", node)
    assert found, node
    source = (ROOT / found[1]).read_text(encoding="utf-8")
    functions = {each.name for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)}
    assert found[2] in functions
    if found[4]:  # the value is among the parameters
        assert f'"{found[4]}"' in source, node

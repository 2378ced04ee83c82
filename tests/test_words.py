"""Names say what they are, and docstrings say what a function does or returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
VAGUE = {
    "each",
    "one",
    "found",
    "told",
    "heard",
    "made",
    "lacking",
    "asked",
    "said",
    "had",
}
"""Words that name no thing: `row`, `clip` or `interval` does."""
RIDDLES = ("Of ", "That ", "Those ", "What is ", "What are ")
"""How a docstring of a function begins that has to be read twice."""


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The variables and parameters of a module, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


@pytest.mark.parametrize("file", FILES)
def test_names_and_docstrings_are_plain(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert [(line, name) for line, name in names(tree) if name.strip("_") in VAGUE] == []
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    first_lines = [(ast.get_docstring(node) or "").split("\n")[0] for node in functions]
    assert [line for line in first_lines if line.startswith(RIDDLES)] == []

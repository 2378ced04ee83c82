"""Every fault message of `harness/`, collected from the source as it prints, for proofreading.

`{name}` stands for a value and `(a | b)` for alternatives.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

FAULTS = frozenset({"UsageError", "ClipRejected", "ClipError"})


@dataclass(frozen=True)
class Message:
    """One construction of a fault; parts that are not given are empty."""

    module: str
    what: str
    where: str = ""
    fix: str = ""

    @property
    def line(self) -> str:
        """The parts as `UsageError` joins them."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.fix}" if self.fix else line


def messages(root: Path = ROOT / "harness") -> list[Message]:
    """Return the messages of every module, in the order of the source."""
    return [
        message
        for path in sorted(root.rglob("*.py"))
        for message in _of_module(path.read_text(encoding="utf-8"), str(path.relative_to(root)))
    ]


def _of_module(source: str, module: str) -> Iterator[Message]:
    tree = ast.parse(source)
    texts = _named_texts(tree)
    calls: list[ast.Call] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and FAULTS & {ast.unparse(base) for base in node.bases}:
            inner = (call for call in ast.walk(node) if isinstance(call, ast.Call))
            calls += [call for call in inner if ast.unparse(call.func) == "super().__init__"]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in FAULTS:
            calls.append(node)
    for call in sorted(calls, key=lambda call: call.lineno):
        parts = dict(zip(("what", "where", "fix"), call.args, strict=False))
        parts |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        yield Message(module, **{name: _text(part, texts) for name, part in parts.items()})


def _named_texts(tree: ast.AST) -> dict[str, ast.expr]:
    """Return the names that a module assigns once, and a text."""
    values: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id].append(node.value)
    kinds = (ast.Constant, ast.JoinedStr)
    return {
        name: found[0]
        for name, found in values.items()
        if len(found) == 1 and isinstance(found[0], kinds)
    }


def _text(node: ast.expr, texts: Mapping[str, ast.expr]) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value, texts) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, texts) + _text(right, texts)
        case ast.IfExp(body=body, orelse=orelse):
            return f"({_text(body, texts)} | {_text(orelse, texts)})"
        case ast.FormattedValue(value=value):
            return _text(value, texts)
        case ast.Name(id=name) if name in texts:
            return _text(texts[name], {key: text for key, text in texts.items() if key != name})
        case _:
            return f"{{{_value_name(node)}}}"


def _value_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_")
        case ast.Call(func=ast.Name(id="str" | "len" | "repr" | "sorted"), args=[first, *_]):
            return _value_name(first)
        case ast.Call(func=ast.Attribute(attr="join"), args=[first, *_]):
            return _value_name(first)
        case ast.Call(func=func):
            return _value_name(func)
        case ast.Subscript(value=value):
            return _value_name(value)
        case _:
            return "…"


def page() -> str:
    """Return the text of `tests/messages.txt`."""
    sections: dict[str, list[str]] = defaultdict(list)
    for message in messages():
        sections[message.module].append(f"    {message.line}\n")
    head = "Written by `make docs` from the source: every fault message, for proofreading.\n"
    return "\n".join([head, *(f"{name}\n" + "".join(lines) for name, lines in sections.items())])

"""Write the reference pages of `docs/` from the code; `make docs` calls it, a test checks them."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.perturb import PERTURBATIONS, Perturbation

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 90


def command_line() -> str:
    """The help of every command, as one Markdown page."""
    os.environ["COLUMNS"] = str(WIDTH)
    import typer
    from typer.testing import CliRunner

    from harness.cli.main import app

    runner = CliRunner()
    commands: list[tuple[str, ...]] = [()]
    group = typer.main.get_command(app)
    for name, command in sorted(getattr(group, "commands", {}).items()):
        commands.append((name,))
        commands += [(name, inner) for inner in sorted(getattr(command, "commands", {}))]
    parts = ["# Command line\n\nWritten by `make docs` from the commands' own help.\n"]
    for command in commands:
        text = runner.invoke(app, [*command, "--help"], prog_name="harness").stdout
        lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
        parts.append(f"## {' '.join(('harness', *command))}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


def perturbations() -> str:
    """Every perturbation with its fields, ranges and defaults, as one Markdown page."""
    from harness.perturb.coder import CODERS

    parts = [
        "# Perturbations\n\nWritten by `make docs` from the code. In a suite, `perturb` names one "
        "and the fields\nare its keys; a list where a field takes one value sweeps. `harness "
        "perturb --condition` takes\nthe names below, or the fields: "
        "`perturb=codec,codec=mp3,kbps=32`.\n"
    ]
    for name, perturbation in PERTURBATIONS.items():
        examples = [perturbation(**fields) for fields in perturbation.examples]
        parts.append(f"## {perturbation.title}: `{name}`\n\n{_prose(perturbation)}\n")
        properties: dict[str, Any] = perturbation.model_json_schema()["properties"]
        rows = [
            f"| `{field}` | {_values(schema)} | {_default(schema)} |"
            for field, schema in properties.items()
            if field != "perturb"
        ]
        if rows:
            parts.append("\n".join(["| field | values | default |", "| --- | --- | --- |", *rows]))
            parts.append("")
        parts.append("| example | in words |\n| --- | --- |")
        parts += [f"| `{step.name}` | {step.words} |" for step in examples]
        parts.append("")
    parts.append("## What each codec can do\n")
    parts.append("| codec | bit rates |\n| --- | --- |")
    parts += [f"| {coder.title} | {coder.describe_kbps()} |" for coder in CODERS.values()]
    return "\n".join(parts).replace("\n\n\n", "\n\n").rstrip() + "\n"


def architecture() -> str:
    """Every room in its order, with what it does, as one Markdown page."""
    import harness
    from tests.architecture import ROOMS

    root = Path(harness.__file__).parent
    parts = [
        "# Rooms\n\nWritten by `make docs` from the code. A room imports only rooms above it in "
        "this table (`base` first),\nand what is left of the results never imports what is right "
        "of them: `tests/test_architecture.py`\nholds that. `left` opens audio and computes "
        "scores, `right` reads tables, `both` stand over the two.\n",
        "| room | side | what it does |\n| --- | --- | --- |",
    ]
    for room, side in ROOMS.items():
        path = root / room / "__init__.py"
        path = path if path.exists() else root / f"{room}.py"
        summary = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")
        parts.append(f"| `{room}` | {side} | {summary[0]} |")
    return "\n".join(parts) + "\n"


def _prose(perturbation: type) -> str:
    """The docstring, and those of the fields as a list; one may hold for several fields."""
    lines = [inspect.cleandoc(perturbation.__doc__ or ""), ""]
    for kind in reversed(perturbation.__mro__):
        if kind.__module__.startswith("harness.perturb.") and kind is not Perturbation:
            lines += _field_docs(ast.parse(inspect.getsource(kind)).body[0])
    return "\n".join(lines).rstrip()


def _field_docs(kind: ast.stmt) -> Iterator[str]:
    names: list[str] = []
    for node in getattr(kind, "body", ()):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if name != "perturb":
                names.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))) if names:
                yield f"- `{', '.join(names)}`: {' '.join(text.split())}"
                names = []
            case _:
                names = []


def _values(schema: dict[str, Any]) -> str:
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(_one(option) for option in options)


def _one(schema: dict[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    words = {"number": "number", "integer": "whole number", "string": "text"}[schema["type"]]
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in (("≥", low), (">", above), ("≤", high), ("<", below))
        if bound is not None
    ]
    return f"{words} {', '.join(bounds)}".strip()


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "needed"
    return "–" if schema["default"] is None else f"`{schema['default']}`"


PAGES = {
    "architecture.md": architecture,
    "cli.md": command_line,
    "perturbations.md": perturbations,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    from tests import messages

    Path(__file__).with_name("messages.txt").write_text(messages.page(), encoding="utf-8")

"""The rooms of `harness/` in their order, and the import graph that they must keep.

`python -m tests.architecture` prints the graph in numbers; with a path, that of another checkout,
as far as its rooms are known here.
"""

from __future__ import annotations

import argparse
import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

Side = Literal["base", "waist", "left", "right", "both"]

ROOMS: dict[str, Side] = {
    "errors": "base",
    "version": "base",
    "terms": "base",
    "seed": "base",
    "processor": "base",
    "timing": "base",
    "processes": "base",
    "plain_json": "base",
    "storage": "base",
    "metrics": "base",
    "results": "waist",
    "audio": "left",
    "synthesis": "left",
    "perturb": "left",
    "suite": "left",
    "data": "left",
    "detector": "left",
    "training": "left",
    "engine": "left",
    "claims": "right",
    "summary": "right",
    "compare": "right",
    "audit": "right",
    "forensic": "right",
    "leaderboard": "right",
    "report": "right",
    "run": "both",
    "testset": "both",
    "reference": "both",
    "inspect": "both",
    "planning": "both",
    "bundle": "both",
    "arguments": "both",
    "api": "both",
    "cli": "both",
    "__main__": "both",
}
"""From the lowest to the highest. `left` opens audio, `right` reads tables, and neither knows the
other; `both` are above the two."""

Imports = Mapping[str, set[str]]
"""Dotted names of modules below `harness`, each with those that it imports."""


def import_graph(root: Path) -> Imports:
    """Read every import of a package: at the top, inside functions and for types alike."""
    files = {_name(path, root): path for path in sorted(root.rglob("*.py"))}
    return {name: set(_imported(path, root.name, files)) - {name} for name, path in files.items()}


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, package: str, known: Iterable[str]) -> Iterator[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {
                name if name.removeprefix(f"{package}.") in known else node.module
                for name in full.values()
            }
    for name in names:
        if name.split(".")[0] == package:
            yield name.removeprefix(package).removeprefix(".")


def room_of(module: str) -> str:
    """The first part of a module's name; the package itself is a room of no name."""
    return module.split(".")[0]


def room_arrows(imports: Imports) -> dict[tuple[str, str], list[str]]:
    """Return the imports from room to room, as `module -> module`, the package itself aside."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module, targets in imports.items():
        for target in targets:
            rooms = room_of(module), room_of(target)
            if rooms[0] != rooms[1] and all(rooms):
                arrows[rooms].append(f"{module} -> {target}")
    return dict(arrows)


def is_forbidden(importer: str, imported: str) -> bool:
    """Whether an import runs upwards, or across the waist."""
    order = list(ROOMS)
    if order.index(imported) > order.index(importer):
        return True
    return {ROOMS[importer], ROOMS[imported]} == {"left", "right"}


def circles(imports: Imports) -> list[set[str]]:
    """Return the modules that import each other, straight or by way of others (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in imports.get(module, ()):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            place = stack.index(module)
            part = set(stack[place:])
            del stack[place:]
            if len(part) > 1:
                found.append(part)

    for module in imports:
        if module not in index:
            visit(module)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[1])
    root = parser.parse_args().checkout / "harness"
    imports = import_graph(root)
    arrows = room_arrows(imports)
    rooms = {room_of(module) for module in imports if module}
    known = {pair: lines for pair, lines in arrows.items() if set(pair) <= set(ROOMS)}
    forbidden = {pair: lines for pair, lines in known.items() if is_forbidden(*pair)}
    lines = sum(len(path.read_bytes().splitlines()) for path in root.rglob("*.py"))
    print(f"{len(imports)} modules, {lines} lines")
    print(f"{len(rooms)} rooms, {len(rooms - set(ROOMS))} of them not in the table")
    print(f"{len(arrows)} arrows between rooms")
    print(f"{len(forbidden)} of them upwards or across the waist")
    for pair, examples in forbidden.items():
        print(f"    {pair[0]} -> {pair[1]}: {', '.join(sorted(examples))}")
    print(f"{len(circles(imports))} circles of modules")
    for part in circles(imports):
        print(f"    {', '.join(sorted(part))}")


if __name__ == "__main__":
    main()

"""CONTRIBUTING.md is true: its recipes apply and do what they say, its walks name what is there."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.architecture import ROOMS, circles, import_graph, is_forbidden, room_arrows, room_of
from tests.support.paths import ROOT
from tests.support.recipe_trial import git_apply

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Recipe(NamedTuple):
    """A change of the tree, and Python that fails without it."""

    title: str
    diff: str
    check: str


RECIPES = [
    Recipe(*parts)
    for parts in re.findall(
        r"^### (.+?)\n(?:(?!^### )[\s\S])*?```diff\n([\s\S]+?)```[\s\S]*?```python\n([\s\S]+?)```",
        TEXT,
        re.MULTILINE,
    )
]
MOST_FILES = {"A report section": 2, "A perturbation family": 2, "A detector kind": 2}
"""Files of harness/ that a recipe touches, where that is more than one."""


def copied(place: Path) -> Path:
    """A copy of what a run needs of the tree, without its history."""
    names = [
        "harness",
        "suites",
        "reports/policies",
        "reports/published",
        "tests",
        "pyproject.toml",
    ]
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *names]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).is_file():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return place


def test_there_are_six_recipes() -> None:
    assert [recipe.title for recipe in RECIPES] == [
        "A codec",
        "A perturbation family",
        "A metric",
        "A data layout",
        "A detector kind",
        "A report section",
    ]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("contributing"))


@pytest.fixture(scope="module")
def trials(tree: Path) -> dict[str, dict[str, str]]:
    """By title, what the check of a recipe said before and after, and `git apply` between."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.recipe_trial"],
        input=json.dumps([(recipe.diff, recipe.check) for recipe in RECIPES]),
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip([recipe.title for recipe in RECIPES], json.loads(done.stdout), strict=True))


def touched(recipe: Recipe) -> list[str]:
    return re.findall(r"^\+\+\+ b/(harness/\S+)", recipe.diff, re.MULTILINE)


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])
def test_a_recipe_applies_and_does_what_it_says(
    recipe: Recipe, trials: dict[str, dict[str, str]]
) -> None:
    assert 1 <= len(touched(recipe)) <= MOST_FILES.get(recipe.title, 1)
    trial = trials[recipe.title]
    assert trial["before"]
    assert trial["applied"] == trial["after"] == ""


def test_all_recipes_together_keep_the_order_of_the_rooms_and_the_format(
    tree: Path, trials: dict[str, dict[str, str]]
) -> None:
    """An import that runs upwards, or a line that is badly formatted, makes a bad example."""
    assert trials
    for recipe in RECIPES:
        assert git_apply(recipe.diff, cwd=tree) == ""
    imports = import_graph(tree / "harness")
    assert {room_of(module) for module in imports if module} == set(ROOMS)
    assert [pair for pair in room_arrows(imports) if is_forbidden(*pair)] == []
    assert circles(imports) == []
    files = [name for recipe in RECIPES for name in touched(recipe)]
    for command in (("ruff", "format", "--check", *files), ("ruff", "check", *files)):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("title", "most"), [("a clip", 25), ("a score", 15)])
def test_a_walk_names_functions_that_there_are(title: str, most: int) -> None:
    part = TEXT.split(f"## The walk of {title}\n")[1].split("\n## ")[0]
    stops = re.findall(r"^\d+\. `(harness\.[\w.]+)`", part, re.MULTILINE)
    assert 5 <= len(stops) <= most
    for stop in stops:
        assert resolved(stop) is not None


def resolved(name: str) -> Any:
    """The object of a dotted name: a module's function, class, or method."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def test_every_version_that_is_named_is_there() -> None:
    part = TEXT.split("## Versions\n")[1].split("\n## ")[0]
    names = re.findall(r"^\| `(harness\.[\w.]+)`", part, re.MULTILINE)
    assert len(names) >= 5
    for name in names:
        assert isinstance(resolved(name), int), name

"""Every module is in a room, imports run down, none crosses the waist, and there is no circle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from tests.architecture import ROOMS, circles, import_graph, is_forbidden, room_arrows, room_of

ROOT = Path(harness.__file__).parent
IMPORTS = import_graph(ROOT)


def test_every_module_is_in_a_room_and_every_room_is_there() -> None:
    assert {room_of(module) for module in IMPORTS if module} == set(ROOMS)


def test_every_room_says_what_it_does_in_one_sentence() -> None:
    for room in ROOMS:
        if (ROOT / room).is_dir():
            text = (ROOT / room / "__init__.py").read_text(encoding="utf-8")
            assert text.startswith('"""'), room


def test_imports_run_down_and_none_crosses_the_waist() -> None:
    arrows = room_arrows(IMPORTS)
    assert {pair: lines for pair, lines in arrows.items() if is_forbidden(*pair)} == {}


def test_no_module_imports_another_that_imports_it() -> None:
    assert circles(IMPORTS) == []


def test_nobody_imports_the_command_line() -> None:
    importers = {
        room_of(module) for module, names in IMPORTS.items() if "cli" in map(room_of, names)
    }
    assert importers <= {"cli", "__main__"}


@pytest.mark.parametrize(
    ("importer", "imported", "forbidden"),
    [
        ("summary", "results", False),
        ("engine", "results", False),
        ("results", "engine", True),
        ("summary", "audio", True),
        ("audio", "summary", True),
        ("inspect", "audio", False),
        ("report", "inspect", True),
    ],
)
def test_what_is_forbidden(importer: str, imported: str, forbidden: bool) -> None:
    assert is_forbidden(importer, imported) == forbidden


def test_the_graph_counts_late_imports_imports_for_types_and_circles(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from package import b\n    return b\n")
    (package / "b.py").write_text("if False:\n    from package.c import x\n")
    (package / "c.py").write_text("import package.a\nx = 1\n")
    imports = import_graph(package)
    assert imports == {"": set(), "a": {"b"}, "b": {"c"}, "c": {"a"}}
    assert circles(imports) == [{"a", "b", "c"}]
    assert room_arrows(imports)["a", "b"] == ["a -> b"]


LIGHT = tuple(
    f"harness.{module}"
    for module in sorted(IMPORTS)
    if ROOMS.get(room_of(module)) in ("right", "waist")
)
HEAVY = ("torch", "transformers", "datasets", "soundfile", "av")
EXTRA = ("ray", "upath", "s3fs", "aiobotocore")
EACH_IN_TURN = f"""
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    forbidden = {EXTRA} if module == "harness.run" else {HEAVY + EXTRA}
    if loaded := [name for name in forbidden if name in sys.modules]:
        sys.exit(f"{{module}} loads {{', '.join(loaded)}}")
"""


def test_the_right_hand_side_loads_neither_torch_nor_audio_and_no_run_a_cluster() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EACH_IN_TURN, *LIGHT, "harness.cli.main", "harness.run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Imports run one way, from audio to the report; right of the scores table there is no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
MAY_NOT_REACH = {
    "metrics": {""},  # nothing of the project at all
    "report": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "summary": {"engine", "detector", "perturb", "audio", "data", "run", "report", "cli"},
    "expectation": {"engine", "detector", "perturb", "audio", "data", "scores", "suite", "run"},
    "attested": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "report", "cli"},
    "planning/forecast": {
        "engine",
        "detector",
        "audit",
        "perturb",
        "audio",
        "data",
        "run",
        "report",
        "cli",
    },
    "planning/hindsight": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "forensic": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "archive": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "report", "cli"},
    "bundle": {"engine", "detector", "audit", "perturb", "audio", "run", "report", "cli"},
    "case": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "report", "cli"},
    "questioned": {"audit", "data", "run", "cli"},
    "publish": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "audit": {"engine", "detector", "perturb", "audio", "data", "run", "cli"},
    "condition": {"engine", "detector", "data", "scores", "suite", "run", "cli"},
    "history": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "leaderboard": {"engine", "detector", "audit", "perturb", "audio", "data", "run", "cli"},
    "card": {"engine", "detector", "perturb", "audio", "data", "run", "cli"},
    "scores": {"engine", "detector", "perturb", "audio", "data", "suite", "run", "cli"},
    "audio": {"engine", "detector", "perturb", "data", "scores", "suite", "run", "cli"},
    "perturb": {"engine", "detector", "data", "scores", "suite", "run", "cli"},
    "data": {"engine", "detector", "perturb", "scores", "suite", "run", "cli"},
    "detector": {"engine", "perturb", "scores", "suite", "run", "cli"},
    "engine": {"metrics", "report", "publish", "run", "cli"},
}

OPEN_AUDIO = {
    "audit": {
        "property",
        "shortcuts",
        "intervention",
        "fingerprint",
        "leakage",
        "listening",
        "answer_data",
    }
}
"""Modules that may: their question cannot be asked of a table."""


def imported(path: Path) -> set[str]:
    """Dotted names of the project's modules that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("harness.") for name in names if name.split(".")[0] == "harness"}


def parts(name: str) -> list[Path]:
    single = ROOT / f"{name}.py"
    return [single] if single.exists() else sorted((ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("name", MAY_NOT_REACH)
def test_imports_run_one_way(name: str) -> None:
    files = [path for path in parts(name) if path.stem not in OPEN_AUDIO.get(name, set())]
    assert files
    for path in files:
        for target in imported(path):
            top = target.split(".")[0]
            if name == "metrics":
                assert top == "metrics", f"{path.name} imports {target}"
            else:
                assert top not in MAY_NOT_REACH[name], f"{path.name} imports {target}"


def test_nobody_imports_the_command_line() -> None:
    for path in ROOT.rglob("*.py"):
        if path.name not in ("__main__.py", "cli.py") and path.parent.name != "command":
            tops = {name.split(".")[0] for name in imported(path)}
            assert not tops & {"cli", "command"}, path


LIGHT = (
    "harness.cli",
    "harness.publish",
    "harness.suite",
    "harness.audit.labels",
    "harness.audit.flips",
    "harness.audit.answer_run",
    "harness.forensic.publication",
    "harness.bundle",
    "harness.report.case",
    "harness.report.history",
    "harness.report.leaderboard",
    "harness.history.history",
    "harness.leaderboard.leaderboard",
    "harness.planning.hindsight",
    "harness.planning.outlook",
)
EACH_ALONE = """
import importlib, os, sys
import numpy, pandas, pyarrow.parquet, pydantic, scipy.sparse, scipy.special, typer
for module in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(module)
        print(module, *{"torch", "transformers", "datasets"} & set(sys.modules))
        sys.exit()
    os.wait()
"""


def test_light_modules_leave_torch_alone() -> None:
    """Each is the first of the project that its process imports; what they need is there before."""
    done = subprocess.run(
        [sys.executable, "-c", EACH_ALONE, *LIGHT], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == list(LIGHT), done.stderr


@pytest.mark.parametrize("module", ["harness.cli", "harness.run", "harness.publish"])
def test_what_only_a_cluster_needs_waits_until_it_is_asked_for(module: str) -> None:
    extra = ("ray", "upath", "s3fs", "aiobotocore")
    code = f"import {module}, sys; print([name for name in {extra} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

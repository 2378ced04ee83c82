"""Apply diffs to a copy of the tree, and run for each a check that must fail before it.

A process of its own, in the copy: `python -m tests.support.recipe_trial` reads pairs of a diff and
a check as JSON, and writes what came of each. Every check runs in a fork with this tree's modules
still unloaded; the libraries below are loaded once for all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy  # noqa: F401  # pyright: ignore[reportUnusedImport]
import pandas  # noqa: F401  # pyright: ignore[reportUnusedImport]
import scipy.signal  # noqa: F401  # pyright: ignore[reportUnusedImport]
import torchaudio  # noqa: F401  # pyright: ignore[reportUnusedImport]


def fault_of(check: str) -> str:
    """The traceback of a check; empty where it passes."""
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        try:
            exec(compile(check, "check", "exec"), {"__name__": "check"})
        except BaseException:
            os.write(sending, traceback.format_exc()[-4000:].encode())
            os._exit(1)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as file:
        fault = file.read()
    _, status = os.waitpid(child, 0)
    return fault or (f"ended with {status}" if status else "")


def git_apply(diff: str, *options: str, cwd: Path | None = None) -> str:
    """What git says against a diff; empty where it applies."""
    done = subprocess.run(
        ["git", "apply", *options, "-"], input=diff, text=True, capture_output=True, cwd=cwd
    )
    return done.stderr if done.returncode else ""


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr
    results: list[dict[str, str]] = []
    for diff, check in json.load(sys.stdin):
        assert not [name for name in sys.modules if name.split(".")[0] == "harness"]
        before = fault_of(check)
        applied = git_apply(diff)
        after = fault_of(check)
        git_apply(diff, "--reverse")
        results.append({"before": before, "applied": applied, "after": after})
    json.dump(results, out)


if __name__ == "__main__":
    main()

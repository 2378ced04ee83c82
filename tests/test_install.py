"""`install.sh` installs again only where what it installs has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an environment and an installer that writes down its calls."""
    for name in ("install.sh", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "uv").write_text(f"#!/bin/sh\necho call >> {tmp_path}/calls\n")
    (programs / "uv").chmod(0o755)
    return tmp_path


def installs(checkout: Path) -> int:
    calls = checkout / "calls"
    calls.unlink(missing_ok=True)
    subprocess.run(
        ["./install.sh", "requirements.lock", ".venv/.run"],
        cwd=checkout,
        env={**os.environ, "PYTHON": sys.executable, "PATH": f"{checkout}/.venv/bin:/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.mark.parametrize(
    ("name", "before", "after", "again"),
    [
        ("pyproject.toml", "line-length = 100", "line-length = 99", False),
        ("pyproject.toml", '    "pandas",\n', '    "pandas>=2",\n', True),
        ("pyproject.toml", '"reports/policies" =', '"reports/policy" =', True),
        ("requirements.lock", "numpy==", "numpy==0", True),
    ],
)
def test_an_edit_installs_again_only_what_it_changes(
    checkout: Path, name: str, before: str, after: str, again: bool
) -> None:
    assert installs(checkout) == 2
    assert installs(checkout) == 0
    text = (checkout / name).read_text()
    assert before in text
    (checkout / name).write_text(text.replace(before, after, 1))
    assert installs(checkout) == (2 if again else 0)

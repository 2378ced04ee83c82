"""The command line's own promises: its reference is true, it is light, and it says its version."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.pages import PAGES
from tests.support.paths import ROOT


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_pages_are_what_the_code_says(page: str) -> None:
    done = python("-c", f"from tests.pages import PAGES; print(PAGES[{page!r}](), end='')")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / "docs" / page).read_text(encoding="utf-8"), "run make docs"


def test_version_and_unknown_commands() -> None:
    done = python("-m", "harness", "--version")
    assert done.stdout.strip() == version("fake-audio-harness")
    done = python("-m", "harness", "rnu")
    assert done.returncode == 2
    assert "rnu" in done.stderr

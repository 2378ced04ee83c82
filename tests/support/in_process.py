"""The command line called in the test's own process."""

import sys

import pytest

from harness.cli import main


def command(*arguments: str) -> int:
    """Run a command; returns its exit code."""
    before = sys.argv
    sys.argv = ["harness", *arguments]
    try:
        main.main()
        return 0
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before


def harness(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; returns its exit code, stdout and stderr."""
    code = command(*arguments)
    return code, *capsys.readouterr()

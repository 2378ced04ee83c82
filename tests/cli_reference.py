"""Write `docs/cli.md` from the commands' own help; `make docs` calls it, a test checks it."""

from __future__ import annotations

import os
from pathlib import Path

PATH = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 90


def reference() -> str:
    """The help of every command, as one Markdown page."""
    os.environ["COLUMNS"] = str(WIDTH)
    import typer
    from typer.testing import CliRunner

    from harness.cli import app

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


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")

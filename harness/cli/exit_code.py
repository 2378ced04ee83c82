"""How a command ends that has figures to show: the answer, and the gravest of the exit codes."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli.console import print_answer, print_json, print_warnings
from harness.cli.option import EXIT_CONTRADICTED, EXIT_UNSCORED
from harness.errors import printable, refusal

if TYPE_CHECKING:
    from harness.api import Run


def conclude(run: Run, as_json: bool, *, whole: bool = True) -> None:
    """Print what a run came to, written as a report before, and exit with the gravest code.

    2 if audio contradicts its condition, 1 if a gate fails, 3 if the gate is inconclusive or too
    little was scored.
    """
    from harness.compare.verdict import as_plain
    from harness.report.gate_files import as_markdown

    outcome = run.outcome or run.publish()
    lines, tally = run.headline, outcome.summary.tally
    ruling = outcome.ruling
    warnings = outcome.summary.warnings if ruling is None else ruling.gate.warnings
    if not as_json:
        print_warnings(warnings)
    if ruling is None and outcome.withdrawn:
        gone = f"{', '.join(outcome.withdrawn)}: removed, as this report shows no gate"
        print(  # noqa: T201
            f"harness: {printable(f'{gone}; harness gate {outcome.folder} writes them again')}",
            file=sys.stderr,
        )
    if as_json:
        print_json(
            {
                "warnings": [asdict(warning) for warning in warnings],
                "run": str(outcome.folder),
                "report": str(outcome.report),
                "counts": outcome.record.counts.model_dump(),
                "rows": {"owed": tally.owed, "missing": tally.missing},
                "unscored": outcome.summary.policy,
                "contradictions": [asdict(each) for each in outcome.summary.contradictions],
                "shortfalls": [asdict(shortfall) for shortfall in outcome.summary.shortfalls],
                "audio_notes": [asdict(each) for each in outcome.summary.audio_notes],
                "headline": [asdict(line) for line in lines],
                "gate": None if ruling is None else as_plain(ruling.gate),
            }
        )
    elif whole:
        print_answer(outcome, lines)
    if ruling is not None:
        if not as_json:
            from harness.cli.gate_table import print_gate

            print_gate(ruling.gate)
        if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
            _append(Path(summary_file), as_markdown(ruling.gate) + "\n")
    for contradiction in outcome.summary.contradictions:
        print(f"harness: {printable(contradiction.line)}", file=sys.stderr)  # noqa: T201
    if outcome.summary.contradictions:
        raise typer.Exit(EXIT_CONTRADICTED)
    if ruling is not None and ruling.gate.exit_code:
        raise typer.Exit(ruling.gate.exit_code)
    if outcome.summary.shortfalls:
        raise typer.Exit(EXIT_UNSCORED)


def _append(path: Path, text: str) -> None:
    """Add to the summary of a CI job, which never costs the verdict."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as fault:
        print(f"harness: {refusal(fault, str(path))}", file=sys.stderr)  # noqa: T201

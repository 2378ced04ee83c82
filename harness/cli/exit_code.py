"""Exit codes, and the end of commands that show figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli.console import complain, print_answer, print_json, print_warnings
from harness.errors import refusal

if TYPE_CHECKING:
    from harness.api import Run

EXIT_FOUND = 1
EXIT_REFUSED = 2
EXIT_CONTRADICTED = 2
EXIT_UNSCORED = 3
EXIT_INTERRUPTED = 130


def conclude(run: Run, as_json: bool, *, whole: bool = True) -> None:
    """Print the results of a run whose report is written, and exit with the gravest code.

    2 if audio contradicts its condition, 1 if a gate fails, 3 if the gate is inconclusive or too
    little was scored.
    """
    outcome = run.outcome or run.publish()
    summary, gate = outcome.summary, run.gate
    if as_json:
        print_json(_content(run))
    else:
        print_warnings(gate.gate.warnings if gate else summary.warnings)
    if gate is None and outcome.withdrawn:
        complain(
            f"{', '.join(outcome.withdrawn)}: removed, because this report has no gate; "
            f"harness gate {run.folder} writes them again"
        )
    if whole and not as_json:
        print_answer(outcome, run.headline)
    if gate is not None:
        from harness.report.gate_files import as_markdown

        if not as_json:
            from harness.cli.gate_table import print_gate

            print_gate(gate.gate)
        if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
            _append(Path(summary_file), as_markdown(gate.gate) + "\n")
    for contradiction in summary.contradictions:
        complain(contradiction.line)
    if summary.contradictions:
        raise typer.Exit(EXIT_CONTRADICTED)
    if gate is not None and gate.exit_code:
        raise typer.Exit(gate.exit_code)
    if summary.shortfalls:
        raise typer.Exit(EXIT_UNSCORED)


def _content(run: Run) -> dict[str, object]:
    from harness.compare.verdict import as_plain

    summary, gate = run.summary, run.gate
    return {
        "warnings": gate.gate.warnings if gate else summary.warnings,
        "run": run.folder,
        "report": run.folder / "report.html",
        "counts": run.record.counts,
        "rows": {"owed": summary.tally.owed, "missing": summary.tally.missing},
        "unscored": summary.policy,
        "contradictions": summary.contradictions,
        "shortfalls": summary.shortfalls,
        "audio_notes": summary.audio_notes,
        "headline": run.headline,
        "gate": as_plain(gate.gate) if gate else None,
    }


def _append(path: Path, text: str) -> None:
    """Add to the summary of a CI job; a fault there does not change the exit code."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as fault:
        complain(str(refusal(fault, str(path))))

"""Writer of `forensic.json` and `forensic.html` in a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.forensic.analysis import Forensic, ForensicOptions, forensic, forensic_json
from harness.storage.storage import write_whole

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder


def publish_forensic(
    run: RunFolder, development: RunFolder | None = None, options: ForensicOptions | None = None
) -> tuple[Forensic, Path]:
    """Compute and write both; return the figures and the path of the page.

    Raises
    ------
    UsageError
        As `forensic`.
    """
    from harness.report.forensic import render_forensic  # charts are slow to import

    content = forensic(run, development, options or ForensicOptions())
    write_whole(run.folder / "forensic.json", forensic_json(content))
    path = run.folder / "forensic.html"
    write_whole(path, render_forensic(content, run.record))
    return content, path

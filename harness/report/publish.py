"""Writer of `metrics.json` and `report.html` from a finished table, without audio or torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.claims.published import Published, published_for
from harness.compare.gate import Ruling
from harness.results.figures import Summary
from harness.results.record import RunRecord, read_record, write_record
from harness.results.run_folder import RunFolder
from harness.storage.storage import names, remove, write_whole
from harness.summary.summary import metrics_json


@dataclass(frozen=True)
class Outcome:
    """A finished run and what was published of it."""

    run: RunFolder
    summary: Summary
    published: Published
    report: Path
    ruling: Ruling | None = None
    withdrawn: tuple[str, ...] = ()
    """Files of an earlier gate that were removed together with its report."""

    @property
    def folder(self) -> Path:
        return self.run.folder

    @property
    def record(self) -> RunRecord:
        return self.run.record


def publish(run: RunFolder, summary: Summary, ruling: Ruling | None = None) -> Outcome:
    """Write `metrics.json` and `report.html` into the run directory.

    The record is written as well where it did not have the policy that these figures have. The
    result of a gate goes into `gate.json`, `junit.xml` and `gate.md`, its comparison into
    `comparison.json`; without a gate, those of an earlier one are removed.
    """
    from harness.report.example import read_examples  # charts are slow to import
    from harness.report.page import render

    if read_record(run.folder).suite.unscored != run.record.suite.unscored:
        write_record(run.record, run.folder)
    write_whole(run.folder / "metrics.json", metrics_json(summary))
    path = run.folder / "report.html"
    gate, comparison = (None, None) if ruling is None else (ruling.gate, ruling.comparison)
    published, examples = published_for(run), read_examples(run.folder)
    page = render(summary, run.record, published, examples, gate, comparison)
    write_whole(path, page)
    withdrawn = _write_ruling(run.folder, ruling)
    return Outcome(run, summary, published, path, ruling, withdrawn)


def _write_ruling(folder: Path, ruling: Ruling | None) -> tuple[str, ...]:
    """Write the files of a gate; without a gate, remove those of an earlier one.

    Returns the names of those of an earlier gate that were removed.
    """
    forms = dict.fromkeys(("gate.json", "junit.xml", "gate.md", "comparison.json"), "")
    if ruling is not None:
        from harness.compare.compare import comparison_json
        from harness.report.gate_files import as_json, as_junit, as_markdown

        forms["gate.json"] = as_json(ruling.gate)
        forms["junit.xml"] = as_junit(ruling.gate)
        forms["gate.md"] = as_markdown(ruling.gate)
        if ruling.comparison is not None:
            forms["comparison.json"] = comparison_json(ruling.comparison)
    present = names(folder)
    withdrawn = tuple(name for name in forms if not forms[name] and name in present)
    for name in withdrawn:
        remove(folder / name)
    for name, text in forms.items():
        if text:
            write_whole(folder / name, text)
    return withdrawn

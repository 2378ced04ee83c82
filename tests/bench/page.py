"""Write benchmark results into pages of docs, between markers; the prose stays.

`python -m tests.bench.page FILE...` takes results that another machine wrote as JSON.

A block is `<!-- NAME -->` to `<!-- /NAME -->`. A benchmark that was not run, or failed, leaves its
block unchanged; every table has its machine and day.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from harness.processor import usable_processors

_DOCS = Path(__file__).parents[2] / "docs"
PAGE, SCALE_PAGE = _DOCS / "speed.md", _DOCS / "scale.md"

Targets = Mapping[str, tuple[str, str]]
"""Measured quantity and its target, by the target's name in sheets."""

TARGETS = {
    "clean": ("clean suite, CPU", "≥ 2 × the card's loop, ≥ 1.5 × the pipeline"),
    "release": ("release suite cold, CPU", "≥ 4 × the loop with audiomentations and ffmpeg"),
    "codec": ("codec round trip", "≥ 3 × ffmpeg; ≤ 1.2 × the codec's floor"),
    "workers": ("two workers against one, prepare-bound", "≥ 1.8 ×"),
    "second": ("second model, warm cache: preparing", "≤ 5 % of wall time"),
    "features": ("features, CPU, one thread", "≥ 2.5 × the extractor"),
    "metrics": ("metrics: 1 M scores × 2,000 resamples", "< 60 s, < 4 GiB; report < 15 s"),
    "memory": ("memory of a run, 10,000 clips against 1,000", "≤ 1.2 ×"),
    "start": ("start-up: `harness --help`; `harness report`", "< 0.3 s; < 2 s"),
    "forward": ("H100 or H200, full AST, bf16: forward", "≥ 50 % of the matrix rate"),
    "end_to_end": ("H100 or H200, full AST, bf16: end to end", "≥ 90 % of forward alone"),
    "gpu_loop": ("H100 or H200, full AST, bf16: against the card's loop", "≥ 15 ×"),
}
SCALE_TARGETS = {
    "nodes": ("release suite on two nodes, against one machine", "same table, scores within 1e-4"),
    "lost": ("the same with one node killed in the middle", "same table; the time lost reported"),
    "efficiency": ("two single-core workers against one, prepare-bound", "efficiency ≥ 0.85"),
    "overhead": ("Ray against the local engine, run of 5 minutes or more", "≤ 15 % longer"),
    "flat": ("memory of a cluster run, 20,000 clips against 2,000", "≤ 1.2 ×"),
}
_PACKAGES = ("torch", "transformers", "numpy", "av", "soundfile", "audiomentations", "ray")
_UNMEASURED = "not measured"
_MET = {True: "yes", False: "**no**", None: "–"}


def write(
    sheets: Sequence[Mapping[str, Any]],
    page: Path = PAGE,
    where: str = "",
    targets: Targets = TARGETS,
) -> None:
    """Replace the blocks of these sheets, and their lines of the table of targets.

    `where` is the machine and day of the measurements; by default this machine and today.
    """
    text = page.read_text(encoding="utf-8")
    where = where or machine()
    known = _known_targets(text, targets)
    for sheet in sheets:
        if sheet.get("rows"):
            text = _replaced(text, str(sheet["section"]), _block(sheet, where))
        known.update(
            {name: (one["measured"], _MET[one["met"]]) for name, one in sheet["targets"].items()}
        )
    page.write_text(_replaced(text, "targets", _targets(known, targets)), encoding="utf-8")


def machine(device: str = "") -> str:
    """Processor, cores, memory, versions and day."""
    import psutil

    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    installed = packages_distributions()
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES if name in installed)
    parts = [
        device,
        _processor(),
        f"{usable_processors()} cores",
        memory,
        f"Python {platform.python_version()}",
    ]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return ", ".join(part for part in [*parts, packages, day] if part)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = dict(
            re.split(r"\s*:\s*", line, maxsplit=1)
            for line in information.read_text().splitlines()
            if ":" in line
        )
        model = f"model {found['model']}" if found.get("model", "").isdigit() else ""
        return " ".join(f"{found.get('model name', platform.machine())} {model}".split())
    return platform.processor() or platform.machine()


def _block(sheet: Mapping[str, Any], where: str) -> str:
    notes = " ".join(sheet["notes"])
    parts = [table(sheet["head"], sheet["rows"]), notes, f"<sub>{where}</sub>"]
    return "\n\n".join(part for part in parts if part)


def _targets(known: Mapping[str, tuple[str, str]], targets: Targets) -> str:
    rows = [
        [what, target, *known.get(name, (_UNMEASURED, _MET[None]))]
        for name, (what, target) in targets.items()
    ]
    lines = table(["what", "target", "measured", "met"], rows).splitlines()
    lines[1] = "| --- | --- | --- | --- |"
    return "\n".join(lines)


def _known_targets(text: str, targets: Targets) -> dict[str, tuple[str, str]]:
    """The targets on the page."""
    names = {what: name for name, (what, _) in targets.items()}
    return {names[cells[0]]: (cells[2], cells[3]) for cells in _cells(text) if cells[0] in names}


def _cells(text: str) -> Iterator[list[str]]:
    for line in _inside(text, "targets").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4:
            yield cells


def _inside(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no block {name}: write <!-- {name} --><!-- /{name} -->")
    return found[1]


def _replaced(text: str, name: str, block: str) -> str:
    old = _inside(text, name)
    around = f"<!-- {name} -->{{}}<!-- /{name} -->"
    return text.replace(around.format(old), around.format(f"\n{block}\n"))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
        write([content], where=content["machine"])

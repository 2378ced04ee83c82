"""Start-up: the command line's help, and a report, which needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench import ours
from tests.bench.contest import Sheet, seconds, take_turns
from tests.bench.process import child

ROUNDS = 7
_LOADED = """
import sys
sys.argv = ["harness", "report", {folder!r}, "--json"]
from harness.cli.main import main
try:
    main()
finally:
    print(sorted({{"torch", "transformers", "av"}} & set(sys.modules)), file=sys.stderr)
    assert "torch" not in sys.modules
"""


def test_start(benchmark: Any, sheet: Sheet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = ours.score(run, suite="release", limit=20, device="cpu")
    # Python keeps compiled modules unless it is told not to; then every start compiles them.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
    contenders = {
        "help": lambda: child(["-m", "harness", "--help"], **compiled).seconds,
        "report": lambda: child(["-m", "harness", "report", str(run)], **compiled).seconds,
    }
    contest = take_turns(benchmark, contenders, ROUNDS)
    child(["-c", _LOADED.format(folder=str(run))], **compiled)
    sheet.head = ["command", "from start to end"]
    sheet.rows = [
        ["`harness --help`", contest.spread("help")],
        ["`harness report`", contest.spread("report")],
    ]
    sheet.notes.append(
        f"The report is of a run of {done.scores} scores. Modules are compiled already, as Python "
        "keeps them; torch is not among what a report loads."
    )
    shown, reported = contest.median("help"), contest.median("report")
    measured = f"{seconds(shown)}; {seconds(reported)}"
    sheet.target("start", measured, shown < 0.3 and reported < 2)
    json.loads((run / "metrics.json").read_text())

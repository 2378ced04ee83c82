"""Workers: two against one where preparing is all the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench import ours
from tests.bench.contest import Sheet, take_turns, times

ROUNDS = 2
CLIPS = 60


def test_workers(benchmark: Any, sheet: Sheet, tmp_path: Path, cores: int) -> None:
    if cores < 2:
        pytest.skip("one processor")
    codecs = str(ours.codec_suite(tmp_path / "codecs.toml"))

    def with_workers(count: int) -> float:
        return ours.score(
            tmp_path / "run", suite=codecs, limit=CLIPS, models=(ours.CHEAP,), workers=count
        ).scoring

    contest = take_turns(
        benchmark, {"one": lambda: with_workers(1), "two": lambda: with_workers(2)}, ROUNDS
    )
    ratio = contest.ratio("one", "two")
    sheet.head = ["workers", f"{CLIPS} clips under every codec", ""]
    sheet.rows = [
        ["1", contest.spread("one"), times(ratio)],
        ["2", contest.spread("two"), "1 ×"],
    ]
    sheet.notes.append(f"{cores} processors, of which the scoring process takes its share too.")
    sheet.target("workers", times(ratio), ratio >= 1.8)

"""The same run on a processor and on a GPU: scores, verdicts and time by stage.

`python -m tests.bench.devices [--device cuda|cpu] [--limit N] [--json FILE]` runs `smoke` on the
embedded corpus, once on the processor in float32 and once in each precision of the device.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from harness.results.scores import read_scores
from tests.bench import ours
from tests.bench.contest import Sheet
from tests.bench.page import machine, table, write
from tests.support.small_model import save_card_ast

HEAD = [
    "detector, device, precision",
    "rows",
    "rows/s",
    "device busy",
    "largest difference in log-odds",
    "verdicts that differ",
]


def main() -> None:
    parser = argparse.ArgumentParser(description="one run on two devices")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--limit", type=int, help="clips")
    parser.add_argument("--json", type=Path, default=Path("devices.json"))
    parser.add_argument("--page", action="store_true", help="write the table to docs/speed.md")
    options = parser.parse_args()
    sheet = Sheet("devices", HEAD)
    precisions = ("float32", "tf32", "fp16", "bf16") if options.device != "cpu" else ("float32",)
    with tempfile.TemporaryDirectory() as folder:
        run = _Runs(Path(folder), options.limit)
        own = run.score("embedded", "cpu", "float32")
        sheet.rows.append(_row("embedded, cpu, float32", own, own))
        for precision in precisions:
            words = f"embedded, {options.device}, {precision}"
            _add(sheet, options.json, words, run.score("embedded", options.device, precision), own)
        # Too slow for a processor: others are compared with float32 on the same device.
        if options.device != "cpu":
            full = str(save_card_ast(Path(folder) / "full-ast"))
            exact = run.score(full, options.device, "float32")
            _add(sheet, options.json, f"full-size AST, {options.device}, float32", exact, exact)
            for precision in ("bf16", "fp16"):
                words = f"full-size AST, {options.device}, {precision}"
                _add(sheet, options.json, words, run.score(full, options.device, precision), exact)
    print(f"\n{table(sheet.head, sheet.rows)}")
    if options.page:
        write([asdict(sheet)])


class _Runs:
    def __init__(self, folder: Path, limit: int | None) -> None:
        self._folder, self._limit, self._count = folder, limit, 0

    def score(self, model: str, device: str, precision: str) -> ours.Done:
        self._count += 1
        options: dict[str, Any] = {"suite": "smoke", "models": (model,), "device": device}
        out = self._folder / f"run-{self._count}"
        return ours.score(out, precision=precision, limit=self._limit, **options)


def _add(sheet: Sheet, path: Path, words: str, done: ours.Done, against: ours.Done) -> None:
    """Add and write a row at once, so that one that never ends loses no other."""
    sheet.rows.append(_row(words, done, against))
    part, check = done.outcome.record.parts[-1], done.outcome.record.self_checks
    print("  ".join(sheet.rows[-1]), flush=True)
    for line in (part.scoring_seconds, part.preparing_seconds, part.tried, part.notes, check):
        print(f"    {line}", flush=True)
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    content = {"machine": machine(name), **asdict(sheet)}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _row(words: str, done: ours.Done, against: ours.Done) -> list[str]:
    key = ["clip_id", "condition"]
    tables = [read_scores(Path(str(one.outcome.folder))).set_index(key) for one in (done, against)]
    some, others = (table[table.status == "ok"].score for table in tables)
    if not some.index.equals(others.index):
        raise SystemExit(f"{words}: not the same rows were scored as in the first run")
    both = pd.DataFrame({"some": some, "others": others})
    spent = done.outcome.record.parts[-1].scoring_seconds
    busy = sum(spent.get(stage, 0.0) for stage in ("features", "forward"))
    return [
        words,
        f"{done.scores}",
        f"{done.scores / done.scoring:.0f}",
        f"{100 * busy / done.scoring:.0f} %" if "cuda" in words else "",
        f"{(both.some - both.others).abs().max():.2g}",
        f"{((both.some >= 0) != (both.others >= 0)).sum()}",
    ]


if __name__ == "__main__":
    main()

"""A full-size AST on this machine's processor, relative to its rate of matrix products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from harness.audio.wave import Wave
from harness.detector.source import open_detector
from tests.bench import full, rival
from tests.bench.contest import Sheet, take_turns, times
from tests.support.small_model import save_card_ast

ROUNDS = 3
CLIPS = 2


def test_full(benchmark: Any, sheet: Sheet, tmp_path: Path, cores: int) -> None:
    torch.set_num_threads(cores)
    folder = save_card_ast(tmp_path / "ast")
    detector: Any = open_detector(str(folder), device="cpu")
    card = rival.CardLoop(folder)
    clips = full.noise(CLIPS)
    waves = [Wave(clip, 16000) for clip in clips]
    flops = full.counted_flops(card.model)
    rates: list[float] = []

    contest = take_turns(
        benchmark,
        {
            "rate": lambda: rates.append(full.matrix_rate(torch.device("cpu"), torch.float32)),
            "ours": lambda: detector.score(waves),
            "loop": lambda: [card.score(clip, 16000) for clip in clips],
        },
        ROUNDS,
    )
    rate = sorted(rates)[len(rates) // 2]
    sheet.head = ["", "clips/s", "GFLOP/s", "share of the matrix rate"]
    for name, words in (("ours", f"harness, batch {CLIPS}"), ("loop", "the card's loop")):
        per_second = CLIPS / contest.median(name)
        done = per_second * flops
        row = [words, f"{per_second:.2f}", f"{done / 1e9:.0f}", f"{100 * done / rate:.0f} %"]
        sheet.rows.append(row)
    sheet.rows.append(["float32 matrix product", "", f"{rate / 1e9:.0f}", "100 %"])
    sheet.notes.append(
        f"{flops / 1e9:.0f} GFLOP a clip, counted; features included in both rows; "
        f"the loop takes {times(contest.ratio('loop', 'ours'))} as long as ours."
    )

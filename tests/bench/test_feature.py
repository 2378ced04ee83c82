"""Log-mel features: a batch at once against the model's own extractor."""

from __future__ import annotations

from typing import Any

import torch

from harness.detector.frontend import LogMel
from tests.bench import full
from tests.bench.contest import Sheet, take_turns, times

ROUNDS = 9
CLIPS = 64


def test_features(benchmark: Any, sheet: Sheet) -> None:
    from transformers import ASTFeatureExtractor

    torch.set_num_threads(1)
    extractor = ASTFeatureExtractor()
    clips = full.noise(CLIPS)
    log_mel = LogMel(extractor, torch.device("cpu"))

    def ours(size: int) -> None:
        for start in range(0, CLIPS, size):
            log_mel(clips[start : start + size])

    def one_by_one() -> None:
        for clip in clips:
            extractor(clip, sampling_rate=16000, return_tensors="pt")

    def in_lists() -> None:
        for start in range(0, CLIPS, 8):
            extractor(clips[start : start + 8], sampling_rate=16000, return_tensors="pt")

    known = extractor(clips[0], sampling_rate=16000, return_tensors="pt")["input_values"]
    assert float((log_mel(clips[:1]) - known).abs().max()) < 1e-4
    contest = take_turns(
        benchmark,
        {
            "ours": lambda: ours(8),
            "alone": lambda: ours(1),
            "extractor": one_by_one,
            "lists": in_lists,
        },
        ROUNDS,
    )
    sheet.head = ["", f"{CLIPS} clips of {full.SECONDS} s", "clips/s", "times as long as ours"]
    for name, words in (
        ("ours", "batched, 8 clips at a time"),
        ("alone", "the same code, 1 clip at a time"),
        ("extractor", "ASTFeatureExtractor, clip by clip"),
        ("lists", "ASTFeatureExtractor, lists of 8"),
    ):
        rate = CLIPS / contest.median(name)
        sheet.rows.append(
            [words, contest.spread(name), f"{rate:.0f}", times(contest.ratio(name, "ours"))]
        )
    ratio = contest.ratio("extractor", "ours")
    sheet.notes.append("One thread. The values differ by at most 1e-4.")
    sheet.target("features", times(ratio), ratio >= 2.5)

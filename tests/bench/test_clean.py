"""Clean clips, from files to scores, with the detector that the harness brings along."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.reference import DETECTOR
from tests.bench import ours, rival
from tests.bench.contest import Sheet, seconds, take_turns, times

ROUNDS = 5
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
SEARCHED = 64


def test_clean(benchmark: Any, sheet: Sheet, folder: Path, tmp_path: Path, cores: int) -> None:
    paths = sorted(folder.rglob("*.flac"))
    card, pipe = rival.CardLoop(DETECTOR), rival.make_pipeline(DETECTOR)
    torch.set_num_threads(cores)
    best = _best_batch_size(pipe, paths[:SEARCHED])
    whole: list[float] = []
    found: dict[str, dict[str, float]] = {}

    def harness() -> float:
        done = ours.score(tmp_path / "run", suite="heldout", data=str(folder), device="cpu")
        whole.append(done.seconds)
        found["ours"] = _scores(done)
        return done.scoring

    def loop() -> None:
        torch.set_num_threads(cores)
        answers = rival.each(paths, card.score_file)
        found["loop"] = _named(paths, answers)

    def pipeline() -> None:
        torch.set_num_threads(cores)
        answers = rival.pipeline_scores(pipe, paths, best)
        found["pipeline"] = _named(paths, answers)

    contest = take_turns(benchmark, {"ours": harness, "loop": loop, "pipeline": pipeline}, ROUNDS)
    for other in ("loop", "pipeline"):
        assert _furthest(found["ours"], found[other]) < 0.01, f"{other} scores something else"

    names = {
        "ours": "harness run, scoring",
        "loop": "the card's loop",
        "pipeline": f"transformers.pipeline, batch {best}",
    }
    sheet.head = ["", f"{len(paths)} clips", "clips/s", "times as long as ours"]
    for name, words in names.items():
        rate = len(paths) / contest.median(name)
        row = [words, contest.spread(name), f"{rate:.0f}", times(contest.ratio(name, "ours"))]
        sheet.rows.append(row)
    middle = sorted(whole[1:])[len(whole[1:]) // 2]
    sheet.rows.append(["harness run, everything", seconds(middle), "", ""])
    sheet.notes.append(
        "Scores agree within 0.01 of log-odds. Batch sizes tried for the pipeline: "
        + ", ".join(map(str, BATCH_SIZES))
        + ". Loading of the model is in none but the last, which also has the imports of the "
        "workers, the figures and the report."
    )
    by_loop, by_pipeline = contest.ratio("loop", "ours"), contest.ratio("pipeline", "ours")
    sheet.target(
        "clean",
        f"{times(by_loop)} the loop, {times(by_pipeline)} the pipeline",
        by_loop >= 2 and by_pipeline >= 1.5,
    )


def _best_batch_size(pipe: Any, paths: list[Path]) -> int:
    from time import perf_counter

    took: dict[int, float] = dict.fromkeys(BATCH_SIZES, math.inf)
    for _ in range(2):
        for size in BATCH_SIZES:
            began = perf_counter()
            rival.pipeline_scores(pipe, paths, size)
            took[size] = min(took[size], perf_counter() - began)
    return min(took, key=lambda size: took[size])


def _scores(done: ours.Done) -> dict[str, float]:
    from harness.results.scores import read_scores

    table = read_scores(done.outcome.folder)
    return dict(zip(table["clip_id"], table["score"], strict=True))


def _named(paths: list[Path], p_fake: list[float]) -> dict[str, float]:
    odds = np.array(p_fake, np.float64)
    logit = partial(np.clip, a_min=-12.0, a_max=12.0)  # what is left of float32 beyond is noise
    with np.errstate(divide="ignore"):
        scores = logit(np.log(odds) - np.log1p(-odds))
    ids = [f"{path.parent.name}/{path.name}" for path in paths]
    return dict(zip(ids, scores.tolist(), strict=True))


def _furthest(ours_: dict[str, float], theirs: dict[str, float]) -> float:
    """Largest difference of log-odds where a probability in float32 has digits for it."""
    known = [name for name in ours_ if abs(ours_[name]) < 6]
    return max(abs(ours_[name] - theirs[name]) for name in known)

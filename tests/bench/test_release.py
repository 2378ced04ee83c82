"""Perturbed clips: runs of the release suite against a loop with audiomentations and ffmpeg."""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from harness.perturb.codec import Codec
from harness.reference import DETECTOR
from harness.suite.condition import Condition
from harness.suite.suite import load_suite
from tests.bench import ours, rival
from tests.bench.contest import Sheet, Times, seconds, take_turns, times
from tests.bench.rival import Transform

ROUNDS = 2
CLIPS = 30
CACHE_GB = 1.0


def test_release(
    benchmark: Any,
    sheet: Sheet,
    recordings: list[Path],
    tmp_path: Path,
    cores: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _sample(recordings, tmp_path / "clips")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    known = _equivalents(tmp_path)
    suite = str(ours.suite_of(known, tmp_path / "some.toml"))
    paths = sorted(data.rglob("*.flac"))
    card = rival.CardLoop(DETECTOR)
    shared: dict[str, Any] = {"suite": suite, "data": str(data), "device": "cpu"}
    out = tmp_path / "run"

    def loop() -> None:
        torch.set_num_threads(cores)
        for path in paths:
            samples, rate_hz = rival.read(path)
            card.score(samples, rate_hz)
            for apply in known.values():
                card.score(*apply(samples, rate_hz))

    contest = take_turns(
        benchmark,
        {
            "cold": lambda: ours.score(out, **shared).scoring,
            "warm": lambda: ours.score(out, CACHE_GB, **shared).scoring,
            "loop": loop,
        },
        ROUNDS,
    )
    _fill(sheet, contest, len(paths) * (len(known) + 1), len(known))


def test_second(
    benchmark: Any,
    sheet: Sheet,
    recordings: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What another model waits for audio where the first has left all of it on disk."""
    data = _sample(recordings, tmp_path / "clips")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    other = shutil.copytree(DETECTOR, tmp_path / "other-model")
    shared: dict[str, Any] = {"suite": "release", "data": str(data), "device": "cpu"}
    runs: list[ours.Done] = []

    def second() -> float:
        runs.append(ours.score(tmp_path / "second", CACHE_GB, models=(str(other),), **shared))
        return runs[-1].scoring

    first = ours.score(tmp_path / "first", CACHE_GB, **shared)
    contest = take_turns(benchmark, {"second": second}, ROUNDS)
    parts = [done.outcome.record.parts[-1] for done in runs[1:]]
    assert all(part.cache_misses == 0 for part in parts), "not everything was found"
    waited = median(part.scoring_seconds["waiting"] / part.seconds for part in parts)
    prepared = median(sum(part.preparing_seconds.values()) for part in parts)
    sheet.head = ["model", "scoring", "processor time of preparing"]
    cold = sum(first.outcome.record.parts[-1].preparing_seconds.values())
    sheet.rows = [
        ["the first", seconds(first.scoring), seconds(cold)],
        ["the second", contest.spread("second"), seconds(prepared)],
    ]
    sheet.notes.append(
        f"{first.scores} scores, the whole release suite. The second model waits for audio "
        f"{100 * waited:.1f} % of its wall time."
    )
    sheet.target("second", f"{100 * waited:.1f} %", waited <= 0.05)


def _fill(sheet: Sheet, contest: Times, scorings: int, conditions: int) -> None:
    sheet.head = ["", "in all", "a scoring", "scorings/s", "times as long as ours, cold"]
    for name, words in (
        ("cold", "harness run, nothing prepared before"),
        ("warm", "harness run, prepared audio on disk"),
        ("loop", "the card's loop, audiomentations, ffmpeg"),
    ):
        took = contest.median(name)
        row = [words, contest.spread(name), seconds(took / scorings), f"{scorings / took:.0f}"]
        sheet.rows.append([*row, times(contest.ratio(name, "cold"))])
    sheet.notes.append(
        f"{CLIPS} clips of the embedded corpus, clean and under the {conditions} conditions of the "
        "release suite that have a counterpart in audiomentations or ffmpeg "
        "(no music, babble, room, packet loss or GSM, which would take more of the loop's time)."
    )
    if rival.ffmpeg() is None:
        sheet.notes.append(f"No codec is among them: {rival.NO_FFMPEG}.")
    ratio = contest.ratio("loop", "cold")
    whole = rival.ffmpeg() is not None
    sheet.target("release", times(ratio), ratio >= 4 if whole else None)


def _sample(recordings: list[Path], folder: Path) -> Path:
    """Every few recordings of the corpus, both labels alike."""
    for label in ("real", "fake"):
        own = [path for path in recordings if path.stem.endswith(label)]
        (folder / label).mkdir(parents=True)
        for place in np.linspace(0, len(own) - 1, CLIPS // 2).astype(int):
            (folder / label / own[place].name).write_bytes(own[place].read_bytes())
    return folder


def _equivalents(folder: Path) -> dict[str, Transform]:
    """What the loop does for a condition, by the condition's name."""
    found: dict[str, Transform] = {}
    others = rival.transforms()
    for condition in load_suite("release").conditions:
        if condition.name in others:
            found[condition.name] = others[condition.name]
        elif rival.ffmpeg() and (encodings := _encodings(condition)):
            found[condition.name] = _through(encodings, folder)
    return found


def _encodings(condition: Condition) -> list[rival.Encoding]:
    """How ffmpeg is to code a chain of codecs; empty for anything else."""
    found = [
        rival.encoding(step.codec, step.kbps)
        for step in condition.chain
        if isinstance(step, Codec) and step.codec in rival.ENCODINGS
    ]
    return found if len(found) == len(condition.chain) else []


def _through(encodings: list[rival.Encoding], folder: Path) -> Transform:
    def apply(samples: rival.Samples, rate_hz: int) -> tuple[rival.Samples, int]:
        for one in encodings:
            samples = rival.through_ffmpeg(samples, rate_hz, one, folder)
        return samples, rate_hz

    return apply

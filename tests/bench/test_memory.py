"""Memory of a run: ten times the clips may not take much more of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.bench.contest import Sheet
from tests.bench.process import child

FEW, MANY = 1_000, 10_000
SECONDS, RATE_HZ = 0.3, 16_000
_SUITE = """version = 1
name = "three"
seed = 1
[[condition]]
perturb = "gain"
gain_db = -20
[[condition]]
perturb = "codec"
codec = "g711-alaw"
"""


def test_memory(benchmark: Any, sheet: Sheet, tmp_path: Path) -> None:
    suite = tmp_path / "three.toml"
    suite.write_text(_SUITE, encoding="utf-8")
    found: dict[int, tuple[int, float]] = {}

    def measure() -> None:
        for clips in (FEW, MANY):
            arguments = ["-m", "harness", "run", str(suite), "--device", "cpu", "--json"]
            arguments += ["--model", "python:tests.bench.loudness:loudness"]
            arguments += ["--data", str(make_clips(tmp_path / str(clips), clips))]
            done = child([*arguments, "--out", str(tmp_path / f"run-{clips}")], watch=True)
            found[clips] = (done.peak_bytes, done.seconds)

    benchmark.pedantic(measure, rounds=1, iterations=1)
    few, many = found[FEW][0], found[MANY][0]
    sheet.head = ["clips", "scores", "peak of all processes", "seconds"]
    for clips, (peak, took) in found.items():
        row = [f"{clips:,}", f"{3 * clips:,}", f"{peak / 2**20:.0f} MiB", f"{took:.0f}"]
        sheet.rows.append(row)
    sheet.notes.append(
        f"Files of {SECONDS} s under three conditions with a detector that takes no time; from "
        "start to report, workers included. Memory that processes share counts once."
    )
    sheet.target("memory", f"{many / few:.2f} ×", many <= 1.2 * few)


def make_clips(folder: Path, clips: int) -> Path:
    rng = np.random.default_rng(clips)
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for number in range(clips // 2):
            samples = 0.1 * rng.standard_normal(int(SECONDS * RATE_HZ))
            soundfile.write(folder / label / f"{number:05}.wav", samples, RATE_HZ)
    return folder

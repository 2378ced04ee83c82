"""Memory of a run: ten times the clips may take little more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.bench import ours
from tests.bench.contest import Sheet, once
from tests.bench.process import child
from tests.support.paths import ROOT

FEW, MANY = 1_000, 10_000
SECONDS, RATE_HZ = 0.3, 16_000


def test_memory(benchmark: Any, sheet: Sheet, tmp_path: Path) -> None:
    suite = ours.suite_of(["gain:down@-20dB", "codec:g711-alaw"], tmp_path / "three.toml")
    once(benchmark, lambda: compare_memory(sheet, suite, (FEW, MANY), scores=3))
    sheet.notes.append(
        f"Files of {SECONDS} s under three conditions with a detector that takes no time; from "
        "start to report, workers included. Memory that processes share counts once."
    )


def compare_memory(
    sheet: Sheet, suite: Path, counts: tuple[int, int], scores: int, engine: str = "local"
) -> None:
    """Fill a sheet with the memory of runs of few and of many clips, `scores` of each clip."""
    sheet.head = ["clips", "scores", "peak of all processes", "seconds"]
    peaks: list[int] = []
    for clips in counts:
        data = make_clips(suite.parent / f"{clips}", clips)
        command = (
            f"-m harness run {suite} --engine {engine} --device cpu --json --model {ours.CHEAP}"
        )
        arguments = [*command.split(), "--data", str(data), "--out", str(data.with_suffix(".run"))]
        done = child(arguments, watch=True, PYTHONPATH=str(ROOT))
        mib = f"{done.peak_bytes / 2**20:.0f} MiB"
        sheet.rows.append([f"{clips:,}", f"{scores * clips:,}", mib, f"{done.seconds:.0f}"])
        print("  ".join(sheet.rows[-1]), file=sys.stderr, flush=True)
        peaks.append(done.peak_bytes)
    ratio = peaks[1] / peaks[0]
    name = "flat" if engine == "ray" else "memory"
    sheet.target(name, f"{ratio:.2f} ×", ratio <= 1.2)


def make_clips(folder: Path, clips: int) -> Path:
    rng = np.random.default_rng(clips)
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for number in range(clips // 2):
            samples = 0.1 * rng.standard_normal(int(SECONDS * RATE_HZ))
            soundfile.write(folder / label / f"{number:05}.wav", samples, RATE_HZ)
    return folder

"""A synthetic run of a million scores, and the time and memory to evaluate it.

`python -m tests.bench.million FOLDER [--clips N] [--groups N] [--resamples N]` prints seconds and
peak memory of each part as JSON. It runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.results.record import RunRecord, write_record
from harness.results.scores import SCHEMA

CONDITIONS, GENERATORS = 60, 12
MODEL = "owner/model"


def names() -> list[str]:
    swept = [
        f"{family}:{kind}@{step}"
        for family in ("codec", "noise", "room")
        for kind in "abcd"
        for step in range(1, 6)
    ]
    return ["clean", *swept[: CONDITIONS - 1]]


def write_run(folder: Path, record: RunRecord, clips: int, groups: int, seed: int) -> Path:
    """Write a run whose two classes overlap more with every condition."""
    rng = np.random.default_rng(seed)
    fake = np.arange(clips) % 2 == 1
    numbers = np.arange(clips)
    same: dict[str, Any] = {
        "clip_id": [f"clip {number:06}" for number in numbers],
        "model": MODEL,
        "label": np.where(fake, "fake", "real"),
        "source": "corpus",
        "generator": np.where(fake, [f"G{n // 2 % GENERATORS}" for n in numbers], ""),
        "speaker": [f"speaker {number % groups:05}" for number in numbers],
        "group": [f"speaker {number % groups:05}" for number in numbers],
        "seconds": rng.uniform(0.3, 12.0, clips),
        "status": "ok",
        "reason": "",
        "logit_real": 0.0,
        "snr_db": np.nan,
        "bandwidth_hz": 7000.0,
        "delay_samples": 0.0,
        "audio_digest": [f"{number:032x}" for number in numbers],
        "decoder": "soundfile",
        "audio_notes": "",
    }
    (folder / "scores").mkdir(parents=True)
    by_clip = np.random.default_rng(0).standard_normal(clips)  # by clip, equal in every run
    for number, name in enumerate(names()):
        apart = 2.0 - number / CONDITIONS
        score = np.where(fake, apart, -apart) + by_clip + 0.7 * rng.standard_normal(clips)
        clean = name == "clean"
        own = {"condition": name, "family": name.split(":")[0], "severity": 0.0 if clean else 1.0}
        columns = same | own | {"score": score, "logit_fake": score, "changed": not clean}
        table = pa.Table.from_pandas(pd.DataFrame(columns), SCHEMA, preserve_index=False)
        metadata = {**(SCHEMA.metadata or {}), b"rows": str(clips).encode()}
        path = folder / "scores" / f"part-{number:06}.parquet"
        pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")
    write_record(record, folder)
    return folder


def record_of(small_run: Path, clips: int) -> RunRecord:
    """The record of a real run, with these conditions and this many clips."""
    from harness.results.record import read_record

    record = read_record(small_run)
    first = next(one for one in record.suite.conditions if one.name == "clean")
    conditions = [
        first.model_copy(
            update={
                "name": name,
                "family": name.split(":")[0],
                "series": name.split("@")[0],
                "severity": 0.0 if name == "clean" else float(name.split("@")[1]),
                "words": name,
                "digest": f"digest of {name}",
                "chain": [] if name == "clean" else [{"perturb": name.split(":")[0]}],
            }
        )
        for name in names()
    ]
    return record.model_copy(
        update={
            "suite": record.suite.model_copy(update={"conditions": conditions}),
            "data": record.data.model_copy(
                update={"clips": clips, "real": (clips + 1) // 2, "fake": clips // 2, "limit": None}
            ),
            "models": [record.models[0].model_copy(update={"name": MODEL})],
        }
    )


def measure(run: Path, baseline: Path, resamples: int) -> dict[str, Any]:
    """Seconds of every part and the peak of memory after it."""
    from harness.compare.gate import rule_or_note
    from harness.report.publish import publish
    from harness.results.run_folder import read_run
    from harness.summary.summary import figures

    found: dict[str, Any] = {"import": {"peak_bytes": _peak_bytes()}}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        answer = call()
        took = time.perf_counter() - began
        found[name] = {"seconds": took, "peak_bytes": _peak_bytes()}
        return answer

    finished = timed("read", lambda: read_run(run))
    summary = timed("metrics", lambda: figures(finished, resamples=resamples))
    timed("report", lambda: publish(finished, summary))
    timed("gate", lambda: rule_or_note(finished, summary, str(baseline), None, _silent))
    return found | {"rows": len(finished.table), "figures": len(summary.rows)}


def _silent(line: str) -> None:
    del line


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description="figures of a million scores")
    parser.add_argument("small_run", type=Path, help="a real run, for its record")
    parser.add_argument("folder", type=Path, help="where the two runs are written")
    parser.add_argument("--write", action="store_true", help="only write the two runs")
    parser.add_argument("--clips", type=int, default=16_667)
    parser.add_argument("--groups", type=int, default=2_000)
    parser.add_argument("--resamples", type=int, default=2_000)
    options = parser.parse_args()
    runs = [options.folder / "run", options.folder / "baseline"]
    if options.write:
        record = record_of(options.small_run, options.clips)
        for seed, run in enumerate(runs):
            write_run(run, record, options.clips, options.groups, seed)
        return
    json.dump(measure(*runs, options.resamples), sys.stdout)


if __name__ == "__main__":
    main()

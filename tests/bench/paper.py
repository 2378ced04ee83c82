"""Estimate of an evaluation of the size of ASVspoof 5's, from costs measured on this machine.

The costs of one row are measured; the rest is multiplication. The speed of a GPU is assumed, and
marked so in the table.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.clip import Clip
from harness.data.source import open_source
from harness.data.subset import limited
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.actor import Work
from harness.engine.job import recipe_of
from harness.engine.local import batches
from harness.engine.plan import Task, chunks, tasks
from harness.engine.prepare import prepare
from harness.engine.ray import MOST_BLOCKS
from harness.engine.row_sink import RowSink
from harness.engine.scorer import Scorer
from harness.engine.scoring import CHUNK_ROWS
from harness.results.scores import ScoresWriter
from harness.suite.suite import load_suite
from harness.timing import Stopwatch, TimeSplit
from tests.bench import ours
from tests.bench.cluster import measured, nodes
from tests.bench.contest import seconds
from tests.bench.test_memory import make_clips
from tests.support.builders import machine_record

CLIPS, CONDITIONS, MODELS = 680_774, 60, 5
SCORINGS = CLIPS * CONDITIONS * MODELS
GPUS = (8, 64)
ASSUMED_RATES = (100, 400, 1600)
"""Assumed scorings a second of one GPU with one model."""

GPUS_OF_A_NODE = 8
NETWORK_BYTES_S = 25e9 / 8
"""Assumed of each node with GPUs: 25 Gbit/s."""

_TIMES = 10
_CHEAP_CLIPS = 3_000


@dataclass(frozen=True)
class Costs:
    """Costs of the release suite on the embedded corpus; seconds are of one processor."""

    rows: int
    """Prepared rows that were measured."""
    decode_s: float
    read_bytes: float
    clip_s: float
    """Decoding time, file size and duration of a clip."""
    prepare_s: dict[str, float]
    """Time of a row by stage, without decoding."""
    plan_bytes: float
    audio_bytes: float
    answer_bytes: float
    table_bytes: float
    """Size of a row: on its way to an actor, prepared, on its way back, and on disk."""
    plan_s: float
    receive_s: float
    block_s: float
    """Time in the writing process: to plan a row, to take one back, and Ray's for a block."""

    @property
    def row_s(self) -> float:
        return sum(self.prepare_s.values())

    @property
    def writing_s(self) -> float:
        """Seconds of a scoring in the writing process, in a run of this size."""
        return self.receive_s + self.plan_s / MODELS + self.block_s * MOST_BLOCKS / SCORINGS

    def table(self) -> list[list[str]]:
        slowest = sorted(self.prepare_s.items(), key=lambda stage: -stage[1])[:4]
        return [
            ["decode a clip", seconds(self.decode_s)],
            ["prepare a row, decoding apart", seconds(self.row_s)],
            *([f"of which {name}", seconds(took)] for name, took in slowest),
            ["read of a clip", _size(self.read_bytes)],
            ["a row of the plan to an actor", _size(self.plan_bytes)],
            ["a prepared row to an actor with a GPU", _size(self.audio_bytes)],
            ["a row back", _size(self.answer_bytes)],
            ["a row of the table on disk", _size(self.table_bytes)],
            ["the process that writes: plan a row", _micro(self.plan_s)],
            ["take and write a row", _micro(self.receive_s)],
            ["Ray's part, a block of chunks", seconds(self.block_s)],
        ]

    def words(self) -> str:
        return (
            f"{self.rows:,} rows of clips of {self.clip_s:.1f} s in the mean; seconds are of one "
            "processor. Ray's part was measured with a cluster run of "
            f"{2 * _CHEAP_CLIPS:,} rows that cost next to nothing. A run has at most "
            f"{MOST_BLOCKS:,} blocks; at first a block is a chunk."
        )


def measure_costs(folder: Path, count: int) -> Costs:
    """Measure preparing, scoring, sending and writing the rows of some clips."""
    suite, whole = load_suite("release"), open_source("embedded")
    clips = list(limited(whole, count, suite.seed))
    detector = open_detector("embedded", device="cpu")
    recipe, name = recipe_of(suite, whole, [detector]), detector.identity.name
    scorer = Scorer(detector, lambda line: None)
    spent, size = Stopwatch(), Counter[str]()
    conditions, heard_s = tuple(suite.conditions), 0.0
    answers: list[bytes] = []
    with ScoresWriter(folder / "run") as writer:
        sink = RowSink(writer, lambda rows: None, TimeSplit(1))
        for clip in clips:
            prepared = list(prepare(clip, conditions, recipe))
            for one in prepared:
                spent.add(one.spent)
                if one.condition == "clean" and one.attestation:
                    heard_s += one.attestation.seconds
            size["audio"] += len(pickle.dumps(prepared, pickle.HIGHEST_PROTOCOL))
            task = Task(clip, conditions, tuple(place // 64 for place in range(len(conditions))))
            scored = list(batches([(task, prepared)], [scorer], frozenset()))
            answers.append(pickle.dumps(scored, pickle.HIGHEST_PROTOCOL))
            for batch in scored:
                sink.take(batch)
    rows = len(clips) * len(conditions)
    stages = spent.take()
    decode_s = stages.pop("decode") / len(clips)
    receive_s = _receive_seconds(answers, folder / "again") / rows
    plan_bytes, plan_s = _plan(clips, recipe, conditions, name)
    return Costs(
        rows=rows,
        decode_s=decode_s,
        read_bytes=sum(Path(str(clip.audio)).stat().st_size for clip in clips) / len(clips),
        clip_s=heard_s / len(clips),
        prepare_s={stage: took / rows for stage, took in stages.items()},
        plan_bytes=plan_bytes / rows,
        audio_bytes=size["audio"] / rows,
        answer_bytes=sum(map(len, answers)) / rows,
        table_bytes=sum(path.stat().st_size for path in (folder / "run").rglob("*.parquet")) / rows,
        plan_s=plan_s / rows,
        receive_s=receive_s,
        block_s=_block_seconds(folder) - CHUNK_ROWS * receive_s,
    )


def _receive_seconds(answers: Sequence[bytes], folder: Path) -> float:
    """Seconds to take and write all answers once; the mean of several times."""
    with ScoresWriter(folder) as writer:
        sink = RowSink(writer, lambda rows: None, TimeSplit(1))
        began = time.process_time()
        for answer in [*answers] * _TIMES:
            for batch in pickle.loads(answer):
                sink.take(batch)
        writer.flush()
        return (time.process_time() - began) / _TIMES


def _plan(clips: Sequence[Clip], recipe: Any, conditions: Any, name: str) -> tuple[int, float]:
    """Bytes of the plan of all clips, and seconds to make it."""
    machine = machine_record(**provenance.software(), batch_size=64, workers=1)
    work = Work(recipe, conditions, (("embedded", name),), "cpu", None, machine)
    began = time.process_time()
    owed = tasks(clips, conditions, [name], set(), 64)
    size = sum(len(work.packed(chunk)) for chunk in chunks(owed, [name], set(), 1))
    return size, time.process_time() - began


def _block_seconds(folder: Path) -> float:
    """Seconds of a block in the writing process, on a cluster where rows cost nothing."""
    suite = ours.suite_of(["gain:down@-20dB"], folder / "two.toml")
    data = make_clips(folder / "cheap", _CHEAP_CLIPS)
    spent: list[tuple[float, int]] = []

    def count(rows: int, total: int) -> None:
        del total
        spent.append((time.process_time(), rows))

    with nodes([[0], [1]]) as two:
        measured(
            folder / "cheap-run", count, suite=str(suite), data=str(data), engine="ray",
            address=two.address, models=(ours.CHEAP,),
        )  # fmt: skip
    (first_s, first), (last_s, last) = spent[0], spent[-1]
    return (last_s - first_s) / ((last - first) / CHUNK_ROWS)


def estimate(costs: Costs) -> tuple[list[str], list[list[str]]]:
    """Hours and resources for each number of GPUs and each assumed rate."""
    head = ["GPUs", "assumed: scorings/s of a GPU", "hours", "GPU-hours", "cores that prepare",
            "audio moved", "read", "the writing process", "saturates first"]  # fmt: skip
    return head, [_row(costs, gpus, rate) for gpus in GPUS for rate in ASSUMED_RATES]


def _row(costs: Costs, gpus: int, rate: float) -> list[str]:
    rows_s = gpus * rate  # scorings; a row is prepared once for all models
    prepared_s = rows_s / MODELS
    writing = rows_s * costs.writing_s
    moved_bytes_s = prepared_s * costs.audio_bytes
    to_a_node = moved_bytes_s / max(1, gpus // GPUS_OF_A_NODE) / NETWORK_BYTES_S
    load = {"the GPUs": 1.0, "the writing process": writing, "a GPU node's network": to_a_node}
    first = max(load, key=lambda name: load[name])
    slowed = load[first]
    hours = SCORINGS / rows_s / 3600 * slowed
    cores = prepared_s / slowed * (costs.row_s + costs.decode_s / CONDITIONS)
    return [
        f"{gpus}",
        f"{rate:,}",
        f"{hours:.1f}",
        f"{hours * gpus:,.0f}",
        f"{cores:,.0f}",
        f"{_size(moved_bytes_s / slowed)}/s",
        f"{_size(prepared_s / slowed / CONDITIONS * costs.read_bytes)}/s",
        f"{100 * writing / slowed:.0f} % of a core",
        first,
    ]


def assumptions(costs: Costs) -> str:
    prepared = CLIPS * CONDITIONS
    core_hours = (prepared * costs.row_s + CLIPS * costs.decode_s) / 3600
    return (
        f"Estimated. {CLIPS:,} clips × {CONDITIONS} conditions × {MODELS} models = {SCORINGS:,} "
        f"scorings of {prepared:,} prepared rows, which all models share. In all: "
        f"{core_hours:,.0f} core-hours of preparing on cores like this machine's, "
        f"{_size(CLIPS * costs.read_bytes)} read, {_size(prepared * costs.audio_bytes)} of audio "
        f"moved, {_size(SCORINGS * costs.table_bytes)} written. It assumes clips and conditions "
        "that cost what those of the release suite on the embedded corpus cost here, models of "
        f"one sample rate, nodes of {GPUS_OF_A_NODE} GPUs with 25 Gbit/s each, as many cores as "
        "are asked for, and one process that writes. The plan takes that process "
        f"{_size(prepared * costs.plan_bytes)} and {prepared * costs.plan_s:.0f} s before the "
        "first chunk is sent."
    )


def _micro(value: float) -> str:
    return f"{1e6 * value:.3g} µs"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"

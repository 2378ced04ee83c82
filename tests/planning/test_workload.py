"""Stages of a run from a sample that was made up, against sums done by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from harness.data.clip import Clip
from harness.detector.detector import Traits
from harness.planning.extent import EVERY, Extent
from harness.planning.forecast import Load, exactly, weights
from harness.planning.measurement import Batch, Measurement
from harness.planning.workload import kept_bytes, shard_count, spread, stages_of, written_bytes
from harness.results.record import MachineRecord, ModelRecord

MACHINE = MachineRecord(
    platform="here",
    python="3",
    packages={},
    device="cuda:0 (a GPU)",
    precision="float32",
    batch_size=4,
    workers=2,
    threads=1,
    cache_gb=0.001,
)


@dataclass
class Placed:
    """As much of a detector as says where it computes."""

    identity: ModelRecord
    device: str
    traits = Traits()


def detector(name: str, device: str) -> Any:
    return cast(Any, Placed(ModelRecord(name=name, spec=name, kind="directory"), device))


def measured() -> Measurement:
    """Two clips of 1 and 3 s under 3 conditions; 8 rows in 2 batches of each model."""
    found = Measurement(MACHINE, asked=2)
    found.clips = [Clip("a", "real", b""), Clip("b", "fake", b"")]
    found.preparing = [{"decode": 0.1, "perturb codec": 2.0}, {"decode": 0.3, "perturb codec": 6.0}]
    found.receiving, found.loading, found.storing = [0.2, 0.2], [0.1, 0.1], [0.4, 0.4]
    found.audio_bytes = [100_000, 300_000]
    for name in ("card", "box"):
        found.batches[name] = [Batch(4, {"forward": 1.0}, 0.2), Batch(4, {"forward": 3.0}, 0.2)]
    found.read_bytes, found.read_rate = 4000.0, 1000.0
    found.shard_seconds, found.shard_bytes, found.row_bytes = 0.5, 9000.0, 40.0
    return found


LOAD = Load(clips=10, conditions=3, models=2, seconds=40.0)
EXTENT = Extent(exactly(40.0), EVERY, exactly(20_000.0), EVERY, np.array([1.0, 3.0]))


def totals(*detectors: Any) -> dict[str, tuple[str, float]]:
    stages = stages_of(measured(), detectors, EXTENT, weights(2, "a"), LOAD)
    return {stage.name: (stage.resource, stage.seconds.value) for stage in stages}


def test_every_stage_is_extrapolated_by_what_it_grows_with() -> None:
    found = totals(detector("card", "cuda:0 (a GPU)"), detector("box", "cpu"))
    expected = {
        "perturb codec": ("workers", 2.0 * 40),  # a second of audio
        "decode": ("workers", 0.1 * 40),
        "forward of card": ("gpus", 0.5 * 30),  # a row
        "handing over of card": ("main process", 0.05 * 30),
        "forward of box": ("processors", 0.5 * 30),
        "take prepared audio": ("main process", 0.2 * 10),  # a clip
        "load from cache": ("main process", 0.1 * 10),
        "store in cache": ("main process", 0.4 * 10 * 0.5),  # 1 MB of 2 MB fits
        "read": ("storage", 20.0),
        "write": ("main process", 0.5),
    }
    assert {name: resource for name, (resource, _) in found.items()} == {
        name: resource for name, (resource, _) in expected.items()
    }
    assert {name: seconds for name, (_, seconds) in found.items()} == pytest.approx(
        {name: seconds for name, (_, seconds) in expected.items()}
    )


def test_a_detector_of_the_users_own_is_called_by_one_thread() -> None:
    assert totals(detector("box", "its own"))["forward of box"][0] == "main process"


def test_on_a_cluster_only_writing_is_left_to_one_process() -> None:
    stages = stages_of(measured(), [detector("card", "cuda:0")], EXTENT, weights(2, "a"), LOAD)
    resources = {stage.name: stage.resource for stage in spread(stages)}
    assert resources["handing over of card"] == "workers"
    assert resources["forward of card"] == "gpus"
    assert [name for name, one in resources.items() if one == "main process"] == ["write"]


def test_storage_is_left_out_where_the_bytes_are_not_known() -> None:
    unknown = Extent(exactly(40.0), EVERY, exactly(math.nan), EVERY, np.array([1.0, 3.0]))
    stages = stages_of(measured(), [], unknown, weights(2, "a"), LOAD)
    assert "read" not in {stage.name for stage in stages}


def test_bytes_that_are_written() -> None:
    found = measured()
    assert kept_bytes(found, LOAD) == pytest.approx(1e6), "the limit, of 2 MB"
    assert shard_count(2001, seconds=65) == 3 + 2, "one every thousand rows, one every 30 s"
    assert written_bytes(found, 2001, 65) == pytest.approx(2001 * 40 + 5 * 9000)

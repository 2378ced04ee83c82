import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UsageError
from harness.scores import SCHEMA, ScoresWriter, finished, read_scores, shards


def row(clip_id: str, condition: str = "clean", score: float = 1.0) -> dict[str, object]:
    content: dict[str, object] = dict.fromkeys(SCHEMA.names, "")
    content |= {
        "clip_id": clip_id,
        "model": "m",
        "condition": condition,
        "label": "fake",
        "status": "ok",
        "changed": False,
    }
    numbers = ("severity", "seconds", "logit_fake", "logit_real")
    measured = ("snr_db", "bandwidth_hz", "delay_samples")
    content |= dict.fromkeys(numbers, 0.0) | dict.fromkeys(measured, math.nan)
    return content | {"score": score}


def test_what_is_written_is_read_sorted_by_key(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path, rows_per_shard=2) as writer:
        writer.append([row("b"), row("a", "noise")])
        writer.append([row("a")])
    table = read_scores(tmp_path)
    assert list(zip(table.clip_id, table.condition, strict=True)) == [
        ("a", "clean"),
        ("a", "noise"),
        ("b", "clean"),
    ]
    assert len(shards(tmp_path)) == 2
    assert list(table.columns) == SCHEMA.names


def test_finished_keys_and_a_second_writer_goes_on(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("a")])
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("b")])
    assert finished(tmp_path) == {("a", "clean", "m"), ("b", "clean", "m")}
    assert [path.name for path in shards(tmp_path)] == [
        "part-000000.parquet",
        "part-000001.parquet",
    ]


def test_a_half_written_shard_is_not_seen(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("a")])
    (tmp_path / "scores" / "part-000001.tmp").write_bytes(b"PAR1 and then the power went")
    assert finished(tmp_path) == {("a", "clean", "m")}
    assert len(read_scores(tmp_path)) == 1


def test_a_score_keeps_its_last_bit(tmp_path: Path) -> None:
    score = 0.1 + 0.2
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("a", score=score)])
    assert read_scores(tmp_path).score[0] == score


def test_no_table_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scores"):
        read_scores(tmp_path)


def test_a_newer_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    newer = SCHEMA.with_metadata({"scores_version": "99"})
    pq.write_table(
        pa.Table.from_pylist([row("a")], newer), tmp_path / "scores" / "part-000000.parquet"
    )
    with pytest.raises(UsageError, match="version 99"):
        read_scores(tmp_path)

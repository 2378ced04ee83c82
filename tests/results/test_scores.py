import errno
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UsageError
from harness.results.scores import (
    SCHEMA,
    Exchanged,
    ScoresWriter,
    finished,
    read_scores,
    set_aside_damaged,
    shards,
    statuses,
)
from tests.support.builders import score_row


def row(clip_id: str, condition: str = "clean", score: float = 1.0) -> dict[str, object]:
    return score_row(clip_id, condition, score, model="m", logit_fake=0.0, logit_real=0.0)


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
    assert set(finished(tmp_path)) == {("a", "clean", "m"), ("b", "clean", "m")}
    assert [path.name for path in shards(tmp_path)] == [
        "part-000000.parquet",
        "part-000001.parquet",
    ]


def test_a_half_written_shard_is_not_seen(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("a")])
    (tmp_path / "scores" / "part-000001.parquet.tmp").write_bytes(b"PAR1 and then the power went")
    assert set(finished(tmp_path)) == {("a", "clean", "m")}
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


def test_a_row_of_another_recording_is_not_kept(tmp_path: Path) -> None:
    """Nor any other row that came with it; what was there before stays."""
    with ScoresWriter(tmp_path, recordings={"a": "ab"}) as writer:
        writer.append([row("a") | {"audio_digest": "ab"}, row("b") | {"audio_digest": "cd"}])
        writer.append([row("a", "noise") | {"audio_digest": ""}])  # nothing is known of it
        for clip_id, before in (("a", "ab"), ("b", "cd")):
            with pytest.raises(
                Exchanged, match=rf"'{clip_id}' is not .* \(digest ef, was {before}\)"
            ):
                writer.append([row("c"), row(clip_id, "codec") | {"audio_digest": "ef"}])
    assert set(finished(tmp_path)) == {
        ("a", "clean", "m"),
        ("a", "noise", "m"),
        ("b", "clean", "m"),
    }
    assert finished(tmp_path)["b", "clean", "m"] == "cd"


@pytest.mark.parametrize(
    ("version", "later"),
    [(1, ["audio_digest", "decoder", "audio_notes", "extra"]), (2, ["extra"])],
)
def test_a_table_of_an_older_version_opens_with_later_columns_unknown(
    tmp_path: Path, version: int, later: list[str]
) -> None:
    """Also beside shards of today, as in a run that was begun before and goes on."""
    new = row("new") | {"audio_digest": "ab", "decoder": "pyav", "extra": '{"snr": "5"}'}
    with ScoresWriter(tmp_path) as writer:
        writer.append([new])
    old = pa.Table.from_pylist([row("old", score=0.1 + 0.2) | {"audio_digest": "cd"}], SCHEMA)
    old = old.drop_columns(later)
    old = old.replace_schema_metadata({"scores_version": str(version), "rows": "1"})
    pq.write_table(old, tmp_path / "scores" / "part-000001.parquet")
    table = read_scores(tmp_path)
    assert list(table.columns) == SCHEMA.names
    assert list(table.clip_id) == ["new", "old"]
    assert [list(table[name]) for name in later] == [[new[name], ""] for name in later]
    assert table.score[1] == 0.1 + 0.2
    assert set(finished(tmp_path)) == {("new", "clean", "m"), ("old", "clean", "m")}


def test_a_table_of_version_1_with_columns_of_version_2_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    table = pa.Table.from_pylist([row("a")], SCHEMA.with_metadata({"scores_version": "1"}))
    pq.write_table(table, tmp_path / "scores" / "part-000000.parquet")
    with pytest.raises(UsageError, match="its columns are not those"):
        read_scores(tmp_path)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    with ScoresWriter(tmp_path) as writer:
        writer.append([row(f"clip-{number}", score=number / 7) for number in range(500)])
    return shards(tmp_path)[0]


def test_a_shard_is_whole_or_known_to_be_damaged(tmp_path: Path, shard: Path) -> None:
    content, table = shard.read_bytes(), read_scores(tmp_path)
    rng = np.random.default_rng(0)
    caught = 0
    for place in rng.integers(0, len(content), 200):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << rng.integers(8)
        shard.write_bytes(spoilt)
        if set_aside_damaged(tmp_path):
            caught += 1
        else:  # a bit that nobody reads
            pd.testing.assert_frame_equal(read_scores(tmp_path), table, check_exact=True)
    assert caught > 150
    for share in range(10):
        shard.write_bytes(content[: len(content) * share // 10])
        with pytest.raises(UsageError, match=r"part-000000.parquet: a damaged part of the scores"):
            read_scores(tmp_path)


def test_a_damaged_shard_is_set_aside_and_its_number_not_used_again(
    tmp_path: Path, shard: Path
) -> None:
    shard.write_bytes(b"")
    assert [path.name for path in set_aside_damaged(tmp_path)] == ["part-000000.parquet.damaged"]
    assert not finished(tmp_path)
    with ScoresWriter(tmp_path) as writer:
        writer.append([row("a")])
    assert [path.name for path in shards(tmp_path)] == ["part-000001.parquet"]
    assert not set_aside_damaged(tmp_path)


def test_no_room_for_a_shard_leaves_the_others_and_no_rest(tmp_path: Path, shard: Path) -> None:
    writer = ScoresWriter(tmp_path)
    writer.append([row("late")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*part-000001\.parquet'$") as fault:
            writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fault.value.errno == errno.EFBIG
    assert sorted(shard.parent.iterdir()) == [shard]
    assert len(read_scores(tmp_path)) == 500
    writer.flush()  # there is room again: nothing was forgotten
    assert len(read_scores(tmp_path)) == 501


def test_rows_are_counted_by_status(tmp_path: Path) -> None:
    assert not statuses(tmp_path)
    for clip, status in (("a", "ok"), ("b", "error"), ("c", "ok")):
        with ScoresWriter(tmp_path) as writer:
            writer.append([{**row(clip), "status": status}])
    assert statuses(tmp_path) == {"ok": 2, "error": 1}

"""Recordings in the rows of Parquet files, here and in a store."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.wave import load
from harness.data.duplicates import refuse_twins
from harness.data.shards import ShardsAddress
from harness.data.source import open_source
from harness.data.subset import CompanionPool, limited
from harness.errors import ClipError, ClipRejected, UsageError
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.data_places import in_bucket, on_disk, recordings, shard, shards
from tests.support.s3_server import s3_server

FILES = recordings(6)
DETECTOR = "python:tests.support.level_detector:factory"


def quiet(*about: object) -> None:
    return


def scored(spec: str, out: Path) -> pd.DataFrame:
    run(RunOptions("smoke", spec, (DETECTOR,), out, workers=0), quiet, quiet)
    return read_scores(out).sort_values(["clip_id", "condition"]).reset_index(drop=True)


def parquet(columns: dict[str, list[Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def wave(clip: Any) -> list[float]:
    return load(clip.audio).samples.tolist()


def test_runs_on_shards_are_the_run_on_the_folder(tmp_path: Path) -> None:
    expected = scored(str(on_disk(FILES, tmp_path / "clips")), tmp_path / "run")
    assert set(expected["status"]) == {"ok"}
    here = str(on_disk(shards(FILES), tmp_path / "shards"))
    pd.testing.assert_frame_equal(scored(here, tmp_path / "here"), expected)
    with s3_server() as bucket:
        there = in_bucket(shards(FILES), f"{bucket}/shards")
        pd.testing.assert_frame_equal(scored(f"{there}/", tmp_path / "there"), expected)


def test_labels_are_read_alone_and_each_row_group_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import werkzeug.serving

    seen: list[str] = []
    monkeypatch.setattr(
        werkzeug.serving.WSGIRequestHandler,
        "log_request",
        lambda handler, *about: seen.append(handler.command),
    )
    files = recordings(12, seconds=2.0)  # more than the end of a file, which is read for its footer
    with s3_server() as bucket:
        url = in_bucket(shards(files, count=2, group_rows=2), f"{bucket}/once")
        seen.clear()
        source = open_source(f"shards:{url}")
        opening = Counter(seen)
        assert opening["HEAD"] == 1 + 2 * 2  # the first file says what the columns are
        assert opening["GET"] <= 1 + 3 + 2 * 3  # the listing, footers, and labels by row group
        seen.clear()
        for clip in source:
            load(clip.audio)
        # A file is opened anew here, and after each row group it is seen to be the same still.
        assert Counter(seen) == {"HEAD": 2 + 6, "GET": 2 + 6}


@given(
    count=st.integers(1, 4),
    group_rows=st.integers(1, 9),
    keep=st.sets(st.sampled_from(sorted(FILES)), min_size=2).filter(
        lambda names: len({name.partition("/")[0] for name in names}) == 2
    ),
)
def test_however_clips_are_dealt_out_they_are_the_same(
    count: int, group_rows: int, keep: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {name: FILES[name] for name in sorted(keep)}
    root = on_disk(shards(files, min(count, len(files)), group_rows), tmp_path_factory.mktemp("x"))
    source = open_source(str(root))
    assert [clip.clip_id for clip in source] == list(files)
    assert {clip.clip_id: clip.audio.fetch(10**9) for clip in source} == files
    for clip in reversed(list(source)):
        assert clip.audio.fetch(10**9) == files[clip.clip_id]
    assert {clip.clip_id: clip.label for clip in source} == {
        name: name.partition("/")[0] for name in files
    }


def test_what_was_chosen_is_noted(tmp_path: Path) -> None:
    source = open_source(str(on_disk(shards(FILES), tmp_path)))
    audio, label, generator, ids, size = source.origin.notes
    assert audio == "audio from column audio (audio)"
    assert label == "labels from column label (bonafide | spoof), values ['bonafide', 'spoof']"
    assert generator == "generator from column generator (text)"
    assert ids == "clip ids from audio.path"
    assert size.startswith("2 files; the largest row group has 0.0")
    assert {clip.generator for clip in source if clip.label == "fake"} == {"vocoder"}
    assert {clip.generator for clip in source if clip.label == "real"} == {""}
    assert refuse_twins(source, "x") == [
        "6 clips were not compared byte for byte: no digest of them is at hand"
    ]


def test_a_plain_column_of_bytes_and_ids_of_the_table(tmp_path: Path) -> None:
    contents = list(FILES.values())
    words = [name.partition("/")[0] for name in FILES]
    plain = {"sound": contents, "label": words}
    (tmp_path / "a.parquet").write_bytes(parquet(plain, row_group_size=4))
    source = open_source(str(tmp_path / "a.parquet"))
    assert source.origin.kind == "shards"
    assert [clip.clip_id for clip in source] == [f"a.parquet/{row}" for row in range(6)]
    assert [clip.audio.fetch(10**9) for clip in source] == contents
    names = [f"some/{number}" for number in range(6)]
    twice = ["same.wav"] * 6
    for more, expected in (
        ({"file_name": names}, names),
        ({"file_name": twice}, [f"a.parquet/{row}/same.wav" for row in range(6)]),
        ({"file_name": twice, "clip_id": names}, names),
    ):
        (tmp_path / "a.parquet").write_bytes(parquet(plain | more))
        found = open_source(f"shards:{tmp_path / 'a.parquet'}")
        assert [clip.clip_id for clip in found] == expected


def test_ids_and_speakers_that_are_numbers(tmp_path: Path) -> None:
    columns = {"sound": [b"a", b"b"], "label": ["real", "fake"], "clip_id": [7, 10]}
    columns["speaker"] = [float("nan"), 1001.0]
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet(columns))
    source = open_source(str(path))
    assert [(clip.clip_id, clip.group) for clip in source] == [("7", "7"), ("10", "1001.0")]
    path.write_bytes(parquet(columns | {"clip_id": ["x", None], "speaker": ["NA", "s"]}))
    with pytest.raises(UsageError, match=r"a.parquet: row 2 of clip_id is empty; give every clip"):
        open_source(str(path))
    path.write_bytes(parquet(columns | {"clip_id": ["x", "None"], "speaker": ["NA", "s"]}))
    source = open_source(str(path))
    assert [(clip.clip_id, clip.speaker) for clip in source] == [("x", ""), ("None", "s")]
    assert "1 value of speaker read as missing: NA" in source.origin.notes


def test_a_parquet_file_of_paths_is_still_a_manifest(tmp_path: Path) -> None:
    on_disk(FILES, tmp_path)
    words = [name.partition("/")[0] for name in FILES]
    (tmp_path / "list.parquet").write_bytes(parquet({"path": list(FILES), "label": words}))
    assert open_source(str(tmp_path / "list.parquet")).origin.kind == "manifest"


def test_the_split_is_chosen_and_never_two_together(tmp_path: Path) -> None:
    few = {name: FILES[name] for name in list(FILES)[1:5]}
    on_disk(
        {"data/test-00000-of-00001.parquet": shard(few), "data/train-00000-of-00001.parquet": b""},
        tmp_path,
    )
    source = open_source(str(tmp_path))
    assert len(source) == 4
    assert source.origin.notes[0] == "split test of test, train"
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        open_source(f"shards:{tmp_path}:train")
    with pytest.raises(UsageError, match="no split 'dev'; take test, train"):
        open_source(f"shards:{tmp_path}:dev")
    (tmp_path / "data/test-00000-of-00001.parquet").rename(tmp_path / "data/a-0-of-1.parquet")
    with pytest.raises(UsageError, match=r"no test or validation split but a, train; write shards"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"sound": [b"a", b"b"], "n": [0, 1]}, "", r"no column says which clips are fake: sound"),
        (
            {"a": [b"a", b"b"], "b": [b"a", b"b"], "label": ["real", "fake"]},
            "",
            "more than one aud",
        ),
        ({"a": [b"a", b"b"], "label": ["real", "other"]}, "", "labels do not say which clips are"),
        ({"a": [b"a", b"b"], "label": ["real", "real"]}, "", r"only real clips \(2\)"),
        ({"a": [b"a", b"b"], "label": ["real", "fake"]}, "?x=1", r"write shards:DIR\[:split\]"),
    ],
)
def test_columns_that_do_not_say_it_are_refused_in_one_line(
    columns: dict[str, list[Any]], options: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet(columns))
    with pytest.raises(UsageError, match=message) as refused:
        open_source(f"shards:{tmp_path}{options}")
    assert "\n" not in str(refused.value)


def test_the_user_says_which_columns_are_meant(tmp_path: Path) -> None:
    columns = {"a": [b"a", b"b"], "b": [b"c", b"d"], "n": [0, 1]}
    (tmp_path / "a.parquet").write_bytes(parquet(columns))
    source = open_source(f"shards:{tmp_path}?audio=b,label=n,fake=0")
    assert [(clip.label, clip.audio.fetch(9)) for clip in source] == [
        ("fake", b"c"),
        ("real", b"d"),
    ]


def test_an_address_is_taken_apart() -> None:
    for rest, place, split in (
        ("s3://b/x", "s3://b/x", None),
        ("s3://b/x:test", "s3://b/x", "test"),
        ("/a/b:c?label=n", "/a/b", "c"),
        ("x", "x", None),
    ):
        address = ShardsAddress.parse(rest, rest)
        assert (address.place, address.split) == (place, split)
    assert address.columns == (None, None, None)


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    on_disk({"a.parquet": shard(FILES), "b.parquet": parquet({"x": [1]})}, tmp_path)
    with pytest.raises(UsageError, match=r"b.parquet: its columns are not those of a.parquet"):
        open_source(str(tmp_path))


def test_rows_without_audio_and_shards_that_are_gone_are_rejected(tmp_path: Path) -> None:
    columns = {"sound": [b"a" * 9, None], "label": ["real", "fake"]}
    (tmp_path / "a.parquet").write_bytes(parquet(columns))
    first, second = open_source(str(tmp_path))
    with pytest.raises(ClipRejected, match="9 bytes are over the limit of 8"):
        first.audio.fetch(8)
    with pytest.raises(ClipRejected, match="its row holds no audio"):
        load(second.audio)
    (tmp_path / "b.parquet").write_bytes(parquet(columns))
    gone = list(open_source(str(tmp_path)))[-1]
    (tmp_path / "b.parquet").unlink()
    with pytest.raises(ClipRejected, match="cannot be opened: its shard is not there"):
        load(gone.audio)


def test_a_damaged_file_is_refused_and_a_damaged_row_group_is_rows(tmp_path: Path) -> None:
    content = bytearray(shard(recordings(8), group_rows=2))
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    group = metadata.row_group(1).column(0)
    middle = group.dictionary_page_offset + group.total_compressed_size // 2
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    (tmp_path / "a.parquet").write_bytes(content)
    found = scored(str(tmp_path / "a.parquet"), tmp_path / "run")
    names = list(recordings(8))
    bad = found[found["clip_id"].isin(names[2:4])]
    assert set(bad["status"]) == {"error"}
    assert all("ClipError: row group 1 of a.parquet is damaged" in why for why in bad["reason"])
    good = found[~found["clip_id"].isin(names[2:4]) & ~found["condition"].str.contains("babble")]
    assert set(good["status"]) == {"ok"}
    for wrong in (content[:-20], content[:100], b"", b"PAR1" * 9):
        (tmp_path / "a.parquet").write_bytes(wrong)
        with pytest.raises(UsageError, match=r"a.parquet: cannot be read as Parquet") as refused:
            open_source(f"shards:{tmp_path}")
        assert "\n" not in str(refused.value)


def test_a_store_that_fails_is_asked_again_for_the_next_clip() -> None:
    import boto3

    with s3_server() as bucket:
        url = in_bucket(shards(recordings(12, seconds=2.0), 1), f"{bucket}/gone")
        clips = list(open_source(url))
        name = bucket.removeprefix("s3://")
        client = boto3.client("s3")
        client.delete_object(Bucket=name, Key="gone/test-00000-of-00001.parquet")
        with pytest.raises(ClipRejected, match="cannot be opened: its shard is not there"):
            load(clips[0].audio)
        in_bucket(shards(recordings(12, seconds=2.0), 1), f"{bucket}/gone")
        assert np.isfinite(load(clips[0].audio).samples).all()
        in_bucket(shards(recordings(14, seconds=2.0), 1), f"{bucket}/gone")
        assert np.isfinite(load(clips[1].audio).samples).all()  # of a group that is in memory
        with pytest.raises(ClipError, match="its shard was replaced since it was opened"):
            load(clips[-1].audio)


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    for content in (b"first", b"other"):
        columns = {"sound": [content, content], "label": ["real", "fake"]}
        (tmp_path / "a.parquet").write_bytes(parquet(columns))
        assert [clip.audio.fetch(9) for clip in open_source(str(tmp_path))] == [content] * 2


def test_companions_of_shards_are_neighbours_and_a_sample_is_that_of_the_folder(
    tmp_path: Path,
) -> None:
    files = recordings(40, seconds=0.1)
    source = open_source(str(on_disk(shards(files), tmp_path / "shards")))
    folder = open_source(str(on_disk(files, tmp_path / "clips")))
    assert [clip.clip_id for clip in limited(source, 8, 3)] == [
        clip.clip_id for clip in limited(folder, 8, 3)
    ]
    pool = CompanionPool(limited(source, 30, 1), 4)
    assert len(pool.clips) == 4
    assert {clip.label for clip in pool.clips} == {"real"}

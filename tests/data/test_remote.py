"""Data in an S3 store, from a real server on loopback."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import boto3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.wave import load
from harness.bundle.bundle import write_bundle
from harness.data.clip import Clip
from harness.data.duplicates import refuse_twins, twins
from harness.data.source import open_source
from harness.data.store import Stored, StorePath, Tree, joined
from harness.data.subset import CompanionPool, limited
from harness.errors import ClipError, ClipRejected, UsageError
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.data_layout import (
    asvspoof5,
    asvspoof2019,
    asvspoof2021,
    fake_or_real,
    in_the_wild,
    mlaad,
    wavefake,
)
from tests.support.data_places import in_bucket, manifest, on_disk, recordings
from tests.support.paths import ROOT
from tests.support.s3_server import s3_server

FILES = recordings(6)
DETECTOR = "python:tests.support.level_detector:factory"
SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-6, 6]
"""

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "asvspoof2019-la": asvspoof2019,
    "asvspoof2021-la": partial(asvspoof2021, part="LA"),
    "asvspoof2021-df": partial(asvspoof2021, part="DF"),
    "asvspoof5": asvspoof5,
    "in-the-wild": in_the_wild,
    "wavefake": wavefake,
    "mlaad": mlaad,
    "for": fake_or_real,
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Method and path of whatever the server is asked from now on."""
    import werkzeug.serving

    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        werkzeug.serving.WSGIRequestHandler,
        "log_request",
        lambda handler, *about: seen.append((handler.command, handler.path.partition("?")[0])),
    )
    return seen


def quiet(*about: object) -> None:
    return


def scored(spec: str, out: Path, workers: int = 0, suite: str = "smoke") -> pd.DataFrame:
    options = RunOptions(suite, spec, (DETECTOR,), out, workers=workers)
    run(options, quiet, quiet)
    return table(out)


def table(out: Path) -> pd.DataFrame:
    return read_scores(out).sort_values(["clip_id", "condition"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The clips on this machine, and what a run makes of them."""
    root = on_disk(FILES, Path(tmp_path_factory.mktemp("local")) / "clips")
    return root, scored(str(root), root.parent / "run")


@pytest.mark.parametrize("kind", ["folder", "manifest"])
def test_a_run_on_a_store_is_the_run_on_the_folder(
    kind: str,
    bucket: str,
    local: tuple[Path, pd.DataFrame],
    tmp_path: Path,
) -> None:
    root, expected = local
    url = in_bucket(FILES | {"manifest.csv": manifest(FILES)}, f"{bucket}/{kind}")
    spec = url + "/manifest.csv" if kind == "manifest" else f"folder:{url}/"
    source, here = open_source(spec), open_source(str(root))
    assert source.origin.digest == here.origin.digest
    assert [(clip.clip_id, clip.label, clip.generator, clip.group) for clip in source] == [
        (clip.clip_id, clip.label, clip.generator, clip.group) for clip in here
    ]
    for one, other in zip(source, here, strict=True):
        assert np.array_equal(load(one.audio).samples, load(other.audio).samples)
    if kind == "manifest":
        found = scored(spec, tmp_path / "run")
    else:  # by a command of its own, whose workers have the keys and the endpoint from the start
        line = ["run", "smoke", "--data", spec, "--model", DETECTOR, "--workers", "1", "--out"]
        subprocess.run(
            [sys.executable, "-m", "harness", *line, str(tmp_path / "run")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )
        found = table(tmp_path / "run")
    pd.testing.assert_frame_equal(found, expected)
    assert set(found["status"]) == {"ok"}
    bundle = write_bundle(tmp_path / "run", tmp_path / "run.zip")
    assert (bundle.clips, bundle.clips_left_out) == (len(FILES), "")


@pytest.mark.parametrize("cache_gb", ["0", "1"])
def test_each_clip_is_read_once_and_a_folder_listed_once(
    cache_gb: str,
    bucket: str,
    tmp_path: Path,
    requests: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without babble, for which every preparing process hears others as well."""
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_CACHE_GB", cache_gb)
    files = recordings(8, seconds=0.5)
    url = in_bucket(files, f"{bucket}/once-{cache_gb}")
    requests.clear()
    found = scored(f"{url}/", tmp_path / "run", 1, str(tmp_path / "small.toml"))
    assert len(found) == 8 * 3
    assert set(found["status"]) == {"ok"}
    place = url.removeprefix("s3:/")
    assert Counter(requests) == Counter(
        [("GET", place.rpartition("/")[0]), *(("GET", f"{place}/{name}") for name in files)]
    )


def seconds(clip: Clip) -> float | str:
    """Not every clip that a layout lists is there."""
    try:
        return load(clip.audio).seconds
    except ClipRejected as fault:
        return str(fault)[:16]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_published_layouts_are_the_same_in_a_store(kind: str, bucket: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    LAYOUTS[kind](root)
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    url = in_bucket(files, f"{bucket}/{kind}")
    for there, here in [(url, str(root)), (f"{kind}:{url}", f"{kind}:{root}")]:
        one, other = open_source(there), open_source(here)
        assert one.origin.digest == other.origin.digest
        assert one.origin.notes == other.origin.notes
        assert [clip.clip_id for clip in one] == [clip.clip_id for clip in other]
        assert [seconds(clip) for clip in one] == [seconds(clip) for clip in other]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".tsv"])
def test_every_kind_of_manifest_is_read_from_a_store(suffix: str, bucket: str) -> None:
    rows = [{"path": name, "label": name.partition("/")[0]} for name in FILES]
    rows[0]["path"] = f"{bucket}/kinds/{rows[0]['path']}"  # in full, as some tools write it
    file = io.BytesIO()
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif suffix == ".jsonl":
        file.write("\n".join(json.dumps(row) for row in rows).encode())
    else:
        file.write("\n".join(["path\tlabel", *("\t".join(row.values()) for row in rows)]).encode())
    url = in_bucket(FILES | {f"some{suffix}": file.getvalue()}, f"{bucket}/kinds")
    source = open_source(f"{url}/some{suffix}")
    assert {clip.clip_id for clip in source} == set(FILES)
    assert source.origin.name == "some"


def test_what_is_missing_or_empty_in_a_store_is_a_rejected_row(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SUITE)
    lines = ["real/none.flac,real,", "real/empty.flac,real,", "real/pointer.wav,real,"]
    odd = {"real/empty.flac": b"", "real/pointer.wav": b"version https://git-lfs.github.com"}
    files = FILES | odd | {"m.csv": manifest(FILES, *lines)}
    url = in_bucket(files, f"{bucket}/missing")
    found = scored(f"{url}/m.csv", tmp_path / "run", suite=str(tmp_path / "small.toml"))
    lost = found[found["status"] != "ok"]
    assert set(lost["status"]) == {"rejected"}
    reasons = lost.groupby("clip_id")["reason"].first()
    assert reasons["real/none.flac"] == "cannot be opened: no such object in the store"
    assert reasons["real/empty.flac"].startswith("cannot be decoded")
    assert reasons["real/pointer.wav"].startswith("a Git LFS pointer")
    assert len(lost) == 3 * 3


def test_objects_that_change_under_a_run_are_rows_with_reasons(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SUITE)
    files = recordings(70, seconds=0.1)
    url = in_bucket(files, f"{bucket}/change")
    names = list(files)
    gone, replaced = names[-1], names[-2]

    def change(line: str) -> None:
        if "1 model(s)" in line:  # the data are opened, and nothing is scored
            key = url.partition(bucket + "/")[2]
            name = bucket.removeprefix("s3://")
            boto3.client("s3").delete_object(Bucket=name, Key=f"{key}/{gone}")
            in_bucket({replaced: files[replaced] * 2}, url)

    out = tmp_path / "run"
    run(RunOptions(str(tmp_path / "small.toml"), url, (DETECTOR,), out, workers=0), change, quiet)
    found = table(out).set_index("clip_id")
    assert set(found.loc[gone, "status"]) == {"rejected"}
    assert set(found.loc[replaced, "status"]) == {"error"}
    size = len(files[replaced])
    assert set(found.loc[replaced, "reason"]) == {
        f"ClipError: has {2 * size} bytes in its store, and {size} when it was listed"
    }
    assert set(found.drop([gone, replaced])["status"]) == {"ok"}


def test_a_store_that_refuses_is_one_line_at_opening_and_a_row_later(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = in_bucket(FILES, f"{bucket}/refused")
    first = next(iter(open_source(url)))
    endpoint = os.environ["AWS_ENDPOINT_URL"]

    def admit(actions: bytes) -> None:
        address, kind = f"{endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        request = urllib.request.Request(address, actions, kind, method="POST")
        urllib.request.urlopen(request).close()

    admit(b"0")
    try:
        denied = r"refused: the store refuses access: .*; check the keys"
        with pytest.raises(UsageError, match=denied):
            open_source(url)
        with pytest.raises(ClipError, match="cannot be read from its store: PermissionError"):
            load(first.audio)
    finally:
        admit(b"inf")
    assert len(open_source(url)) == len(FILES)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{bucket}/nothing", "nothing: no such object and none below it; check the address"),
        ("folder:{bucket}/nothing", "nothing does not exist; check the path"),
        ("folder:{bucket}/odd/a.txt", "a.txt is not a directory; check the path"),
        ("manifest:{bucket}/nothing.csv", "nothing.csv does not exist; check the path"),
        ("asvspoof5:{bucket}/odd", r"no ASVspoof5.eval.track_1.tsv in it"),
        ("s3://no-such-bucket/x", "no-such-bucket/x: does not exist; check the address"),
        ("{bucket}/odd", "holds no data that is known, but a.txt; accepted are"),
        ("{bucket}/odd/a.txt", "no manifest has the suffix '.txt'"),
        ("nothing-like-it://x/y", "no data source is called .nothing-like-it."),
        ("nothinglikeit://x/y", "cannot be opened"),
        ("s3://", "names no place in the store"),
    ],
)
def test_what_is_not_there_is_one_line(address: str, message: str, bucket: str) -> None:
    in_bucket({"a.txt": b"x"}, f"{bucket}/odd")
    with pytest.raises(UsageError, match=message) as refused:
        open_source(address.format(bucket=bucket))
    assert "\n" not in str(refused.value)


def test_without_keys_or_an_endpoint_there_is_one_line(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UsageError, match=r"no keys for the store: .*; set them"):
        open_source(f"{bucket}/x")
    S3FileSystem.clear_instance_cache()


def test_twins_are_found_by_the_digests_of_the_store(bucket: str, tmp_path: Path) -> None:
    same = FILES["real/000.flac"]
    twice = FILES | {"fake/vocoder/000.flac": same}
    url = in_bucket(twice, f"{bucket}/twice")
    with pytest.raises(
        UsageError, match=r"is fake as 'fake/vocoder/000.flac' and real as 'real/00"
    ):
        refuse_twins(open_source(url), url)
    clips = list(open_source(in_bucket(FILES, f"{bucket}/single")))
    assert refuse_twins(clips, url) == []
    here = Clip("here", "real", on_disk({"x.flac": same}, tmp_path) / "x.flac")
    assert [[clip.clip_id for clip in group] for group in twins([*clips, here])] == [
        ["here", "real/000.flac"]
    ]
    unknown = [Clip("a", "real", Stored("s3://b/a", 9)), Clip("b", "fake", Stored("s3://b/b", 9))]
    assert refuse_twins(unknown, url) == [
        "2 clips were not compared byte for byte: no digest of them is at hand"
    ]


def test_a_sample_and_companions_are_those_of_the_folder(
    bucket: str, local: tuple[Path, pd.DataFrame]
) -> None:
    there, here = open_source(in_bucket(FILES, f"{bucket}/some")), open_source(str(local[0]))
    picked = [[clip.clip_id for clip in limited(one, 4, 7)] for one in (there, here)]
    assert picked[0] == picked[1]
    pools = [[clip.clip_id for clip in CompanionPool(one, 4).clips] for one in (there, here)]
    assert pools[0] == pools[1]


def test_a_recording_over_the_limit_is_not_fetched(
    bucket: str, requests: list[tuple[str, str]]
) -> None:
    url = in_bucket({"a.wav": b"x" * 100}, f"{bucket}/large")
    requests.clear()
    for stored in (Stored(f"{url}/a.wav", 100), Stored(f"{url}/a.wav")):
        with pytest.raises(ClipRejected, match="100 bytes are over the limit of 99"):
            stored.fetch(99)
        assert stored.fetch(100) == b"x" * 100
    assert Counter(method for method, _ in requests) == {"GET": 2, "HEAD": 2}


def test_a_clip_pickles_small_and_is_read_by_another_process(bucket: str) -> None:
    url = in_bucket(FILES, f"{bucket}/pickled")
    clip = next(iter(open_source(url)))
    packed = pickle.dumps(clip)
    assert len(packed) < 500
    code = (
        "import pickle, sys; clip = pickle.loads(sys.stdin.buffer.read()); "
        "sys.stdout.buffer.write(clip.audio.fetch(10**6))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True)
    assert done.stdout == FILES[clip.clip_id], done.stderr


def test_data_on_this_machine_need_no_client_of_a_store(tmp_path: Path) -> None:
    root = on_disk(FILES, tmp_path)
    code = (
        "import sys; from harness.data.source import open_source; "
        f"print(len(open_source({str(root)!r}))); "
        "print([name for name in ('fsspec', 'upath', 's3fs', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["6", "[]"]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
PARTS = st.one_of(NAMES, st.sampled_from(["..", ".", "/", "//", "s3:", "a", "../.."]))


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_no_path_of_a_manifest_leads_out_of_its_folder(text: str) -> None:
    below = joined("s3://bucket/folder", text)
    if below is not None:
        assert not below.startswith("/")
        assert ".." not in below.split("/")
        assert below not in ("", ".")


@given(st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)))
def test_a_listing_answers_as_a_file_system_does(names: set[str]) -> None:
    """Objects whose name is another's folder have no counterpart on a disk."""
    names = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    root = StorePath("", Tree("s3://bucket/x", {name: Stored(name) for name in names}))
    assert [path.below for path in root.walk()] == sorted(names)
    folders = {
        "/".join(name.split("/")[:depth])
        for name in names
        for depth in range(1, len(name.split("/")))
    }
    for pattern in ("*", "*/*", "a/*", "*/b", "[ab]/c/*"):
        matching = {
            name
            for name in names | folders
            if name.count("/") == pattern.count("/") and PurePosixPath(name).match(pattern)
        }
        assert {path.below for path in root.glob(pattern)} == matching
    for name in names | folders:
        path = root / name
        assert (path.is_file(), path.is_dir()) == (name in names, name in folders)
        assert path.parent.below == name.rpartition("/")[0]
        assert path in set(path.parent.iterdir())

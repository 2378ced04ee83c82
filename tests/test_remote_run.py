"""Runs in object storage, as a user has them: the same commands with an address for a directory."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.compare.baseline import name_of
from harness.results.record import read_record
from harness.results.scores import KEY, read_scores, shards
from harness.storage.storage import names, place, read, write_whole
from tests.support.in_process import command, harness
from tests.support.s3_server import s3_server

RATE_HZ = 16000

DETECTOR = """
import os
import numpy as np

calls = 0

def factory():
    return lambda samples, rate_hz: np.array([wave.sum() for wave in samples])

def stopped():
    def score(samples, rate_hz):
        global calls
        calls += 1
        if calls == 40:
            raise KeyboardInterrupt
        return np.array([wave.sum() for wave in samples])
    return score

def joined():
    "While it is at work, the same run is begun again, and finishes first."
    def score(samples, rate_hz):
        global calls
        calls += 1
        if calls == 40:
            from tests.support.in_process import command
            assert command(*os.environ["THE_SAME"].split()) == 0
        return np.array([wave.sum() for wave in samples])
    return score
"""

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-1, -2, -3]
"""

DEVELOPED = SUITE + '[threshold]\nchoose = "eer"\ndata = "other"\n'
ROWS = 24 * 4
FAULTS = ("bucket", "object", "keys", "endpoint", "scheme", "client")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips, a suite and detectors."""
    home = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    for folder in ("clips", "other"):
        for number in range(24):
            label = "fake" if number % 2 else "real"
            path = home / folder / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            wave = rng.uniform(-0.5, 0.5, 500 + number) + (0.02 if label == "fake" else -0.02)
            soundfile.write(path, wave, RATE_HZ, subtype="FLOAT")
    (home / "remote_sums.py").write_text(DETECTOR)
    (home / "small.toml").write_text(SUITE)
    (home / "developed.toml").write_text(DEVELOPED)
    return home


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "remote_sums", raising=False)


def asked(out: str, *arguments: str, detector: str = "factory", suite: str = "small") -> list[str]:
    return [
        *("run", f"{suite}.toml", "--data", "clips", "--model", f"python:remote_sums:{detector}"),
        *("--workers", "0", "--batch-size", "2", "--out", out, *arguments),
    ]


@pytest.fixture(scope="module")
def local(home: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(sys, "path", [*sys.path])
        assert command(*asked("local")) == 0
    return home / "local"


@pytest.fixture(scope="module")
def remote(home: Path, bucket: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(sys, "path", [*sys.path])
        assert command(*asked(f"{bucket}/runs/one")) == 0
    return f"{bucket}/runs/one"


def same_table(one: Path, other: Path) -> None:
    pd.testing.assert_frame_equal(read_scores(one), read_scores(other), check_exact=True)


def test_a_run_in_a_store_is_the_run_on_a_disk(local: Path, remote: str) -> None:
    same_table(place(remote), local)
    assert names(place(remote)) == sorted(os.listdir(local))
    assert names(place(remote) / "examples") == sorted(os.listdir(local / "examples"))
    assert read(place(remote) / "metrics.json") == read(local / "metrics.json")
    record = read_record(place(remote))
    assert record.counts.ok == ROWS
    assert record.parts[-1].ended == "finished"


@pytest.mark.parametrize(
    "words",
    [
        ("report", "RUN"),
        ("compare", "RUN", "RUN"),
        ("compare", "RUN", "DISK"),
        ("compare", "DISK", "RUN"),
        ("forensic", "RUN"),
        ("audit", "labels", "RUN"),
        ("audit", "flips", "RUN"),
        ("audit", "claims", "ast-fakeaudio-detector", "--run", "RUN"),
        ("leaderboard", "RUN"),
        ("history", "RUN"),
        ("verify", "RUN"),
    ],
)
def test_commands_say_of_it_what_they_say_of_a_disk(
    words: tuple[str, ...], local: Path, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for names and times."""
    said: list[str] = []
    for place_of_run in (str(local), remote):
        places = {"RUN": place_of_run, "DISK": str(local)}
        code, out, err = harness(capsys, *(places.get(each, each) for each in words), "--json")
        assert code == 0, err
        said.append(out.replace(remote, "RUN").replace(str(local), "RUN"))
    first, second = (json.loads(each) for each in said)
    assert without_times(first) == without_times(second)


def without_times(content: object) -> object:
    if isinstance(content, dict):
        left_out = ("started", "rows_per_second")
        return {key: without_times(each) for key, each in content.items() if key not in left_out}
    return [without_times(each) for each in content] if isinstance(content, list) else content


def test_it_is_gated_against_a_disk_and_what_was_accepted_and_not_against_itself(
    local: Path, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = harness(capsys, "gate", remote, "--baseline", remote)
    assert (code, "is the run itself" in err) == (2, True)
    code, out, err = harness(capsys, "gate", remote, "--baseline", str(local))
    assert code == 0, err
    assert re.search(r"Gate: PASS \(of (\d+) requirements \1 pass; none of 4 vetoes", out), out
    assert {"gate.json", "gate.md", "junit.xml"} <= set(names(place(remote)))
    code, out, err = harness(capsys, "baseline", "accept", remote)
    accepted = Path("reports/baselines") / name_of(read_record(place(remote)))
    assert (code, out) == (0, f"{accepted}: accepted; commit it\n"), err
    assert harness(capsys, "gate", remote)[0] == 0
    same_table(accepted, place(remote))
    code, _, err = harness(capsys, "report", remote)
    assert "gate.json, junit.xml, gate.md, comparison.json: removed" in err
    assert "gate.json" not in names(place(remote))


def test_history_finds_the_runs_of_a_bucket_and_writes_its_page_there(
    bucket: str, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("two", "hidden/.three"):
        for part in ("run.json", f"scores/{shards(place(remote))[0].name}"):
            write_whole(place(f"{bucket}/runs/{name}/{part}"), read(place(f"{remote}/{part}")))
    write_whole(place(f"{bucket}/runs/two/development/run.json"), b"of the run above it")
    page = f"{bucket}/pages/history.html"
    code, out, err = harness(capsys, "history", f"{bucket}/runs", "--out", page, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [each["run"] for track in found["tracks"] for each in track["releases"]] == [remote]
    assert found["copies"] == [[f"{bucket}/runs/two", remote]]
    assert read(place(page)).startswith(b"<!doctype html>")


def test_a_bundle_of_it_is_that_of_a_disk(
    remote: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = harness(capsys, "bundle", remote)
    assert (code, err) == (
        2,
        f"harness: {remote}: is in a store; name a file on a disk with --out\n",
    )
    archive = str(tmp_path / "x.zip")
    assert harness(capsys, "bundle", remote, "--out", archive)[0] == 0
    code, out, _ = harness(capsys, "verify", archive)
    assert (code, "sound" in out) == (0, True)
    code, _, err = harness(capsys, "bundle", remote, "--out", f"{remote}.zip")
    assert (code, err.count("\n")) == (2, 1)
    assert "is in a store; name a place on a disk" in err


def test_a_run_that_was_stopped_goes_on(
    bucket: str, local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{bucket}/stopped"
    code, _, err = harness(capsys, *asked(out, detector="stopped"))
    assert code == 130
    assert f"of {ROWS} scores kept; --out {out} goes on." in err
    kept = len(read_scores(place(out)))
    assert 0 < kept < ROWS
    assert read_record(place(out)).parts[-1].ended == "stopped"
    code, _, err = harness(capsys, *asked(out, detector="stopped"))
    assert code == 0, err
    assert f"{kept} of them done already" in err
    table, whole = (read_scores(each).drop(columns="model") for each in (place(out), local))
    pd.testing.assert_frame_equal(table, whole, check_exact=True)
    code, _, err = harness(capsys, *asked(out, detector="stopped"))
    assert (code, f"{ROWS} of them done already" in err) == (0, True)
    assert len(shards(place(out))) == 2


def test_of_two_runs_in_one_place_one_is_refused(
    bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"{bucket}/joined"
    monkeypatch.setenv("THE_SAME", " ".join(asked(out, detector="joined")))
    code, _, err = harness(capsys, *asked(out, detector="joined"))
    assert code == 2
    assert err.splitlines()[-1] == (
        f"harness: {out}: another run is at work in it; wait for it, or choose another --out"
    )
    table = read_scores(place(out))
    assert len(table) == ROWS
    assert not table.duplicated(list(KEY)).any()
    record = read_record(place(out))  # of the run that finished
    assert record.finished is not None
    assert record.counts.ok == ROWS


def test_a_shard_that_a_store_has_damaged_is_scored_again(
    bucket: str, local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{bucket}/damaged"
    assert command(*asked(out)) == 0
    (shard,) = shards(place(out))
    content = bytearray(read(shard))
    content[len(content) // 3] ^= 255
    write_whole(shard, bytes(content))
    code, _, err = harness(capsys, "report", out)
    assert (code, err.splitlines()[-1].startswith(f"harness: {shard}: a damaged part")) == (2, True)
    code, _, err = harness(capsys, *asked(out))
    assert code == 0, err
    assert "part-000000.parquet.damaged: damaged and set aside; its rows are scored again" in err
    same_table(place(out), local)
    assert names(place(out) / "scores") == ["part-000000.parquet.damaged", "part-000001.parquet"]


def test_thresholds_are_chosen_in_a_run_within(bucket: str, local: Path) -> None:
    out = f"{bucket}/developed"
    assert command(*asked(out, suite="developed")) == 0
    (chosen,) = read_record(place(out)).thresholds
    assert (chosen.real, chosen.fake) == (12, 12)
    assert len(read_scores(place(out) / "development")) == 24


def test_another_run_is_not_gone_on_with_and_no_run_is_not_written_over(
    bucket: str, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = harness(capsys, *asked(remote, "--limit", "4"))
    assert (code, "holds a run of other data; choose another --out" in err) == (2, True)
    write_whole(place(f"{bucket}/notes/a.txt"), "mine")
    code, _, err = harness(capsys, *asked(f"{bucket}/notes"))
    assert (code, "not empty and not a run; choose another --out" in err) == (2, True)
    assert names(place(f"{bucket}/notes")) == ["a.txt"]


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        *(("report", fault) for fault in FAULTS),
        *(("history", fault) for fault in FAULTS),
        *(("run", fault) for fault in FAULTS if fault != "object"),
    ],
)
def test_what_is_wrong_with_an_address_is_one_line(
    word: str,
    fault: str,
    bucket: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from s3fs import S3FileSystem

    address = f"{bucket}/none"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    match fault:
        case "bucket":
            address = "s3://no-such-bucket/none"
        case "keys":
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        case "endpoint":
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        case "scheme":
            address = "s4://bucket/none"
        case "client":
            monkeypatch.setitem(sys.modules, "upath", None)
        case _:
            pass
    S3FileSystem.clear_instance_cache()
    try:
        said = asked(address) if word == "run" else [word, address]
        code, out, err = harness(capsys, *said)
    finally:
        monkeypatch.undo()
        S3FileSystem.clear_instance_cache()
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith(f"harness: {address}")
    assert "Traceback" not in err
    if word != "run":
        assert err.count("\n") == 1


def test_no_bucket_is_made_by_the_way(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    import boto3

    code, _, err = harness(capsys, *asked("s3://misspelt-bucket/run"))
    assert (code, "does not exist; check the address" in err) == (2, True)
    made = [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
    assert made == [bucket.removeprefix("s3://")]

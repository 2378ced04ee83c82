"""Places on a disk, in a store and in memory behave alike; what a store refuses is one line."""

from __future__ import annotations

import pickle
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.run_directory import alone_in
from harness.errors import UsageError
from harness.results.scores import (
    KEY,
    NotAlone,
    ScoresWriter,
    finished,
    next_number,
    read_scores,
    set_aside_damaged,
    shards,
)
from harness.storage.storage import (
    below,
    clear,
    disk,
    exists,
    is_folder,
    is_remote,
    keeps_first,
    local_copy,
    make_folder,
    names,
    place,
    read,
    remove,
    rename,
    write_new,
    write_whole,
)
from tests.results.test_scores import row
from tests.support.s3_server import s3_server


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["disk", "memory", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "disk":
        return tmp_path / "run"
    if request.param == "memory":
        return memory()
    return place(f"{request.getfixturevalue('bucket')}/{uuid4().hex}/run")


def memory() -> Path:
    pytest.importorskip("upath", reason="the extra 'cluster' is not installed")
    return place(f"memory://{uuid4().hex}/run")


def test_a_file_is_written_whole_read_renamed_and_removed(folder: Path) -> None:
    make_folder(folder)
    path = folder / "a.json"
    assert not exists(path)
    assert names(folder) == []
    with pytest.raises(FileNotFoundError):
        read(path)
    write_whole(path, "grün")
    write_whole(path, "größer")
    assert read(path) == "größer".encode()
    assert exists(path)
    assert rename(path, "b.json") == folder / "b.json"
    assert names(folder) == ["b.json"]
    remove(folder / "b.json")
    remove(folder / "b.json")
    assert names(folder) == []


def test_what_is_new_is_written_once(folder: Path) -> None:
    make_folder(folder)
    write_new(folder / "x", b"first")
    with pytest.raises(FileExistsError):
        write_new(folder / "x", b"second")
    assert read(folder / "x") == b"first"
    assert keeps_first(folder / "lock")


def test_folders_are_listed_cleared_and_copied(folder: Path) -> None:
    make_folder(folder / "scores")
    write_whole(folder / "run.json", "{}")
    write_whole(folder / "scores" / "part", b"\0\1")
    assert names(folder) == ["run.json", "scores"]
    assert is_folder(folder / "scores")
    assert not is_folder(folder / "run.json")
    assert not is_folder(folder / "nothing")
    with local_copy(folder) as copy:
        assert (copy == folder) is not is_remote(folder)
        assert (copy / "scores" / "part").read_bytes() == b"\0\1"
        assert (copy / "run.json").read_text() == "{}"
    with local_copy(folder / "run.json") as copy:
        assert copy.name == "run.json"
        assert copy.read_text() == "{}"
    clear(folder / "scores")
    assert names(folder / "scores") == []
    assert exists(folder / "run.json")
    if is_remote(folder):
        assert below(folder) == ["run.json"]
        with pytest.raises(UsageError, match="does not exist"), local_copy(folder / "nothing"):
            pass


def test_a_place_is_told_by_its_address(bucket: str, tmp_path: Path) -> None:
    assert place(str(tmp_path)) == tmp_path == place(tmp_path)
    assert place(f"file://{tmp_path}") == tmp_path
    remote = place(f"{bucket}/runs/x/")
    assert str(remote) == f"{bucket}/runs/x"
    assert (remote.name, str(remote.parent)) == ("x", f"{bucket}/runs")
    assert pickle.loads(pickle.dumps(remote)) == remote
    assert is_remote(remote)
    assert not is_remote(tmp_path)
    with pytest.raises(UsageError, match="is in a store; name a place on a disk"):
        disk(str(remote))
    assert disk("x.zip") == Path("x.zip")


@pytest.mark.parametrize("spec", ["s3://", "s3:///", "nothing://bucket/x"])
def test_an_address_that_is_none_is_said(spec: str) -> None:
    pytest.importorskip("upath", reason="the extra 'cluster' is not installed")
    with pytest.raises(UsageError, match=r"names no place in the store|cannot be opened"):
        place(spec)


@pytest.mark.parametrize(("missing", "spec"), [("upath", "s3://b/x"), ("adlfs", "abfs://b/x")])
def test_a_client_that_is_missing_is_named(
    missing: str, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=r"nothing installed reads .*fake-audio-harness\[cluster"):
        place(spec)


def test_a_copy_stays_where_it_is_made() -> None:
    run = memory()
    store: Any = run
    store.fs.pipe_file(f"{store.path}/../../out", b"")
    assert below(run) == ["../../out"]
    with pytest.raises(UsageError, match="leads out of it"), local_copy(run):
        pass


def test_what_was_written_elsewhere_meanwhile_is_seen(bucket: str) -> None:
    import boto3

    run = place(f"{bucket}/seen")
    assert names(run) == []
    name = bucket.removeprefix("s3://")
    boto3.client("s3").put_object(Bucket=name, Key="seen/new", Body=b"1")
    assert names(run) == below(run) == ["new"]


# --- what keeps two runs apart


def test_two_writers_of_one_table(folder: Path) -> None:
    first, second = ScoresWriter(folder), ScoresWriter(folder)
    first.append([row("a")])
    first.flush()
    second.append([row("b")])
    with pytest.raises(NotAlone, match="another run is at work in it; wait for it"):
        second.flush()
    first.append([row("b")])
    first.flush()
    assert set(finished(folder)) == {("a", "clean", "m"), ("b", "clean", "m")}
    assert len(read_scores(folder)) == 2


class Driver:
    """A run as the table sees it: lists, reads, then writes what it owes row by row."""

    def __init__(self, run: Path, clips: list[str]) -> None:
        self._run, self._clips = run, clips
        self.refused = False
        self._steps = self._go()

    def step(self) -> bool:
        return next(self._steps, None) is not None

    def _go(self) -> Iterator[bool]:
        number = next_number(self._run)
        yield True
        done = finished(self._run)
        yield True
        writer = ScoresWriter(self._run, number)
        for clip in self._clips:
            if (clip, "clean", "m") not in done:
                writer.append([row(clip)])
                try:
                    writer.flush()
                except NotAlone:
                    self.refused = True
                    return
                yield True


@settings(max_examples=40)
@given(order=st.lists(st.integers(0, 2), max_size=20), reverse=st.booleans())
def test_however_runs_meet_no_row_is_in_the_table_twice(order: list[int], reverse: bool) -> None:
    run, clips = memory(), ["a", "b", "c", "d"]
    drivers = [Driver(run, clips), Driver(run, clips[::-1] if reverse else clips)]
    drivers.append(Driver(run, clips))
    for number in order:
        drivers[number].step()
    for driver in drivers:
        while driver.step():
            pass
    table = read_scores(run)
    assert not table.duplicated(list(KEY)).any()
    assert sorted(table.clip_id) == clips
    assert not all(driver.refused for driver in drivers)


def test_a_damaged_shard_in_a_store_is_set_aside() -> None:
    run = memory()
    for clip in ("a", "b"):
        with ScoresWriter(run) as writer:
            writer.append([row(clip)])
    shard = shards(run)[0]
    write_whole(shard, read(shard)[:-9])
    with pytest.raises(UsageError, match="a damaged part of the scores"):
        read_scores(run)
    assert [path.name for path in set_aside_damaged(run)] == ["part-000000.parquet.damaged"]
    assert set(finished(run)) == {("b", "clean", "m")}
    assert next_number(run) == 2


# --- other stores than the one that tests run against


@contextmanager
def serving(
    answer: Callable[[BaseHTTPRequestHandler, bytes], tuple[int, bytes]],
) -> Iterator[str]:
    """A server that answers as it is told; what is yielded is its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            code, content = answer(self, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        def do_GET(self) -> None:
            self.headers["Content-Length"] = "0"
            self.do_PUT()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *about: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have clients find the store at another address."""
    s3fs = pytest.importorskip("s3fs", reason="the extra 'cluster' is not installed")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)

    def use(address: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3fs.S3FileSystem.clear_instance_cache()

    yield use
    s3fs.S3FileSystem.clear_instance_cache()


def told(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>No</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_store_that_refuses_in_other_words(
    status: int, code: str, client: Callable[[str], None]
) -> None:
    with serving(lambda *_: (status, told(code))) as address:
        client(address)
        with pytest.raises(FileExistsError):
            write_new(place("s3://other/x"), b"1")


def test_a_store_without_conditional_writes_is_refused(client: Callable[[str], None]) -> None:
    with serving(lambda *_: (200, b"<ListBucketResult></ListBucketResult>")) as address:
        client(address)
        told = pytest.raises(UsageError, match="let two runs write the same object")
        with told, alone_in(place("s3://other/x")):
            pass


def test_access_denied_is_one_line(client: Callable[[str], None]) -> None:
    questions: list[Callable[[Path], object]] = [
        *(exists, is_folder, names, below, read, remove, clear),
        lambda path: write_whole(path, b""),
        lambda path: write_new(path, b""),
    ]
    with serving(lambda *_: (403, told("AccessDenied"))) as address:
        client(address)
        for ask in questions:
            with pytest.raises(UsageError) as fault:
                ask(place("s3://other/x/y"))
            line = str(fault.value)
            assert line.startswith("s3://other/x/y: the store refuses access: "), ask
            assert "\n" not in line


def test_a_shard_whose_answer_was_lost_is_our_own(
    bucket: str, client: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has it, the client does not know that, asks again and is refused."""
    import os

    real = os.environ["AWS_ENDPOINT_URL"]
    refused: list[int] = []
    lost: list[str] = []

    def forward(asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        own = ("content-length", "host", "expect")
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in own}
        headers["Content-Type"] = "application/octet-stream"  # else urllib calls it a form
        request = urllib.request.Request(
            real + asked.path, body or None, headers, method=asked.command
        )
        try:
            with urllib.request.urlopen(request) as answer:
                long = int(answer.headers["Content-Length"])  # as HEAD says it, without content
                status, content = answer.status, answer.read() or bytes(long)
        except HTTPError as fault:
            with fault:
                status, content = fault.code, fault.read()
        if asked.command == "PUT" and "/part-" in asked.path:
            if not lost:
                lost.append(asked.path)
                return 500, told("InternalError")
            refused.append(status)
        return status, content

    with serving(forward) as address:
        client(address)
        run = place(f"{bucket}/lost")
        with ScoresWriter(run) as writer:
            writer.append([row("a")])
            writer.flush()
            writer.append([row("b")])
        table = read_scores(run)
    assert lost
    assert refused[0] == 412
    assert list(table.clip_id) == ["a", "b"]

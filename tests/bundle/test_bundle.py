"""A bundle says of every byte what it was, and a check names what is not."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness.bundle.bundle import MANIFEST, BundleManifest, verify, write_bundle
from harness.errors import UsageError
from harness.report.publish import publish
from harness.results.record import CountRecord, read_record, write_record
from harness.results.run_folder import RunFolder, read_run
from harness.results.scores import SCHEMA, ScoresWriter
from harness.storage.archive import ArchiveLimits, read_archive, write_archive
from harness.summary.summary import figures
from tests.support.in_process import command
from tests.support.two_runs import finished

CLIPS = {f"{label}{number}": (number - 3.0) for label in "fr" for number in range(8)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run on disk, with its report."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    run: RunFolder = finished({"clean": CLIPS, "noise:white@10dB": CLIPS})
    with ScoresWriter(folder) as writer:
        writer.append(run.table.to_dict("records"))  # pyright: ignore[reportArgumentType]
    counts = CountRecord(ok=len(run.table))
    write_record(run.record.model_copy(update={"counts": counts}), folder)
    again = read_run(folder)
    publish(again, figures(again))
    (folder / ".lock").touch()
    (folder / "metrics.json.tmp").touch()
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "small"))


@pytest.fixture(params=[".zip", ".tar"])
def bundle(request: pytest.FixtureRequest, run: Path) -> Path:
    return write_bundle(run, run.with_name(f"small{request.param}")).path


def repacked(bundle: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with other members, as `write_archive` writes them."""
    files: dict[str, Any] = dict(read_archive(bundle))
    change(files)
    write_archive(files, bundle)
    return bundle


def test_a_sound_bundle_is_sound(bundle: Path) -> None:
    verdict = verify(bundle)
    assert verdict.faults == []
    assert len(verdict.checked) == 2


def test_a_bundle_holds_the_run_and_nothing_that_is_left_over(bundle: Path) -> None:
    names = set(read_archive(bundle))
    assert {"run.json", "metrics.json", "report.html", "suite.json", MANIFEST} <= names
    assert any(name.startswith("scores/part-") for name in names)
    assert not {name for name in names if name.endswith(".tmp") or name.startswith(".")}


def test_the_same_run_gives_the_same_bytes(bundle: Path, run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "elsewhere" / "other"))
    for path in other.rglob("*"):
        path.touch()
        path.chmod(0o755 if path.is_dir() else 0o600)
    again = write_bundle(other, tmp_path / f"again{bundle.suffix}").path
    assert again.read_bytes() == bundle.read_bytes()


def test_data_that_went_away_are_told(run: Path) -> None:
    written = write_bundle(run)
    assert written.clips == 0
    assert written.clips_left_out
    assert written.path == run.with_name("small.zip")


def test_recordings_have_their_digests(run: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for clip_id in CLIPS:
        path = data / ("fake" if clip_id[0] == "f" else "real") / f"{clip_id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip_id.encode())
    from harness.data.source import open_source

    source = open_source(str(data))
    record = read_record(run)
    table = read_run(run).table
    by_name = {Path(clip.clip_id).stem: clip.clip_id for clip in source}
    digests = {clip: hashlib.blake2b(clip.encode(), digest_size=16).hexdigest() for clip in by_name}
    table["audio_digest"] = table["clip_id"].map(digests)
    table["clip_id"] = table["clip_id"].map(by_name)
    shutil.rmtree(run / "scores")
    with ScoresWriter(run) as writer:
        writer.append(table.to_dict("records"))  # pyright: ignore[reportArgumentType]
    about = record.data.model_copy(update={"spec": str(data), "digest": source.origin.digest})
    write_record(record.model_copy(update={"data": about}), run)
    written = write_bundle(run)
    assert written.clips == len(CLIPS)
    manifest = json.loads(read_archive(written.path)[MANIFEST])
    assert manifest["clips"]["fake/f3.wav"] == hashlib.sha256(b"f3").hexdigest()
    (data / "fake" / "f3.wav").write_bytes(b"another")
    again = write_bundle(run, run.parent / "again.zip")
    told = "'fake/f3.wav' is not the recording that was scored"
    assert (again.clips, again.clips_left_out) == (0, told)


def test_a_tampered_file_is_named(bundle: Path) -> None:
    def tamper(files: dict[str, Any]) -> None:
        files["report.html"] = files["report.html"].replace(b"0", b"1", 1)

    assert [line.split(":")[0] for line in verify(repacked(bundle, tamper)).faults] == [
        "report.html"
    ]


def test_a_missing_and_an_added_file_are_named(bundle: Path) -> None:
    def swap(files: dict[str, Any]) -> None:
        files["extra.txt"] = files.pop("suite.json")

    faults = verify(repacked(bundle, swap)).faults
    assert faults == ["suite.json: missing", "extra.txt: added, the manifest does not name it"]


def test_figures_that_do_not_follow_from_the_scores_are_named(bundle: Path) -> None:
    """Who changes a figure can mend the manifest; the scores still tell."""

    def forge(files: dict[str, Any]) -> None:
        metrics = json.loads(files["metrics.json"])
        row = next(r for r in metrics["rows"] if r["metric"] == "accuracy" and r["n"])
        row["value"] = 0.99
        files["metrics.json"] = json.dumps(metrics).encode()
        manifest = json.loads(files[MANIFEST])
        manifest["files"]["metrics.json"] = {
            "sha256": hashlib.sha256(files["metrics.json"]).hexdigest(),
            "bytes": len(files["metrics.json"]),
        }
        files[MANIFEST] = BundleManifest.model_validate(manifest).text

    (fault,) = verify(repacked(bundle, forge)).faults
    assert fault.startswith("metrics.json: value of owner/model / clean")
    assert "is 0.99, the scores give" in fault


def test_any_byte_that_was_changed_is_noticed(bundle: Path) -> None:
    content, chance = bundle.read_bytes(), random.Random(1)
    ends = [*range(0, 600, 40), *range(len(content) - 600, len(content), 40)]
    for place in ends + [chance.randrange(len(content)) for _ in range(30)]:
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(bytes(changed))
        try:
            assert verify(bundle).faults, place
        except UsageError:  # not an archive any more
            continue


def test_bytes_after_the_archive_are_noticed(bundle: Path) -> None:
    with bundle.open("ab") as file:
        file.write(b"more")
    with contextlib.suppress(UsageError):  # not an archive any more
        assert verify(bundle).faults


def test_a_run_directory_is_checked_too(run: Path) -> None:
    assert verify(run).faults == []
    text = (run / "metrics.json").read_text()
    metrics = json.loads(text)
    metrics["rows"] = [row for row in metrics["rows"] if row["metric"] != "eer"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    faults = verify(run).faults
    assert faults
    assert all("eer" in fault and "is missing" in fault for fault in faults)


def test_rows_that_are_gone_are_named(run: Path) -> None:
    record = read_record(run)
    counts = record.counts.model_copy(update={"ok": record.counts.ok + 1})
    write_record(record.model_copy(update={"counts": counts}), run)
    assert any("run.json says" in fault for fault in verify(run).faults)


def test_a_damaged_shard_is_named(run: Path) -> None:
    shard = next((run / "scores").glob("*.parquet"))
    content = bytearray(shard.read_bytes())
    scores = pq.read_metadata(shard).row_group(0).column(SCHEMA.get_field_index("score"))
    content[scores.data_page_offset + scores.total_compressed_size // 2] ^= 255
    shard.write_bytes(bytes(content))
    (fault,) = verify(run).faults
    assert fault.startswith(shard.name)


def zipped(target: Path, name: str, content: bytes = b"x", **about: Any) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo(name)
        for key, value in about.items():
            setattr(info, key, value)
        archive.writestr(info, content)


def tarred(target: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    with tarfile.open(target, "w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = 1 if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(b"x"))


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../b", "a\\b", "c:x", "./a", "a//b"])
def test_names_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    for suffix, write in ((".zip", zipped), (".tar", tarred)):
        target = tmp_path / f"bad{suffix}"
        write(target, name)
        with pytest.raises(UsageError, match="not a plain relative path"):
            verify(target)
    assert not (tmp_path.parent / "out").exists()


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "bad.zip"
    zipped(target, "link", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(UsageError, match="not a regular file"):
        verify(target)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        tarred(target, "run.json", kind, "/etc/passwd")
        with pytest.raises(UsageError, match="not a regular file"):
            verify(target)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "bomb.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 10_000_000)
    with pytest.raises(UsageError, match="compressed"):
        verify(target)


def test_no_more_is_read_than_there_is_or_than_the_limit(tmp_path: Path) -> None:
    target = tmp_path / "large.tar"
    write_archive({"a": b"x" * 900, "b": b"y" * 900}, target)
    with pytest.raises(UsageError, match="more than 1000 bytes"):
        read_archive(target, replace(ArchiveLimits(), bytes=1000))
    with pytest.raises(UsageError, match="more than 1 members"):
        read_archive(target, replace(ArchiveLimits(), members=1))


def test_a_member_twice_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "twice.tar"
    with tarfile.open(target, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(UsageError, match="twice"):
        verify(target)


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_link_to_a_run_is_the_run(run: Path) -> None:
    link = run.with_name("link")
    link.symlink_to(run.name)
    linked, named = (write_bundle(link, run.with_name("l.zip")), write_bundle(run))
    assert (linked.files, linked.sha256) == (named.files, named.sha256)
    assert linked.files > 3


@pytest.mark.parametrize("content", [b"", b"null", b"[1]", b"\xff", b"[" * 100_000])
def test_damaged_figures_are_not_packed(run: Path, content: bytes) -> None:
    (run / "metrics.json").write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        write_bundle(run)
    assert not run.with_name("small.zip").exists()
    assert "metrics.json: damaged" in verify(run).faults[0]


def test_a_record_that_nests_without_end_is_damaged(run: Path) -> None:
    (run / "run.json").write_bytes(b"[" * 100_000)
    assert verify(run).faults == ["run.json: a damaged record"]
    with pytest.raises(UsageError, match="damaged record"):
        write_bundle(run)


@pytest.mark.parametrize("name", ["\udcff.txt", "a:b.txt", "a\\b.txt"])
def test_names_that_a_bundle_cannot_have_are_refused_when_it_is_written(
    run: Path, name: str
) -> None:
    (run / name).touch()
    with pytest.raises(UsageError, match="a name that no bundle has"):
        write_bundle(run)


@pytest.mark.usefixtures("_here")
def test_exit_codes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("bundle", "small") == 0
    assert "SHA-256" in capsys.readouterr().out
    assert command("verify", "small.zip") == 0
    assert "sound" in capsys.readouterr().out
    repacked(Path("small.zip"), lambda files: files.pop("report.html"))
    assert command("verify", "small.zip") == 1
    assert capsys.readouterr().out == "report.html: missing\n"
    assert command("verify", "small/run.json") == 2
    assert command("verify", "absent.zip") == 2
    assert command("bundle", "small", "--out", "small/inside.zip") == 2
    assert command("bundle", "small", "--out", "small.rar") == 2
    Path("empty.zip").write_bytes(b"")
    assert command("verify", "empty.zip") == 2


def of_version_1(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite a run's figures as the first version of the statistics had them."""
    path = run / "metrics.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["statistics"]
    for part in ("rows", "damage", "families"):
        for item in content[part]:
            del item["new_low"], item["new_high"]
            item["low"] = item["value"]
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_intervals_of_an_earlier_version_of_the_statistics_are_no_faults(run: Path) -> None:
    of_version_1(run, lambda _: None)
    verdict = verify(run)
    assert verdict.faults == []
    assert any("by an earlier version of the statistics" in line for line in verdict.checked)


def test_a_value_of_an_earlier_version_is_still_held_to_the_scores(run: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["rows"][0]["value"] += 0.01

    of_version_1(run, change)
    (fault,) = verify(run).faults
    assert "value of" in fault

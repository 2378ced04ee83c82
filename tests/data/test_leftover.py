"""What lies beside the clips of a source is counted, and never taken or left out in silence."""

import os
import re

import pytest

from harness.data.leftover import skipped, stale
from harness.data.source import open_source
from harness.errors import UsageError
from tests.data.test_shards import FILES, shard
from tests.support.data_layout import asvspoof2019, mlaad, record, wavefake, write


def test_skipped_files_are_counted_by_their_endings():
    names = [f"fake/{i}.dat" for i in range(3)] + ["real/A.DAT", "real/x.txt", "real/clip"]
    assert skipped([*names, "real/Mr. Bean, part one"]) == [
        "7 files with other endings were skipped: .dat (4), no ending (2), .txt (1); "
        "such as fake/0.dat"
    ]
    assert skipped(["real/x.dat"]) == [
        "1 file with another ending was skipped: .dat; such as real/x.dat"
    ]
    assert skipped([]) == []
    many = [f"x.{ending}" for ending in "abcdefgh"]
    assert ".f (1) and 2 more" in skipped(many)[0]


def test_files_of_systems_are_hidden_and_no_recordings(tmp_path):
    record(tmp_path / "real/a.wav")
    record(tmp_path / "fake/b.WAV")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/._a.wav", "._a.wav"):
        write(tmp_path / "real" / name, "")
    for name in (".ipynb_checkpoints/a-checkpoint.wav", "@eaDir/a.wav/x.wav", ".git/x"):
        write(tmp_path / "fake" / name, "")
    source = open_source(str(tmp_path))
    assert [clip.clip_id for clip in source] == ["fake/b.WAV", "real/a.wav"]
    assert source.origin.notes == ("8 hidden files were skipped, such as fake/.git/x",)


def test_a_folder_of_recordings_without_endings_says_what_it_saw(tmp_path):
    for name in ("real/a", "fake/b", "fake/c.dat"):
        write(tmp_path / name, "")
    line = r"no clips \(3 files with other endings were skipped: no ending \(2\), .dat \(1\); such"
    with pytest.raises(UsageError, match=line):
        open_source(str(tmp_path))


def test_what_lies_beside_the_class_folders_is_said(tmp_path):
    for name in ("real/a.wav", "fake/b.wav", "unlabelled/c.wav", "test/real/d.wav", "loose.wav"):
        record(tmp_path / name)
    write(tmp_path / "real/manifest.csv", "path,label")
    assert open_source(f"folder:{tmp_path}").origin.notes == (
        "real/manifest.csv was not read: name it as the data to go by it",
        "1 file with another ending was skipped: .csv; such as real/manifest.csv",
        "folders not read: test/, unlabelled/",
        "1 recording was left out beside the class folders, such as loose.wav",
    )


def test_listed_and_found_are_held_against_each_other():
    there = {"a": ["1.wav", "2.wav", "Caf\u00e9.wav", "notes.txt", ".x.wav"], "": ["B.wav"]}
    listed = {"a/1.wav", "a/3.wav", "a/Cafe\u0301.wav", "b.wav", "gone/4.wav"}
    assert stale(listed, lambda folder: there.get(folder, [])) == [
        "4 of 5 listed recordings are not there, such as a/3.wav; 2 differ from a file there only "
        "in case or Unicode form",
        "3 recordings beside them are not listed, such as B.wav",
    ]
    assert stale({"a/1.wav"}, lambda folder: ["1.wav"]) == []


def test_protocols_say_what_is_missing_and_what_is_not_listed(tmp_path):
    root = asvspoof2019(tmp_path / "19")
    record(root / "ASVspoof2019_LA_eval/flac/LA_E_9.flac")
    notes = open_source(str(root)).origin.notes
    assert notes == (
        "read as asvspoof2019-la, subset eval of eval, dev, train",
        "1 of 2 listed recordings is not there, such as "
        "ASVspoof2019_LA_eval/flac/LA_E_8877452.flac",
        "1 recording beside them is not listed for subset eval, such as "
        "ASVspoof2019_LA_eval/flac/LA_E_9.flac",
        "every clip has a speaker of its own: intervals take the clips for independent",
    )
    for build, others in ((wavefake, 1), (mlaad, 2)):  # MLAAD has a meta.csv of its own
        root = build(tmp_path / build.__name__)
        write(root / "fake/en/model_x/x.dat", "")
        write(root / "fake/en/model_x/._a.wav", "")
        notes = open_source(str(root)).origin.notes
        assert any(re.match(rf"{others} files? with .*: .*\.dat", note) for note in notes)
        assert "1 hidden file was skipped, such as fake/en/model_x/._a.wav" in notes
    assert "1 fake clip is in no meta.csv: generator from the folder" in notes


def test_a_directory_of_shards_says_what_else_is_in_it(tmp_path):
    write(tmp_path / "README.md", "")
    write(tmp_path / "data/x.dat", "")
    (tmp_path / "data/all.parquet").write_bytes(shard(FILES))
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache/other.parquet").write_bytes(shard(FILES))
    source = open_source(str(tmp_path))
    assert len(source) == len(FILES)
    assert source.origin.notes[:2] == (
        "2 files with other endings were skipped: .dat (1), .md (1); such as README.md",
        "1 hidden file was skipped, such as .cache/other.parquet",
    )


def test_a_folder_reached_twice_is_two_labels_of_one_recording(tmp_path):
    record(tmp_path / "fake/a.wav")
    record(tmp_path / "real/b.wav")
    os.symlink(tmp_path / "fake", tmp_path / "real/fake")
    with pytest.raises(UsageError, match=r"1 recording lies below folders of both classes, such"):
        open_source(str(tmp_path))

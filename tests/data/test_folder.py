import os

import pytest

from harness.data.source import open_source
from harness.errors import UsageError
from tests.support.data_layout import record, write
from tests.support.paths import SHARED

DATA = SHARED / "data"
needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data")


def test_real_and_fake_with_generators_below(tmp_path):
    record(tmp_path / "real/b.WAV")
    record(tmp_path / "real/a/deep/c.flac")
    record(tmp_path / "fake/HiFi-GAN/x.wav")
    record(tmp_path / "fake/y.ogg")
    write(tmp_path / "real/notes.txt", "no audio")
    write(tmp_path / "fake/._y.ogg", "what macOS leaves behind")
    source = open_source(str(tmp_path))
    assert [(clip.clip_id, clip.label, clip.generator, clip.group) for clip in source] == [
        ("fake/HiFi-GAN/x.wav", "fake", "HiFi-GAN", "fake/HiFi-GAN/x.wav"),
        ("fake/y.ogg", "fake", "", "fake/y.ogg"),
        ("real/a/deep/c.flac", "real", "", "real/a/deep/c.flac"),
        ("real/b.WAV", "real", "", "real/b.WAV"),
    ]
    assert (source.origin.kind, source.origin.name, len(source)) == ("folder", tmp_path.name, 4)
    assert source.origin.notes == (
        "1 file with another ending was skipped: .txt; such as real/notes.txt",
        "1 hidden file was skipped, such as fake/._y.ogg",
    )
    assert not source.origin.synthetic


def test_other_words_for_the_classes_are_noted(tmp_path):
    record(tmp_path / "Bona-Fide/a.wav")
    record(tmp_path / "spoof/b.wav")
    source = open_source(f"folder:{tmp_path}")
    assert [clip.label for clip in source] == ["real", "fake"]
    assert source.origin.notes == ("folder Bona-Fide/ read as real", "folder spoof/ read as fake")


def test_the_digest_depends_on_ids_and_labels_alone(tmp_path):
    for place in ("one", "two"):
        record(tmp_path / place / "real/a.wav")
        record(tmp_path / place / "fake/b.wav", seconds=0.05 if place == "two" else 0.02)
    one, two = (open_source(str(tmp_path / place)).origin.digest for place in ("one", "two"))
    assert one == two
    record(tmp_path / "two/fake/c.wav")
    assert open_source(str(tmp_path / "two")).origin.digest != one


def test_links_to_folders_are_followed_and_loops_are_not(tmp_path):
    record(tmp_path / "elsewhere/x.wav")
    record(tmp_path / "data/real/a.wav")
    (tmp_path / "data/fake").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "data/fake/melgan")
    os.symlink(tmp_path / "data/fake", tmp_path / "elsewhere/loop")
    source = open_source(str(tmp_path / "data"))
    assert [clip.clip_id for clip in source] == ["fake/melgan/x.wav", "real/a.wav"]
    assert source.clips[0].generator == "melgan"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["real/a.wav", "bonafide/b.wav", "fake/c.wav"], "bonafide/ and real/ both mean real"),
        (["real/a.wav", "other/b.wav"], "no real/ and fake/ in it but other, real"),
        (["real/a.wav", "fake/b.txt"], r"only real clips \(1\): metrics need both"),
        (["real/a.txt", "fake/b.txt"], "no clips"),
    ],
)
def test_what_is_no_test_set_is_refused(tmp_path, files, message):
    for name in files:
        write(tmp_path / name, "")
    with pytest.raises(UsageError, match=message) as refused:
        open_source(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path))


def test_odd_names_are_names(tmp_path):
    odd = ["a\nb.wav", "'\"<script>.wav", "\N{GRINNING FACE}.wav", "x" * 251 + ".wav"]
    for name in odd:
        record(tmp_path / "fake" / name)
    record(tmp_path / "real/a.wav")
    latin = os.fsdecode(b"caf\xe9")
    record(tmp_path / "plain.wav").rename(tmp_path / "real" / f"{latin}.wav")
    (tmp_path / "fake" / latin).mkdir()
    record(tmp_path / "plain.wav").rename(tmp_path / "fake" / latin / "b.wav")
    source = open_source(str(tmp_path))
    ids = {clip.clip_id for clip in source}
    assert ids == {f"fake/{name}" for name in odd} | {
        "real/a.wav",
        "real/caf\\xe9.wav",
        "fake/caf\\xe9/b.wav",
    }
    assert all(clip.audio.is_file() for clip in source)
    assert {clip.generator for clip in source} == {"", "caf\\xe9"}
    "".join(ids).encode()


@needs_shared
@pytest.mark.parametrize(("spec", "kind"), [("{}", "manifest"), ("folder:{}", "folder")])
def test_recordings_as_found(spec, kind):
    source = open_source(spec.format(DATA / "test"))
    assert source.origin.kind == kind
    assert len(source) == 423
    assert sum(clip.label == "fake" for clip in source) == 220
    assert all(clip.audio.is_file() for clip in source)


@needs_shared
def test_hostile_files_are_listed_all(tmp_path):
    os.symlink(DATA / "hostile", tmp_path / "real")
    record(tmp_path / "fake/x.wav")
    source = open_source(str(tmp_path))
    assert len(source) == 1 + len(list((DATA / "hostile").iterdir()))

"""Data that can be read in two ways: refused, or both readings said."""

import pytest

from harness.data.source import open_source
from harness.errors import UsageError
from tests.support.data_layout import asvspoof2019, fake_or_real, in_the_wild, record, write


def recordings(root, *names):
    for name in names:
        record(root / name)
    return root


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["real/a.wav", "real/fake/x.wav", "fake/b.wav"],
            "1 recording lies below folders of both classes, such as real/fake/x.wav; rename",
        ),
        (
            ["real/a.wav", "fake/VITS/Bona-Fide/x.wav", "fake/human/y.wav"],
            "2 recordings lie below folders of both classes, such as fake/VITS/Bona-Fide/x.wav",
        ),
        (
            ["real/train/a.wav", "fake/train/b.wav", "real/test/c.wav", "fake/test/d.wav"],
            "its classes have the parts test, train in them; give one part",
        ),
        (
            ["train/real/a.wav", "train/fake/b.wav", "test/real/c.wav", "test/fake/d.wav"],
            "no real/ and fake/ in it but in test, train; name one of them: .*/test",
        ),
    ],
)
def test_class_folders_that_can_be_read_in_two_ways(tmp_path, names, message):
    recordings(tmp_path, *names)
    with pytest.raises(UsageError, match=message) as refused:
        open_source(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_one_part_below_the_classes_is_no_generator(tmp_path):
    recordings(tmp_path, "real/Test/a.wav", "fake/Test/VITS/b.wav", "fake/Test/c.wav")
    assert [clip.generator for clip in open_source(str(tmp_path))] == ["VITS", "", ""]


def test_the_same_class_at_two_levels_is_one_reading(tmp_path):
    recordings(tmp_path, "real/bonafide/a.wav", "fake/spoof/b.wav")
    assert [clip.label for clip in open_source(str(tmp_path))] == ["fake", "real"]


def test_a_manifest_that_contradicts_the_folders_it_lies_in(tmp_path):
    recordings(tmp_path, "real/a.wav", "real/b.wav", "fake/c.wav")
    path = write(
        tmp_path / "manifest.csv",
        "path,label",
        "real/a.wav,real",
        "real/b.wav,fake",
        "fake/c.wav,real",
    )
    what = (
        "2 of 3 recordings lie in a folder of the other class, such as real/b.wav, which "
        "manifest.csv calls fake"
    )
    with pytest.raises(UsageError, match=rf"{what}; name .*manifest.csv to go by it, or folder:"):
        open_source(str(tmp_path))
    named = open_source(str(path))
    assert [clip.label for clip in named] == ["real", "fake", "real"]
    assert named.origin.notes == (what,)
    assert [clip.label for clip in open_source(f"folder:{tmp_path}")] == ["fake", "real", "real"]


def test_a_stale_manifest_beside_the_folders_is_noted_with_counts(tmp_path):
    recordings(tmp_path, "real/a.wav", "real/new/b.wav", "fake/c.wav", "fake/d.wav")
    write(tmp_path / "manifest.csv", "path,label", "real/a.wav,real", "old/x.wav,fake")
    source = open_source(str(tmp_path))
    assert len(source) == 2
    assert source.origin.notes == (
        "1 of 2 listed recordings is not there, such as old/x.wav",
        "3 recordings beside them are not listed, such as fake/c.wav",
    )


def test_a_layout_beside_class_folders_is_told_apart_by_the_user(tmp_path):
    recordings(in_the_wild(tmp_path), "real/a.wav", "fake/b.wav")
    with pytest.raises(UsageError, match=r"looks like in-the-wild and folder; say which: in-the-"):
        open_source(str(tmp_path))
    assert len(open_source(f"in-the-wild:{tmp_path}")) == 2
    assert open_source(f"folder:{tmp_path}").origin.kind == "folder"


def test_a_layout_with_a_manifest_is_read_by_it_and_says_so(tmp_path):
    asvspoof2019(tmp_path)
    write(tmp_path / "manifest.csv", "path,label", "a.wav,real", "b.wav,fake")
    notes = open_source(str(tmp_path)).origin.notes
    assert notes[0] == "read by manifest.csv, not as asvspoof2019-la"


def test_a_recognised_layout_says_which_of_its_parts_is_read(tmp_path):
    fake_or_real(tmp_path)
    note = "read as for, subset testing of testing, validation, training"
    assert open_source(str(tmp_path)).origin.notes[0] == note


def test_paths_are_below_the_manifest_and_not_below_here(tmp_path, monkeypatch):
    recordings(tmp_path, "here/clips/a.wav", "lists/clips/a.wav", "here/clips/b.wav")
    path = write(tmp_path / "lists/m.csv", "path,label", "clips/a.wav,real", "clips/b.wav,fake")
    monkeypatch.chdir(tmp_path / "here")
    source = open_source(str(path))
    assert source.clips[0].audio == tmp_path / "lists/clips/a.wav"
    assert source.origin.notes == (
        "2 of the listed paths are also there below the working directory: those beside m.csv were "
        "taken",
        "1 of 2 listed recordings is not there, such as clips/b.wav",
    )

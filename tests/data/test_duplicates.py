import os

import pytest

from harness.data.clip import Clip
from harness.data.duplicates import refuse_twins, twins
from harness.errors import UsageError


def clips(tmp_path, **contents):
    """A clip for each `label_number=bytes`."""
    found = []
    for name, content in contents.items():
        path = tmp_path / f"{name}.wav"
        path.write_bytes(content)
        found.append(Clip(path.name, name.partition("_")[0], path))
    return found


def names(groups):
    return [[clip.clip_id for clip in group] for group in groups]


def test_the_same_bytes_under_both_labels_are_refused_by_name(tmp_path):
    found = clips(tmp_path, real_1=b"a" * 9000, fake_1=b"b" * 9000, fake_2=b"a" * 9000)
    with pytest.raises(UsageError) as refused:
        refuse_twins(found, "my-data")
    assert str(refused.value) == (
        "my-data: the same recording is fake as 'fake_2.wav' and real as 'real_1.wav'; take one "
        "out or correct its label"
    )


def test_more_than_one_is_counted(tmp_path):
    found = clips(tmp_path, real_1=b"a", fake_1=b"a", real_2=b"b", fake_2=b"b", real_3=b"c")
    with pytest.raises(UsageError, match=r"'fake_1.wav' .* 'real_1.wav', and 1 more such record"):
        refuse_twins(found, "x")


def test_the_same_bytes_under_one_label_are_noted(tmp_path):
    found = clips(tmp_path, real_1=b"a" * 90, real_2=b"a" * 90, real_3=b"a" * 90, fake_1=b"b" * 90)
    assert refuse_twins(found, "x") == [
        "2 clips have the same bytes as another, such as 'real_2.wav' and 'real_1.wav'"
    ]
    assert refuse_twins(found[1:], "x") == [
        "1 clip has the same bytes as another, such as 'real_3.wav' and 'real_2.wav'"
    ]
    assert refuse_twins(found[2:], "x") == []


@pytest.mark.parametrize("place", [0, 4096, 5000, 9999])
def test_one_byte_anywhere_tells_them_apart(tmp_path, place):
    content = bytearray(10000)
    content[place] = 1
    found = clips(tmp_path, real_1=bytes(10000), fake_1=bytes(content), fake_2=bytes(9999))
    assert refuse_twins(found, "x") == []


def test_bytes_in_memory_and_files_are_twins_too(tmp_path):
    [file] = clips(tmp_path, real_1=b"abc")
    memory = Clip("m", "fake", b"abc")
    with pytest.raises(UsageError, match=r"'m' and real as 'real_1.wav'"):
        refuse_twins([file, memory], "x")
    assert twins([Clip("a", "fake", b"x"), Clip("b", "real", b"y")]) == []


def test_one_file_by_two_names_is_the_same_recording(tmp_path):
    [file] = clips(tmp_path, real_1=b"abc")
    os.symlink(file.audio, tmp_path / "link.wav")
    with pytest.raises(UsageError, match=r"'link.wav' and real as 'real_1.wav'"):
        refuse_twins([file, Clip("link.wav", "fake", tmp_path / "link.wav")], "x")


def test_what_is_no_recording_has_no_twin(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "empty").touch()
    (tmp_path / "folder.wav").mkdir()
    odd = ("pipe", "loop", "missing", "x" * 300, "a\0b", "empty", "folder.wav")
    found = [
        Clip(f"{label}/{name}", label, tmp_path / name)
        for name in odd
        for label in ("real", "fake")
    ]
    assert refuse_twins(found, "x") == []


def test_neither_order_nor_labels_move_the_groups(tmp_path):
    found = clips(tmp_path, real_1=b"b", real_2=b"a", fake_3=b"b", fake_4=b"a", fake_5=b"c")
    assert names(twins(found)) == names(twins(found[::-1]))
    assert names(twins(found)) == [["fake_3.wav", "real_1.wav"], ["fake_4.wav", "real_2.wav"]]

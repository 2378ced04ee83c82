import pytest

from harness.data.source import KINDS, open_source
from harness.errors import UsageError
from tests.support.data_layout import in_the_wild, record, write


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("asvspof5:/data", "no data source is called 'asvspof5'; did you mean asvspoof5:"),
        ("WpythonW/some-data", "WpythonW/some-data: no such file or directory; accepted are embed"),
        ("embedded:train", "embedded:train: has no part 'train'"),
        ("folder:/nowhere", "folder:/nowhere: /nowhere does not exist; check the path"),
        ("folder:", "folder:: no path given; name a directory"),
        ("manifest:", "manifest:: its path is not a file"),
        ("for:/nowhere", "/nowhere does not exist"),
        ("", "--data: no data source given; accepted are embedded"),
        ("x" * 5000, "no such file or directory"),
        ("folder:" + "x" * 5000, "does not exist"),
        ("manifest:" + "x" * 5000, "does not exist"),
        ("asvspoof5:" + "x" * 5000, "does not exist"),
        ("a\0b\n", r"^a\\x00b\\n: no such file or directory"),
        ("hub:a b", "cannot be understood; write hub:owner/name"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(spec, message):
    with pytest.raises(UsageError, match=message) as refused:
        open_source(spec)
    assert "\n" not in str(refused.value)


def test_a_folder_of_other_things_is_refused_with_what_was_seen(tmp_path):
    with pytest.raises(UsageError, match=r"holds no data that is known, but nothing; accepted"):
        open_source(str(tmp_path))
    for number in range(9):
        write(tmp_path / f"{number}.txt", "")
    with pytest.raises(UsageError, match=r"but 0.txt, 1.txt, .*7.txt, …; accepted are embedded"):
        open_source(str(tmp_path))


def test_two_layouts_in_one_folder_are_told_apart_by_the_user(tmp_path):
    in_the_wild(tmp_path)
    record(tmp_path / "ljspeech_melgan/LJ001-0001_gen.wav")
    with pytest.raises(UsageError, match=r"looks like in-the-wild and wavefake; say which"):
        open_source(str(tmp_path))
    assert len(open_source(f"in-the-wild:{tmp_path}")) == 2


def test_the_message_names_every_kind():
    with pytest.raises(UsageError) as refused:
        open_source("nothing-here")
    assert all(kind in str(refused.value) for kind in KINDS if kind != "manifest")

"""Policies: what they may say, and what is said of those that make no sense."""

from pathlib import Path

import pytest

from harness.compare.policy import load_policy, policy_names
from harness.errors import UsageError

HEAD = 'version = 1\nname = "x"\n'
ACCURACY = '[[require]]\nmetric = "accuracy"\nmargin = 0.02\n'


def test_those_that_come_along_can_be_read() -> None:
    assert policy_names() == ["published", "release", "release-1"]
    for name in policy_names():
        assert load_policy(name).name == name


def test_where_a_requirement_holds(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        HEAD
        + ACCURACY
        + '[[require]]\nmetric = "eer"\nconditions = ["clean"]\nfamilies = ["codec"]\n'
        + "at_most = 0.1\n"
    )
    everywhere, some = load_policy(str(path)).require
    assert everywhere.applies_to("noise:white@0dB", "noise")
    assert some.applies_to("clean", "clean")
    assert some.applies_to("codec:mp3@32k", "codec")
    assert not some.applies_to("noise:white@0dB", "noise")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "require: "),
        (HEAD + "require = []\n", "require: "),
        (HEAD + ACCURACY.replace("accuracy", "acuracy"), "did you mean 'accuracy'"),
        (HEAD + ACCURACY.replace("margin", "margn"), "did you mean 'margin'"),
        (HEAD + '[[require]]\nmetric = "auc"\n', "says nothing"),
        (HEAD + ACCURACY + "at_least = 0.9\nat_most = 0.8\n", "at_least is above at_most"),
        (HEAD + ACCURACY.replace("0.02", "-0.02"), "greater than or equal to 0"),
        (HEAD + ACCURACY.replace("0.02", "nan"), "require.1.margin"),
        (HEAD + ACCURACY.replace("0.02", '"2 %"'), "require.1.margin"),
        (HEAD + "level = 1.5\n" + ACCURACY, "level"),
        (HEAD + 'undecided = "maybe"\n' + ACCURACY, "undecided"),
        (HEAD + "levle = 0.05\n" + ACCURACY, "did you mean 'level'"),
        (HEAD.replace("1", "9") + ACCURACY, "use a newer harness"),
        ("name = x", "not TOML"),
        (b"\xff\xfe", "not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as fault:
        load_policy(str(path))
    assert message in str(fault.value)
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_policy_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no such policy; name a TOML file or one of published, "):
        load_policy("relase")

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.perturb.codec import Codec
from harness.perturb.noise import Noise
from harness.suite import load_suite, suite_names


def write(path: Path, text: str, name: str = "mine") -> Path:
    path.write_text(f'version = 1\nname = "{name}"\n{text}')
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_an_empty_suite_runs_clean_alone(file: Path) -> None:
    suite = load_suite(write(file, ""))
    assert [condition.name for condition in suite.conditions] == ["clean"]
    assert suite.conditions[0].chain == ()


def test_a_list_sweeps_and_ranks_from_mild_to_severe(file: Path) -> None:
    suite = load_suite(
        write(file, '[[condition]]\nperturb="codec"\ncodec="mp3"\nkbps=[32, 128, 64]')
    )
    got = [(c.name, c.family, c.series, c.severity) for c in suite.conditions[1:]]
    assert got == [
        ("codec:mp3@32k", "codec", "codec:mp3", 3),
        ("codec:mp3@128k", "codec", "codec:mp3", 1),
        ("codec:mp3@64k", "codec", "codec:mp3", 2),
    ]
    assert suite.conditions[1].chain == (Codec(codec="mp3", kbps=32),)


def test_two_lists_sweep_every_pair(file: Path) -> None:
    suite = load_suite(
        write(file, '[[condition]]\nperturb="noise"\ncolor=["white","pink"]\nsnr_db=[20,0]')
    )
    assert [condition.name for condition in suite.conditions[1:]] == [
        "noise:white@20dB",
        "noise:white@0dB",
        "noise:pink@20dB",
        "noise:pink@0dB",
    ]
    assert suite.conditions[2].severity == 2


def test_a_chain_keeps_its_order_its_name_and_its_family(file: Path) -> None:
    suite = load_suite(
        write(
            file,
            '[[condition]]\nname="call"\nfamily="phone"\nchain=['
            '{perturb="noise", color="white", snr_db=15}, '
            '{perturb="codec", codec="opus", kbps=12}]',
        )
    )
    call = suite.condition("call")
    assert call.chain == (Noise(color="white", snr_db=15), Codec(codec="opus", kbps=12))
    assert (call.family, call.severity) == ("phone", 1)
    assert call.words == "White noise at 15 dB SNR, then Opus at 12 kbit/s"


def test_a_sweep_inside_a_named_chain_names_the_value(file: Path) -> None:
    suite = load_suite(
        write(
            file,
            '[[condition]]\nname="call"\nchain=['
            '{perturb="gain", gain_db=-6}, {perturb="codec", codec="opus", kbps=[24, 12]}]',
        )
    )
    assert [(c.name, c.series, c.severity) for c in suite.conditions[1:]] == [
        ("call@24k", "call", 1),
        ("call@12k", "call", 2),
    ]


def test_includes_are_merged_once(tmp_path: Path) -> None:
    codec = '[[condition]]\nperturb="codec"\ncodec="g722"\n'
    write(tmp_path / "part.toml", codec, "part")
    whole = write(tmp_path / "whole.toml", f'include=["part.toml", "smoke"]\n{codec}', "whole")
    suite = load_suite(whole)
    names = [condition.name for condition in suite.conditions]
    assert names[:2] == ["clean", "codec:g722"]
    assert len(names) == len(set(names)) == 1 + 1 + 5


def test_the_digest_is_of_what_is_done_not_of_words(file: Path) -> None:
    sweep = '[[condition]]\nperturb="codec"\ncodec="mp3"\nkbps='
    one = load_suite(write(file, f'description="a"\n{sweep}[64, 32]')).digest
    assert load_suite(write(file, f'description="b"\n{sweep}[64, 32]')).digest == one
    assert load_suite(write(file, f"{sweep}[64, 16]")).digest != one
    assert load_suite(write(file, f"seed=1\n{sweep}[64, 32]")).digest != one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 3", r"unknown key 'sed'; did you mean 'seed'\?"),
        ('[[condition]]\nperturb="codek"', r"condition 1: unknown perturbation 'codek'; did you"),
        ('[[condition]]\nname="x"', "condition 1: no perturb"),
        (
            '[[condition]]\nperturb="codec"\ncodec="mp3"\nkpbs=32',
            r"condition 1 \(codec\): unknown key 'kpbs'; did you mean 'kbps'\?",
        ),
        ('[[condition]]\nperturb="codec"\ncodec="mp3"\nkbps=33', r"\(codec\): .*33"),
        ('[[condition]]\nperturb="codec"\ncodec="amr-nb"\nkbps=64', r"\(codec\): .*12\.2"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db="loud"', "snr_db"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db=[]', "sweeps nothing"),
        ("min_coverage = 2", "min_coverage"),
        ('include = ["nosuch"]', "no suite 'nosuch'"),
        ('include = ["./nosuch.toml"]', "no such suite file"),
        ("[[condition]]\nchain = 3", "chain must be a list"),
        ('[[condition]]\nchain = []\nperturb = "gain"', "unknown key 'perturb'"),
        (
            '[[condition]]\nname="x"\nperturb="gain"\ngain_db=3\n'
            '[[condition]]\nname="x"\nperturb="gain"\ngain_db=6',
            "two different conditions are called 'x'",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_suite(write(file, text))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_suites(tmp_path: Path) -> None:
    broken = tmp_path / "x.toml"
    broken.write_text("version = ")
    with pytest.raises(UsageError, match="not TOML"):
        load_suite(broken)
    broken.write_text('version = 2\nname = "x"')
    with pytest.raises(UsageError, match="version is 2, not 1; use a newer harness"):
        load_suite(broken)
    with pytest.raises(UsageError, match=r"no suite 'relaese'; did you mean 'release'\?"):
        load_suite("relaese")


def test_a_suite_that_includes_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", 'include=["./b.toml"]', "a")
    write(tmp_path / "b.toml", 'include=["./a.toml"]', "b")
    with pytest.raises(UsageError, match=r"includes itself: a.toml → b.toml → a.toml"):
        load_suite(tmp_path / "a.toml")


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_that_comes_along_can_be_read(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert suite.description
    names = [condition.name for condition in suite.conditions]
    assert len(names) == len(set(names))
    record = suite.record()
    assert [condition.digest for condition in record.conditions] == [
        condition.digest for condition in suite.conditions
    ]


def test_an_unknown_condition_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'codec:mp3@32k'\?"):
        load_suite("release").condition("codec:mp3@33k")

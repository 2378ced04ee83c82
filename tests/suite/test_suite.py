import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.errors import UsageError
from harness.perturb.codec import Codec
from harness.perturb.noise import Noise
from harness.seed import digest
from harness.suite.condition import condition_of
from harness.suite.suite import load_suite, suite_names


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
        ('[[condition]]\nname="x"', "condition 1: perturb is missing"),
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
        ('[[condition]]\nname="clean"\nperturb="gain"\ngain_db=3', "conditions are called 'clean'"),
        ("condition = 3", "condition: Input should be a valid list"),
        ('condition = ["x"]', "condition.0: Input should be a valid dictionary"),
        ("include = 3", "include: Input should be a valid list"),
        ('seed = "5"', "seed: Input should be a valid integer"),
        ("seed = 1.5", "seed: Input should be a valid integer"),
        ("threshold = nan", "threshold: Input should be a finite number"),
        ("threshold = -inf", "threshold: Input should be a finite number"),
        ("min_coverage = nan", "min_coverage: Input should be a finite number"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db=nan', "snr_db: .*finite"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db=[20, -inf]', "snr_db: .*finite"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db="20"', "snr_db: .*valid number"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db=true', "snr_db: .*valid number"),
        ('[[condition]]\nperturb="noise"\ncolor="white"\nsnr_db=[[1]]', "snr_db: .*valid number"),
        ('[[condition]]\nperturb="crop"\nseconds=-1', "seconds: .*greater than.*given -1"),
        ('[[condition]]\nperturb="crop"\nseconds=0', "seconds: .*greater than.*given 0"),
        ('[[condition]]\nperturb=["gain", "codec"]', "unknown perturbation"),
        ('[[condition]]\nname=["a"]\nperturb="gain"\ngain_db=3', "name must be a text"),
        (
            '[[condition]]\nname="a\\nb"\nperturb="gain"\ngain_db=3',
            "name must be a text of one line",
        ),
        ('"a\\nb" = 1', r"unknown key 'a\\nb'"),
        (f"{'k' * 5000} = 1", "unknown key 'k{79}…; keys are"),
        (f"x = {'[' * 5000}{']' * 5000}", "not TOML: maximum recursion depth"),
        (f"x = {'9' * 5000}", "not TOML: Exceeds the limit"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_suite(write(file, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


GAIN = '{{perturb="gain", gain_db=[{}]}}'.format(",".join(str(i / 10) for i in range(100)))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # Four steps of a hundred values would be made for hours; they are counted before.
        (f'[[condition]]\nname="x"\nchain=[{",".join([GAIN] * 4)}]', 100**4),
        (f'[[condition]]\nperturb="crop"\nseconds={list(range(1, 10_002))}', 10_001),
    ],
)
def test_more_conditions_than_can_be_run_are_refused(file: Path, text: str, count: int) -> None:
    message = rf"mine.toml: condition 1.*: {count} conditions are over the limit of 10000; sweep"
    with pytest.raises(UsageError, match=message):
        load_suite(write(file, text))


def test_the_conditions_of_a_suite_and_its_includes_are_counted_together(tmp_path: Path) -> None:
    for half in ("white", "pink"):
        for colour in (half, "brown"):
            levels = [round(i / 100 - 20, 2) for i in range(2600)]
            table = f'[[condition]]\nperturb="noise"\ncolor="{colour}"\nsnr_db={levels}\n'
            path = tmp_path / f"{half}.toml"
            path.write_text((path.read_text() if path.exists() else "") + table)
        write(path, path.read_text(), half)
    whole = write(tmp_path / "whole.toml", 'include=["./white.toml", "./pink.toml"]')
    with pytest.raises(UsageError, match=r"whole.toml: 10400 conditions are over the limit"):
        load_suite(whole)


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


def test_what_is_no_text_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    for content in (bytes(range(256)), 'version = 1\nname = "x"'.encode("utf-16")):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"x.toml: not TOML: 'utf-8' codec can't decode"):
            load_suite(path)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="version is None, not 1; write version = 1"):
        load_suite(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UsageError, match=r"x.toml: no such suite file; or name one of"):
        load_suite(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match=r"x.toml: is a directory, not a suite file"):
        load_suite(path)


@pytest.mark.parametrize(
    "spec", ["x" * 5000, "x" * 5000 + ".toml", "a\0b.toml", "a\0b", "", "../x"]
)
def test_what_cannot_be_a_file_is_no_suite(spec: str) -> None:
    with pytest.raises(UsageError, match=r"no suite|no such suite file") as caught:
        load_suite(spec)
    assert len(str(caught.value)) < 300


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(file: Path) -> None:
    write(file, "").chmod(0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        load_suite(file)


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    file.write_text('version = 1\nname = "mine"', encoding="utf-8-sig")
    assert load_suite(file).name == "mine"


def test_a_suite_that_includes_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", 'include=["./b.toml"]', "a")
    write(tmp_path / "b.toml", 'include=["./a.toml"]', "b")
    with pytest.raises(UsageError, match=r"includes itself: a.toml → b.toml → a.toml"):
        load_suite(tmp_path / "a.toml")


def test_a_suite_that_is_included_over_and_over_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "s0.toml", '[[condition]]\nperturb="gain"\ngain_db=3', "s0")
    for number in range(1, 40):  # 2**39 ways lead to s0
        include = f'include=["./s{number - 1}.toml", "./s{number - 1}.toml"]'
        write(tmp_path / f"s{number}.toml", include, f"s{number}")
    names = [condition.name for condition in load_suite(tmp_path / "s39.toml").conditions]
    assert names == ["clean", "gain:up@3dB"]


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


def sounds(folder: Path, *levels: float) -> Path:
    """A folder of short noises at these levels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, level in enumerate(levels):
        noise = level * np.random.default_rng(number).standard_normal(1600)
        soundfile.write(folder / f"{number}.wav", noise, 16_000, subtype="FLOAT")
    return folder


HISS = '[[condition]]\nname="hiss"\nperturb="noise"\ncolor="file"\nsnr_db=10\nfolder="{}"\n'
HALL = '[[condition]]\nperturb="reverb"\nfolder="{}"\n'


@pytest.mark.parametrize("text", [HISS, HALL])
def test_a_folder_is_relative_to_the_suite_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    sounds(tmp_path / "suites" / "noises", 0.1, 0.2)
    write(tmp_path / "suites" / "part.toml", text.format("noises"), "part")
    write(tmp_path / "whole.toml", 'include = ["suites/part.toml"]', "whole")
    (tmp_path / "elsewhere").mkdir()
    digests = set()
    for place, spec in (
        (".", "whole.toml"),
        ("suites", "part.toml"),
        ("elsewhere", "../whole.toml"),
    ):
        monkeypatch.chdir(tmp_path / place)
        (condition,) = load_suite(spec).conditions[1:]
        assert [path.name for path in condition.recordings] == ["0.wav", "1.wav"]
        assert all(path.is_file() for path in pickle.loads(pickle.dumps(condition)).recordings)
        digests.add((condition.digest, condition.content, condition.name))
    assert len(digests) == 1
    # By the name as it is written, as before folders were relative: the draws are the same.
    step = condition.chain[0].model_dump(mode="json")
    assert digest([step]) == condition.digest
    assert step["folder"] == "noises"


def test_a_folder_beside_the_working_directory_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds(tmp_path / "noises", 0.1)
    (tmp_path / "suites").mkdir()
    write(tmp_path / "suites" / "mine.toml", HISS.format("noises"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no folder suites/noises: relative to .* is \.\./noises"):
        load_suite("suites/mine.toml")


def test_recordings_exchanged_under_the_same_names_are_another_condition(file: Path) -> None:
    folder = sounds(file.parent / "noises", 0.1, 0.2)
    write(file, HISS.format("noises") + '[[condition]]\nperturb="gain"\ngain_db=3\n')
    before = load_suite(file).record()
    first, second = folder / "0.wav", folder / "1.wav"
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)
    after = load_suite(file).record()
    assert before.digest != after.digest
    records = [suite.conditions for suite in (before, after)]
    assert records[0][1].digest == records[1][1].digest  # by which noise is drawn
    assert records[0][1].content != records[1][1].content
    assert records[0][2] == records[1][2]
    assert not records[0][2].content


def test_one_name_for_two_folders_is_two_conditions(tmp_path: Path) -> None:
    for name, level in (("a", 0.1), ("b", 0.2)):
        sounds(tmp_path / name / "noises", level)
        write(tmp_path / name / "part.toml", HISS.format("noises"), name)
    whole = write(tmp_path / "whole.toml", 'include = ["a/part.toml", "b/part.toml"]', "whole")
    with pytest.raises(UsageError, match="two different conditions are called 'hiss'"):
        load_suite(whole)


def test_what_an_included_suite_says_of_itself_and_is_not_taken_is_said(tmp_path: Path) -> None:
    text = 'seed=3\nthreshold={choose="eer"}\nmin_coverage=0.5\nunscored="wrong"\n'
    write(tmp_path / "part.toml", text, "part")
    write(tmp_path / "plain.toml", "seed=20241\n", "plain")
    write(tmp_path / "own.toml", 'include = ["part.toml"]\nthreshold={choose="eer"}', "own")
    whole = write(
        tmp_path / "whole.toml", 'include = ["own.toml", "plain.toml", "smoke"]\nseed=3', "whole"
    )
    suite = load_suite(whole)
    assert suite.notes == (
        "threshold of the included suite part (equal error rates) is not taken: 0.0 holds for all "
        "of whole",
        "min_coverage of the included suite part (0.5) is not taken: 0.99 holds for all of whole",
        "unscored of the included suite part (wrong) is not taken: excluded holds for all of whole",
        "threshold of the included suite own (equal error rates) is not taken: 0.0 holds for all "
        "of whole",
        "seed of the included suite plain (20241) is not taken: 3 holds for all of whole",
        "seed of the included suite smoke (20241) is not taken: 3 holds for all of whole",
    )
    assert suite.record().notes == list(suite.notes)
    assert load_suite("release").notes == ()


def test_every_condition_of_every_suite_is_read_back_from_its_name() -> None:
    for suite in map(load_suite, suite_names()):
        for condition in suite.conditions:
            read = condition_of(condition.name)
            assert (read.name, read.family, read.words) == (
                condition.name,
                condition.family,
                condition.words,
            )
            assert (read.chain, read.digest) == (condition.chain, condition.digest)


def test_shipped_suites_agree_on_what_a_name_means() -> None:
    by_name: dict[str, str] = {}
    for suite in map(load_suite, suite_names()):
        for condition in suite.conditions:
            assert by_name.setdefault(condition.name, condition.digest) == condition.digest


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("perturb=codec,codec=mp3,kbps=32", "codec:mp3@32k"),
        ("perturb=resample,rate_hz=8000", "resample:sinc@8000Hz"),
        ("perturb=gain,gain_db=-6 + codec:mp3@32k", "gain:down@-6dB+codec:mp3@32k"),
        ("gain_db=3,perturb=gain", "gain:up@3dB"),
        ("mp3-to-m4a + trim@-40dB", "codec:mp3@64k+codec:aac@32k+trim@-40dB"),
        ("pad:lead0.5s+trail1s+codec:g722", "pad:lead0.5s+trail1s+codec:g722"),
    ],
)
def test_conditions_are_read_from_fields_and_chains(text: str, name: str) -> None:
    assert condition_of(text).name == name
    assert condition_of(name).digest == condition_of(text).digest


def test_a_known_condition_comes_before_all_others(file: Path) -> None:
    (_, mine) = load_suite(
        write(file, '[[condition]]\nname="codec:mp3@32k"\nperturb="gain"\ngain_db=3')
    ).conditions
    assert condition_of("codec:mp3@32k", [mine]) is mine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("codec:mp3@32", r"no condition 'codec:mp3@32'; did you mean 'codec:mp3@32k'\?"),
        ("codec:mp3@33k", "no condition 'codec:mp3@33k': mp3 cannot do 33 kbit/s"),
        ("crop@0s", "no condition 'crop@0s': seconds: .*0.02 .given 0.$"),
        ("noise:white@-99dB", "no condition 'noise:white@-99dB': snr_db: .*-20 .given -99.$"),
        ("gain@999dB", "no condition 'gain@999dB'; names of gain are written as in 'gain:up@6dB'"),
        ("Clean", r"did you mean 'clean'\?"),
        ("opus", "no condition 'opus'; give a name"),
        ("codec:mp3@32k+voip-call", "write ` . `, with spaces, between the steps of a chain"),
        ("", "'': step 1 is empty; name a condition there"),
        ("codec:mp3@32k++noise", "noise': step 2 is empty; name a condition there"),
        ("codec:mp3@32k+", "32k.': step 2 is empty"),
        ("codec:mp3@32k + clean + ", "step 3 is empty"),
        ("codec:mp3@32k + + clean", "step 2 is empty"),
        ("+codec:mp3@32k", "step 1 is empty"),
        ("codec=mp3,kbps=32", r"'codec=mp3,kbps=32': perturb is missing; did you mean 'codec'\?$"),
        ("seconds=1", "perturb is missing; it is one of .*codec"),
        ("codec:mp3@32k + voip-cal", r"no condition 'voip-cal'; did you mean 'voip-call'\?"),
        ("???", r"no condition '\?\?\?'; give a name that `harness suites show` prints, or fields"),
        ("perturb=codek", r"unknown perturbation 'codek'; did you mean 'codec'\?"),
        ("perturb=codec,codec=mp3,kbs=32", r"unknown key 'kbs'; did you mean 'kbps'\?"),
        ("perturb=codec,codec=mp3,kbps=33", "mp3 cannot do 33 kbit/s"),
        ("perturb=gain,gain_db=loud", "gain_db: .*valid number"),
        ("perturb=gain,gain_db", "field 2 is 'gain_db'; write key=value there"),
        ("perturb=gain,,gain_db=1", "field 2 is empty; write key=value there"),
        ("perturb=gain,gain_db=", "gain_db has no value; write gain_db=value"),
        ("perturb=gain,gain_db=1,gain_db=2", "gain_db is given twice; give it once"),
    ],
)
def test_unknown_conditions_are_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        condition_of(text)

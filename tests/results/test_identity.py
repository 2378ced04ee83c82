"""What moves a score is a detector's identity: a run goes on with that detector or not at all."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.detector.source import open_detector
from harness.errors import UsageError
from harness.results.identity import difference, identity_of
from harness.results.record import read_record, write_record
from harness.run import RunOptions, run
from tests.support.builders import model_record
from tests.support.small_model import save_small_ast

CALLABLE = """
from helpers import loud

def factory():
    from lib.deep import LEVEL
    return lambda waves, rate_hz: [loud(wave) - LEVEL for wave in waves]
"""

NAMED = """
from pathlib import Path

class Made:
    def __call__(self, waves, rate_hz):
        return [0.0 for _ in waves]

    def identity(self):
        return Path("weights").read_text()

def make():
    return Made()
"""


def quiet(*values: object) -> None:
    del values


def options(**changes: object) -> RunOptions:
    given = {"suite": "one.toml", "data": "clips", "models": ("model",), "out": Path("run")}
    return RunOptions(**(given | {"workers": 0, "device": "cpu"} | changes))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with clips, a model, a callable and a run of each."""
    place = tmp_path_factory.mktemp("finished")
    rng = np.random.default_rng(0)
    for number in range(4):
        path = place / "clips" / ("fake" if number % 2 else "real") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, 8000), 16000, subtype="FLOAT")
    (place / "one.toml").write_text('version = 1\nname = "one"\n')
    save_small_ast(place / "model", frames=64)
    (place / "heard.py").write_text(CALLABLE)
    (place / "helpers.py").write_text("def loud(wave):\n    return float(abs(wave).max())\n")
    (place / "unused.py").write_text("LEVEL = 1\n")
    (place / "lib").mkdir()
    (place / "lib" / "deep.py").write_text("LEVEL = 0.4\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "path", [*sys.path])
        run(options(), quiet, quiet)
        run(options(models=("python:heard:factory",), out=Path("called")), quiet, quiet)
    return place


@pytest.fixture
def place(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("heard", "helpers", "lib", "lib.deep"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "place"


def changed(name: str, **values: object) -> Callable[[], None]:
    def change() -> None:
        path = Path("model") / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


SWAPPED = {"id2label": {"0": "real", "1": "fake"}, "label2id": {"real": 0, "fake": 1}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("config.json", **SWAPPED), "class 0 fake, now real, and 1 more"),
        (changed("preprocessor_config.json", mean=-4.0), "extractor mean -4.2677393, now -4.0"),
        (changed("preprocessor_config.json", std=3), "extractor std 4.5689974, now 3"),
        (changed("preprocessor_config.json", sampling_rate=8000), "sampling rate 16000, now 8000"),
        (changed("preprocessor_config.json", do_normalize=False), "extractor do_normalize true, "),
        (changed("config.json", layer_norm_eps=0.5), "config layer_norm_eps 1e-12, now 0.5"),
        (changed("config.json", hidden_act="relu"), "config hidden_act gelu, now relu"),
        (
            changed("config.json", _attn_implementation="eager"),
            "attention sdpa, now eager, and 1 more",
        ),
    ],
)
def test_a_run_does_not_go_on_with_another_detector(
    place: Path, change: Callable[[], None], told: str
) -> None:
    change()
    with pytest.raises(UsageError, match="holds a run of other models: ") as caught:
        run(options(), quiet, quiet)
    assert f"model: {told}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nor_with_another_fake_label(place: Path) -> None:
    with pytest.raises(UsageError, match="other models: model: fake label fake, now real"):
        run(options(fake_label="real"), quiet, quiet)


def test_what_moves_no_score_is_no_other_detector(place: Path) -> None:
    changed(
        "config.json", _name_or_path="/elsewhere", transformers_version="0.1", dtype="bfloat16"
    )()
    changed("preprocessor_config.json", processor_class="Other")()
    run(options(), quiet, quiet)
    (place / "moved").mkdir()
    shutil.copytree("model", "moved/model")
    moved, here = (open_detector(each, device="cpu").identity for each in ("moved/model", "model"))
    assert identity_of(moved) == identity_of(here)
    assert not difference(moved, here)


@pytest.mark.parametrize("edited", ["heard.py", "helpers.py", "lib/deep.py"])
def test_every_module_beside_a_callable_is_its_source(place: Path, edited: str) -> None:
    path = place / edited
    path.write_text(path.read_text() + "# other\n")
    with pytest.raises(UsageError, match=f"factory: .*source {edited} .*, now |factory: source "):
        run(options(models=("python:heard:factory",), out=Path("called")), quiet, quiet)


def test_what_a_callable_does_not_import_is_none_of_its_source(place: Path) -> None:
    (place / "unused.py").write_text("LEVEL = 2\n")
    run(options(models=("python:heard:factory",), out=Path("called")), quiet, quiet)
    sources = set(read_record(place / "called").models[0].settings)
    assert sources == {"source heard.py", "source helpers.py", "source lib/deep.py"}


def test_a_callable_may_name_its_own_weights(place: Path) -> None:
    (place / "named.py").write_text(NAMED)
    found = []
    for weights in ("a", "b"):
        (place / "weights").write_text(weights)
        found.append(open_detector("python:named:make").identity)
    assert difference(found[1], found[0]) == "identity a, now b"
    assert not found[0].notes
    (place / "weights").unlink()
    with pytest.raises(UsageError, match=r"its identity cannot be read \(FileNotFoundError"):
        open_detector("python:named:make")


def test_all_files_of_a_package_are_its_source(place: Path) -> None:
    package = place / "kit"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/late.py"):
        (package / name).write_text("")
    (package / "made.py").write_text("def make():\n    return lambda waves, rate_hz: [0.0]\n")
    settings = open_detector("python:kit.made:make").identity.settings
    assert set(settings) == {
        "source kit/__init__.py",
        "source kit/inner/__init__.py",
        "source kit/inner/late.py",
        "source kit/made.py",
    }


def test_a_record_of_an_older_harness_is_held_to_what_it_knows(place: Path) -> None:
    record = read_record(place / "run")
    old = record.models[0].model_copy(update={"settings": {}})
    assert identity_of(old) == ""
    write_record(record.model_copy(update={"models": [old]}), place / "run")
    with pytest.raises(UsageError, match="fake label fake, now real"):
        run(options(fake_label="real"), quiet, quiet)
    changed("preprocessor_config.json", mean=-4.0)()
    run(options(), quiet, quiet)


def test_every_value_counts_however_long_it_is() -> None:
    kernels = list(range(300))
    one, other = (
        model_record("m", kind="hub", settings={"config kernels": [*kernels, last]})
        for last in (1, 2)
    )
    assert identity_of(one) != identity_of(other)
    assert difference(one, other).startswith("config kernels [0,1,2,")
    assert len(difference(one, other)) < 250


def test_an_adapter_that_would_not_be_applied_is_refused(place: Path) -> None:
    (place / "model" / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="has an adapter beside its weights"):
        open_detector("model", device="cpu")


def write_noise(number: int, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(16000) / 10
    soundfile.write(Path("noises") / f"{number}.wav", noise, 16000, subtype="FLOAT")


@pytest.fixture
def noisy(place: Path) -> RunOptions:
    """A run with two noises of a folder."""
    table = '[[condition]]\nperturb="noise"\ncolor="file"\nfolder="noises"\nsnr_db=5\n'
    (place / "noisy.toml").write_text(f'version = 1\nname = "noisy"\n{table}')
    (place / "noises").mkdir()
    for number in (0, 1):
        write_noise(number, number)
    return options(suite="noisy.toml", models=("python:heard:factory",), out=Path("noisy"))


def test_a_run_does_not_go_on_with_other_noises(noisy: RunOptions) -> None:
    run(noisy, quiet, quiet)
    run(noisy, quiet, quiet)
    write_noise(1, 2)
    with pytest.raises(UsageError, match="noise:file:noises@5dB drew from other recordings"):
        run(noisy, quiet, quiet)


def test_noises_exchanged_while_a_run_goes_on_are_said(noisy: RunOptions) -> None:
    def exchange(*_: object) -> None:
        write_noise(1, 2)

    with pytest.raises(UsageError, match="noise:file:noises@5dB draws from changed during"):
        run(noisy, quiet, exchange)


def test_a_score_file_that_is_read_in_another_way_gives_other_scores(place: Path) -> None:
    names = [path.relative_to("clips").as_posix() for path in Path("clips").rglob("*.wav")]
    rows = [f"{name},{0.1 + 0.2 * number},{number}" for number, name in enumerate(sorted(names))]
    Path("made.csv").write_text("\n".join(["clip_id,score,other", *rows]) + "\n")
    found = [
        open_detector(f"scores:made.csv?score={kind}&higher={higher}").identity
        for kind, higher in (("probability", "fake"), ("probability", "real"), ("log-odds", "fake"))
    ]
    assert difference(found[1], found[0]) == "reading higher fake, now real"
    assert difference(found[2], found[0]) == ("reading score probability, now log-odds, and 1 more")

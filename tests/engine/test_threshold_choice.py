"""Thresholds chosen on development clips: by which rule, on which clips, and what they are for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.compare.compare import compare
from harness.errors import UsageError
from harness.results.record import read_record
from harness.results.run_folder import read_run
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from harness.summary.summary import figures

SUITE = """
version = 1
name = "frozen"
threshold = {{choose = "{choose}"{more}}}
[[condition]]
perturb = "gain"
gain_db = -6
"""
LOUD = "python:loud:detector"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of tones, real ones quiet and fakes loud, and a detector of loudness."""
    folder = tmp_path_factory.mktemp("development")
    rng = np.random.default_rng(0)
    for name, shift in (("dev", 0.0), ("test", 0.2)):
        for label, level in (("real", 0.1), ("fake", 0.4)):
            (folder / name / label).mkdir(parents=True)
            for number in range(8):
                peak = level + shift * level + 0.25 * rng.random()
                tone = peak * np.sin(np.arange(8000) * (0.1 + 0.01 * number))
                soundfile.write(folder / name / label / f"{number}.wav", tone, 16000)
    (folder / "loud.py").write_text(
        "import numpy as np\n"
        "def detector():\n"
        "    def score(waves, rate_hz):\n"
        "        return np.array([10 * np.abs(wave).max() + 1 for wave in waves])\n"
        "    return score\n"
    )
    return folder


def options(place: Path, out: Path, suite: str, **more: object) -> RunOptions:
    path = out.parent / f"{out.name}.toml"
    path.write_text(suite)
    return RunOptions(
        suite=str(path), data=str(place / "test"), models=(LOUD,), out=out, workers=0, **more
    )


def quietly(asked: RunOptions) -> list[str]:
    lines: list[str] = []
    run(asked, lines.append, lambda *_: None)
    return lines


@pytest.fixture
def _importable(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(place))


pytestmark = pytest.mark.usefixtures("_importable")


def test_the_threshold_is_the_development_clips_own(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    suite = SUITE.format(choose="eer", more=f', data = "{place / "dev"}"')
    lines = quietly(options(place, out, suite))
    record = read_record(out)
    (chosen,) = record.thresholds
    scores = read_scores(out / "development")
    wrong = (scores.score >= chosen.value) != (scores.label == "fake")
    assert len(scores) == 16
    assert (chosen.fpr, chosen.fnr) == (
        wrong[scores.label == "real"].mean(),
        wrong[scores.label == "fake"].mean(),
    )
    assert any("chosen for equal error rates on 8 real and 8 fake clips" in line for line in lines)

    # Every score of this detector is over 1: at a threshold of 0 all clips would be called fake.
    table = read_scores(out)
    clean = table[table.condition == "clean"]
    right = (clean.score >= chosen.value) == (clean.label == "fake")
    rows = {
        (row.condition, row.metric): row.value
        for row in figures(read_run(out)).rows
        if row.slice == "all"
    }
    assert rows["clean", "accuracy"] == right.mean() > 0.5
    assert rows["clean", "hter"] == pytest.approx(1 - rows["clean", "balanced_accuracy"])

    hindsight = {(each.condition, each.metric): each for each in figures(read_run(out)).hindsight}
    hidden = hindsight["gain:down@-6dB", "hter"]
    assert hidden.value == rows["gain:down@-6dB", "hter"]
    assert hidden.best == rows["gain:down@-6dB", "eer"]
    assert hidden.hidden == hidden.value - hidden.best
    page = (out / "report.html").read_text()
    assert "chosen for equal error rates on 8 real and 8 fake development clips" in page


def test_a_run_is_taken_up_with_the_same_threshold_and_not_with_another(
    place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    suite = SUITE.format(choose="cost", more="")
    asked = options(place, out, suite, development=str(place / "dev"))
    quietly(asked)
    first = (out / "metrics.json").read_bytes()
    shutil.rmtree(out / "scores")
    (out / "scores").mkdir()
    quietly(asked)
    assert (out / "metrics.json").read_bytes() == first

    other = tmp_path / "other"
    shutil.copytree(place / "dev", other)
    (other / "real" / "0.wav").unlink()
    with pytest.raises(UsageError, match="of other data"):
        quietly(options(place, out, suite, development=str(other)))


@pytest.mark.parametrize(
    ("development", "threshold", "told"),
    [
        (None, '{choose = "eer"}', "chooses its threshold on development clips and names none"),
        ("dev", "0.5", "has a fixed threshold of 0.5"),
        ("test", '{choose = "eer"}', "16 of its recordings are among those judged"),
        ("nothing", '{choose = "eer"}', "no such file or directory"),
        ("dev", '{choose = "best"}', "threshold.choose: Input should be 'eer', 'fpr' or 'cost'"),
        ("dev", '{choose = "fpr"}', 'choose = "fpr" needs a share'),
        ("dev", '{choose = "eer", at = 0.1}', "nothing else takes one"),
        ("dev", '{choose = "fpr", at = 1.5}', "threshold.at: Input should be less than 1"),
        ("dev", '"low"', "threshold: Input should be a valid number"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_scored(
    place: Path, tmp_path: Path, development: str | None, threshold: str, told: str
) -> None:
    suite = f'version = 1\nname = "x"\nthreshold = {threshold}\n'
    named = development and str(place / development)
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        quietly(options(place, tmp_path / "run", suite, development=named))
    assert not list(tmp_path.glob("run/scores/*"))


def test_a_wish_that_the_development_clips_cannot_show_is_told(place: Path, tmp_path: Path) -> None:
    suite = SUITE.format(choose="fpr", more=", at = 0.01")
    lines = quietly(options(place, tmp_path / "run", suite, development=str(place / "dev")))
    assert "8 real clips cannot show a false alarm rate of 0.01" in lines
    assert read_record(tmp_path / "run").thresholds[0].fpr == 0


def test_runs_are_compared_each_at_its_own_threshold(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = SUITE.format(choose="eer", more="")
    quietly(options(place, tmp_path / "one", suite, development=str(place / "dev")))
    # The same detector with all scores shifted: its own threshold shifts along.
    shifted = (place / "loud.py").read_text().replace("+ 1", "- 7")
    (tmp_path / "shifted.py").write_text(shifted)
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = options(place, tmp_path / "two", suite, development=str(place / "dev"))
    quietly(RunOptions(**{**asked.__dict__, "models": ("python:shifted:detector",)}))
    one, two = read_run(tmp_path / "one"), read_run(tmp_path / "two")
    shift = one.record.thresholds[0].value - two.record.thresholds[0].value
    assert shift == pytest.approx(8)
    cells = {(cell.condition, cell.metric): cell for cell in compare(two, one).cells}
    assert cells["clean", "accuracy"].status == "compared"
    assert cells["clean", "accuracy"].difference == 0
    assert cells["clean", "act_dcf"].difference == 0

    content = json.loads((tmp_path / "one" / "run.json").read_text())
    content["thresholds"][0]["digest"] = "of other clips"
    (tmp_path / "one" / "run.json").write_text(json.dumps(content))
    cells = {
        (cell.condition, cell.metric): cell
        for cell in compare(two, read_run(tmp_path / "one")).cells
    }
    assert cells["clean", "accuracy"].status == "not comparable"
    assert "chosen in another way or on other clips" in cells["clean", "accuracy"].reason
    assert cells["clean", "eer"].status == "compared"

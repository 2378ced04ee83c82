"""Faults planted in perturbations: what is not as named is never scored, or fails the run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.data.source import open_source
from harness.data.subset import CompanionPool, limited
from harness.engine.prepare import Prepared, Recipe, prepare
from harness.perturb.alignment import shift
from harness.perturb.codec import Codec
from harness.perturb.duration import Crop
from harness.perturb.filtering import Filter
from harness.perturb.noise import Noise
from harness.perturb.perturbation import Draw
from harness.perturb.resampling import Resample
from harness.results.scores import read_scores
from harness.suite.suite import load_suite
from harness.summary import condition_check
from tests.support.in_process import harness
from tests.support.paths import SHARED
from tests.support.small_run import record as small_record

RATE_HZ = 16000
TEST_CLIPS = SHARED / "data" / "test"

SUITE = """
version = 1
name = "planted"
[[condition]]
perturb = "codec"
codec = "mp3"
kbps = 32
[[condition]]
perturb = "codec"
codec = "g711-alaw"
[[condition]]
perturb = "codec"
codec = "opus"
kbps = 12
[[condition]]
perturb = "codec"
codec = "amr-nb"
kbps = 12.2
[[condition]]
perturb = "noise"
color = "white"
snr_db = 10
[[condition]]
perturb = "crop"
seconds = 0.25
[[condition]]
perturb = "resample"
method = "native"
[[condition]]
perturb = "filter"
kind = "lowpass"
cutoff_hz = 1000
[[condition]]
perturb = "gain"
gain_db = -6
"""
HEALTHY = {"clean", "gain:down@-6dB"}

apply_codec, apply_noise, apply_crop = Codec.apply, Noise.apply, Crop.apply


def faulty_codec(codec: Codec, wave: Wave, draw: Draw) -> Wave:
    """MP3 and G.711 change nothing, Opus is 20 ms late, AMR-NB leaves its band open."""
    if codec.codec in ("mp3", "g711-alaw"):
        return Wave(wave.samples.copy(), wave.rate_hz)
    if codec.codec == "opus":
        coded = apply_codec(codec, wave, draw)
        late = shift(coded.samples, -round(0.02 * wave.rate_hz), len(wave.samples))
        return Wave(late, wave.rate_hz)
    return Wave(0.9 * wave.samples, wave.rate_hz)


def faulty_noise(noise: Noise, wave: Wave, draw: Draw) -> Wave:
    return apply_noise(noise.model_copy(update={"snr_db": noise.snr_db - 3}), wave, draw)


def faulty_crop(crop: Crop, wave: Wave, draw: Draw) -> Wave:
    return apply_crop(crop.model_copy(update={"seconds": 2 * crop.seconds}), wave, draw)


def as_it_is(step: object, wave: Wave, draw: Draw) -> Wave:
    return wave


FAULTS: dict[type, Callable[..., Wave]] = {
    Codec: faulty_codec,
    Noise: faulty_noise,
    Crop: faulty_crop,
    Resample: as_it_is,
    Filter: as_it_is,
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, fault in FAULTS.items():
        monkeypatch.setattr(kind, "apply", fault)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with 16 noisy clips, a suite and a detector."""
    rng = np.random.default_rng(3)
    for label in ("real", "fake"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(8):
            envelope = np.repeat(rng.uniform(0.02, 0.3, 6), RATE_HZ // 10)
            samples = envelope * rng.standard_normal(len(envelope))
            path = tmp_path / "clips" / label / f"{number}.wav"
            soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    (tmp_path / "planted.toml").write_text(SUITE)
    (tmp_path / "loudness.py").write_text(
        "import numpy as np\n"
        "def factory():\n"
        "    return lambda samples, rate_hz: np.array([wave.std() - 0.1 for wave in samples])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def prepared(wave: Wave, folder: Path) -> dict[str, Prepared]:
    """Every condition of one clip, by name."""
    path = folder / "clips" / "real" / "one.wav"
    soundfile.write(path, wave.samples, wave.rate_hz, subtype="FLOAT")
    source = open_source(str(folder / "clips"))
    recipe = Recipe(1, (RATE_HZ,), {}, CompanionPool(source, seed=1))
    conditions = load_suite(folder / "planted.toml").conditions
    return {
        one.condition: one for one in prepare(Clip("one.wav", "real", path), conditions, recipe)
    }


def noise(rate_hz: int, seconds: float = 0.8) -> Wave:
    samples = 0.1 * np.random.default_rng(1).standard_normal(round(rate_hz * seconds))
    return Wave(samples.astype(np.float32), rate_hz)


@pytest.mark.parametrize(
    ("rate_hz", "condition", "reason"),
    [
        (16000, "codec:mp3@32k", "the clip was not changed"),
        (16000, "codec:g711-alaw", "the clip was not changed"),
        (16000, "noise:white@10dB", "SNR 7.00 dB instead of 10 dB"),
        (16000, "crop@0.25s", "0.500 s long instead of 0.250 s"),
        (8000, "resample:native", "0.800 s long instead of 0.400 s, the clip was not changed"),
    ],
)
@pytest.mark.usefixtures("planted")
def test_a_row_that_contradicts_its_condition_is_never_scored(
    place: Path, rate_hz: int, condition: str, reason: str
) -> None:
    made = prepared(noise(rate_hz), place)
    row = made[condition]
    assert (row.status, row.reason) == ("error", f"contradicts its condition: {reason}")
    assert row.waves == {}
    assert row.attestation is not None, "the measurements stay as evidence"
    for name in HEALTHY:
        assert (made[name].status, made[name].reason) == ("ok", "")


def test_the_same_rows_without_the_faults_are_scored(place: Path) -> None:
    for rate_hz in (8000, 16000, 44100):
        assert {one.status for one in prepared(noise(rate_hz), place).values()} == {"ok"}


def test_silence_that_a_codec_leaves_alone_is_no_contradiction(place: Path) -> None:
    silent = Wave(np.zeros(8000, np.float32), RATE_HZ)
    made = prepared(silent, place)
    assert made["codec:mp3@32k"].status == "ok"
    assert made["gain:down@-6dB"].status == "ok"
    assert made["noise:white@10dB"].status == "rejected"
    constant = prepared(Wave(np.full(8000, 0.25, np.float32), RATE_HZ), place)
    assert constant["codec:g711-alaw"].status == "ok"


RUN = ("run", "planted.toml", "--data", "clips", "--model", "python:loudness:factory")
RUN = (*RUN, "--workers", "0", "--out", "run")

UNCHANGED = "not so for 16 clips: the clip was not changed"
OPEN = "sound up to 8 kHz in the median clip"
WRONG = [
    ("codec:mp3@32k", "changed, length as before, content in place", UNCHANGED),
    ("codec:g711-alaw", "length as before, content in place, nothing above 4 kHz", UNCHANGED),
    ("codec:g711-alaw", "nothing above 4 kHz", OPEN),
    ("codec:opus@12k", "content in place", "16 clips late, by 20.0 ms in the median"),
    ("codec:amr-nb@12.2k", "nothing above 4 kHz", OPEN),
    (
        "noise:white@10dB",
        "changed, SNR 10 dB, length as before, content in place",
        "not so for 16 clips: SNR 7.00 dB instead of 10 dB",
    ),
    (
        "crop@0.25s",
        "length at most 0.25 s",
        "not so for 16 clips: 0.500 s long instead of 0.250 s",
    ),
    ("filter:lowpass@1000Hz", "nothing above 2.053 kHz", OPEN),
]


@pytest.mark.usefixtures("planted")
def test_a_run_whose_conditions_are_not_what_they_say_fails_with_the_evidence(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = harness(capsys, *RUN, "--json")
    assert code == 2, err
    found = json.loads(out)["contradictions"]
    assert [(e["condition"], e["expected"], e["measured"]) for e in found] == WRONG
    lines = [line for line in err.splitlines() if line.startswith("harness: condition ")]
    metrics = json.loads((place / "run" / "metrics.json").read_text())
    assert metrics["contradictions"] == found
    page = (place / "run" / "report.html").read_text()
    first = page[page.index("<main>") :][:400]
    assert "8 contradictions: conditions did not do what their names say." in first
    for each, line in zip(found, lines, strict=True):
        assert line == (
            f"harness: condition {each['condition']} is not what it says: expected "
            f"{each['expected']}; measured {each['measured']}, of 16; an example is fake/0.wav"
        )
        assert f"expected {each['expected']}; measured {each['measured']}, of 16." in page
    table = read_scores(place / "run")
    contradicted = table[table.reason.str.startswith("contradicts its condition: ")]
    assert set(contradicted.status) == {"error"}
    assert contradicted.score.isna().all()
    assert contradicted.seconds.notna().all(), "the measurements stay as evidence"
    harness(capsys, "report", "run", "--json")
    again = json.loads((place / "run" / "metrics.json").read_text())
    assert again["contradictions"] == metrics["contradictions"], "from the table alone"


@pytest.mark.usefixtures("planted")
def test_a_night_is_not_spent_on_a_broken_codec(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        path = place / "clips" / "real" / f"more-{number}.wav"
        soundfile.write(path, noise(RATE_HZ).samples, RATE_HZ, subtype="FLOAT")
    code, _, err = harness(capsys, *RUN, "--batch-size", "10")
    assert code == 2
    assert "harness: condition codec:mp3@32k: 20 of 20 rows contradict it, the last of them " in err
    table = read_scores(place / "run")
    assert table.clip_id.nunique() == 20, "what was done is kept as evidence"


def test_a_healthy_run_shows_what_was_measured(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = harness(capsys, *RUN, "--json")
    assert code == 0, err
    assert json.loads(out)["contradictions"] == []
    page = (place / "run" / "report.html").read_text()
    section = page[page.index('id="audio"') :]
    section = section[: section.index("</section>")]
    assert "No condition contradicts its name." in section
    assert section.count('<tr><th scope="row">') == 10
    assert "10.00<small>(10)</small>" in section
    assert "changed nothing" in section, "16 kHz taken for 16 kHz"


@pytest.mark.skipif(not TEST_CLIPS.is_dir(), reason="needs the recordings beside the repository")
def test_no_condition_of_the_release_suite_is_contradicted_by_real_recordings() -> None:
    source, suite = open_source(str(TEST_CLIPS)), load_suite("release")
    recipe = Recipe(suite.seed, (RATE_HZ,), {}, CompanionPool(source, seed=suite.seed))
    rows: list[dict[str, object]] = [
        vars(one.attestation) | {"clip_id": clip.clip_id} | vars(one)
        for clip in limited(source, 4, 5)
        for one in prepare(clip, suite.conditions, recipe)
        if one.attestation is not None
    ]
    made = small_record()
    models = [model.model_copy(update={"rate_hz": RATE_HZ}) for model in made.models]
    record = made.model_copy(update={"suite": suite.record(), "models": models})
    judged = condition_check.conditions(pd.DataFrame(rows), record)
    assert len(judged) == len(suite.conditions)
    assert {each.contradicted for each in judged} == {0}
    assert not any(each.contradictions for each in judged)
    assert min(each.clips for each in judged) >= 3

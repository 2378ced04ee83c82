"""A new kind of detector is one class and one row of the table; everything else follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave
from harness.detector import source
from harness.detector.detector import Logits, Traits
from harness.detector.source import DetectorKind, open_detector
from harness.engine import provenance
from harness.errors import UsageError
from harness.inspect.batch import examine_all
from harness.inspect.examiner import ExamineOptions, open_examiner
from harness.results.record import ModelRecord, read_record
from harness.results.scores import read_scores
from harness.run import RunOptions, run


class Loudness:
    """Scores a wave by its level above that of its spec: `level:-20`."""

    traits = Traits(thread_safe=True, batch_invariant=True, packages=("rich",))
    rate_hz = 16000
    device = "cpu"
    longest = None
    batch_size = 4

    def __init__(self, target: str, spec: str) -> None:
        self.level_db = float(target)
        self.identity = ModelRecord(
            name="loudness",
            spec=spec,
            kind="level",
            rate_hz=self.rate_hz,
            settings={"level_db": self.level_db},
        )

    def admits(self, wave: Wave) -> str:
        return "" if wave.samples.any() else "it is silent"

    def score(self, waves: Sequence[Wave]) -> Logits:
        levels_db = [10 * np.log10(np.mean(wave.samples.astype(float) ** 2)) for wave in waves]
        return np.array([[level_db - self.level_db, 0.0] for level_db in levels_db])


LEVEL = DetectorKind("level:", Loudness.traits, lambda target, spec, _: Loudness(target, spec))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with clips of noise, fakes louder, and the new kind in the table."""
    monkeypatch.setattr(source, "KINDS", (LEVEL, *source.KINDS))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label, gain in (("real", 0.05), ("fake", 0.2)):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(4):
            samples = gain * rng.standard_normal(16000)
            soundfile.write(tmp_path / "clips" / label / f"{number}.wav", samples, 16000)
    (tmp_path / "one.toml").write_text('version = 1\nname = "one"\n')
    return tmp_path


def score(spec: str = "level:-20") -> None:
    options = RunOptions(
        suite="one.toml",
        data="clips",
        models=(spec,),
        out=Path("run"),
        workers=0,
        device="cpu",
    )
    run(options, lambda _: None, lambda *_: None)


def test_a_new_kind_is_opened_scored_recorded_resumed_and_inspected(place: Path) -> None:
    score()
    record = read_record(place / "run")
    (model,) = record.models
    assert (model.kind, model.spec) == ("level", "level:-20")
    assert "rich" in record.machine.packages
    table = read_scores(place / "run")
    assert ((table["score"] > 0) == (table["label"] == "fake")).all()

    score()
    assert len(read_scores(place / "run")) == 8
    with pytest.raises(UsageError, match=r"level_db -20\.0, now -10\.0"):
        score("level:-10")

    examiner = open_examiner(Path("run"), None, None, "cpu", lambda _: None)
    options = ExamineOptions(attribution=False, audio=False)
    file = place / "clips" / "fake" / "0.wav"
    (examined,) = examine_all([file], examiner, options, Path("case"), lambda _: None)
    assert examined.case is not None
    assert examined.case.score == table.set_index("clip_id").loc["fake/0.wav", "score"]


def test_options_of_other_kinds_are_refused_by_trait(place: Path) -> None:
    del place
    with pytest.raises(UsageError, match="--fake-label is for models with class names"):
        open_detector("level:-20", fake_label="fake")


def test_packages_of_every_kind_are_recorded_and_make_no_audio(place: Path) -> None:
    del place
    assert {"rich", "transformers"} <= provenance.packages().keys()
    assert not {"rich", "transformers"} & provenance.audio_packages().keys()
    assert {"torch", "numpy", "soxr"} <= provenance.audio_packages().keys()

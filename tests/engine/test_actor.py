"""What a chunk takes on its way to an actor, and which nodes may compute."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from harness.data.clip import Clip
from harness.data.parquet_row import ShardCell
from harness.data.source import open_source
from harness.data.subset import CompanionPool
from harness.detector.score_file.detector import ScoreFile
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.actor import Work, landmark_of, refuse_unlike, scorers_of
from harness.engine.plan import chunks, tasks
from harness.engine.prepare import Recipe
from harness.errors import ClipRejected, UsageError
from harness.suite.suite import load_suite
from tests.support.builders import machine_record


@pytest.fixture(scope="module")
def work() -> Work:
    suite, source = load_suite("release"), open_source("embedded")
    recipe = Recipe(suite.seed, (16000,), {}, CompanionPool(source, seed=suite.seed))
    machine = machine_record(**provenance.software(), batch_size=8, workers=1)
    return Work(recipe, tuple(suite.conditions), (("embedded", "m"),), "cpu", None, machine)


def test_a_chunk_travels_without_its_conditions(work: Work) -> None:
    clips = list(open_source("embedded"))[:3]
    done = {(clips[0].clip_id, "clean", "m")}
    for chunk in chunks(tasks(clips, work.conditions, ["m"], done, 8), ["m"], done, 8):
        packed = work.packed(chunk)
        assert work.unpacked(packed) == chunk
        assert 8 * len(packed) < len(pickle.dumps(chunk))


def test_a_node_with_another_version_is_refused(work: Work) -> None:
    refuse_unlike(work)
    packages = work.machine.packages | {"av": "1.0"}
    other = work.machine.model_copy(update={"packages": packages})
    with pytest.raises(UsageError, match=r"a node has av .*, not 1\.0"):
        refuse_unlike(replace(work, machine=other))
    with pytest.raises(UsageError, match=r"a node has harness .*, not 9"):
        refuse_unlike(replace(work, version="9"))


def test_a_node_without_the_data_is_refused(work: Work, tmp_path: Path) -> None:
    audio = tmp_path / "clip.wav"
    clips = [Clip("a", "real", b"RIFF"), Clip("b", "real", audio)]
    assert landmark_of(clips) is None
    shards = [Clip("c", "real", ShardCell(str(tmp_path / "x.parquet"), "audio", 0, 0))]
    assert landmark_of(shards) is None
    (tmp_path / "x.parquet").touch()
    assert landmark_of(shards) == tmp_path / "x.parquet"
    audio.touch()
    seen = replace(work, landmark=landmark_of(clips))
    refuse_unlike(seen)
    audio.unlink()
    with pytest.raises(UsageError, match=r"a node has no .*clip\.wav; put the data where every"):
        refuse_unlike(seen)


def test_scores_from_a_file_travel_as_they_were_matched(work: Work, tmp_path: Path) -> None:
    """A node cannot match them itself: it sees a few clips at a time, and needs no such file."""
    path = tmp_path / "scores.csv"
    path.write_text("clip_id,score\n1,-2.5\n2,2\n")
    clips = [Clip(f"{label}/1.wav", label, b"RIFF") for label in ("real", "fake")]
    found = open_detector(f"scores:{path}")
    assert isinstance(found, ScoreFile)
    matched = found.match([*clips, Clip("fake/2.wav", "fake", b"RIFF")], ("clean",))
    path.unlink()
    sent = replace(work, models=((f"scores:{path}", "m"),), lookups={"m": matched})
    [scorer] = scorers_of(pickle.loads(pickle.dumps(sent)), lambda line: None)
    assert isinstance(scorer.detector, ScoreFile)
    assert scorer.detector.lookup("fake/2.wav", "clean") == (2.0, 0.0, 2.0)
    with pytest.raises(ClipRejected, match="could be the score of"):
        scorer.detector.lookup("fake/1.wav", "clean")

"""What is kept to listen to: who gets how much of the room, and that it is what was scored."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from harness.data.clip import Clip
from harness.data.source import open_source
from harness.data.subset import CompanionPool
from harness.engine import report_audio
from harness.engine.prepare import Recipe, prepare
from harness.engine.report_audio import (
    BUDGET_BYTES,
    ScoreAudio,
    share_budget,
    unchanged_clips,
    write_examples,
)
from harness.suite.suite import load_suite

RATE_HZ = 16000
SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "noise"
color = "white"
snr_db = 10
[[condition]]
perturb = "gain"
gain_db = -6
"""
NOISE, GAIN = "noise:white@10dB", "gain:down@-6dB"


@dataclass(frozen=True)
class Score:
    model: str
    condition: str
    clip_id: str
    label: str = "fake"
    score: float = -1.5


def sound(name: str, size: int) -> ScoreAudio:
    return ScoreAudio(Score("m", "clean", name), bytes(size - 1), b"1")


def kept(lists: list[list[ScoreAudio]], budget: int) -> str:
    return " ".join(each.score.clip_id for each in share_budget(lists, budget))


def test_two_lists_share_and_come_in_turns() -> None:
    mistakes = [sound(f"m{number}", 10) for number in range(5)]
    turned = [sound(f"t{number}", 10) for number in range(5)]
    assert kept([mistakes, turned], 40) == "m0 t0 m1 t1"
    assert kept([mistakes, turned], 100) == "m0 t0 m1 t1 m2 t2 m3 t3 m4 t4"


def test_what_one_leaves_goes_to_the_other() -> None:
    mistakes = [sound(f"m{number}", 10) for number in range(5)]
    turned = [sound("t0", 10)]
    assert kept([mistakes, turned], 40) == "m0 t0 m1 m2"
    assert kept([turned, mistakes], 40) == "t0 m0 m1 m2"
    assert kept([mistakes, []], 40) == "m0 m1 m2 m3"
    assert kept([[], []], 40) == ""


def test_a_large_one_bars_neither_the_next_nor_the_other_list() -> None:
    mistakes = [sound("huge", 90), sound("m1", 10), sound("m2", 10)]
    turned = [sound("large", 25), sound("t1", 10)]
    assert kept([mistakes, turned], 54) == "m1 large m2"
    assert kept([mistakes, turned], 56) == "m1 large m2 t1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    for label in ("real", "fake"):
        for number in range(2):
            path = tmp_path / "clips" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.05 * rng.standard_normal(6000), RATE_HZ, subtype="FLOAT")
    (tmp_path / "small.toml").write_text(SUITE)
    return tmp_path


def write(place: Path, mistakes: list[Score], turned: list[Score]) -> list[dict[str, object]]:
    source = open_source(str(place / "clips"))
    suite = load_suite(str(place / "small.toml"))
    recipe = Recipe(suite.seed, (RATE_HZ,), {}, CompanionPool(source, seed=suite.seed))
    run = place / "run"
    run.mkdir(exist_ok=True)
    clips = {clip.clip_id: clip for clip in source}
    write_examples(run, mistakes, turned, suite, clips, recipe)
    return json.loads((run / "examples" / "examples.json").read_text())


def test_an_example_is_the_audio_that_was_scored(place: Path) -> None:
    (listed,) = write(place, [], [Score("m", NOISE, "fake/1.wav")])
    audio = (place / "run" / "examples" / str(listed["audio"])).read_bytes()
    heard, rate_hz = soundfile.read(io.BytesIO(audio))
    source, suite = open_source(str(place / "clips")), load_suite(str(place / "small.toml"))
    (clip,) = [clip for clip in source if clip.clip_id == "fake/1.wav"]
    recipe = Recipe(suite.seed, (RATE_HZ,), {}, CompanionPool(source, seed=suite.seed))
    (made,) = prepare(clip, [suite.condition(NOISE)], recipe)
    assert rate_hz == RATE_HZ
    np.testing.assert_allclose(heard, made.waves[RATE_HZ].samples, atol=2 / 32768)
    picture = (place / "run" / "examples" / str(listed["spectrogram"])).read_bytes()
    assert Image.open(io.BytesIO(picture)).height == 128


def test_every_model_has_its_turn_and_nothing_is_written_twice(place: Path) -> None:
    mistakes = [Score("a", GAIN, "fake/0.wav"), Score("a", NOISE, "fake/1.wav")]
    mistakes += [Score("b", GAIN, "fake/0.wav"), Score("b", GAIN, "gone.wav")]
    turned = [mistakes[0], Score("a", GAIN, "real/0.wav", "real", 2.0)]
    listed = write(place, mistakes, turned)
    assert [(each["model"], each["condition"], each["clip_id"]) for each in listed] == [
        ("a", GAIN, "fake/0.wav"),
        ("a", GAIN, "real/0.wav"),
        ("b", GAIN, "fake/0.wav"),
        ("a", NOISE, "fake/1.wav"),
    ]
    assert (listed[1]["label"], listed[1]["score"]) == ("real", 2.0)
    write(place, mistakes[:1], [])
    assert len(list((place / "run" / "examples").iterdir())) == 3, "those before are gone"


def test_the_room_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [Score("m", name, f"{label}/{number}.wav") for name in (NOISE, GAIN)
              for label in ("real", "fake") for number in (0, 1)]  # fmt: skip
    write(place, wanted[:4], wanted[4:])
    folder = place / "run" / "examples"
    sizes = [len(path.read_bytes()) for path in folder.iterdir() if path.suffix != ".json"]
    assert sum(sizes) < BUDGET_BYTES
    monkeypatch.setattr(report_audio, "BUDGET_BYTES", sum(sizes) // 2)
    listed = write(place, wanted[:4], wanted[4:])
    assert 2 <= len(listed) <= 4
    assert {each["condition"] for each in listed} == {NOISE, GAIN}
    fewer = [len(path.read_bytes()) for path in folder.iterdir() if path.suffix != ".json"]
    assert sum(fewer) <= sum(sizes) // 2


def test_a_recording_that_was_exchanged_is_not_played() -> None:
    """One whose digest is not known counts as the same; what nobody wants is not even read."""
    clips = [Clip(name, "fake", name.encode()) for name in ("same", "other", "unknown", "unwanted")]
    made_from = {
        name: hashlib.blake2b(b"same", digest_size=16).hexdigest() for name in ("same", "other")
    }
    found = unchanged_clips(clips, {"same", "other", "unknown"}, made_from)
    assert list(found) == ["same", "unknown"]

"""The loop: the same rows whatever the workers, blocks and interruptions; nothing is lost."""

import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.audio.wave import Wave
from harness.data.clip import Clip, Source
from harness.data.source import open_source
from harness.data.subset import CompanionPool
from harness.detector.detector import Logits, Traits
from harness.engine.local import run_tasks
from harness.engine.plan import tasks
from harness.engine.prepare import Recipe
from harness.engine.scorer import Scorer
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.results.record import ModelRecord
from harness.results.scores import ScoresWriter, finished, read_scores
from harness.suite.suite import Suite, load_suite
from harness.timing import WAITING, TimeSplit

RATE_HZ = 16000

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "noise"
color = "white"
snr_db = [20, 0]
[[condition]]
perturb = "noise"
color = "babble"
snr_db = 10
[[condition]]
perturb = "packet_loss"
rate = 0.1
[[condition]]
chain = [{perturb = "gain", gain_db = -6}, {perturb = "codec", codec = "g711-alaw"}]
"""


class Checksum:
    """Scores a wave by a checksum of its bits: equal scores mean bit-identical audio."""

    identity = ModelRecord(name="checksum", spec="checksum", kind="test")
    traits = Traits()
    rate_hz = RATE_HZ
    device = "cpu"
    batch_size = 4
    longest = None

    def __init__(self) -> None:
        self.calls = 0

    def admits(self, wave: Wave) -> str:
        return "" if len(wave.samples) >= 400 else "under 400 samples"

    def score(self, waves: Sequence[Wave]) -> Logits:
        self.calls += len(waves)
        sums = [zlib.crc32(wave.samples.tobytes()) / 2**32 for wave in waves]
        return np.array([[value, 0.0] for value in sums])


class Moody(Checksum):
    """Fails on a batch that holds a loud wave, and gives no number for a quiet one."""

    def score(self, waves: Sequence[Wave]) -> Logits:
        if any(np.abs(wave.samples).max() > 0.9 for wave in waves):
            raise RuntimeError("too loud")
        logits = super().score(waves)
        logits[[np.abs(wave.samples).max() < 0.01 for wave in waves]] = np.nan
        return logits


class Broken(Checksum):
    def score(self, waves: Sequence[Wave]) -> Logits:
        raise RuntimeError("no kernel image")


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    path = tmp_path / "small.toml"
    path.write_text(SUITE)
    return load_suite(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "clips"
    rng = np.random.default_rng(3)
    for number in range(6):
        label = "real" if number % 2 else "fake"
        (root / label).mkdir(parents=True, exist_ok=True)
        rate_hz = (16000, 8000, 44100)[number % 3]
        envelope = np.repeat(rng.uniform(0.02, 0.3, 10), rate_hz // 10)
        samples = envelope * rng.standard_normal(len(envelope)).clip(-2, 2)
        soundfile.write(root / label / f"{number}.wav", samples, rate_hz, subtype="FLOAT")
    return root


def score(
    run: Path, source: Source, suite: Suite, detector: Checksum, workers: int = 0,
    block: int = 4, clips: list[Clip] | None = None, lanes: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    recipe = Recipe(suite.seed, (RATE_HZ,), {}, CompanionPool(source, seed=suite.seed))
    done = finished(run)
    name = detector.identity.name
    owed = tasks(clips or list(source), suite.conditions, [name], done, block)
    notes: list[str] = []
    with ScoresWriter(run) as writer, WorkerPool(workers, recipe) as pool:
        scorer = Scorer(detector, notes.append)
        run_tasks(owed, pool, [scorer], writer, done, lambda rows: None, lanes=lanes)
    assert not notes
    return read_scores(run)


def test_the_audio_is_the_same_whatever_the_workers_blocks_and_order(
    tmp_path: Path, folder: Path, suite: Suite
) -> None:
    source = open_source(str(folder))
    plain = score(tmp_path / "plain", source, suite, Checksum())
    assert len(plain) == 6 * 6
    assert (plain.status == "ok").all()
    spread = score(tmp_path / "spread", source, suite, Checksum(), workers=2, block=7)
    backwards = score(
        tmp_path / "backwards", source, suite, Checksum(), block=1, clips=list(source)[::-1]
    )
    for other in (spread, backwards):
        pd.testing.assert_frame_equal(plain, other, check_exact=True)
    subset = score(tmp_path / "subset", source, suite, Checksum(), clips=list(source)[2:4])
    assert set(subset.score) <= set(plain.score)
    clean = plain.condition == "clean"
    assert not plain[~clean].score.isin(plain[clean].score).any()


def test_a_run_goes_on_without_scoring_a_row_twice(
    tmp_path: Path, folder: Path, suite: Suite
) -> None:
    source = open_source(str(folder))
    whole = score(tmp_path / "whole", source, suite, Checksum())
    score(tmp_path / "parts", source, suite, Checksum(), clips=list(source)[:2])
    second = Checksum()
    parts = score(tmp_path / "parts", source, suite, second)
    pd.testing.assert_frame_equal(whole, parts, check_exact=True)
    assert second.calls == 4 * 6
    third = Checksum()
    score(tmp_path / "parts", source, suite, third)
    assert third.calls == 0


def test_what_cannot_be_scored_is_a_row_with_a_reason(
    tmp_path: Path, folder: Path, suite: Suite
) -> None:
    (folder / "real" / "text.wav").write_text("not a sound")
    soundfile.write(folder / "real" / "nan.wav", np.full(8000, np.nan), RATE_HZ, subtype="FLOAT")
    soundfile.write(folder / "real" / "none.wav", np.zeros(0), RATE_HZ)
    soundfile.write(folder / "real" / "tiny.wav", np.full(399, 0.1), RATE_HZ)
    table = score(tmp_path / "run", open_source(str(folder)), suite, Checksum(), workers=1)
    assert len(table) == 10 * 6
    bad = table[table.status != "ok"]
    reasons = bad[bad.condition == "clean"].set_index("clip_id").reason.to_dict()
    assert reasons["real/text.wav"].startswith("cannot be decoded")
    assert reasons["real/nan.wav"] == "NaN or infinite samples"
    assert reasons["real/none.wav"] == "no samples"
    assert reasons["real/tiny.wav"] == "under 400 samples"
    assert set(bad.status) == {"rejected"}
    assert bad.score.isna().all()


def test_one_bad_row_costs_one_row(tmp_path: Path, folder: Path, suite: Suite) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, 16000)
    soundfile.write(folder / "real" / "loud.wav", 0.95 * noise, RATE_HZ, subtype="FLOAT")
    soundfile.write(folder / "real" / "quiet.wav", 0.001 * noise, RATE_HZ, subtype="FLOAT")
    table = score(tmp_path / "run", open_source(str(folder)), suite, Moody(), block=12)
    clean = table[table.condition == "clean"].set_index("clip_id")
    assert clean.status.to_dict().pop("real/loud.wav") == "error"
    assert "too loud" in clean.reason["real/loud.wav"]
    assert "logits are nan" in clean.reason["real/quiet.wav"]
    others = clean.drop(["real/loud.wav", "real/quiet.wav"])
    assert (others.status == "ok").all()


@pytest.mark.parametrize("block", [1, 5, 100])
def test_blocks_that_are_scored_at_once_come_out_the_same(
    tmp_path: Path, folder: Path, suite: Suite, block: int
) -> None:
    source = open_source(str(folder))
    plain = score(tmp_path / "plain", source, suite, Moody(), block=block)
    lanes = score(tmp_path / "lanes", source, suite, Moody(), block=block, workers=1, lanes=2)
    pd.testing.assert_frame_equal(plain, lanes, check_exact=True)
    with pytest.raises(UsageError, match="no kernel image"):
        score(tmp_path / "broken", source, suite, Broken(), block=block, lanes=2)


def notes_nothing(line: str) -> None:
    raise AssertionError(line)


class Met(Checksum):
    """Answers only once two threads are in it."""

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Barrier(2)

    def score(self, waves: Sequence[Wave]) -> Logits:
        self.both.wait(20)
        return super().score(waves)


def test_two_blocks_are_under_way_at_once(tmp_path: Path, folder: Path, suite: Suite) -> None:
    table = score(tmp_path / "run", open_source(str(folder)), suite, Met(), block=6, lanes=2)
    assert (table.status == "ok").all()
    assert len(table) == 6 * 6


@pytest.mark.parametrize(("device", "scorers"), [("cpu", 2), ("cuda:0 (H100)", 1)])
def test_lanes_are_counted_where_they_share_no_device(
    tmp_path: Path, folder: Path, suite: Suite, device: str, scorers: int
) -> None:
    detector, split = Met(), TimeSplit(workers=0)
    detector.device = device
    source = open_source(str(folder))
    recipe = Recipe(suite.seed, (RATE_HZ,), {}, CompanionPool(source, seed=suite.seed))
    owed = tasks(list(source), suite.conditions, ["checksum"], set(), 6)
    heard = [Scorer(detector, notes_nothing)]
    with ScoresWriter(tmp_path / "run") as writer, WorkerPool(0, recipe) as pool:
        run_tasks(owed, pool, heard, writer, set(), lambda rows: None, split, lanes=2)
    assert split.scorers == scorers
    assert split.scoring[WAITING] > 0


def test_a_detector_that_never_works_stops_the_run(
    tmp_path: Path, folder: Path, suite: Suite
) -> None:
    with pytest.raises(UsageError, match="no kernel image"):
        score(tmp_path / "run", open_source(str(folder)), suite, Broken())


def test_measurements_travel_with_the_row(tmp_path: Path, folder: Path, suite: Suite) -> None:
    table = score(tmp_path / "run", open_source(str(folder)), suite, Checksum())
    by = table.groupby("condition")
    assert not by.get_group("clean").changed.any()
    assert (by.get_group("clean").delay_samples == 0).all()
    for name, snr_db in (("noise:white@20dB", 20), ("noise:white@0dB", 0)):
        np.testing.assert_allclose(by.get_group(name).snr_db, snr_db, atol=0.1)
        assert by.get_group(name).changed.all()
    phone = by.get_group("gain:down@-6dB+codec:g711-alaw")
    assert (phone.bandwidth_hz <= 5600).all()
    assert (phone.delay_samples.abs() <= 16).all()

"""Same seed, same bytes: whatever the workers, batches, order, limit, and where it was stopped.

Two detectors look at every wave: one whose score is a checksum of its bits, so that equal scores
are equal audio, and a transformer in float32, whose scores may differ by rounding alone.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.results.record import read_record
from harness.results.scores import KEY, read_scores
from harness.run import RunOptions, run
from tests.support.small_model import save_small_ast

RATE_HZ = 16000
BATCH_SIZE = 5
LOG_ODDS = 1e-4

CHECKSUM = """
import zlib
import numpy as np

def factory():
    return lambda samples, rate_hz: np.array([zlib.crc32(one.tobytes()) / 2**24 for one in samples])
"""

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "noise"
color = "babble"
snr_db = 5
[[condition]]
perturb = "noise"
color = "pink"
snr_db = 10
[[condition]]
perturb = "crop"
seconds = 0.3
place = "random"
[[condition]]
perturb = "reverb"
rt60_s = 0.4
[[condition]]
perturb = "packet_loss"
rate = 0.2
[[condition]]
chain = [{perturb = "resample", rate_hz = 8000}, {perturb = "codec", codec = "mp3", kbps = 32}]
[[condition]]
perturb = "codec"
codec = "opus"
kbps = 12
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of many lengths, in a manifest and in the same manifest upside down."""
    place = tmp_path_factory.mktemp("same")
    rng = np.random.default_rng(0)
    rows: list[tuple[str, str, str]] = []
    for number in range(12):
        label, rate_hz = ("fake", "real")[number % 2], (16000, 44100, 8000)[number % 3]
        count = int(rate_hz * (0.4 + 0.1 * number))
        envelope = np.interp(np.arange(count), np.arange(0, count + 800, 800), 0.3 * rng.random(
            len(np.arange(0, count + 800, 800))))  # fmt: skip
        soundfile.write(place / f"{number}.wav", envelope * rng.uniform(-1, 1, count), rate_hz)
        rows.append((f"{number}.wav", label, f"speaker-{number % 5}"))
    for name, listed in (("clips.csv", rows), ("upside-down.csv", rows[::-1])):
        with (place / name).open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "speaker"), *listed])
    (place / "checksum.py").write_text(CHECKSUM)
    (place / "small.toml").write_text(SUITE)
    save_small_ast(place / "ast", frames=256)
    return place


def quiet(*values: object) -> None:
    del values


def scores(place: Path, out: str, progress: Any = quiet, **changes: object) -> pd.DataFrame:
    given: dict[str, object] = {
        "suite": str(place / "small.toml"),
        "data": str(place / "clips.csv"),
        "models": ("python:checksum:factory", str(place / "ast")),
        "out": place / out,
        "workers": 0,
        "batch_size": BATCH_SIZE,
    }
    run(RunOptions(**(given | changes)), quiet, progress)  # pyright: ignore[reportArgumentType]
    return read_scores(place / out).set_index(list(KEY))


@pytest.fixture(scope="module")
def plain(place: Path) -> pd.DataFrame:
    sys.path.insert(0, str(place))
    table = scores(place, "plain")
    assert (table.status == "ok").all()
    assert len(table) == 12 * 8 * 2
    return table


def assert_same(plain: pd.DataFrame, other: pd.DataFrame) -> None:
    """Every row of the other table is one of the plain one, but for the rounding of the AST."""
    beside = plain.loc[other.index]
    measured = ["seconds", "snr_db", "bandwidth_hz", "delay_samples", "changed", "status"]
    pd.testing.assert_frame_equal(beside[measured], other[measured], check_exact=True)
    heard = other.index.get_level_values("model") == "ast"
    np.testing.assert_array_equal(beside.score[~heard], other.score[~heard])
    np.testing.assert_allclose(beside.score[heard], other.score[heard], rtol=0, atol=LOG_ODDS)


def test_a_run_again_is_the_same_bit_for_bit_whatever_its_workers(
    place: Path, plain: pd.DataFrame
) -> None:
    again = scores(place, "again", workers=2)
    assert len(again) == len(plain)
    pd.testing.assert_frame_equal(plain, again, check_exact=True)


def test_a_limit_and_batches_of_one_change_nothing(place: Path, plain: pd.DataFrame) -> None:
    other = scores(place, "limit", limit=5, batch_size=1)
    assert len(other) == 5 * 8 * 2
    assert_same(plain, other)


def test_the_order_of_clips_and_large_batches_change_nothing(
    place: Path, plain: pd.DataFrame
) -> None:
    other = scores(place, "order", data=str(place / "upside-down.csv"), batch_size=64)
    assert len(other) == len(plain)
    assert_same(plain, other)


def test_a_run_that_goes_on_scores_the_same_rows_together(place: Path, plain: pd.DataFrame) -> None:
    def stop(done: int, total: int, pace: str) -> None:
        if done >= total // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scores(place, "parts", progress=stop)
    assert 0 < len(read_scores(place / "parts")) < len(plain)
    parts = scores(place, "parts", batch_size=None)
    pd.testing.assert_frame_equal(plain, parts, check_exact=True)
    record = read_record(place / "parts")
    assert record.machine.batch_size == BATCH_SIZE
    for part in record.parts:
        assert {"decode", "perturb codec", "resample", "attest"} <= set(part.preparing_seconds)
        assert {"check", "waiting", "features", "forward"} <= set(part.scoring_seconds)
        assert sum(part.scoring_seconds.values()) <= part.seconds + 1


def test_another_seed_is_other_audio(place: Path, plain: pd.DataFrame) -> None:
    (place / "seeded.toml").write_text(SUITE.replace("version = 1", "version = 1\nseed = 5"))
    detector = ("python:checksum:factory",)
    other = scores(place, "seeded", suite=str(place / "seeded.toml"), models=detector)
    heard = plain.xs("factory", level="model").score
    again = other.xs("factory", level="model").score
    same = (heard == again).groupby("condition").mean()
    assert same["clean"] == 1
    assert same["codec:mp3@32k" if "codec:mp3@32k" in same else "codec:opus@12k"] == 1
    assert same["noise:babble@5dB"] == same["noise:pink@10dB"] == 0

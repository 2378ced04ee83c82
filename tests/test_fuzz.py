"""Whatever is put in, out comes a score or a reason: decode, perturb, score, 2,000 times over.

`CASES` counts what is run, and the tests count along. Every case is made from a fixed seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.data.clip import Clip
from harness.data.source import open_source
from harness.data.subset import CompanionPool
from harness.detector.callable import CallableDetector
from harness.detector.user_code import UserCode
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, prepare
from harness.engine.scorer import PreparedRow, Scorer
from harness.engine.worker_pool import WorkerPool
from harness.perturb import PERTURBATIONS, Perturbation
from harness.results.expectation import PREFIX
from harness.results.record import ModelRecord
from harness.results.scores import SCHEMA, Row
from harness.suite.condition import CLEAN, Condition
from tests.support.paths import SHARED
from tests.support.perturbations import perturbations
from tests.support.sound_bytes import babble, encoded, silent_flac, written

CASES = {"waves": 500, "files": 2000}
RATE_HZ = 16000
DATA = SHARED / "data"


def loudness(samples: list[np.ndarray], rate_hz: int) -> np.ndarray:
    return np.array([10 * np.log10(np.mean(one.astype(float) ** 2) + 1e-12) for one in samples])


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    identity = ModelRecord(name="loudness", spec="loudness", kind="test")
    return Scorer(
        CallableDetector(loudness, identity, RATE_HZ, UserCode("loudness")), lambda line: None
    )


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Nothing is cut off, so that all of what was made is looked at."""
    root = tmp_path_factory.mktemp("voices")
    for number in range(6):
        path = root / ("real" if number % 2 else "fake") / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, babble(RATE_HZ, 0.5), RATE_HZ)
    return Recipe(1, (RATE_HZ,), {}, CompanionPool(open_source(str(root)), seed=1))


def condition(*chain: Perturbation) -> Condition:
    return Condition("fuzzed", "fuzz", "fuzz", 1.0, None, "", chain)


def check(row: Row) -> None:
    """A row that the table can hold, with a score or a reason and never both."""
    assert row["status"] in ("ok", "rejected", "error")
    if row["status"] == "ok":
        assert np.isfinite(row["score"])
        assert not row["reason"]
        assert 0 < row["seconds"] < 600
        assert 0 <= row["bandwidth_hz"] <= RATE_HZ / 2
    else:
        assert np.isnan(row["score"])
        assert row["reason"]
    assert set(row) == set(SCHEMA.names)


def score(
    scorer: Scorer, clip: Clip, conditions: Sequence[Condition], prepared: Sequence[Prepared]
) -> list[Row]:
    paired = zip(conditions, prepared, strict=True)
    rows = scorer.rows([PreparedRow(clip, one, 0, made) for one, made in paired], set())
    assert len(rows) == len(conditions)
    for row in rows:
        check(row)
    return rows


# Arbitrary waves and perturbations


@dataclass(frozen=True)
class Sound:
    """Up to 2 s of anything, by what it is made from."""

    rate_hz: int
    length: int
    shape: str
    level: float
    seed: int

    def content(self) -> bytes:
        rng = np.random.default_rng(self.seed)
        with np.errstate(over="ignore", invalid="ignore"):
            samples = (self.level * SHAPES[self.shape](rng, self.length)).astype(np.float32)
        return written(samples, self.rate_hz, "WAV", "FLOAT")


@st.composite
def sounds(draw: st.DrawFn) -> Sound:
    usual = st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000])
    odd = st.sampled_from([1, 7, 1000, 4000, 12345, 44101, 96000, 192_000, 384_000, 400_000])
    rate_hz = draw(usual | usual | usual | odd)
    some = st.integers(rate_hz // 8 + 1, 2 * rate_hz)
    sane = st.sampled_from([0.1, 1.0, 1e-45, 1e-20, 1e-6, 3e4, 2e8])
    return Sound(
        rate_hz,
        draw(st.integers(0, 50) | some | some | some),
        draw(st.sampled_from(sorted(SHAPES))),
        draw(sane | sane | st.sampled_from([1e19, 3e38])),
        draw(st.integers(0, 2**32)),
    )


def _sparse(rng: np.random.Generator, length: int, value: float) -> np.ndarray:
    samples = rng.standard_normal(length)
    samples[rng.random(length) < 0.01] = value
    return samples


SHAPES: dict[str, Any] = {
    "constant": lambda rng, length: np.ones(length),
    "silence": lambda rng, length: np.zeros(length),
    "noise": lambda rng, length: rng.standard_normal(length).clip(-3, 3),
    "speech": lambda rng, length: (
        rng.standard_normal(length) * np.repeat(rng.random(1 + length // 800), 800)[:length]
    ),
    "click": lambda rng, length: np.eye(1, length, length // 2)[0],
    "alternating": lambda rng, length: np.where(np.arange(length) % 2, 1.0, -1.0),
    "ramp": lambda rng, length: np.linspace(-1, 1, length),
    "steps": lambda rng, length: rng.integers(-1, 2, length).astype(float),
    "mostly-silence": lambda rng, length: np.where(
        np.arange(length) < 0.9 * length, 0.0, rng.standard_normal(length)
    ),
    "nan": partial(_sparse, value=np.nan),
    "infinite": partial(_sparse, value=-np.inf),
    "spikes": partial(_sparse, value=1e6),
}


@settings(
    max_examples=CASES["waves"],
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(sound=sounds(), chain=st.lists(perturbations(), min_size=1, max_size=2))
def one_wave(
    recipe: Recipe, scorer: Scorer, counts: Counter[str], sound: Sound, chain: list[Perturbation]
) -> None:
    clip = Clip("fuzzed", "real", sound.content())
    conditions = (CLEAN, condition(*chain))
    prepared = list(prepare(clip, conditions, recipe))
    rows = score(scorer, clip, conditions, prepared)
    counts["cases"] += 1
    for row, made in zip(rows, prepared, strict=True):
        counts[row["status"]] += 1
        if row["status"] == "error" and not row["reason"].startswith(PREFIX):
            counts["fault"] += 1
            counts[f"{row['reason']}: {sound}, {row['condition']} of {chain}"] += 1
        for out in made.waves.values():
            assert out.samples.dtype == np.float32
            assert np.isfinite(out.samples).all()
    if not sound.length:
        assert all(row["status"] == "rejected" for row in rows)


def test_any_wave_under_any_perturbation(recipe: Recipe, scorer: Scorer) -> None:
    counts: Counter[str] = Counter()
    one_wave(recipe, scorer, counts)
    assert not counts["fault"], "\n".join(counts)
    assert counts["cases"] >= CASES["waves"], counts
    assert counts["ok"] > CASES["waves"] / 4, f"too little of it is sound: {counts}"


# Mutated files

CHAINS: list[list[dict[str, Any]]] = [
    [],
    [{"perturb": "noise", "color": "babble", "snr_db": 10.0}],
    [{"perturb": "codec", "codec": "mp3", "kbps": 32.0}],
    [
        {"perturb": "resample", "rate_hz": 8000, "method": "sinc"},
        {"perturb": "codec", "codec": "g711-alaw"},
    ],
    [{"perturb": "crop", "seconds": 0.1}, {"perturb": "pad", "seconds": 0.5, "fill": "reflect"}],
    [{"perturb": "tempo", "rate": 1.2}, {"perturb": "packet_loss", "rate": 0.1}],
]
ROW_SECONDS = 20.0
WORDS = [
    *(
        number.to_bytes(size, "little")
        for size in (1, 2, 4)
        for number in (0, 1, 2 ** (8 * size) - 1)
    ),
    *(
        (2 ** (8 * size - 1) - below).to_bytes(size, "little")
        for size in (1, 4)
        for below in (0, 1)
    ),
]
"""Numbers that headers trip over: least, one, largest, and about the largest with a sign."""


def seeds() -> dict[str, bytes]:
    """Recordings in every container that can be made here, and real ones where they are at hand."""
    files = {
        f"{form} {subtype}": written(babble(rate_hz, 0.3, channels), rate_hz, form, subtype)
        for form, subtype, rate_hz, channels in (
            ("WAV", "PCM_16", 16000, 1),
            ("WAV", "PCM_U8", 8000, 2),
            ("WAV", "ALAW", 8000, 1),
            ("WAV", "FLOAT", 22050, 1),
            ("WAV", "MS_ADPCM", 16000, 1),
            ("WAV", "GSM610", 8000, 1),
            ("WAVEX", "PCM_24", 16000, 6),
            ("W64", "PCM_16", 16000, 1),
            ("CAF", "ALAC_16", 16000, 1),
            ("AIFF", "PCM_16", 16000, 1),
            ("AU", "ULAW", 8000, 1),
            ("FLAC", "PCM_16", 16000, 2),
            ("MP3", "MPEG_LAYER_III", 16000, 1),
            ("OGG", "VORBIS", 16000, 1),
            ("OGG", "OPUS", 48000, 1),
        )
    }
    files["FLAC silence"] = silent_flac(20)
    for container, codec, rate_hz in (
        ("ipod", "aac", 44100),
        ("adts", "aac", 16000),
        ("amr", "libopencore_amrnb", 8000),
        ("webm", "libopus", 48000),
        ("asf", "wmav2", 44100),
        ("ac3", "ac3", 48000),
        ("mp2", "mp2", 16000),
        ("mpegts", "aac", 44100),
        ("avi", "libmp3lame", 44100),
    ):
        files[f"{container} {codec}"] = encoded(babble(rate_hz, 0.3), rate_hz, container, codec)
    found = sorted((DATA / "hostile").glob("*")) + sorted((DATA / "test").rglob("*.*"))
    real = [path for path in found if path.suffix != ".csv" and path.stat().st_size < 40_000]
    return files | {path.name: path.read_bytes() for path in real[:20]}


def mutated(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """The content with one to four changes of the sort that disks, links and programs make."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not changed:
            break
        size = len(changed)
        start = int(rng.integers(size))
        stop = min(size, start + int(rng.integers(1, max(2, size // 4))))
        match rng.integers(8):
            case 0:  # bits that flip, near the start or anywhere
                reach = size if rng.integers(2) else min(size, 200)
                for place in rng.integers(reach, size=rng.integers(1, 20)):
                    changed[place] ^= 1 << int(rng.integers(8))
            case 1:
                del changed[start:stop]
            case 2:
                changed[start:start] = changed[start:stop]
            case 3:
                del changed[start:]
            case 4:  # a number in the header
                place, word = int(rng.integers(min(size, 100))), WORDS[rng.integers(len(WORDS))]
                changed[place : place + len(word)] = word
            case 5:
                changed[start:stop] = rng.bytes(stop - start)
            case 6:
                changed[start:stop] = bytes(stop - start)
            case _:  # the tail of another file
                other = others[rng.integers(len(others))]
                changed[start:] = other[len(other) * start // size :]
    return bytes(changed)


def tasks() -> Iterator[Task]:
    files = list(seeds().items())
    others = [content for _, content in files]
    for case in range(CASES["files"]):
        rng = np.random.default_rng([20241, case])
        name, content = files[case % len(files)]
        chain = CHAINS[rng.integers(len(CHAINS))]
        steps = [PERTURBATIONS[step["perturb"]](**step) for step in chain]
        clip = Clip(f"case {case}: {name}", "real", mutated(content, others, rng))
        yield Task(clip, (condition(*steps),), (0,))


def test_any_mutated_file(recipe: Recipe, scorer: Scorer, tmp_path: Path) -> None:
    """Decoded and perturbed in a process of its own, whose end or delay costs a row."""
    short = Recipe(recipe.seed, recipe.rates_hz, {RATE_HZ: 10 * RATE_HZ}, recipe.companions)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    with WorkerPool(1, short, ROW_SECONDS) as pool:
        for task, prepared in pool.prepare(tasks()):
            [row] = score(scorer, task.clip, task.conditions, prepared)
            counts[row["status"]] += 1
            if row["status"] == "error" and not row["reason"].startswith(PREFIX):
                path = tmp_path / f"{len(faults)}.bin"
                path.write_bytes(bytes(task.clip.audio))
                faults.append(f"{task.clip.clip_id}: {row['reason']} ({path})")
    assert not faults, "\n".join(faults)
    assert counts.total() == CASES["files"]
    assert min(counts["ok"], counts["rejected"]) > CASES["files"] / 5, counts


def test_there_are_two_thousand_cases() -> None:
    assert sum(CASES.values()) >= 2000

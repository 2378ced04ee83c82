"""The embedded corpus: its plan, the making of each clip, and the folder that keeps them.

Every utterance exists once as bona fide speech and once resynthesised, recorded through the same
channel. Everything random is seeded by (seed, half, speaker, utterance), so the audio does not
depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from pydantic import BaseModel, ConfigDict, Field

from harness.data.clip import Clip, Label, Origin
from harness.processes import without_script
from harness.processor import usable_processors
from harness.seed import digest, generator, stable_seed
from harness.storage.cache_dir import cache_directory
from harness.synthesis.channel import draw_channel, record
from harness.synthesis.resynthesis import HELD_OUT, RESYNTHESES
from harness.synthesis.voice import RATE_HZ, draw_speaker, speak

VERSION = 1
"""Version of the speakers, words and channels that are drawn."""
_SAMPLES = 2
"""Raise it with every change that moves a sample of them."""

Half = Literal["test", "training", "development"]
_RATES_HZ = (22_050, 24_000, 44_100, 48_000)
_LENGTHS_S = ((0.3, 1.0, 0.17), (1.0, 4.0, 0.63), (4.0, 12.0, 0.2))


class CorpusSpec(BaseModel):
    """The parameters of a corpus.

    Parameters
    ----------
    half
        Its speakers are in no other; `HELD_OUT` resyntheses are in `test` only.
    speakers, utterances
        Number of speakers, and of utterances of each; every utterance is two clips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    half: Half = "test"
    speakers: int = Field(default=30, ge=1)
    utterances: int = Field(default=3, ge=1)
    seed: int = 1
    version: int = VERSION


SPECS: dict[Half, CorpusSpec] = {
    "test": CorpusSpec(half="test"),
    "training": CorpusSpec(half="training", speakers=160, utterances=8),
    "development": CorpusSpec(half="development"),
}


@dataclass(frozen=True)
class Utterance:
    """An utterance of the plan; `key` seeds all its random values."""

    key: tuple[object, ...]
    speaker: str
    name: str
    seconds: float
    rate_hz: int
    resynthesis: str


def plan(spec: CorpusSpec) -> list[Utterance]:
    """Return all utterances; lengths, rates and resyntheses have fixed shares, shuffled."""
    count = spec.speakers * spec.utterances
    rng = generator("plan", spec.model_dump())
    seconds = rng.permutation(_lengths(count))
    rates = [_RATES_HZ[i % 4] if i < count // 5 else RATE_HZ for i in range(count)]
    rates = rng.permutation(rates)
    names = [name for name in RESYNTHESES if spec.half == "test" or name not in HELD_OUT]
    resyntheses = rng.permutation([names[i % len(names)] for i in range(count)])
    utterances: list[Utterance] = []
    for index in range(count):
        speaker, number = divmod(index, spec.utterances)
        name, key = f"spk{speaker:03d}", (spec.seed, spec.version, spec.half)
        utterances.append(
            Utterance(
                key=(*key, speaker, number),
                speaker=f"{spec.half}-{name}",
                name=f"{name}-u{number:02d}",
                seconds=float(seconds[index]),
                rate_hz=int(rates[index]),
                resynthesis=str(resyntheses[index]),
            )
        )
    return utterances


def make_pair(utterance: Utterance) -> tuple[np.ndarray, np.ndarray]:
    """Return the bona fide and the fake version, at the utterance's rate."""
    key = utterance.key
    speaker = draw_speaker(utterance.speaker, *key[:3])
    dry = speak(speaker, utterance.seconds, generator("voice", *key))
    resynthesise = RESYNTHESES[utterance.resynthesis]
    fake = resynthesise(dry, generator("resynthesis", utterance.resynthesis, *key))
    channel = draw_channel(generator("channel", *key))
    real, fake = record([dry, fake], channel, utterance.rate_hz, stable_seed("noise", *key))
    return real, fake


def build(spec: CorpusSpec, workers: int | None = None) -> Path:
    """Return the folder of the corpus, of FLAC files of 16 bit, made where the cache has none.

    It appears under its name only when it is whole, so that several processes may build the same
    corpus at once. The test half takes about 10 s on two cores.

    Parameters
    ----------
    workers
        Processes; all available cores where None, and none beside this one where 1.
    """
    name = f"embedded-{_revision(spec)}"
    folder = cache_directory() / name
    if folder.exists():
        if len(list(folder.glob("*.flac"))) == 2 * spec.speakers * spec.utterances:
            return folder
        shutil.rmtree(folder)  # a cleaner of caches took some of it
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        _write_all(plan(spec), temporary, workers or usable_processors())
        try:
            temporary.rename(folder)
        except OSError:
            # Another process was faster, with the same bits.
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


class EmbeddedSource:
    """The clips of one part of the embedded corpus, made on first use; a `Source`.

    Parameters
    ----------
    half
        `test` for measuring detectors; `training`, from which the embedded detector learned;
        `development` for choosing thresholds.
    spec
        Another size or seed; overrides `half`.
    """

    def __init__(
        self, half: Half = "test", spec: CorpusSpec | None = None, workers: int | None = None
    ) -> None:
        self.spec = spec or SPECS[half]
        self._workers = workers

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        folder = build(self.spec, self._workers)
        return tuple(
            _clip(self.spec.half, utterance, label, folder)
            for utterance in plan(self.spec)
            for label in ("real", "fake")
        )

    @property
    def origin(self) -> Origin:
        labels = [(clip.clip_id, clip.label) for clip in self.clips]
        name = "embedded" if self.spec.half == "test" else f"embedded-{self.spec.half}"
        return Origin(
            spec=name.replace("-", ":"),
            kind="embedded",
            name=name,
            digest=digest(labels),
            synthetic=True,
            revision=_revision(self.spec),
            notes=("synthetic speech made by a recipe: says nothing about any published model",),
        )

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def __len__(self) -> int:
        return 2 * self.spec.speakers * self.spec.utterances


def _revision(spec: CorpusSpec) -> str:
    return f"{spec.half}-v{spec.version}.{_SAMPLES}-{digest(spec.model_dump())}"


def _clip(half: Half, utterance: Utterance, label: Label, folder: Path) -> Clip:
    return Clip(
        clip_id=f"{half}/{utterance.name}-{label}.flac",
        label=label,
        audio=folder / f"{utterance.name}-{label}.flac",
        generator=utterance.resynthesis if label == "fake" else "",
        source="embedded",
        speaker=utterance.speaker,
    )


def _lengths(count: int) -> np.ndarray:
    """Return lengths in seconds with the shares of `_LENGTHS_S`, log-spaced."""
    share = (np.arange(count) + 0.5) / count
    edges = np.cumsum([0.0, *(part for _, _, part in _LENGTHS_S)])
    bounds = [np.log(low) for low, _, _ in _LENGTHS_S] + [np.log(_LENGTHS_S[-1][1])]
    return np.exp(np.interp(share, edges, bounds))


def _write_all(utterances: list[Utterance], folder: Path, workers: int) -> None:
    if workers == 1:
        for utterance in utterances:
            _write(utterance, folder)
    else:
        # A process with threads of torch cannot be forked safely.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(utterances)), mp_context=context) as pool:
            longest_first = sorted(utterances, key=lambda utterance: -utterance.seconds)
            with without_script():  # the processes start as work is submitted
                jobs = [pool.submit(_write, utterance, folder) for utterance in longest_first]
            for job in jobs:
                job.result()


def _write(utterance: Utterance, folder: Path) -> None:
    for label, samples in zip(("real", "fake"), make_pair(utterance), strict=True):
        path = folder / f"{utterance.name}-{label}.flac"
        soundfile.write(path, samples, utterance.rate_hz, subtype="PCM_16")

"""Write the audio and spectrograms that the report plays: mistakes and changed verdicts.

Nothing is stored while scoring: a clip, its condition and the suite's seed make the same samples
again.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from PIL import Image

from harness.audio.encoded import content_of
from harness.audio.wave import Wave, load, resample
from harness.data.clip import Clip
from harness.engine.prepare import Recipe, perturb
from harness.errors import ClipError, ClipRejected
from harness.storage.storage import clear, write_whole
from harness.suite.suite import Suite

BUDGET_BYTES = 750_000
"""Room for audio in a report of 3 MB, beside its figures and a comparison."""

_LONGEST_SECONDS = 10.24
_FLOOR_DB = -80.0
_RATE_HZ = 16_000
"""Rate of examples where all scores come from files, so that no detector states one."""


class NotableScore(Protocol):
    """A score to be played in the report: a `Mistake`, or a `Flip`."""

    @property
    def model(self) -> str: ...
    @property
    def condition(self) -> str: ...
    @property
    def clip_id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...


@dataclass(frozen=True)
class ScoreAudio:
    """A score with its audio (FLAC) and spectrogram (PNG)."""

    score: NotableScore
    audio: bytes = field(repr=False)
    picture: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.audio) + len(self.picture)


def write_examples(
    run: Path,
    mistakes: Sequence[NotableScore],
    flips: Sequence[NotableScore],
    suite: Suite,
    clips: Mapping[str, Clip],
    recipe: Recipe,
) -> None:
    """Write `examples/` of a run: FLAC, PNG and `examples.json`.

    Parameters
    ----------
    mistakes, flips
        The worst mistakes, and clips whose verdict differs from the baseline's, the most important
        of each model first. They share `BUDGET_BYTES`.
    """
    listed_before = {_key(score) for score in mistakes}
    flips = [score for score in flips if _key(score) not in listed_before]
    candidates = [
        list(_render(_round_robin(scores), suite, clips, recipe)) for scores in (mistakes, flips)
    ]
    folder = run / "examples"
    clear(folder)
    listed: list[dict[str, object]] = []
    for number, example in enumerate(share_budget(candidates, BUDGET_BYTES)):
        score = example.score
        write_whole(folder / f"{number}.flac", example.audio)
        write_whole(folder / f"{number}.png", example.picture)
        listed.append(
            {
                "model": score.model,
                "condition": score.condition,
                "clip_id": score.clip_id,
                "label": score.label,
                "score": score.score,
                "audio": f"{number}.flac",
                "spectrogram": f"{number}.png",
            }
        )
    write_whole(folder / "examples.json", json.dumps(listed, indent=1) + "\n")


def unchanged_clips(
    clips: Iterable[Clip], clip_ids: Collection[str], digests: Mapping[str, str]
) -> dict[str, Clip]:
    """Return the named clips whose recordings have not changed since they were scored.

    Parameters
    ----------
    digests
        Of the recordings that were scored, by clip; one that is not known counts as unchanged.
    """
    unchanged: dict[str, Clip] = {}
    for clip in clips:
        if clip.clip_id in clip_ids:
            content = content_of(clip.audio)
            if content is None or digests.get(clip.clip_id, content.digest) == content.digest:
                unchanged[clip.clip_id] = clip
    return unchanged


def share_budget(lists: Sequence[Sequence[ScoreAudio]], budget_bytes: int) -> list[ScoreAudio]:
    """Return the first examples of each list that fit the budget, taking turns between lists.

    Every list has an equal share; what one leaves is offered to the lists in order.
    """
    share = budget_bytes // max(len(lists), 1)
    left = budget_bytes
    kept: list[set[int]] = []
    for examples in lists:
        own = _fitting(examples, share, set())
        kept.append(own)
        left -= sum(examples[place].size for place in own)
    for examples, own in zip(lists, kept, strict=True):
        more = _fitting(examples, left, own)
        left -= sum(examples[place].size for place in more)
        own |= more
    ranked = [
        (rank, number, place)
        for number, own in enumerate(kept)
        for rank, place in enumerate(sorted(own))
    ]
    return [lists[number][place] for _, number, place in sorted(ranked)]


def _fitting(examples: Sequence[ScoreAudio], budget_bytes: int, taken: set[int]) -> set[int]:
    """Return the places of further examples that fit, skipping those that are too large."""
    places: set[int] = set()
    for place, example in enumerate(examples):
        if place not in taken and example.size <= budget_bytes:
            budget_bytes -= example.size
            places.add(place)
    return places


def _key(score: NotableScore) -> tuple[str, str, str]:
    return score.model, score.condition, score.clip_id


def _round_robin(scores: Sequence[NotableScore]) -> list[NotableScore]:
    """Return the first of every model, then the second of every model, and so on."""
    seen: Counter[str] = Counter()
    ranks: list[int] = []
    for score in scores:
        ranks.append(seen[score.model])
        seen[score.model] += 1
    return [scores[place] for place in sorted(range(len(scores)), key=ranks.__getitem__)]


def _render(
    scores: Sequence[NotableScore], suite: Suite, clips: Mapping[str, Clip], recipe: Recipe
) -> Iterator[ScoreAudio]:
    """Yield examples of the scores whose clips can still be read."""
    rate_hz = recipe.rates_hz[0] if recipe.rates_hz else _RATE_HZ
    for score in scores:
        clip = clips.get(score.clip_id)
        if clip is None:
            continue
        try:
            condition = suite.condition(score.condition)
            wave, _ = perturb(clip, load(clip.audio, channels=recipe.channels), condition, recipe)
            wave = resample(wave, rate_hz)
        except (ClipRejected, ClipError):  # the file went away since it was scored
            continue
        wave = Wave(wave.samples[: int(_LONGEST_SECONDS * wave.rate_hz)], wave.rate_hz)
        yield ScoreAudio(score, flac(wave), picture(wave))


def flac(wave: Wave) -> bytes:
    """Encode a wave as 16-bit FLAC, attenuated where it exceeds full scale."""
    file = io.BytesIO()
    peak = float(np.abs(wave.samples).max(initial=0.0))
    samples = wave.samples / peak if peak > 1 else wave.samples
    soundfile.write(file, samples, wave.rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def picture(wave: Wave) -> bytes:
    """Draw a grey spectrogram (PNG): 128 rows of frequency, up to 512 columns, 80 dB deep."""
    from scipy.signal import spectrogram  # slow to import

    size = min(512, len(wave.samples))
    hop = max(1, size // 2, -(-(len(wave.samples) - size) // 511))
    _, _, power = spectrogram(
        wave.samples, wave.rate_hz, nperseg=size, noverlap=max(size - hop, 0), mode="psd"
    )
    level_db = 10 * np.log10(np.maximum(power, 1e-20))
    level_db -= level_db.max()
    grey = np.clip(255 * level_db / _FLOOR_DB, 0, 255).astype(np.uint8)[::-1]
    image = Image.fromarray(grey).resize((min(512, max(64, grey.shape[1])), 128))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()

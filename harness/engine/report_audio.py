"""Audio and pictures of what is worth hearing, made again from the recipe, beside the table.

The report plays what the detector was given. Nothing of it is stored while scoring: a clip, its
condition and the suite's seed make the same bits again.
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
"""What a report of 3 MB can carry beside its figures and a comparison."""

_LONGEST_SECONDS = 10.24
_FLOOR_DB = -80.0
_RATE_HZ = 16_000
"""Where no detector says at which rate it listens."""


class Scored(Protocol):
    """A score that is worth hearing: a `Mistake`, or a `Flip`."""

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
class Sound:
    """A score with what was heard and what it looks like: FLAC and PNG."""

    scored: Scored
    audio: bytes = field(repr=False)
    picture: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.audio) + len(self.picture)


def write_examples(
    run: Path,
    mistakes: Sequence[Scored],
    turned: Sequence[Scored],
    suite: Suite,
    clips: Mapping[str, Clip],
    recipe: Recipe,
) -> None:
    """Write `examples/` of a run: FLAC, PNG and `examples.json`.

    Parameters
    ----------
    mistakes, turned
        The worst mistakes, and clips whose verdict turned against the baseline; in either, the
        first of a model matter most. They share `BUDGET_BYTES` as `fair` has it.
    """
    heard = {_key(each) for each in mistakes}
    lists = [_by_turns(mistakes), _by_turns([x for x in turned if _key(x) not in heard])]
    made = [list(_sounds(scored, suite, clips, recipe)) for scored in lists]
    folder = run / "examples"
    clear(folder)
    listed: list[dict[str, object]] = []
    for number, sound in enumerate(fair(made, BUDGET_BYTES)):
        scored = sound.scored
        write_whole(folder / f"{number}.flac", sound.audio)
        write_whole(folder / f"{number}.png", sound.picture)
        listed.append(
            {
                "model": scored.model,
                "condition": scored.condition,
                "clip_id": scored.clip_id,
                "label": scored.label,
                "score": scored.score,
                "audio": f"{number}.flac",
                "spectrogram": f"{number}.png",
            }
        )
    write_whole(folder / "examples.json", json.dumps(listed, indent=1) + "\n")


def as_scored(
    clips: Iterable[Clip], wanted: Collection[str], made_from: Mapping[str, str]
) -> dict[str, Clip]:
    """The wanted clips by name, without those that are other recordings than were scored.

    Parameters
    ----------
    made_from
        Digests of what was scored, by clip; one that is not known counts as the same.
    """
    found: dict[str, Clip] = {}
    for clip in clips:
        if clip.clip_id in wanted:
            content = content_of(clip.audio)
            if content is None or made_from.get(clip.clip_id, content.digest) == content.digest:
                found[clip.clip_id] = clip
    return found


def fair(lists: Sequence[Sequence[Sound]], budget_bytes: int) -> list[Sound]:
    """The sounds of the lists that fit, the first ones of each, list by list in turns.

    Every list has an equal share of the budget, and what one leaves goes to those before others.
    """
    share = budget_bytes // max(len(lists), 1)
    left = budget_bytes
    kept: list[set[int]] = []
    for sounds in lists:
        own = _fitting(sounds, share, set())
        kept.append(own)
        left -= sum(sounds[place].size for place in own)
    for sounds, own in zip(lists, kept, strict=True):
        more = _fitting(sounds, left, own)
        left -= sum(sounds[place].size for place in more)
        own |= more
    ranked = [
        (rank, number, place)
        for number, own in enumerate(kept)
        for rank, place in enumerate(sorted(own))
    ]
    return [lists[number][place] for _, number, place in sorted(ranked)]


def _fitting(sounds: Sequence[Sound], room_bytes: int, without: set[int]) -> set[int]:
    """Places of the sounds that fit, from the first on; a large one does not bar the next."""
    found: set[int] = set()
    for place, sound in enumerate(sounds):
        if place not in without and sound.size <= room_bytes:
            room_bytes -= sound.size
            found.add(place)
    return found


def _key(scored: Scored) -> tuple[str, str, str]:
    return scored.model, scored.condition, scored.clip_id


def _by_turns(scored: Sequence[Scored]) -> list[Scored]:
    """The first of every model, then the second of every model, and so on."""
    seen: Counter[str] = Counter()
    ranks: list[int] = []
    for each in scored:
        ranks.append(seen[each.model])
        seen[each.model] += 1
    order = sorted(range(len(scored)), key=ranks.__getitem__)
    return [scored[place] for place in order]


def _sounds(
    wanted: Sequence[Scored], suite: Suite, clips: Mapping[str, Clip], recipe: Recipe
) -> Iterator[Sound]:
    """What of them can be made: a clip of another run, or one that went away, is left out."""
    rate_hz = recipe.rates_hz[0] if recipe.rates_hz else _RATE_HZ
    for scored in wanted:
        clip = clips.get(scored.clip_id)
        if clip is None:
            continue
        try:
            condition = suite.condition(scored.condition)
            wave, _ = perturb(clip, load(clip.audio, channels=recipe.channels), condition, recipe)
            wave = resample(wave, rate_hz)
        except (ClipRejected, ClipError):  # the file went away since it was scored
            continue
        wave = Wave(wave.samples[: int(_LONGEST_SECONDS * wave.rate_hz)], wave.rate_hz)
        yield Sound(scored, flac(wave), picture(wave))


def flac(wave: Wave) -> bytes:
    """The wave as FLAC of 16 bit, made quieter where it goes over full scale."""
    file = io.BytesIO()
    peak = float(np.abs(wave.samples).max(initial=0.0))
    # A player cannot go over full scale.
    samples = wave.samples / peak if peak > 1 else wave.samples
    soundfile.write(file, samples, wave.rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def picture(wave: Wave) -> bytes:
    """Spectrogram as a grey PNG, 128 rows of frequency, at most 512 columns of time, 80 dB deep."""
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

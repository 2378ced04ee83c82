"""Audio and pictures of the worst mistakes, made again from the recipe and kept beside the table.

The report plays what the detector was given. Nothing of it is stored while scoring: a clip, its
condition and the suite's seed make the same bits again.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from harness.audio import Wave, load, resample
from harness.data.clip import Clip
from harness.engine.prepare import Recipe, perturb
from harness.errors import ClipRejected
from harness.record import write_whole
from harness.suite import Suite
from harness.summary import Mistake

_BUDGET_BYTES = 1_100_000
_LONGEST_SECONDS = 10.24
_FLOOR_DB = -80.0
_RATE_HZ = 16_000
"""Where no detector says at which rate it listens."""


def write_examples(
    run: Path, mistakes: Sequence[Mistake], suite: Suite, clips: Mapping[str, Clip], recipe: Recipe
) -> None:
    """Write `examples/` of a run: FLAC, PNG and `examples.json`, the worst first.

    Stops before the audio and pictures take more than what a report of 3 MB can carry.
    """
    folder = run / "examples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed: list[dict[str, object]] = []
    rate_hz = recipe.rates_hz[0] if recipe.rates_hz else _RATE_HZ
    spent = 0
    for mistake in mistakes:
        clip = clips.get(mistake.clip_id)
        if clip is None:
            continue
        try:
            condition = suite.condition(mistake.condition)
            wave, _ = perturb(clip, load(clip.audio), condition, recipe)
            wave = resample(wave, rate_hz)
        except ClipRejected:  # the file went away since it was scored
            continue
        wave = Wave(wave.samples[: int(_LONGEST_SECONDS * wave.rate_hz)], wave.rate_hz)
        audio, picture = _flac(wave), _picture(wave)
        if spent + len(audio) + len(picture) > _BUDGET_BYTES:
            continue
        spent += len(audio) + len(picture)
        number = len(listed)
        (folder / f"{number}.flac").write_bytes(audio)
        (folder / f"{number}.png").write_bytes(picture)
        listed.append(
            {
                "model": mistake.model,
                "condition": mistake.condition,
                "clip_id": mistake.clip_id,
                "label": mistake.label,
                "score": mistake.score,
                "audio": f"{number}.flac",
                "spectrogram": f"{number}.png",
            }
        )
    write_whole(folder / "examples.json", json.dumps(listed, indent=1) + "\n")


def _flac(wave: Wave) -> bytes:
    file = io.BytesIO()
    peak = float(np.abs(wave.samples).max(initial=0.0))
    # A player cannot go over full scale.
    samples = wave.samples / peak if peak > 1 else wave.samples
    soundfile.write(file, samples, wave.rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _picture(wave: Wave) -> bytes:
    """Spectrogram as a grey PNG, 128 rows of frequency, at most 512 columns of time, 80 dB deep."""
    from scipy.signal import spectrogram  # slow to import

    size = min(512, len(wave.samples))
    hop = max(size // 2, -(-(len(wave.samples) - size) // 511)) if size else 1
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

"""How much there is in a source, as far as that can be known without decoding or fetching it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from harness.audio.encoded import Encoded
from harness.audio.wave import LIMITS
from harness.data.clip import Clip
from harness.errors import ClipError, ClipRejected
from harness.planning.forecast import Array, Estimate, exactly, total_by_mean

MOST_HEADERS = 20_000
"""Files whose headers are read for their lengths: a few seconds on a disk of this machine."""


EVERY, SAMPLED = "every clip", "the sample"


@dataclass(frozen=True, eq=False)
class Extent:
    """Sums over all clips, and what they are known of (`every clip` or `the sample`).

    Parameters
    ----------
    of_sample
        Seconds of each clip of the sample.
    """

    seconds: Estimate
    seconds_basis: str
    bytes: Estimate
    bytes_basis: str
    of_sample: Array

    @property
    def known_seconds(self) -> float:
        """Of all clips, each by its own header; NaN where they are not known."""
        return self.seconds.value if self.seconds_basis == EVERY else math.nan


def extent_of(clips: Sequence[Clip], sampled: Sequence[Clip], drawn: Array) -> Extent:
    """Seconds and bytes of all clips where they are known, else from the sample.

    A clip whose header says no length counts as one of mean length.
    """
    every = lengths_s(clips)
    basis = SAMPLED if every is None else EVERY
    lengths = _filled([length_s(clip.audio) for clip in sampled] if every is None else every)
    if every is None:
        of_sample, seconds = lengths, total_by_mean(lengths, drawn, len(clips))
    else:
        ids = [clip.clip_id for clip in clips]
        by_id = dict(zip(ids, lengths.tolist(), strict=True))
        of_sample = np.array([by_id[clip.clip_id] for clip in sampled])
        seconds = exactly(float(lengths.sum()))
    whole = math.fsum(size_bytes(clip.audio) for clip in clips)
    if math.isnan(whole):
        some = np.array([size_bytes(clip.audio) for clip in sampled])
        return Extent(seconds, basis, total_by_mean(some, drawn, len(clips)), SAMPLED, of_sample)
    return Extent(seconds, basis, exactly(whole), EVERY, of_sample)


def _filled(lengths: Sequence[float]) -> Array:
    values = np.array(lengths)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), known.mean() if len(known) else math.nan, values)


def size_bytes(audio: Encoded) -> float:
    """Of a recording as it lies; NaN where that is not known here."""
    if isinstance(audio, bytes):
        return float(len(audio))
    if isinstance(audio, Path):
        try:
            return float(audio.stat().st_size)
        except (OSError, ValueError):
            return math.nan
    listed = getattr(audio, "size_bytes", None)
    return math.nan if listed is None else float(listed)


def lengths_s(clips: Sequence[Clip]) -> list[float] | None:
    """Seconds of each clip by its header, NaN where it has none that is understood.

    None where they are not all at hand, or too many to open.
    """
    if len(clips) > MOST_HEADERS:
        return None
    if not all(isinstance(clip.audio, bytes) or _is_here(clip.audio) for clip in clips):
        return None
    return [length_s(clip.audio) for clip in clips]


def length_s(audio: Encoded) -> float:
    """Seconds of a recording by its header; NaN where it has none that is understood."""
    try:
        if isinstance(audio, Path):
            about = soundfile.info(audio)
        else:
            about = soundfile.info(io.BytesIO(content(audio)))
    except (soundfile.LibsndfileError, OSError, ValueError, ClipRejected, ClipError):
        return math.nan
    seconds = about.frames / about.samplerate
    return seconds if seconds <= LIMITS.seconds else math.nan


def content(audio: Encoded) -> bytes:
    """Its bytes, from wherever it lies."""
    if isinstance(audio, bytes):
        return audio
    return audio.read_bytes() if isinstance(audio, Path) else audio.fetch(LIMITS.encoded_bytes)


def _is_here(audio: Encoded) -> bool:
    return isinstance(audio, Path) and audio.is_file()

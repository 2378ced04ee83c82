"""Leakage: the same audio twice, across splits, labels or groups.

Files of the same bytes come first, then recordings whose fingerprints agree
(`harness.testset.fingerprint`). These are aligned and correlated in the band of the fingerprint. A
coded, resampled, cropped or amplified copy keeps its waveform and correlates by at least `SAME`
(mp3 at 16 kbit/s by 0.96, AMR at 4.75 by at least 0.78). A voice that repeats the words, or a
synthesis of the same recording, agrees in its bits but not in its waveform: `same content`, which
many honest test sets contain and which is reported separately.

A pair is a leak where it is the same recording in two splits, or in two groups of one set: groups
declare which clips are dependent, and every interval relies on them. The same recording twice
within a group is declared dependence; it is listed and is no leak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfiltfilt

from harness.audio.wave import load
from harness.data.clip import Clip
from harness.data.duplicates import twins
from harness.errors import CLIP_FAULTS
from harness.perturb.sample import convert
from harness.testset.fingerprint import (
    BAND_HZ,
    HOP,
    RATE_HZ,
    AudioFingerprint,
    Hit,
    bit_error,
    fingerprint,
    hits,
)

Array = NDArray[np.float64]

SAME = 0.75
CONTENT = 0.33
"""Largest share of differing bits of the same content; unrelated recordings exceed 0.38 at their
best lag."""
LEAST_WORDS, LEAST_WORDS_OF_CONTENT = 8, 20
"""Words to compare at least: clips of 0.3 s, and of 0.45 s where the waveforms do not agree."""
SPLITS = ("first", "second")

_REACH = 2 * HOP
_KEPT_BYTES = 256_000_000
"""Cache of filtered recordings: 1,000 of 4 s."""

Kind = Literal["same bytes", "same recording", "same content"]
_KINDS: tuple[Kind, ...] = ("same bytes", "same recording", "same content")


@dataclass(frozen=True)
class PairedClip:
    """One clip of a pair."""

    split: str
    clip_id: str
    label: str
    group: str
    speaker: str
    seconds: float


@dataclass(frozen=True)
class RecordingPair:
    """Two clips with the same audio or content.

    Parameters
    ----------
    offset_s
        Where in the first clip the second begins; negative where the first begins in the second.
    overlap_s
        Duration of the overlap.
    bit_error
        Share of differing fingerprint bits in the overlap.
    correlation
        Absolute correlation of the waveforms in the overlap; 1 for the same bytes.
    leak
        Whether it is the same recording in two splits or in two groups.
    """

    kind: Kind
    first: PairedClip
    second: PairedClip
    offset_s: float
    overlap_s: float
    bit_error: float
    correlation: float
    leak: bool

    @property
    def across(self) -> tuple[str, ...]:
        """Names among split, label and group in which the two differ."""
        names = ("split", "label", "group")
        return tuple(n for n in names if getattr(self.first, n) != getattr(self.second, n))

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        return frozenset((clip.split, clip.clip_id) for clip in (self.first, self.second))


@dataclass(frozen=True)
class SharedNames:
    """Speakers or groups that both splits have and should not."""

    what: str
    names: tuple[str, ...]
    clips_first: int
    clips_second: int


@dataclass(frozen=True)
class LeakageAudit:
    """All pairs, leaks first, and what two splits share."""

    clips: int
    matches: tuple[RecordingPair, ...]
    shared: tuple[SharedNames, ...]
    notes: tuple[str, ...]

    @property
    def leaks(self) -> tuple[RecordingPair, ...]:
        return tuple(pair for pair in self.matches if pair.leak)

    @property
    def found(self) -> bool:
        return bool(self.leaks or self.shared)


@dataclass(frozen=True, eq=False)
class _SplitClip:
    split: str
    clip: Clip

    @property
    def key(self) -> tuple[str, str]:
        return self.split, self.clip.clip_id

    def paired(self, seconds: float) -> PairedClip:
        clip = self.clip
        return PairedClip(self.split, clip.clip_id, clip.label, clip.group, clip.speaker, seconds)


def audit_leakage(
    clips: Sequence[Clip],
    against: Sequence[Clip] = (),
    advance: Callable[[int], None] | None = None,
) -> LeakageAudit:
    """Find the same audio among clips, and between them and those of another split.

    Parameters
    ----------
    against
        The other split, such as a detector's training set; pairs within it are ignored.
    advance
        Called with the number of recordings fingerprinted so far.
    """
    entries = [
        _SplitClip(split, clip)
        for split, side in zip(SPLITS, (clips, against), strict=True)
        for clip in side
    ]
    known, notes, prints = _fingerprinted(entries, advance)
    pairs = list(_byte_twins(entries))
    seen = {pair.key for pair in pairs}
    for hit in hits(prints):
        first, second = known[hit.first], known[hit.second]
        key = frozenset({first.key, second.key})
        if key in seen or first.split == second.split == SPLITS[1]:
            continue
        try:
            pair = _verified(first, second, prints[hit.first], prints[hit.second], hit)
        except CLIP_FAULTS as fault:  # a file disappeared since it was fingerprinted
            notes.append(f"{first.clip.clip_id} and {second.clip.clip_id}: not compared: {fault}")
            continue
        if pair is not None:
            pairs.append(pair)
            seen.add(key)
    pairs.sort(key=lambda pair: (not pair.leak, _KINDS.index(pair.kind), -pair.correlation))
    return LeakageAudit(len(entries), tuple(pairs), tuple(_shared(clips, against)), tuple(notes))


def _fingerprinted(
    entries: Sequence[_SplitClip], advance: Callable[[int], None] | None
) -> tuple[list[_SplitClip], list[str], list[AudioFingerprint]]:
    known: list[_SplitClip] = []
    notes: list[str] = []
    prints: list[AudioFingerprint] = []
    for done, entry in enumerate(entries, start=1):
        try:
            prints.append(fingerprint(load(entry.clip.audio)))
            known.append(entry)
        except CLIP_FAULTS as fault:
            notes.append(f"{entry.clip.clip_id}: not compared: {fault}")
        if advance is not None:
            advance(done)
    return known, notes, prints


def _byte_twins(entries: Sequence[_SplitClip]) -> Iterator[RecordingPair]:
    by_clip = {id(entry.clip): entry for entry in entries}
    for group in twins(entry.clip for entry in entries):
        first, *others = sorted(
            (by_clip[id(clip)] for clip in group), key=lambda entry: entry.split
        )
        if first.split == SPLITS[1]:
            continue
        try:
            seconds = load(first.clip.audio).seconds
        except CLIP_FAULTS:
            seconds = 0.0
        original = first.paired(seconds)
        for other in others:
            twin = other.paired(seconds)
            yield RecordingPair(
                "same bytes", original, twin, 0.0, seconds, 0.0, 1.0, _leaks(original, twin)
            )


def _leaks(first: PairedClip, second: PairedClip) -> bool:
    return first.split != second.split or first.group != second.group


def _verified(
    first: _SplitClip,
    second: _SplitClip,
    first_print: AudioFingerprint,
    second_print: AudioFingerprint,
    hit: Hit,
) -> RecordingPair | None:
    """Align the second recordings of a hit; None where it is chance."""
    error, words = bit_error(first_print, second_print, hit.lag)
    if words < LEAST_WORDS or error > CONTENT:
        return None
    waves = _in_band(first.clip), _in_band(second.clip)
    correlation, offset, overlap = _correlated(*waves, hit.lag * HOP)
    kind: Kind = "same recording" if correlation >= SAME else "same content"
    if kind == "same content" and words < LEAST_WORDS_OF_CONTENT:
        return None
    a, b = (
        entry.paired(len(wave) / RATE_HZ)
        for entry, wave in zip((first, second), waves, strict=True)
    )
    leak = kind == "same recording" and _leaks(a, b)
    place = offset / RATE_HZ, overlap / RATE_HZ
    return RecordingPair(kind, a, b, *place, error, correlation, leak)


@cached(LRUCache(_KEPT_BYTES, getsizeof=lambda samples: samples.nbytes))
def _in_band(clip: Clip) -> Array:
    """Samples in the band and at the rate of the fingerprint."""
    samples = convert(load(clip.audio), RATE_HZ).samples
    return np.asarray(sosfiltfilt(_band(), samples, padlen=min(200, len(samples) - 1)))


@lru_cache(maxsize=1)
def _band() -> Any:
    return butter(4, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")


def _correlated(first: Array, second: Array, offset: int) -> tuple[float, int, int]:
    """Largest absolute correlation near an offset, the offset found, and the overlap in samples."""
    start, second_start = max(offset - _REACH, 0), max(-offset - _REACH, 0)
    length = min(len(first) - start, len(second) - second_start)
    x, y = first[start : start + length], second[second_start : second_start + length]
    reach = 3 * _REACH
    size = cast("int", next_fast_len(length + reach, real=True))
    cross = cast("Array", irfft(rfft(x, size) * np.conj(cast("Any", rfft(y, size))), size))
    near = np.concatenate([cross[-reach:], cross[: reach + 1]])
    shift = int(np.argmax(np.abs(near))) - reach
    best = start - second_start + shift
    begin, behind = max(best, 0), max(-best, 0)
    overlap = min(len(first) - begin, len(second) - behind)
    if overlap <= 0:
        return 0.0, best, 0
    x, y = first[begin : begin + overlap], second[behind : behind + overlap]
    power = float(np.sqrt((x @ x) * (y @ y)))
    return (abs(float(x @ y)) / power if power else 0.0), best, overlap


def _shared(clips: Sequence[Clip], against: Sequence[Clip]) -> Iterator[SharedNames]:
    """Speakers and groups of both splits; a group named like its clip is no group."""
    for what in ("speaker", "group"):
        counts = [
            Counter(
                name
                for clip in side
                if (name := getattr(clip, what)) and not (what == "group" and name == clip.clip_id)
            )
            for side in (clips, against)
        ]
        names = tuple(sorted(set(counts[0]) & set(counts[1])))
        if names:
            totals = (sum(of_names[name] for name in names) for of_names in counts)
            yield SharedNames(what, names, *totals)

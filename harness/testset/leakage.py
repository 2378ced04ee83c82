"""The same audio twice where it should be once: across splits, labels, or groups.

Files of the same bytes come first, then recordings whose fingerprints agree
(`harness.testset.fingerprint`). These are laid on each other and correlated in the band of the
fingerprint. A copy that was coded, resampled, cropped or made louder keeps its waveform, and
correlates by `SAME` or more (mp3 at 16 kbit/s by 0.96, AMR at 4.75 by 0.78 at least). A voice that
says the same words again, or that was synthesised from the same recording, agrees in its bits and
not in its waveform: that is the `same content`, which belongs to many honest test sets and is
reported apart.

A pair is a leak where it is the same recording in two splits, or in two groups of one set: groups
are what a test set declares to be dependent, and every interval relies on it. The same recording
twice within a group is dependence that was declared; it is listed and is no leak.
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
    Fingerprint,
    Hit,
    bit_error,
    fingerprint,
    hits,
)

Array = NDArray[np.float64]

SAME = 0.75
CONTENT = 0.33
"""Share of differing bits up to which two recordings have the same content; unrelated ones have
over 0.38 at the lag that suits them best."""
LEAST_WORDS, LEAST_WORDS_OF_CONTENT = 8, 20
"""That must be compared: of clips of 0.3 s, and of 0.45 s where waveforms say nothing."""
SPLITS = ("first", "second")

_REACH = 2 * HOP
_KEPT_BYTES = 256_000_000
"""Of filtered recordings: 1,000 of 4 s."""

Kind = Literal["same bytes", "same recording", "same content"]


@dataclass(frozen=True)
class Member:
    """One clip of a pair."""

    split: str
    clip_id: str
    label: str
    group: str
    speaker: str
    seconds: float


@dataclass(frozen=True)
class Match:
    """Two clips with the same audio or content.

    Parameters
    ----------
    offset_s
        Where in the first the second begins; below 0 where the first begins in the second.
    overlap_s
        How long they lie on each other.
    bit_error
        Share of the fingerprints' bits that differ there.
    correlation
        Of the waveforms there, size; 1 for the same bytes.
    leak
        Whether it is the same recording in two splits or in two groups.
    """

    kind: Kind
    first: Member
    second: Member
    offset_s: float
    overlap_s: float
    bit_error: float
    correlation: float
    leak: bool

    @property
    def across(self) -> tuple[str, ...]:
        """What the two do not share, of split, label and group."""
        one, two = self.first, self.second
        parts = (
            ("split", one.split, two.split),
            ("label", one.label, two.label),
            ("group", one.group, two.group),
        )
        return tuple(name for name, a, b in parts if a != b)


@dataclass(frozen=True)
class Shared:
    """Something that both splits have and should not, such as speakers."""

    what: str
    names: tuple[str, ...]
    clips_first: int
    clips_second: int


@dataclass(frozen=True)
class LeakageAudit:
    """Every pair, leaks first, and what two splits share."""

    clips: int
    matches: tuple[Match, ...]
    shared: tuple[Shared, ...]
    notes: tuple[str, ...]

    @property
    def leaks(self) -> tuple[Match, ...]:
        return tuple(match for match in self.matches if match.leak)

    @property
    def found(self) -> bool:
        return bool(self.leaks or self.shared)


@dataclass(frozen=True, eq=False)
class _Entry:
    split: str
    clip: Clip


def audit_leakage(
    clips: Sequence[Clip],
    against: Sequence[Clip] = (),
    advance: Callable[[int], None] | None = None,
) -> LeakageAudit:
    """Look for the same audio among clips, and between them and those of another split.

    Parameters
    ----------
    against
        The other split, such as what a detector was trained on; pairs within it are left out.
    advance
        Told how many recordings are fingerprinted.
    """
    entries = [_Entry(SPLITS[0], clip) for clip in clips]
    entries += [_Entry(SPLITS[1], clip) for clip in against]
    known, notes, prints = _fingerprinted(entries, advance)
    found = [*_byte_twins(entries)]
    seen = {_key(match.first, match.second) for match in found}
    for hit in hits(prints):
        one, two = known[hit.first], known[hit.second]
        pair = frozenset({(one.split, one.clip.clip_id), (two.split, two.clip.clip_id)})
        if pair in seen or one.split == two.split == SPLITS[1]:
            continue
        try:
            match = _judged(one, two, prints[hit.first], prints[hit.second], hit)
        except CLIP_FAULTS as fault:  # one of them went away since it was fingerprinted
            notes.append(f"{one.clip.clip_id} and {two.clip.clip_id}: not compared: {fault}")
            continue
        if match is not None:
            found.append(match)
            seen.add(pair)
    found.sort(key=lambda each: (not each.leak, _KINDS.index(each.kind), -each.correlation))
    return LeakageAudit(len(entries), tuple(found), tuple(_shared(clips, against)), tuple(notes))


_KINDS: tuple[Kind, ...] = ("same bytes", "same recording", "same content")


def _fingerprinted(
    entries: Sequence[_Entry], advance: Callable[[int], None] | None
) -> tuple[list[_Entry], list[str], list[Fingerprint]]:
    known: list[_Entry] = []
    notes: list[str] = []
    prints: list[Fingerprint] = []
    for done, entry in enumerate(entries, start=1):
        try:
            prints.append(fingerprint(load(entry.clip.audio)))
            known.append(entry)
        except CLIP_FAULTS as fault:
            notes.append(f"{entry.clip.clip_id}: not compared: {fault}")
        if advance is not None:
            advance(done)
    return known, notes, prints


def _byte_twins(entries: Sequence[_Entry]) -> Iterator[Match]:
    split = {id(entry.clip): entry.split for entry in entries}
    for group in twins(entry.clip for entry in entries):
        ordered = sorted(group, key=lambda clip: split[id(clip)])
        first = ordered[0]
        if split[id(first)] == SPLITS[1]:
            continue
        seconds = _seconds(first)
        for other in ordered[1:]:
            one, two = (_member(split[id(clip)], clip, seconds) for clip in (first, other))
            yield Match("same bytes", one, two, 0.0, seconds, 0.0, 1.0, _leaks(one, two))


def _seconds(clip: Clip) -> float:
    try:
        return load(clip.audio).seconds
    except CLIP_FAULTS:
        return 0.0


def _member(split: str, clip: Clip, seconds: float) -> Member:
    return Member(split, clip.clip_id, clip.label, clip.group, clip.speaker, seconds)


def _leaks(one: Member, two: Member) -> bool:
    return one.split != two.split or one.group != two.group


def _key(one: Member, two: Member) -> frozenset[tuple[str, str]]:
    return frozenset({(one.split, one.clip_id), (two.split, two.clip_id)})


def _judged(
    one: _Entry, two: _Entry, first: Fingerprint, second: Fingerprint, hit: Hit
) -> Match | None:
    """What a hit is, laid on each other; None where it is chance."""
    error, words = bit_error(first, second, hit.lag)
    if words < LEAST_WORDS or error > CONTENT:
        return None
    waves = _in_band(one.clip), _in_band(two.clip)
    correlation, offset, overlap = _correlated(*waves, hit.lag * HOP)
    kind: Kind = "same recording" if correlation >= SAME else "same content"
    if kind == "same content" and words < LEAST_WORDS_OF_CONTENT:
        return None
    members = [
        _member(entry.split, entry.clip, len(wave) / RATE_HZ)
        for entry, wave in zip((one, two), waves, strict=True)
    ]
    leak = kind == "same recording" and _leaks(*members)
    offset_s, overlap_s = offset / RATE_HZ, overlap / RATE_HZ
    return Match(kind, members[0], members[1], offset_s, overlap_s, error, correlation, leak)


@cached(LRUCache(_KEPT_BYTES, getsizeof=lambda samples: samples.nbytes))
def _in_band(clip: Clip) -> Array:
    """Samples in the band of the fingerprint, at its rate."""
    samples = convert(load(clip.audio), RATE_HZ).samples
    return np.asarray(sosfiltfilt(_band(), samples, padlen=min(200, len(samples) - 1)))


@lru_cache(maxsize=1)
def _band() -> Any:
    return butter(4, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")


def _correlated(one: Array, two: Array, offset: int) -> tuple[float, int, int]:
    """Largest correlation near an offset, by size; that offset; and the samples that overlap.

    Polarity is of no consequence.
    """
    start, other = max(offset - _REACH, 0), max(-offset - _REACH, 0)
    length = min(len(one) - start, len(two) - other)
    x, y = one[start : start + length], two[other : other + length]
    reach = 3 * _REACH
    size = cast("int", next_fast_len(length + reach, real=True))
    cross = cast("Array", irfft(rfft(x, size) * np.conj(cast("Any", rfft(y, size))), size))
    near = np.concatenate([cross[-reach:], cross[: reach + 1]])
    shift = int(np.argmax(np.abs(near))) - reach
    best = start - other + shift
    begin, behind = max(best, 0), max(-best, 0)
    overlap = min(len(one) - begin, len(two) - behind)
    if overlap <= 0:
        return 0.0, best, 0
    x, y = one[begin : begin + overlap], two[behind : behind + overlap]
    power = float(np.sqrt((x @ x) * (y @ y)))
    return (abs(float(x @ y)) / power if power else 0.0), best, overlap


def _shared(clips: Sequence[Clip], against: Sequence[Clip]) -> Iterator[Shared]:
    """Speakers and groups of both splits; a group that is its clip's own id is no group."""
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
            totals = (sum(each[name] for name in names) for each in counts)
            yield Shared(what, names, *totals)

"""Audio fingerprints that survive coding, gain, resampling and cropping.

One word of 32 bits every 12.5 ms: each bit says whether the difference in energy of two adjacent
bands rises or falls from the previous frame. The 33 bands are spaced evenly on a logarithmic scale
from 200 to 3000 Hz, which telephony preserves; a frame is 200 ms, so a copy whose frames start
elsewhere has nearly the same bits. Gain cancels out, and lossy coding flips bits where the
difference is small.

Two recordings are candidates where some of their words agree; each word is also looked up with its
weakest bits flipped. Words of silence, whose bits are arbitrary, and very common words are skipped.

Haitsma & Kalker, "A highly robust audio fingerprinting system", ISMIR 2002.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from harness.audio.wave import Wave
from harness.perturb.sample import convert

Words = NDArray[np.uint32]
Index = NDArray[np.int32]

RATE_HZ = 8000
HOP = 100
HOP_SECONDS = HOP / RATE_HZ
BITS = 32
BAND_HZ = (200.0, 3000.0)

_FRAME = 1600
_SIZE = 2048
_WEAKEST = 3
_AUDIBLE_DB = -45.0
"""Relative to the loudest frame; quieter frames are skipped."""
_TOGETHER = 256
_COMMONEST = 200
"""Occurrences above which a word is skipped: common words carry little and cost most."""


@dataclass(frozen=True, eq=False)
class AudioFingerprint:
    """Words of one recording, shape (frames,).

    Parameters
    ----------
    weak
        Masks of the least certain bits of each word, shape (frames, 3).
    audible
        Whether the frame is loud enough.
    """

    words: Words
    weak: Words
    audible: NDArray[np.bool_]


@dataclass(frozen=True)
class Hit:
    """Two recordings, by number, that agree with the second shifted by `lag` hops."""

    first: int
    second: int
    lag: int
    votes: int


def fingerprint(wave: Wave) -> AudioFingerprint:
    """AudioFingerprint a recording; one under 200 ms is padded with silence."""
    samples = convert(wave, RATE_HZ).samples
    samples = np.pad(samples, (0, max(0, _FRAME + HOP - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::HOP]
    energy = np.concatenate(
        [_band_energy(frames[at : at + _TOGETHER]) for at in range(0, len(frames), _TOGETHER)]
    )
    total = energy.sum(axis=1)
    # Logarithmic, so that gain changes no bit and loudness makes none more certain.
    level = np.log(energy + 1e-7 * max(float(total.max()), 1e-20))
    change = np.diff(np.diff(level, axis=1), axis=0)
    bits = (change > 0).astype(np.uint32)
    weakest = np.argsort(np.abs(change), axis=1)[:, :_WEAKEST].astype(np.uint32)
    words = (bits << np.arange(BITS, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    audible = total[1:] >= max(float(total.max()), 1e-20) * 10 ** (_AUDIBLE_DB / 10)
    return AudioFingerprint(words, np.uint32(1) << weakest, audible)


def _band_energy(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the bands, shape (frames, 33)."""
    window = np.hanning(_FRAME).astype(np.float32)
    spectrum = cast("NDArray[np.complex64]", rfft(frames * window, _SIZE, axis=1))
    power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2
    return np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)


_EDGES = np.round(np.geomspace(*BAND_HZ, BITS + 2) * _SIZE / RATE_HZ).astype(np.intp)


def hits(prints: Sequence[AudioFingerprint], votes: int = 2, block: int = 2000) -> Iterator[Hit]:
    """Find pairs that agree in at least `votes` words at two adjacent lags together.

    Each word and its 7 variants are looked up by bisection. A pair may be found twice, once from
    each side; most pairs with few votes are chance.

    Parameters
    ----------
    block
        Recordings that are looked up at once, which bounds the memory.
    """
    owner, frame, words = _indexed(prints)
    order = np.argsort(words, kind="stable")
    words, owner, frame = words[order], owner[order], frame[order]
    for start in range(0, len(prints), block):
        probes = _probes(prints[start : start + block], start)
        yield from _voted(*_matches(words, owner, frame, probes), votes)


def _indexed(prints: Sequence[AudioFingerprint]) -> tuple[Index, Index, Words]:
    places = [np.flatnonzero(recording.audible) for recording in prints]
    owner = np.repeat(np.arange(len(prints), dtype=np.int32), [len(frames) for frames in places])
    frame = np.concatenate([np.zeros(0, np.int32), *places]).astype(np.int32)
    words = [recording.words[place] for recording, place in zip(prints, places, strict=True)]
    return owner, frame, np.concatenate([np.zeros(0, np.uint32), *words])


def _probes(prints: Sequence[AudioFingerprint], start: int) -> tuple[Index, Index, Words]:
    """Owner, frame and value of the words and their variants with weak bits flipped."""
    owner, frame, words = _indexed(prints)
    weak = np.concatenate([recording.weak[recording.audible] for recording in prints])
    flips = [
        np.bitwise_xor.reduce(weak[:, list(chosen)], axis=1)
        for count in range(_WEAKEST + 1)
        for chosen in combinations(range(_WEAKEST), count)
    ]
    variants = np.concatenate([words ^ flip for flip in flips])
    return np.tile(owner + start, len(flips)), np.tile(frame, len(flips)), variants


def _matches(
    words: Words, owner: Index, frame: Index, probes: tuple[Index, Index, Words]
) -> tuple[Index, Index, Index]:
    """First, second and lag of every agreement of two recordings, first < second."""
    from_owner, from_frame, probed = probes
    left = np.searchsorted(words, probed, side="left")
    count = np.searchsorted(words, probed, side="right") - left
    count[count > _COMMONEST] = 0
    at = np.repeat(left, count) + _within(count)
    first_owner, second_owner = np.repeat(from_owner, count), owner[at]
    lag = np.repeat(from_frame, count) - frame[at]
    differ = first_owner != second_owner
    first_owner, second_owner, lag = first_owner[differ], second_owner[differ], lag[differ]
    turned = first_owner > second_owner
    first, second = (
        np.where(turned, second_owner, first_owner),
        np.where(turned, first_owner, second_owner),
    )
    return first, second, np.where(turned, -lag, lag)


def _within(count: Index) -> Index:
    """Positions within runs of these lengths: `[2, 3]` gives `[0, 1, 0, 1, 2]`."""
    starts = np.cumsum(count) - count
    return np.arange(int(count.sum())) - np.repeat(starts, count)


def _voted(first: Index, second: Index, lag: Index, votes: int) -> Iterator[Hit]:
    """The lag with the most votes of each pair, if it has enough."""
    if not len(first):
        return
    order = np.lexsort((lag, second, first))
    key = np.stack([first[order], second[order], lag[order]])
    starts = np.flatnonzero(np.concatenate([[True], np.any(np.diff(key, axis=1) != 0, axis=0)]))
    first, second, at = key[:, starts]
    count = np.diff(starts, append=key.shape[1])
    # A copy shifted by a fraction of a hop splits its votes between adjacent lags.
    beside = (first[1:] == first[:-1]) & (second[1:] == second[:-1]) & (at[1:] == at[:-1] + 1)
    both = count.copy()
    both[:-1] += np.where(beside, count[1:], 0)
    nearer = at.copy()  # the lag with more votes of the two
    nearer[:-1] += beside & (count[1:] > count[:-1])
    best = np.lexsort((-both, second, first))
    keep = np.concatenate([[True], (np.diff(first[best]) != 0) | (np.diff(second[best]) != 0)])
    chosen = best[keep]
    chosen = chosen[both[chosen] >= votes]
    rows = zip(first[chosen], second[chosen], nearer[chosen], both[chosen], strict=True)
    for a, b, c, d in rows:
        yield Hit(int(a), int(b), int(c), int(d))


def bit_error(first: AudioFingerprint, second: AudioFingerprint, lag: int) -> tuple[float, int]:
    """Share of bits that differ where both are audible, NaN for none, and the number of words.

    Aligns frame t + lag of `one` with frame t of `two`, or the best of this and adjacent lags.
    """
    best, words = float("nan"), 0
    for near in (lag - 1, lag, lag + 1):
        start, second_start = max(near, 0), max(-near, 0)
        length = min(len(first.words) - start, len(second.words) - second_start)
        if length <= 0:
            continue
        a, b = slice(start, start + length), slice(second_start, second_start + length)
        both = first.audible[a] & second.audible[b]
        count = int(both.sum())
        if count:
            differing = np.bitwise_count(first.words[a][both] ^ second.words[b][both])
            error = float(differing.mean()) / BITS
            if not words or error < best:
                best, words = error, count
    return best, words

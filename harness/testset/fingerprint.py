"""What a recording sounds like, in bits that survive coding, gain, resampling and cropping.

Every 12.5 ms one word of 32 bits: does the difference in energy of two neighbouring bands grow or
fall from the frame before? The bands are 33, evenly spaced in the logarithm from 200 to 3000 Hz,
which the telephone leaves in place; a frame is 200 ms, so that a copy whose frames start elsewhere
has nearly the same bits. Gain cancels out, and lossy coding flips bits where the difference is
small.

Two recordings are laid on each other where some of their words agree. For that each word is also
looked for with its weakest bits flipped. Words of silence, which has no bits of its own, are left
out, as are words that are everywhere.

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
"""That the bits are of."""

_FRAME = 1600
_SIZE = 2048
_WEAKEST = 3
_AUDIBLE_DB = -45.0
"""Below the loudest frame; quieter ones have no words."""
_TOGETHER = 256
_COMMONEST = 200
"""Places that a word may have; what is more frequent says nothing and costs most."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Words of one recording, all shape (frames,).

    Parameters
    ----------
    weak
        For each word, the bits that are least sure, as a mask of each: shape (frames, 3).
    audible
        Whether the word is of sound.
    """

    words: Words
    weak: Words
    audible: NDArray[np.bool_]


@dataclass(frozen=True)
class Hit:
    """Two recordings, by number, that agree where the second lies `lag` hops after the first."""

    first: int
    second: int
    lag: int
    votes: int


def fingerprint(wave: Wave) -> Fingerprint:
    """Words of a recording; of one under 200 ms, of that filled up with silence."""
    samples = convert(wave, RATE_HZ).samples
    samples = np.pad(samples, (0, max(0, _FRAME + HOP - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::HOP]
    energy = np.concatenate(
        [_band_energy(frames[at : at + _TOGETHER]) for at in range(0, len(frames), _TOGETHER)]
    )
    total = energy.sum(axis=1)
    # In decibels, so that a gain of the whole clip moves no bit and none is sure by being loud.
    level = np.log(energy + 1e-7 * max(float(total.max()), 1e-20))
    change = np.diff(np.diff(level, axis=1), axis=0)
    bits = (change > 0).astype(np.uint32)
    weakest = np.argsort(np.abs(change), axis=1)[:, :_WEAKEST].astype(np.uint32)
    words = (bits << np.arange(BITS, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    audible = total[1:] >= max(float(total.max()), 1e-20) * 10 ** (_AUDIBLE_DB / 10)
    return Fingerprint(words, np.uint32(1) << weakest, audible)


def _band_energy(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the bands, shape (frames, 33)."""
    window = np.hanning(_FRAME).astype(np.float32)
    spectrum = cast("NDArray[np.complex64]", rfft(frames * window, _SIZE, axis=1))
    power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2
    return np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)


_EDGES = np.round(np.geomspace(*BAND_HZ, BITS + 2) * _SIZE / RATE_HZ).astype(np.intp)


def hits(prints: Sequence[Fingerprint], votes: int = 2, block: int = 2000) -> Iterator[Hit]:
    """Pairs that agree in `votes` words and more at a lag or the one beside it.

    Each word and its 7 relatives are looked for by bisection among the words of all. A pair may
    come twice, as it is asked for from either side; most of those with few votes are chance.

    Parameters
    ----------
    block
        Recordings that are asked for at once: bounds the memory.
    """
    owner, frame, words = _indexed(prints)
    order = np.argsort(words, kind="stable")
    words, owner, frame = words[order], owner[order], frame[order]
    for start in range(0, len(prints), block):
        asked = _probes(prints[start : start + block], start)
        yield from _voted(*_matches(words, owner, frame, asked), votes)


def _indexed(prints: Sequence[Fingerprint]) -> tuple[Index, Index, Words]:
    places = [np.flatnonzero(one.audible) for one in prints]
    owner = np.repeat(np.arange(len(prints), dtype=np.int32), [len(each) for each in places])
    frame = np.concatenate([np.zeros(0, np.int32), *places]).astype(np.int32)
    words = [one.words[place] for one, place in zip(prints, places, strict=True)]
    return owner, frame, np.concatenate([np.zeros(0, np.uint32), *words])


def _probes(prints: Sequence[Fingerprint], start: int) -> tuple[Index, Index, Words]:
    """Words and their relatives with weak bits flipped, with their owner and frame."""
    owner, frame, words = _indexed(prints)
    weak = np.concatenate([one.weak[one.audible] for one in prints])
    flips = [
        np.bitwise_xor.reduce(weak[:, list(chosen)], axis=1)
        for count in range(_WEAKEST + 1)
        for chosen in combinations(range(_WEAKEST), count)
    ]
    asked = np.concatenate([words ^ flip for flip in flips])
    return np.tile(owner + start, len(flips)), np.tile(frame, len(flips)), asked


def _matches(
    words: Words, owner: Index, frame: Index, asked: tuple[Index, Index, Words]
) -> tuple[Index, Index, Index]:
    """First, second and lag of every agreement of two recordings, the first with lesser number."""
    from_owner, from_frame, wanted = asked
    left = np.searchsorted(words, wanted, side="left")
    count = np.searchsorted(words, wanted, side="right") - left
    count[count > _COMMONEST] = 0
    at = np.repeat(left, count) + _within(count)
    one, two = np.repeat(from_owner, count), owner[at]
    lag = np.repeat(from_frame, count) - frame[at]
    other = one != two
    one, two, lag = one[other], two[other], lag[other]
    turned = one > two
    first, second = np.where(turned, two, one), np.where(turned, one, two)
    return first, second, np.where(turned, -lag, lag)


def _within(count: Index) -> Index:
    """0, 1, … for each of so many: `[2, 3]` gives `[0, 1, 0, 1, 2]`."""
    starts = np.cumsum(count) - count
    return np.arange(int(count.sum())) - np.repeat(starts, count)


def _voted(first: Index, second: Index, lag: Index, votes: int) -> Iterator[Hit]:
    """The lag with most votes of each pair, where it has enough."""
    if not len(first):
        return
    order = np.lexsort((lag, second, first))
    key = np.stack([first[order], second[order], lag[order]])
    starts = np.flatnonzero(np.concatenate([[True], np.any(np.diff(key, axis=1) != 0, axis=0)]))
    one, two, at = key[:, starts]
    count = np.diff(starts, append=key.shape[1])
    # A copy between two hops has its votes at two neighbouring lags.
    beside = (one[1:] == one[:-1]) & (two[1:] == two[:-1]) & (at[1:] == at[:-1] + 1)
    both = count.copy()
    both[:-1] += np.where(beside, count[1:], 0)
    nearer = at.copy()  # of the two, the lag that has more of the votes
    nearer[:-1] += beside & (count[1:] > count[:-1])
    best = np.lexsort((-both, two, one))
    keep = np.concatenate([[True], (np.diff(one[best]) != 0) | (np.diff(two[best]) != 0)])
    chosen = best[keep]
    chosen = chosen[both[chosen] >= votes]
    rows = zip(one[chosen], two[chosen], nearer[chosen], both[chosen], strict=True)
    for a, b, c, d in rows:
        yield Hit(int(a), int(b), int(c), int(d))


def bit_error(one: Fingerprint, two: Fingerprint, lag: int) -> tuple[float, int]:
    """Share of bits that differ where both are audible, and of how many words; NaN of none.

    Frame t + lag of `one` lies on frame t of `two`, or one before or after where that fits better.
    """
    best, words = float("nan"), 0
    for near in (lag - 1, lag, lag + 1):
        start, other = max(near, 0), max(-near, 0)
        length = min(len(one.words) - start, len(two.words) - other)
        if length <= 0:
            continue
        a, b = slice(start, start + length), slice(other, other + length)
        both = one.audible[a] & two.audible[b]
        count = int(both.sum())
        if count:
            differing = np.bitwise_count(one.words[a][both] ^ two.words[b][both])
            error = float(differing.mean()) / BITS
            if not words or error < best:
                best, words = error, count
    return best, words

"""Background sounds for the noise perturbation, at any level: the caller scales them.

Every function gives float64 samples of shape (length,) and draws from the generator it is handed.
Coloured noises carry nothing below 20 Hz, where it would take power and not be heard.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave, resample
from harness.errors import ClipError, ClipRejected
from harness.perturb.folder import load_at
from harness.perturb.sample import ratio

Sound = NDArray[np.float64]

LOWEST_HZ = 20.0
LEAST_COMPANIONS = 2
_HUM_PARTIALS = 40
_MUSIC_PARTIALS = 6
_PROGRESSIONS = ((0, 7, 9, 5), (0, 9, 5, 7), (9, 5, 0, 7), (0, 5, 7, 5))
"""Four chord roots in semitones above the key: I-V-vi-IV and its relatives."""
_MINOR_ROOTS = frozenset({2, 4, 9})
_PLACES = 8
"""Random places of a file that are tried before it is called silent."""


def colored(rng: np.random.Generator, length: int, rate_hz: int, slope: float) -> Sound:
    """Gaussian noise whose power falls as f**-slope: 0 white, 1 pink, 2 brown."""
    if not slope:
        return rng.standard_normal(length)
    # At least a second is made, because a shorter one holds no cycle of the lowest frequency.
    size = next_fast_len(max(length, rate_hz), real=True)
    frequency = rfftfreq(size, 1 / rate_hz)
    gain = np.zeros(len(frequency))
    heard = frequency >= LOWEST_HZ
    gain[heard] = frequency[heard] ** (-slope / 2)
    spectrum = rng.standard_normal((len(frequency), 2)) @ np.array([1, 1j])
    return np.asarray(irfft(spectrum * gain, size))[:length]


def hum(rng: np.random.Generator, length: int, rate_hz: int, mains_hz: int) -> Sound:
    """Mains hum of up to 40 partials: odd ones at 1/k, even ones at half of that, random phases."""
    time = np.arange(length) / rate_hz
    sound = np.zeros(length)
    for partial in range(1, _HUM_PARTIALS + 1):
        phase = rng.uniform(0, 2 * np.pi)
        if partial * mains_hz < rate_hz / 2:
            strength = (1.0 if partial % 2 else 0.5) / partial
            sound += strength * np.sin(2 * np.pi * partial * mains_hz * time + phase)
    return sound


def music(rng: np.random.Generator, length: int, rate_hz: int) -> Sound:
    """A looped progression of four chords with bass and a broken-chord tune, plucked on each beat.

    Key, tempo (80 to 140 beats a minute), progression, tune and the place in the loop are drawn.
    """
    key = int(rng.integers(45, 57))  # MIDI note of the lowest bass, A2 to G#3
    beat = round(rate_hz * 60 / rng.uniform(80, 140))
    beats: list[Sound] = []
    for root in _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]:
        triad = (0, 3 if root in _MINOR_ROOTS else 4, 7)
        for _ in range(2):
            chord = [key + root, *(key + 12 + root % 12 + step for step in triad)]
            tune = key + 24 + root % 12 + int(rng.choice(triad))
            beats.append(_strike([*chord, tune], beat, rate_hz))
    loop = np.concatenate(beats)
    return looped(loop, int(rng.integers(len(loop))), length)


def _strike(notes: list[int], length: int, rate_hz: int) -> Sound:
    time = np.arange(length) / rate_hz
    sound = np.zeros(length)
    for note in notes:
        pitch_hz = 440 * 2 ** ((note - 69) / 12)
        for partial in range(1, _MUSIC_PARTIALS + 1):
            if partial * pitch_hz < rate_hz / 2:
                fade = np.exp(-2.0 * partial * time)  # upper partials die first, as on a string
                sound += fade * np.sin(2 * np.pi * partial * pitch_hz * time) / partial
    release = np.minimum(1.0, (length - np.arange(length)) / (0.01 * rate_hz))
    return sound * np.minimum(1.0, time / 0.005) * release


def babble(
    rng: np.random.Generator, length: int, rate_hz: int, recordings: list[Wave], voices: int
) -> Sound:
    """So many voices at one active level, each from a random place of a recording and looped.

    Where there are fewer recordings than voices, they speak again from another place.

    Raises
    ------
    ClipRejected
        Where fewer than two of them have speech in them.
    """
    heard: list[Sound] = []
    for recording in recordings:
        try:
            spoken = resample(recording, rate_hz)
        except ClipRejected:  # at a rate that does not go into this one: no fault of the clip
            continue
        level_db = active_level_db(spoken)
        if np.isfinite(level_db):
            heard.append(spoken.samples.astype(np.float64) * ratio(-level_db))
    if len(heard) < LEAST_COMPANIONS:
        raise ClipRejected(
            f"babble needs {LEAST_COMPANIONS} other recordings with speech, there are {len(heard)}"
        )
    sound = np.zeros(length)
    for voice in range(voices):
        samples = heard[voice % len(heard)]
        sound += looped(samples, int(rng.integers(len(samples))), length)
    return sound


def recorded(rng: np.random.Generator, length: int, rate_hz: int, files: tuple[Path, ...]) -> Sound:
    """One of the files, from a random place and looped without a gap.

    Raises
    ------
    ClipError
        Where the file cannot be read or is silent.
    """
    path = files[rng.integers(len(files))]
    samples = load_at(path, rate_hz).samples.astype(np.float64)
    for _ in range(_PLACES):
        sound = looped(samples, int(rng.integers(len(samples))), length)
        if np.ptp(sound):
            return sound
    raise ClipError(f"{path.name} is silent in {_PLACES} places that were drawn")


def looped(samples: Sound, start: int, length: int) -> Sound:
    """`length` samples from `start` on, going round."""
    # Not by take's own wrapping, which goes round one turn at a time for each sample.
    return samples[np.arange(start, start + length) % len(samples)]

"""Background sounds for the noise perturbation, at any level: the caller scales them.

Every function returns float64 samples of shape (length,) and draws from the generator passed to it.
Coloured noises carry nothing below 20 Hz, where it would be inaudible power.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave, resample
from harness.errors import ClipError, ClipRejected
from harness.perturb.folder import draw_file, load_at
from harness.perturb.sample import amplitude

Sound = NDArray[np.float64]

LOWEST_HZ = 20.0
FEWEST_COMPANIONS = 2
_HUM_PARTIALS = 40
_MUSIC_PARTIALS = 6
_PROGRESSIONS = ((0, 7, 9, 5), (0, 9, 5, 7), (9, 5, 0, 7), (0, 5, 7, 5))
"""Four chord roots in semitones above the key: I-V-vi-IV and its relatives."""
_MINOR_ROOTS = frozenset({2, 4, 9})
_TRIES = 8
"""Random places of a file that are tried before it is called silent."""


def colored(rng: np.random.Generator, length: int, rate_hz: int, slope: float) -> Sound:
    """Gaussian noise whose power falls as f**-slope: 0 white, 1 pink, 2 brown."""
    if not slope:
        return rng.standard_normal(length)
    # At least a second, since anything shorter holds no cycle of the lowest frequency.
    size = next_fast_len(max(length, rate_hz), real=True)
    frequency = rfftfreq(size, 1 / rate_hz)
    gain = np.zeros(len(frequency))
    audible = frequency >= LOWEST_HZ
    gain[audible] = frequency[audible] ** (-slope / 2)
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
    return looped(rng, np.concatenate(beats), length)


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
    """So many voices at one active level, each looped from a random place of a recording.

    With fewer recordings than voices, recordings are used again from other places.

    Raises
    ------
    ClipRejected
        Where fewer than two of them contain speech.
    """
    speech: list[Sound] = []
    for recording in recordings:
        try:
            wave = resample(recording, rate_hz)
        except ClipRejected:  # its rate cannot be converted to this one: not the clip's fault
            continue
        level_db = active_level_db(wave)
        if np.isfinite(level_db):
            speech.append(wave.samples.astype(np.float64) * amplitude(-level_db))
    if len(speech) < FEWEST_COMPANIONS:
        raise ClipRejected(
            f"babble needs {FEWEST_COMPANIONS} other recordings with speech, "
            f"there are {len(speech)}"
        )
    sound = np.zeros(length)
    for voice in range(voices):
        sound += looped(rng, speech[voice % len(speech)], length)
    return sound


def recorded(rng: np.random.Generator, length: int, rate_hz: int, files: tuple[Path, ...]) -> Sound:
    """One of the files, looped without a gap from a random place.

    Raises
    ------
    ClipError
        Where the file cannot be read or is silent.
    """
    path = draw_file(rng, files)
    samples = load_at(path, rate_hz).samples.astype(np.float64)
    for _ in range(_TRIES):
        sound = looped(rng, samples, length)
        if np.ptp(sound):
            return sound
    raise ClipError(f"{path.name} is silent in {_TRIES} places that were drawn")


def looped(rng: np.random.Generator, samples: Sound, length: int) -> Sound:
    """`length` samples from a random place on, starting again at the end."""
    return cyclic(samples, int(rng.integers(len(samples))), length)


def cyclic(samples: Sound, start: int, length: int) -> Sound:
    """`length` samples from `start` on, starting again at the end."""
    # `np.take(mode="wrap")` is slow: it subtracts the length once a turn for each sample.
    return samples[np.arange(start, start + length) % len(samples)]

"""A source-filter voice: the bona fide half of the embedded corpus, computed at `RATE_HZ`.

A glottal flow derivative (Rosenberg 1971, trigonometric pulse) with jitter, shimmer and breath
drives a cascade of formant resonators (Klatt 1980) that move every 5 ms; fricatives and bursts are
noise through a resonator of their own. Syllables are drawn from a table of phones, so the result is
speech-like but not intelligible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy  # its parts are loaded when they are first used: a corpus is made once
from numpy.typing import NDArray

from harness.seed import generator

RATE_HZ = 16_000
_BLOCK = RATE_HZ // 200
_OVERSAMPLING = 3
_UPPER_FORMANTS_HZ = (3500.0, 4500.0, 5600.0)
_HIGHEST_HZ = 6000.0

Array = NDArray[np.float64]


class Phone(NamedTuple):
    """Targets of one speech sound; amplitudes are linear, 1 is a stressed vowel."""

    f1_hz: float
    f2_hz: float
    f3_hz: float
    voicing: float = 1.0
    aspiration: float = 0.0
    frication: float = 0.0
    frication_hz: float = 4000.0
    seconds: float = 0.09


_VOWELS = (
    Phone(730, 1120, 2460),
    Phone(660, 1700, 2420),
    Phone(540, 1850, 2500),
    Phone(400, 2050, 2580),
    Phone(290, 2270, 2990),
    Phone(490, 1360, 1700),
    Phone(580, 920, 2420),
    Phone(450, 1050, 2260),
    Phone(320, 900, 2250),
    Phone(510, 1480, 2450, voicing=0.7, seconds=0.055),
)
_CONSONANTS = (
    Phone(330, 1750, 2600, voicing=0.0, frication=0.22, frication_hz=6000, seconds=0.1),
    Phone(330, 1850, 2500, voicing=0.0, frication=0.28, frication_hz=3300, seconds=0.1),
    Phone(330, 1150, 2300, voicing=0.0, frication=0.07, frication_hz=6800, seconds=0.09),
    Phone(500, 1500, 2500, voicing=0.0, aspiration=0.35, seconds=0.06),
    Phone(300, 1750, 2600, voicing=0.3, frication=0.11, frication_hz=5600, seconds=0.07),
    Phone(300, 1150, 2300, voicing=0.35, frication=0.04, frication_hz=6500, seconds=0.06),
    Phone(280, 1150, 2250, voicing=0.45, seconds=0.065),
    Phone(280, 1650, 2550, voicing=0.45, seconds=0.06),
    Phone(350, 1150, 2700, voicing=0.6, seconds=0.06),
    Phone(330, 1200, 1650, voicing=0.6, seconds=0.06),
    Phone(300, 700, 2200, voicing=0.55, seconds=0.06),
    Phone(280, 2200, 2950, voicing=0.55, seconds=0.055),
)
_CLOSURE = Phone(300, 1500, 2500, voicing=0.0, seconds=0.05)
_VOICE_BAR = Phone(250, 1400, 2400, voicing=0.12, seconds=0.05)
_BURSTS = (
    Phone(300, 900, 2300, voicing=0.0, aspiration=0.12, frication=0.12, frication_hz=1100),
    Phone(300, 1750, 2600, voicing=0.0, aspiration=0.15, frication=0.25, frication_hz=4200),
    Phone(300, 1900, 2300, voicing=0.0, aspiration=0.15, frication=0.2, frication_hz=2000),
)
_PAUSE = Phone(500, 1500, 2500, voicing=0.0)


@dataclass(frozen=True)
class Speaker:
    """Properties of one voice, equal in all its utterances."""

    name: str
    f0_hz: float
    f0_range_semitones: float
    """Median pitch and how far accents move it."""
    tract: float
    """Formants are multiplied by it: a short vocal tract is above 1."""
    breathiness: float
    """Level of aspiration noise beside the voice, linear."""
    jitter: float
    shimmer: float
    """Standard deviation from cycle to cycle of period and amplitude, relative."""
    open_quotient: float
    """Share of the glottal cycle in which the folds are open."""
    tilt: float
    """Pole of the one-pole low-pass on the voice source, in [0, 1)."""
    tempo: float
    """Durations are divided by it."""
    bandwidth: float
    """Formant bandwidths are multiplied by it."""


def draw_speaker(name: str, *key: object) -> Speaker:
    """The speaker of a key; low, middle and high voices are equally likely."""
    rng = generator("speaker", name, *key)
    low_hz, high_hz, tract = ((85, 140, 0.95), (150, 210, 1.05), (200, 300, 1.16))[rng.integers(3)]
    return Speaker(
        name=name,
        f0_hz=float(rng.uniform(low_hz, high_hz)),
        f0_range_semitones=float(rng.uniform(1.5, 5.0)),
        tract=float(tract * rng.uniform(0.93, 1.07)),
        breathiness=float(10 ** rng.uniform(-1.4, -0.7)),
        jitter=float(rng.uniform(0.004, 0.02)),
        shimmer=float(rng.uniform(0.03, 0.14)),
        open_quotient=float(rng.uniform(0.45, 0.75)),
        tilt=float(rng.uniform(0.0, 0.6)),
        tempo=float(rng.uniform(0.85, 1.25)),
        bandwidth=float(rng.uniform(0.8, 1.4)),
    )


@dataclass(frozen=True, eq=False)
class _Track:
    """Control values for each block of 5 ms; formants of shape (blocks, 3)."""

    f0_hz: Array
    formants_hz: Array
    voicing: Array
    aspiration: Array
    frication: Array
    frication_hz: Array


def speak(speaker: Speaker, seconds: float, rng: np.random.Generator) -> Array:
    """An utterance of `round(seconds * RATE_HZ)` samples, dry, with an RMS of about 0.1."""
    samples = round(seconds * RATE_HZ)
    blocks = -(-samples // _BLOCK)
    track = _articulate(speaker, blocks, rng)
    voice, opening = _glottis(speaker, track.f0_hz, rng)
    noise = rng.standard_normal(len(voice))
    breath = noise * (speaker.breathiness * opening * _hold(track.voicing))
    breath += 0.25 * noise * _hold(track.aspiration)
    tract = _vocal_tract(speaker, track, voice * _hold(track.voicing) + breath)
    hiss = 0.35 * rng.standard_normal(len(voice)) * _hold(track.frication)
    out = (tract + _frication(track, hiss))[:samples]
    return 0.1 * out / max(float(np.sqrt(np.mean(out**2))), 1e-6)


def _articulate(speaker: Speaker, blocks: int, rng: np.random.Generator) -> _Track:
    """A sequence of phones, smoothed: formants over 60 ms, amplitudes over 20 ms."""
    rows: list[Phone] = []
    pitch: list[float] = []
    rows += [_PAUSE] * int(rng.integers(2, max(3, min(40, blocks // 8))))
    pitch += [0.0] * len(rows)
    while len(rows) < blocks:
        for position in range(syllables := int(rng.integers(3, 9))):
            accent = float(rng.normal(0.0, 0.5)) + 0.6 - position / syllables
            stress = float(rng.uniform(0.55, 1.1))
            for phone in _syllable(rng):
                length = max(2, round(200 * phone.seconds * rng.lognormal(0, 0.2) / speaker.tempo))
                scaled = phone._replace(
                    voicing=phone.voicing * stress, frication=phone.frication * stress
                )
                rows += [scaled] * length
                pitch += [accent] * length
        pause = int(rng.integers(20, 90))
        rows += [_PAUSE] * pause
        pitch += [0.0] * pause
    table = np.array(rows[:blocks], dtype=np.float64)
    moved = _smooth(table, 13)
    loudness = _smooth(table, 5)
    moved[:, :3] *= speaker.tract
    f0_hz = speaker.f0_hz * 2 ** (
        _smooth(np.array(pitch[:blocks])[:, None], 25)[:, 0] * speaker.f0_range_semitones / 12
    )
    return _Track(f0_hz, moved[:, :3], loudness[:, 3], loudness[:, 4], loudness[:, 5], moved[:, 6])


def _syllable(rng: np.random.Generator) -> list[Phone]:
    """A consonant, a stop or no onset; a vowel or a diphthong; sometimes a coda."""
    phones: list[Phone] = []
    onset = rng.random()
    if onset < 0.3:
        phones += [_CLOSURE if rng.random() < 0.6 else _VOICE_BAR]
        phones += [_BURSTS[rng.integers(len(_BURSTS))]._replace(seconds=0.02)]
    elif onset < 0.9:
        phones += [_CONSONANTS[rng.integers(len(_CONSONANTS))]]
    phones += [_VOWELS[rng.integers(len(_VOWELS))]]
    if rng.random() < 0.25:
        phones += [_VOWELS[rng.integers(len(_VOWELS))]]
    if rng.random() < 0.3:
        phones += [_CONSONANTS[rng.integers(len(_CONSONANTS))]]
    return phones


def _smooth(table: Array, blocks: int) -> Array:
    """Moving Hann average along the first axis, the ends held."""
    window = np.hanning(blocks + 2)[1:-1]
    padded = np.pad(table, ((blocks // 2, blocks // 2), (0, 0)), mode="edge")
    return scipy.signal.oaconvolve(padded, window[:, None] / window.sum(), mode="valid", axes=0)


def _hold(blocks: Array, factor: int = _BLOCK) -> Array:
    """Control values as samples, linear between the blocks."""
    return np.interp(
        np.arange(len(blocks) * factor), (np.arange(len(blocks)) + 0.5) * factor, blocks
    )


def _glottis(speaker: Speaker, f0_hz: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Flow derivative at `RATE_HZ` and how open the folds are, in [0, 1].

    The pulse is drawn at three times the rate and decimated, so that its corners do not alias.
    """
    rate_hz = RATE_HZ * _OVERSAMPLING
    seconds = np.arange(len(f0_hz) * _BLOCK * _OVERSAMPLING) / rate_hz
    flutter = sum(np.sin(2 * np.pi * (hz * seconds + rng.random())) for hz in (12.7, 7.1, 4.7))
    step = _hold(f0_hz, _BLOCK * _OVERSAMPLING) * (1 + 0.004 * flutter) / rate_hz
    cycle = np.cumsum(step).astype(np.int64)
    step *= 1 + np.clip(speaker.jitter * rng.standard_normal(cycle[-1] + 1), -0.3, 0.3)[cycle]
    phase = np.cumsum(step)
    cycle = phase.astype(np.int64)
    within = phase - cycle
    gain = np.clip(1 + speaker.shimmer * rng.standard_normal(cycle[-1] + 1), 0.3, 2)[cycle]
    rise, fall = 0.7 * speaker.open_quotient, 0.3 * speaker.open_quotient
    flow = np.where(
        within < rise,
        0.5 - 0.5 * np.cos(np.pi * within / rise),
        np.where(within < rise + fall, np.cos(0.5 * np.pi * (within - rise) / fall), 0.0),
    )
    derivative = np.diff(flow * gain, prepend=0.0) * rate_hz / speaker.f0_hz / 12
    voice = scipy.signal.resample_poly(derivative, 1, _OVERSAMPLING)
    pole = speaker.tilt
    return _filter([1 - pole], [1, -pole], voice), flow[::_OVERSAMPLING]


def _vocal_tract(speaker: Speaker, track: _Track, excitation: Array) -> Array:
    upper = np.tile(np.multiply(_UPPER_FORMANTS_HZ, speaker.tract), (len(track.formants_hz), 1))
    # A digital resonator close to half the rate would be far louder than a vocal tract.
    hz = np.minimum(np.concatenate([track.formants_hz, upper], axis=1), _HIGHEST_HZ)
    return _resonate(hz, speaker.bandwidth * (50 + 0.03 * hz + 70 * (hz / 2500) ** 2), excitation)


def _frication(track: _Track, hiss: Array) -> Array:
    centre = np.minimum(track.frication_hz[:, None], _HIGHEST_HZ)
    shaped = _resonate(centre, 0.25 * centre + 400, hiss)
    return _filter([1.0, -0.9], [1.0], shaped)


def _filter(numerator: list[float], denominator: list[float], samples: Array) -> Array:
    return np.asarray(scipy.signal.lfilter(numerator, denominator, samples))


def _resonate(centre_hz: Array, bandwidth_hz: Array, excitation: Array) -> Array:
    """A cascade of resonators of unit gain at 0 Hz, (blocks, sections), moving once a block."""
    radius = np.exp(-np.pi * bandwidth_hz / RATE_HZ)
    a1 = -2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ)
    a2 = radius**2
    sections = np.zeros((*centre_hz.shape, 6))
    sections[..., 0] = 1 + a1 + a2
    sections[..., 3] = 1
    sections[..., 4], sections[..., 5] = a1, a2
    state = np.zeros((centre_hz.shape[1], 2))
    out = np.empty_like(excitation)
    for index, section in enumerate(sections):
        block = slice(index * _BLOCK, (index + 1) * _BLOCK)
        out[block], state = scipy.signal.sosfilt(section, excitation[block], zi=state)
    return out

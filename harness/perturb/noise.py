"""Additive noise at an exact signal-to-noise ratio over active speech.

The ratio is that of the active level of the speech (see `harness.audio.speech_level`) to the power
of the noise over the whole clip, both without their mean and both below 8 kHz: detectors listen at
16 kHz, and noise above their band would make the same SNR mean something else for clips of another
sample rate. The mix is neither clipped nor scaled back.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb import background
from harness.perturb.folder import SoundFolder, short_name, sound_files
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import amplitude, convert, speech_level_db, wave_like
from harness.results.expectation import Expectation

Color = Literal["white", "pink", "brown", "babble", "music", "hum", "file"]

_WORDS: dict[Color, str] = {
    "white": "White noise",
    "pink": "Pink noise",
    "brown": "Brown noise",
    "babble": "Babble",
    "music": "Music",
    "hum": "Mains hum",
    "file": "Noise",
}
_SLOPE = {"white": 0.0, "pink": 1.0, "brown": 2.0}
_VOICES = 6
_MAINS_HZ = 50
_BAND_RATE_HZ = 16_000
_FEWEST_SAMPLES = 2
"""A single sample has no power about its mean."""


class Noise(Perturbation, frozen=True):
    """Noise of a colour, added at an exact SNR over active speech."""

    title = "Additive noise"
    examples = (
        *({"color": color, "snr_db": 10} for color in _WORDS if color != "file"),
        {"color": "babble", "snr_db": 5, "voices": 3},
        {"color": "hum", "snr_db": 5, "mains_hz": 60},
    )
    sweep = Sweep("snr_db", "dB", "lower")
    recording_fact = "noise"

    perturb: Literal["noise"] = "noise"
    color: Color
    """`white`, `pink` (power falls as 1/f), `brown` (1/f**2), `music` and `hum` are generated, up
    to 8 kHz; `babble` is made of other recordings of the source; `file` is one of the recordings
    below `folder`."""
    snr_db: float = Field(ge=-20, le=60)
    """Active speech level minus noise level."""
    folder: SoundFolder | None = None
    """Folder of recordings, needed for `file` alone. Files are drawn from its sorted list."""
    voices: int = Field(default=_VOICES, ge=background.FEWEST_COMPANIONS, le=64)
    """Number of voices of `babble`; needs at least two other recordings."""
    mains_hz: Literal[50, 60] = _MAINS_HZ
    """Frequency of the mains, for `hum`."""

    @model_validator(mode="after")
    def _fitting(self) -> Noise:
        if (self.folder is not None) != (self.color == "file"):
            raise ValueError("color 'file' and a folder go together")
        if self.voices != _VOICES and self.color != "babble":
            raise ValueError("voices is for color 'babble'")
        if self.mains_hz != _MAINS_HZ and self.color != "hum":
            raise ValueError("mains_hz is for color 'hum'")
        if self.folder is not None:
            sound_files(self.folder)
        return self

    @property
    def hears_others(self) -> bool:
        return self.color == "babble"

    @property
    def recordings(self) -> tuple[Path, ...]:
        return sound_files(self.folder) if self.folder is not None else ()

    @property
    def variant(self) -> tuple[str, ...]:
        if self.folder is not None:
            return (self.color, short_name(self.folder))
        if self.voices != _VOICES:
            return (self.color, f"{self.voices}voices")
        if self.mains_hz != _MAINS_HZ:
            return (self.color, f"{self.mains_hz}Hz")
        return (self.color,)

    @property
    def words(self) -> str:
        detail = f" from {self.folder}" if self.folder is not None else ""
        if self.color == "babble":
            detail = f" of {self.voices} voices"
        if self.color == "hum":
            detail = f" of {self.mains_hz} Hz"
        return f"{_WORDS[self.color]}{detail} at {self.snr_db:g} dB SNR"

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        return Expectation(snr_db=self.snr_db)

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        in_band = _in_band(wave)
        level_db = speech_level_db(in_band)
        if len(in_band.samples) < _FEWEST_SAMPLES:
            raise ClipRejected(f"has {len(wave.samples)} samples, too few to hold noise")
        noise = self._background(len(in_band.samples), in_band.rate_hz, draw)
        if wave.rate_hz > in_band.rate_hz:
            noise = convert(wave_like(in_band, noise), wave.rate_hz).samples[: len(wave.samples)]
        noise = noise - noise.mean(dtype=np.float64)
        gain = amplitude(level_db - self.snr_db) / math.sqrt(np.mean(noise**2))
        return wave_like(wave, wave.samples + gain * noise)

    def _background(self, length: int, rate_hz: int, draw: Draw) -> background.Sound:
        if self.color == "babble":
            others = draw.companions(self.voices)
            return background.babble(draw.rng, length, rate_hz, others, self.voices)
        if self.folder is not None:
            return background.recorded(draw.rng, length, rate_hz, self.recordings)
        if self.color == "hum":
            return background.hum(draw.rng, length, rate_hz, self.mains_hz)
        if self.color == "music":
            return background.music(draw.rng, length, rate_hz)
        return background.colored(draw.rng, length, rate_hz, _SLOPE[self.color])


def snr_db(speech: Wave, mixture: Wave) -> float:
    """Measured SNR in dB: active level of the speech over the power of what was added to it.

    inf where nothing was added, -inf where the speech has no active part.
    """
    added = mixture.samples.astype(np.float64) - speech.samples
    power = float(np.var(added))
    return active_level_db(_in_band(speech)) - 10 * math.log10(power) if power else math.inf


def _in_band(wave: Wave) -> Wave:
    """The wave at 16 kHz where its rate is above that."""
    return convert(wave, _BAND_RATE_HZ) if wave.rate_hz > _BAND_RATE_HZ else wave

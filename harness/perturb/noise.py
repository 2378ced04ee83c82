"""Additive noise at an exact signal-to-noise ratio over active speech.

The ratio is that of the active level of the speech (see `harness.audio.speech_level`) to the power
of the noise over the whole clip, both without their mean and both below 8 kHz: detectors listen at
16 kHz, and noise that lies above their band would make one SNR another for clips of another sample
rate. The mix is not clipped and not scaled back.
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
from harness.perturb.folder import SoundFolder, place_of, sound_files
from harness.perturb.perturbation import Axis, Draw, Perturbation
from harness.perturb.sample import convert, ratio, remade, speech_level_db
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
_HEARD_HZ = 16_000
_SHORTEST = 2
"""Samples: one alone has no power about its mean."""


class Noise(Perturbation, frozen=True):
    """Noise of a colour, added at an exact SNR over active speech.

    Parameters
    ----------
    color
        `white`, `pink` (power falls as 1/f), `brown` (1/f**2), `music` and `hum` are generated, up
        to 8 kHz; `babble` is made of other recordings of the source; `file` is one of the
        recordings below `folder`.
    snr_db
        Active speech level minus noise level.
    folder
        For `file` only, and needed there. The draw goes by the sorted list of files in it.
    voices
        For `babble`: how many speak at once; at least two other recordings must be had.
    mains_hz
        For `hum`.
    """

    perturb: Literal["noise"] = "noise"
    color: Color
    snr_db: float = Field(ge=-20, le=60)
    folder: SoundFolder | None = None
    voices: int = Field(default=_VOICES, ge=background.LEAST_COMPANIONS, le=64)
    mains_hz: Literal[50, 60] = _MAINS_HZ

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
    def series(self) -> str:
        detail = ""
        if self.folder is not None:
            detail = ":" + "-".join(place_of(self.folder).resolve().name.split())
        elif self.voices != _VOICES:
            detail = f":{self.voices}voices"
        elif self.mains_hz != _MAINS_HZ:
            detail = f":{self.mains_hz}Hz"
        return f"noise:{self.color}{detail}"

    @property
    def axis(self) -> Axis:
        return Axis("snr_db", "dB", self.snr_db, "lower")

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

    def apply(self, wave: Wave, draw: Draw) -> Wave:
        heard = _heard(wave)
        level_db = speech_level_db(heard)
        if len(heard.samples) < _SHORTEST:
            raise ClipRejected(f"has {len(wave.samples)} samples, too few to hold noise")
        noise = self._background(len(heard.samples), heard.rate_hz, draw)
        if wave.rate_hz > heard.rate_hz:
            noise = convert(remade(noise, heard), wave.rate_hz).samples[: len(wave.samples)]
        noise = noise - noise.mean(dtype=np.float64)
        gain = ratio(level_db - self.snr_db) / math.sqrt(np.mean(noise**2))
        return remade(wave.samples + gain * noise, wave)

    def _background(self, length: int, rate_hz: int, draw: Draw) -> background.Sound:
        if self.color == "babble":
            others = draw.companions(self.voices)
            return background.babble(draw.rng, length, rate_hz, others, self.voices)
        if self.folder is not None:
            return background.recorded(draw.rng, length, rate_hz, sound_files(self.folder))
        if self.color == "hum":
            return background.hum(draw.rng, length, rate_hz, self.mains_hz)
        if self.color == "music":
            return background.music(draw.rng, length, rate_hz)
        return background.colored(draw.rng, length, rate_hz, _SLOPE[self.color])


def snr_db(speech: Wave, mixture: Wave) -> float:
    """Measured SNR: active level of the speech over the power of what was added to it, in dB.

    inf where nothing was added, -inf where the speech has no active part.
    """
    added = mixture.samples.astype(np.float64) - speech.samples
    power = float(np.var(added))
    return active_level_db(_heard(speech)) - 10 * math.log10(power) if power else math.inf


def _heard(wave: Wave) -> Wave:
    """The wave at 16 kHz where its rate is above that."""
    return convert(wave, _HEARD_HZ) if wave.rate_hz > _HEARD_HZ else wave

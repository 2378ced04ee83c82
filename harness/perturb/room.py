"""Reverberation from generated or recorded room impulse responses (RIRs)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.audio.wave import Wave
from harness.perturb.folder import SoundFolder, draw_file, load_at, short_name, sound_files
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import at_level_of, speech_level_db
from harness.results.expectation import Changes

_DRR_DB = 0.0
_GAP_SECONDS = 0.0025
"""Between the direct sound and the first reflection: a detour of about 0.9 m."""
_DECAYS = 1.5
"""Length of a generated tail in RT60s: it ends 90 dB down."""


class Reverb(Perturbation, frozen=True):
    """The clip as heard in a room: the direct sound stays in place, the active level is kept.

    What rings on after the end of the clip is cut off.
    """

    title = "Reverberation"
    examples = ({"rt60_s": 0.3}, {"rt60_s": 0.6, "drr_db": 6})
    sweep = Sweep("rt60_s", "s", "higher")
    keeps_band = True

    perturb: Literal["reverb"] = "reverb"
    rt60_s: float | None = Field(default=None, ge=0.05, le=10)
    """Reverberation time of a generated response: the direct sound, then after 2.5 ms white
    Gaussian noise that decays by 60 dB in this time (Polack's model; no early reflections, the same
    decay at every frequency). Each clip has a response of its own."""
    drr_db: float = Field(default=_DRR_DB, ge=-20, le=30)
    """Direct-to-reverberant energy ratio of a generated response."""
    folder: SoundFolder | None = None
    """Recorded responses, in place of `rt60_s`: one is drawn from the sorted list of files. Its
    strongest sample is taken for the direct sound."""

    @model_validator(mode="after")
    def _fitting(self) -> Reverb:
        if (self.rt60_s is None) == (self.folder is None):
            raise ValueError("give either rt60_s or a folder")
        if self.folder is not None:
            if self.drr_db != _DRR_DB:
                raise ValueError("drr_db is for generated responses")
            sound_files(self.folder)
        return self

    @property
    def recordings(self) -> tuple[Path, ...]:
        return sound_files(self.folder) if self.folder is not None else ()

    @property
    def variant(self) -> tuple[str, ...]:
        if self.folder is not None:
            return ("file", short_name(self.folder))
        return () if self.drr_db == _DRR_DB else (f"drr{self.drr_db:g}dB",)

    @property
    def words(self) -> str:
        if self.rt60_s is None:
            return f"A room from {self.folder}"
        return f"A room of RT60 {self.rt60_s:g} s, direct to reverberant {self.drr_db:g} dB"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        # A recorded response may be that of a room without any reflection.
        return "some" if self.rt60_s is None else "each"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        from scipy.signal import oaconvolve  # slow to import

        speech_level_db(wave)
        if self.rt60_s is not None:
            response = impulse_response(draw.rng, wave.rate_hz, self.rt60_s, self.drr_db)
        else:
            response = load_at(draw_file(draw.rng, self.recordings), wave.rate_hz).samples
        direct = int(np.argmax(np.abs(response)))
        reverberant = oaconvolve(wave.samples.astype(np.float64), response.astype(np.float64))
        return at_level_of(wave, reverberant[direct : direct + len(wave.samples)])


def impulse_response(
    rng: np.random.Generator, rate_hz: int, rt60_s: float, drr_db: float
) -> NDArray[np.float64]:
    """Direct sound of 1 at sample 0, then decaying noise whose energy is `-drr_db`."""
    gap = max(1, round(_GAP_SECONDS * rate_hz))
    time = np.arange(round(_DECAYS * rt60_s * rate_hz)) / rate_hz
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    tail *= np.sqrt(10 ** (-drr_db / 10) / np.sum(tail**2))
    return np.concatenate([[1.0], np.zeros(gap - 1), tail])

"""Length of a clip: cropping, padding and trimming."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from harness.audio.speech_level import FRAME_SECONDS, most_active
from harness.audio.wave import Samples, Wave
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import amplitude, speech_level_db, wave_like
from harness.results.expectation import Expectation, Length

_WHERE = {
    "active": "the most active part",
    "start": "from the start",
    "random": "from a random place",
}
_FILL = {"zero": "digital silence", "repeat": "repetition", "reflect": "reflection"}
_SIDE = {"both": "both ends", "start": "the start", "end": "the end"}


class Crop(Perturbation, frozen=True):
    """Keeps at most so much of the clip, in one piece; shorter clips stay as they are.

    So all lengths are compared on the same clips; the scores table has the length of each.
    """

    title = "Length"
    examples = (
        {"seconds": 0.5},
        {"seconds": 1, "place": "start"},
        {"seconds": 2, "place": "random"},
    )
    sweep = Sweep("seconds", "s", "lower")
    recording_fact = "length"
    keeps_length = False
    keeps_alignment = False

    perturb: Literal["crop"] = "crop"
    seconds: float = Field(ge=0.02, le=60)
    """Length of the excerpt."""
    place: Literal["active", "start", "random"] = "active"
    """`active`: the excerpt with the most active energy; `start`; or `random`, uniform."""

    @property
    def variant(self) -> tuple[str, ...]:
        return () if self.place == "active" else (self.place,)

    @property
    def words(self) -> str:
        return f"At most {self.seconds:g} s, {_WHERE[self.place]}"

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        length = Length(at_most_s=self.seconds)
        return Expectation(changes="maybe", length=length, in_place=False)

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        length = max(1, round(self.seconds * wave.rate_hz))
        spare = len(wave.samples) - length
        if spare <= 0:
            return wave
        if self.place == "random":
            start = int(draw.rng.integers(spare + 1))
        else:
            start = most_active(wave, length) if self.place == "active" else 0
        return wave_like(wave, wave.samples[start : start + length])


class Pad(Perturbation, frozen=True):
    """Makes a clip longer: up to a total length, or by silence before and after it."""

    title = "Padding"
    examples = (
        {"seconds": 4},
        {"seconds": 4, "fill": "repeat"},
        {"seconds": 4, "fill": "reflect"},
        {"lead_seconds": 0.5},
        {"trail_seconds": 0.5},
        {"lead_seconds": 0.25, "trail_seconds": 0.5},
    )
    keeps_length = False

    perturb: Literal["pad"] = "pad"
    seconds: float | None = Field(default=None, gt=0, le=60)
    """Total length; what is missing is added at the end. A clip that is longer stays as it is."""
    fill: Literal["zero", "repeat", "reflect"] = "zero"
    """Audio that is added up to `seconds`: `zero`, `repeat` (the clip again and again) or `reflect`
    (the clip backwards and forwards in turn, its end samples not doubled)."""
    lead_seconds: float = Field(default=0, ge=0, le=60)
    trail_seconds: float = Field(default=0, ge=0, le=60)
    """Digital silence to add before and after, in place of `seconds`."""

    @model_validator(mode="after")
    def _one_way(self) -> Pad:
        added = self.lead_seconds + self.trail_seconds
        if (self.seconds is None) != (added > 0):
            raise ValueError("give either seconds, or lead_seconds and trail_seconds above 0")
        if added and self.fill != "zero":
            raise ValueError("lead_seconds and trail_seconds add zeros: fill is for seconds")
        return self

    @property
    def keeps_alignment(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self.lead_seconds

    @property
    def sweep(self) -> Sweep | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.seconds is not None:
            return Sweep("seconds", "s", "higher")
        if self.lead_seconds and self.trail_seconds:
            return None
        return Sweep("lead_seconds" if self.lead_seconds else "trail_seconds", "s", "higher")

    @property
    def variant(self) -> tuple[str, ...]:
        if self.seconds is not None:
            return () if self.fill == "zero" else (self.fill,)
        if self.lead_seconds and self.trail_seconds:
            return (f"lead{self.lead_seconds:g}s+trail{self.trail_seconds:g}s",)
        return ("lead",) if self.lead_seconds else ("trail",)

    @property
    def words(self) -> str:
        if self.seconds is not None:
            return f"Filled up to {self.seconds:g} s with {_FILL[self.fill]}"
        sides = [
            f"{seconds:g} s of silence {side}"
            for seconds, side in ((self.lead_seconds, "before"), (self.trail_seconds, "after"))
            if seconds
        ]
        return " and ".join(sides)

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        if self.seconds is not None:
            length = Length(at_least_s=self.seconds)
            return Expectation(changes="maybe", length=length, in_place=False)
        return Expectation(
            length=Length(plus_s=self.lead_seconds + self.trail_seconds), in_place=False
        )

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        if self.seconds is None:
            lead, trail = (
                round(seconds * wave.rate_hz) for seconds in (self.lead_seconds, self.trail_seconds)
            )
            return wave_like(wave, np.pad(wave.samples, (lead, trail)))
        length = round(self.seconds * wave.rate_hz)
        if length <= len(wave.samples):
            return wave
        return wave_like(wave, _filled(wave.samples, length, self.fill))


class Trim(Perturbation, frozen=True):
    """Cuts off quiet ends, in steps of a 20 ms frame."""

    title = "Trimming"
    examples = ({}, {"side": "start"}, {"side": "end", "below_db": -30})
    sweep = Sweep("below_db", "dB", "higher")
    keeps_length = False
    keeps_alignment = False

    perturb: Literal["trim"] = "trim"
    side: Literal["both", "start", "end"] = "both"
    """`both`, `start` or `end`."""
    below_db: float = Field(default=-40, ge=-80, le=-1)
    """A frame is quiet when its power is this far below the active speech level."""

    @property
    def variant(self) -> tuple[str, ...]:
        return () if self.side == "both" else (self.side,)

    @property
    def words(self) -> str:
        return f"Trimmed at {_SIDE[self.side]} where {-self.below_db:g} dB below the speech"

    def expectation(self, rate_hz: int | None = None) -> Expectation:  # noqa: ARG002
        return Expectation(changes="maybe", length=Length(exact=False), in_place=False)

    def _apply(self, wave: Wave, draw: Draw) -> Wave:  # noqa: ARG002
        level_db = speech_level_db(wave)
        size = max(1, round(FRAME_SECONDS * wave.rate_hz))
        starts = np.arange(0, len(wave.samples), size)
        power = (wave.samples - np.mean(wave.samples, dtype=np.float64)) ** 2
        mean = np.add.reduceat(power, starts) / np.diff(starts, append=len(wave.samples))
        loud = np.flatnonzero(mean >= amplitude(level_db + self.below_db) ** 2)
        start = 0 if self.side == "end" else int(starts[loud[0]])
        stop = len(wave.samples) if self.side == "start" else int(starts[loud[-1]]) + size
        return wave_like(wave, wave.samples[start:stop])


def _filled(samples: Samples, length: int, fill: str) -> Samples:
    if fill == "zero":
        return np.pad(samples, (0, length - len(samples)))
    period = samples if fill == "repeat" else np.concatenate([samples, samples[-2:0:-1]])
    return np.resize(period, length)

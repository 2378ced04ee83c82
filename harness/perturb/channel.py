"""Packet networks and bad lines, without the codec."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.perturbation import Draw, Perturbation, Sweep
from harness.perturb.sample import wave_like
from harness.results.expectation import Changes

_FRAME_MS = 20.0
_PCM_BITS = 16
_SURE_RATE = 1e-4
"""Bit error rate that hits some of 20 clips, however short."""


class PacketLoss(Perturbation, frozen=True):
    """Frames that never arrive, lost independently or in bursts.

    Bursts follow Gilbert 1960, "Capacity of a burst-noise channel": a chain of a good and a bad
    state, started in its stationary distribution, where every frame of the bad state is lost.
    """

    title = "Packet loss"
    examples = (
        {"rate": 0.05},
        {"rate": 0.1, "burst_frames": 4, "concealment": "repeat", "frame_ms": 40},
    )
    sweep = Sweep("rate", "%", "higher")

    perturb: Literal["packet_loss"] = "packet_loss"
    rate: float = Field(ge=0, le=0.5)
    """Expected share of lost frames."""
    frame_ms: float = Field(default=_FRAME_MS, ge=2.5, le=120)
    """Length of a frame."""
    burst_frames: float = Field(default=1, ge=1, le=100)
    """Mean length of a burst, over 1 / (1 - rate); or 1 for independent losses."""
    concealment: Literal["zero", "repeat"] = "zero"
    """`zero` leaves a hole; `repeat` plays the last frame that arrived, as often as needed."""

    @model_validator(mode="after")
    def _bursty(self) -> PacketLoss:
        independent = 1 / (1 - self.rate)
        if 1 < self.burst_frames < independent:
            raise ValueError(
                f"burst_frames {self.burst_frames:g} is less bursty than independent losses, whose "
                f"mean is {independent:.3g}: use 1 for independent losses"
            )
        return self

    @property
    def variant(self) -> tuple[str, ...]:
        parts = {
            f"burst{self.burst_frames:g}": self.burst_frames != 1,
            self.concealment: self.concealment != "zero",
            f"{self.frame_ms:g}ms": self.frame_ms != _FRAME_MS,
        }
        return tuple(part for part, named in parts.items() if named)

    @property
    def words(self) -> str:
        bursts = "" if self.burst_frames == 1 else f" in bursts of {self.burst_frames:g}"
        filled = "left empty" if self.concealment == "zero" else "filled by the last one"
        return f"{100 * self.rate:g} % of {self.frame_ms:g} ms frames lost{bursts}, {filled}"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        # At one burst a second, 20 clips without any are next to impossible, even short ones.
        bursts_per_second = self.rate / self.burst_frames / (self.frame_ms / 1000)
        return "some" if bursts_per_second >= 1 else "maybe"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        size = max(1, round(self.frame_ms / 1000 * wave.rate_hz))
        lost = self._lost(math.ceil(len(wave.samples) / size), draw.rng)
        frames = np.zeros((len(lost) + 1, size), np.float32)  # the first stands for silence
        frames[1:].reshape(-1)[: len(wave.samples)] = wave.samples
        played = np.where(lost, 0, np.arange(1, len(lost) + 1))
        if self.concealment == "repeat":
            played = np.maximum.accumulate(played)
        return wave_like(wave, frames[played].reshape(-1)[: len(wave.samples)])

    def _lost(self, count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        chance = rng.random(count)
        if self.burst_frames == 1:
            return chance < self.rate
        stay = 1 - 1 / self.burst_frames
        enter = self.rate / (1 - self.rate) / self.burst_frames
        lost = np.zeros(count, bool)
        threshold = self.rate
        for frame, drawn in enumerate(chance.tolist()):
            lost[frame] = drawn < threshold
            threshold = stay if lost[frame] else enter
        return lost


class Jitter(Perturbation, frozen=True):
    """Playout jitter: each packet of 20 ms is played early or late, and the sound between warps.

    Packets are displaced by uniform draws from [-ms/2, +ms/2], the first and last ones not; between
    the packets' starts the displacement is linear, as in a receiver that stretches speech to catch
    up. Cubic interpolation. Time never runs backwards, because ms is at most a packet.
    """

    title = "Playout jitter"
    examples = ({"ms": 10},)
    sweep = Sweep("ms", "ms", "higher")
    changes = "each"
    keeps_alignment = False

    perturb: Literal["jitter"] = "jitter"
    ms: float = Field(gt=0, le=_FRAME_MS)
    """Peak-to-peak displacement."""

    @property
    def words(self) -> str:
        return f"Playout jitter of {self.ms:g} ms"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        from scipy.ndimage import map_coordinates  # slow to import

        length, size = len(wave.samples), _FRAME_MS / 1000 * wave.rate_hz
        if length <= size:
            raise ClipRejected(f"{wave.seconds:.3g} s long, no more than a packet of 20 ms")
        packets = math.ceil(length / size) + 1
        reach = self.ms / 2000 * wave.rate_hz
        moved = draw.rng.uniform(-reach, reach, packets)
        moved[[0, -1]] = 0
        time = np.arange(length, dtype=np.float64)
        place = time + np.interp(time, np.arange(packets) * size, moved)
        warped = map_coordinates(wave.samples.astype(np.float64), [place], order=3, mode="nearest")
        return wave_like(wave, warped)


class BitErrors(Perturbation, frozen=True):
    """Bits that arrive inverted, in 16-bit linear PCM, independently of each other.

    The whole clip goes through 16 bits (rounded, saturating at full scale). A high bit that is hit
    clicks, a low one is inaudible.
    """

    title = "Bit errors"
    examples = ({"rate": 0.001},)
    sweep = Sweep("rate", "%", "higher")

    perturb: Literal["bit_errors"] = "bit_errors"
    rate: float = Field(ge=0, le=0.5)
    """Expected share of inverted bits."""

    @property
    def words(self) -> str:
        return f"{100 * self.rate:g} % of the bits of 16-bit PCM inverted"

    @property
    def changes(self) -> Changes:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "some" if self.rate >= _SURE_RATE else "maybe"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        scaled = np.rint(wave.samples.astype(np.float64) * 2**15)
        pcm = np.clip(scaled, -(2**15), 2**15 - 1).astype(np.int16).view(np.uint16)
        bits = len(pcm) * _PCM_BITS
        hit = draw.rng.choice(bits, draw.rng.binomial(bits, self.rate), replace=False)
        mask = np.left_shift(1, hit % _PCM_BITS).astype(np.uint16)
        np.bitwise_xor.at(pcm, hit // _PCM_BITS, mask)
        return wave_like(wave, pcm.view(np.int16) / 2**15)

"""Prepare a clip for the detectors: decode it once and perturb it under every condition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from cachetools import LRUCache, cached

from harness.audio.encoded import content_of
from harness.audio.wave import LIMITS, Wave, load, read, resample, sound
from harness.data.clip import Clip
from harness.errors import ClipError, ClipRejected
from harness.perturb.attestation import Attestation, apply_chain, attest
from harness.perturb.perturbation import Draw
from harness.results.expectation import PREFIX
from harness.seed import generator
from harness.suite.condition import Condition
from harness.terms import Channels
from harness.timing import Stopwatch

Status = Literal["ok", "rejected", "error"]

_COMPANION_BYTES = 64_000_000
"""Decoded companions that a process keeps: 250 of 4 s at 16 kHz."""


@cached(LRUCache(_COMPANION_BYTES, getsizeof=lambda wave: wave.samples.nbytes))
def companion_wave(clip: Clip, channels: Channels) -> Wave:
    """A companion's decoded audio; the least recently used make room for others."""
    return load(clip.audio, channels=channels)


class Companions(Protocol):
    """Chooses other clips of the source: `harness.data.subset.CompanionPool`."""

    @property
    def clips(self) -> tuple[Clip, ...]: ...

    def choose(self, clip: Clip, rng: np.random.Generator, count: int) -> list[Clip]: ...


@dataclass(frozen=True)
class Recipe:
    """Settings by which every clip of a run is prepared.

    Parameters
    ----------
    seed
        The suite's.
    rates_hz
        The detectors' sample rates, each once; attestation is measured at the first. Empty where
        all scores come from files: then no audio is opened.
    longest
        By rate, how many samples the detectors look at; a wave is truncated to that once it is
        measured, so that no more is moved between processes.
    channels
        Which channels of multichannel recordings are used, companions included.
    """

    seed: int
    rates_hz: tuple[int, ...]
    longest: dict[int, int]
    companions: Companions
    channels: Channels = "mean"


@dataclass(frozen=True)
class RecordingInfo:
    """The recording that was read: digest of its bytes, its decoder, and doubts about reading it.

    Empty where no recording was opened, or no decoder could read it.
    """

    audio_digest: str = ""
    decoder: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A clip under a condition: the waves to score by rate, or the reason why there are none.

    A row that contradicts its condition has no waves, but keeps its measurements.

    Parameters
    ----------
    spent
        Processor seconds by stage; the first row of a clip includes decoding.
    reading
        The same for all rows of a clip, also where it was rejected.
    """

    condition: str
    status: Status
    reason: str
    waves: dict[int, Wave]
    attestation: Attestation | None
    spent: Mapping[str, float] = field(default_factory=dict[str, float])
    reading: RecordingInfo = RecordingInfo()


def prepare(clip: Clip, conditions: Sequence[Condition], recipe: Recipe) -> Iterator[Prepared]:
    """Prepare a clip under each condition, in order; a failure is a row with a reason."""
    if not recipe.rates_hz:
        yield from (Prepared(condition.name, "ok", "", {}, None) for condition in conditions)
        return
    clip, watch, reading = at_hand(clip, recipe), Stopwatch(time.process_time), RecordingInfo()
    try:
        with watch.timing("decode"):
            content = content_of(clip.audio)
            reading = RecordingInfo(content.digest if content else "")
            recording = read(clip.audio)
            reading = replace(reading, decoder=recording.decoder, notes=recording.notes)
            wave = sound(recording, channels=recipe.channels)
            if content and not content.holds:
                raise ClipError("the recording was replaced or written to while it was read")
        with watch.timing("resample"):
            clean = {rate_hz: resample(wave, rate_hz) for rate_hz in recipe.rates_hz}
    except ClipRejected as fault:
        yield from (_failed(condition, "rejected", str(fault), reading) for condition in conditions)
    except Exception as fault:
        yield from (
            _failed(condition, "error", _message(fault), reading) for condition in conditions
        )
    else:
        for condition in conditions:
            row = _prepare_one(clip, wave, clean, condition, recipe, watch)
            yield replace(row, spent=watch.take(), reading=reading)


@dataclass(frozen=True)
class Unavailable:
    """A recording that could not be fetched, with the fault."""

    fault: ClipRejected | ClipError

    def fetch(self, most_bytes: int) -> bytes:  # noqa: ARG002
        """Raise the fault again."""
        raise self.fault


def at_hand(clip: Clip, recipe: Recipe) -> Clip:
    """Return the clip with its bytes, fetched where they are in a store or a shard.

    A recording is fetched once for the cache and the workers, and this process alone keeps the last
    row groups of shards.
    """
    if isinstance(clip.audio, bytes | Path) or not recipe.rates_hz:
        return clip
    try:
        return replace(clip, audio=clip.audio.fetch(LIMITS.encoded_bytes))
    except (ClipRejected, ClipError) as fault:
        return replace(clip, audio=Unavailable(fault))
    except Exception as fault:  # concerns one clip
        return replace(clip, audio=Unavailable(ClipError(_message(fault))))


def perturb(clip: Clip, wave: Wave, condition: Condition, recipe: Recipe) -> tuple[Wave, float]:
    """Return the wave under a condition, at its own rate, and the measured SNR of added noise."""
    draw = Draw(
        rng=generator(recipe.seed, clip.clip_id, condition.digest),
        companions=(
            _companion_waves(clip, condition, recipe) if condition.hears_others else _undeclared
        ),
    )
    return apply_chain(wave, condition.chain, draw)


def _prepare_one(
    clip: Clip,
    wave: Wave,
    clean: dict[int, Wave],
    condition: Condition,
    recipe: Recipe,
    watch: Stopwatch,
) -> Prepared:
    try:
        with watch.timing(f"perturb {condition.family}"):
            perturbed, measured_snr_db = perturb(clip, wave, condition, recipe)
        with watch.timing("resample"):
            scored = (
                {rate_hz: resample(perturbed, rate_hz) for rate_hz in recipe.rates_hz}
                if condition.chain
                else clean
            )
        first = recipe.rates_hz[0]
        if not all(np.isfinite(resampled.samples).all() for resampled in scored.values()):
            raise ArithmeticError("the perturbed audio has NaN or infinite samples")
        with watch.timing("attest"):
            attestation = attest(clean[first], scored[first], condition.chain, measured_snr_db)
        against = contradiction(condition, wave.rate_hz, clean[first], attestation)
        if against:
            return Prepared(condition.name, "error", PREFIX + against, {}, attestation)
        waves = {rate_hz: _cut(resampled, recipe.longest) for rate_hz, resampled in scored.items()}
        return Prepared(condition.name, "ok", "", waves, attestation)
    except ClipRejected as fault:
        return _failed(condition, "rejected", str(fault))
    except Exception as fault:
        return _failed(condition, "error", _message(fault))


def contradiction(condition: Condition, rate_hz: int, clean: Wave, attestation: Attestation) -> str:
    """Say how a row contradicts its condition; empty if it does not. `rate_hz` is the clip's."""
    return condition.expectation(rate_hz).contradiction(
        rate_hz=rate_hz,
        clean_s=clean.seconds,
        seconds=attestation.seconds,
        snr_db=attestation.snr_db,
        changed=attestation.changed,
        silent=not (attestation.changed or np.ptp(clean.samples)),
    )


def _companion_waves(
    clip: Clip, condition: Condition, recipe: Recipe
) -> Callable[[int], list[Wave]]:
    def companions(count: int) -> list[Wave]:
        rng = generator(recipe.seed, clip.clip_id, condition.digest, "companions")
        waves: list[Wave] = []
        for other in recipe.companions.choose(clip, rng, count):
            try:
                waves.append(companion_wave(other, recipe.channels))
            except ClipRejected:  # an unreadable recording is left out
                continue
        return waves

    return companions


def _undeclared(count: int) -> list[Wave]:
    """Raise TypeError where a step does not declare that it uses companions.

    Its prepared audio would be cached under a key that does not cover them.
    """
    raise TypeError(f"asks for {count} companions, and its `hears_others` says that it does not")


def _cut(wave: Wave, longest: dict[int, int]) -> Wave:
    most = longest.get(wave.rate_hz)
    if most is None or len(wave.samples) <= most:
        return wave
    return Wave(wave.samples[:most].copy(), wave.rate_hz)


def _failed(
    condition: Condition, status: Status, reason: str, reading: RecordingInfo | None = None
) -> Prepared:
    return Prepared(condition.name, status, reason, {}, None, reading=reading or RecordingInfo())


def _message(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"

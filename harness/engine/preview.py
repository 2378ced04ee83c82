"""The effect of a condition on one file, written as audio to listen to, and measured."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import soundfile

from harness.audio.wave import Wave, load, resample
from harness.data.clip import Clip
from harness.data.source import open_source
from harness.data.subset import CompanionPool
from harness.engine.prepare import Recipe, contradiction, perturb
from harness.errors import ClipRejected, UsageError
from harness.perturb.attestation import Attestation, attest
from harness.results.expectation import clip_contradiction
from harness.storage.output_file import refuse_taken
from harness.storage.storage import write_whole
from harness.suite.condition import Condition, condition_of
from harness.suite.suite import load_suite
from harness.terms import Channels

_FORMATS = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}


@dataclass(frozen=True)
class Preview:
    """A line on the file that was written, and another on how it contradicts its condition.

    `contradiction` is empty where the audio is what the condition's name says.
    """

    line: str
    contradiction: str


def write_perturbed(
    source: Path,
    target: Path,
    suite: str,
    condition: str,
    data: str,
    channels: Channels = "mean",
    *,
    force: bool = False,
) -> Preview:
    """Write `source` under a condition to `target` (WAV or FLAC), and measure the change.

    The condition is one of the suite's, or whatever `condition_of` reads. All randomness comes from
    the suite's seed, the file's name and the condition: the same call writes the same samples.
    Audio that contradicts its condition is written as well, so that one can hear why.

    Raises
    ------
    UsageError
        For an unknown condition, a target that is neither WAV nor FLAC or may not be replaced, and
        a source that cannot be read or cannot take the condition.
    """
    if target.suffix.lower() not in _FORMATS:
        raise UsageError("writes .wav or .flac", str(target), "give OUT one of these endings")
    refuse_taken(target, [source, suite, data], force=force)
    loaded = load_suite(suite)
    chosen = condition_of(condition, loaded.conditions)
    clip = Clip(source.name, "real", source)
    pool = CompanionPool(open_source(data), seed=loaded.seed)
    recipe = Recipe(loaded.seed, (16000,), {}, pool, channels)
    try:
        before = load(source, channels=channels)
        after, snr_db = perturb(clip, before, chosen, recipe)
        at_rate = resample(after, before.rate_hz)
    except ClipRejected as fault:
        raise UsageError(str(fault), str(source), "listen to another file") from fault
    container, subtype = _FORMATS[target.suffix.lower()]
    file = io.BytesIO()
    soundfile.write(file, after.samples, after.rate_hz, format=container, subtype=subtype)
    write_whole(target, file.getvalue())
    measured = attest(before, at_rate, chosen.chain, snr_db)
    return Preview(
        f"{target}: {chosen.words} ({', '.join(_facts(before, after, measured))})",
        _contradiction(target, chosen, before, measured),
    )


def _facts(before: Wave, after: Wave, measured: Attestation) -> list[str]:
    facts = [
        f"{before.seconds:.3f} s → {after.seconds:.3f} s at {after.rate_hz} Hz",
        f"band up to {measured.bandwidth_hz:.0f} Hz",
        "changed" if measured.changed else "unchanged",
    ]
    if not math.isnan(measured.delay_samples):
        facts.append(f"delay {measured.delay_samples:g} samples")
    if not math.isnan(measured.snr_db):
        facts.append(f"SNR {measured.snr_db:.2f} dB")
    return facts


def _contradiction(target: Path, condition: Condition, before: Wave, measured: Attestation) -> str:
    expects = condition.expectation(before.rate_hz)
    delay_s = measured.delay_samples / before.rate_hz
    faults = [
        contradiction(condition, before.rate_hz, before, measured),
        clip_contradiction(expects, delay_s, measured.bandwidth_hz),
    ]
    joined = ", ".join(fault for fault in faults if fault)
    if not joined:
        return ""
    return (
        f"{target}: not what {condition.name} says: {joined}; expected "
        f"{', '.join(expects.words)}; do not take it for this condition"
    )

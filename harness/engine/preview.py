"""What a condition does to one file, written so that a person can hear it."""

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
from harness.engine.prepare import Recipe, contradiction
from harness.engine.prepare import perturb as perturbed
from harness.errors import ClipRejected, UsageError
from harness.perturb.attestation import Attestation, attest
from harness.results.expectation import clip_contradiction
from harness.storage.output_file import refuse_taken
from harness.storage.storage import write_whole
from harness.suite.condition import Condition
from harness.suite.suite import load_suite
from harness.terms import Channels

_KINDS = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}


@dataclass(frozen=True)
class Heard:
    """A file that was written: one line on what was done, and one on what is not as it should be.

    `contradiction` is empty where the audio is what its condition says.
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
) -> Heard:
    """Write `source` under a condition to `target` (WAV or FLAC) and measure what that did.

    The random state is that of the suite's seed, the file's name and the condition, so the same
    call writes the same samples. What contradicts the condition is written as well: to hear why.

    Raises
    ------
    UsageError
        For an unknown condition, a target that is neither WAV nor FLAC or may not be replaced
        (`harness.storage.output_file`), and a file that cannot be read or cannot take the
        condition.
    """
    if target.suffix.lower() not in _KINDS:
        raise UsageError("writes .wav or .flac", str(target), "give OUT one of these endings")
    refuse_taken(target, [source, suite, data], force=force)
    loaded = load_suite(suite)
    chosen = loaded.condition(condition)
    clip = Clip(source.name, "real", source)
    pool = CompanionPool(open_source(data), seed=loaded.seed)
    recipe = Recipe(loaded.seed, (16000,), {}, pool, channels)
    try:
        before = load(source, channels=channels)
        after, snr_db = perturbed(clip, before, chosen, recipe)
        at_rate = resample(after, before.rate_hz)
    except ClipRejected as fault:
        raise UsageError(str(fault), str(source), "listen to another file") from fault
    container, subtype = _KINDS[target.suffix.lower()]
    file = io.BytesIO()
    soundfile.write(file, after.samples, after.rate_hz, format=container, subtype=subtype)
    write_whole(target, file.getvalue())
    did = attest(before, at_rate, chosen.chain, snr_db)
    return Heard(
        f"{target}: {chosen.words} ({', '.join(_facts(before, after, did))})",
        _contradiction(target, chosen, before, did),
    )


def _facts(before: Wave, after: Wave, did: Attestation) -> list[str]:
    facts = [
        f"{before.seconds:.3f} s → {after.seconds:.3f} s at {after.rate_hz} Hz",
        f"band up to {did.bandwidth_hz:.0f} Hz",
        "changed" if did.changed else "unchanged",
    ]
    if not math.isnan(did.delay_samples):
        facts.append(f"delay {did.delay_samples:g} samples")
    if not math.isnan(did.snr_db):
        facts.append(f"SNR {did.snr_db:.2f} dB")
    return facts


def _contradiction(target: Path, condition: Condition, before: Wave, did: Attestation) -> str:
    expects = condition.expectation(before.rate_hz)
    delay_s = did.delay_samples / before.rate_hz
    faults = [
        contradiction(condition, before.rate_hz, before, did),
        clip_contradiction(expects, delay_s, did.bandwidth_hz),
    ]
    found = ", ".join(fault for fault in faults if fault)
    if not found:
        return ""
    return (
        f"{target}: not what {condition.name} says: {found}; expected "
        f"{', '.join(expects.words)}; do not take it for this condition"
    )

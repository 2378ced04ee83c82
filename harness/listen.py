"""What a condition does to one file, written so that a person can hear it."""

from __future__ import annotations

import math
from pathlib import Path

import soundfile

from harness.audio import load
from harness.data.clip import Clip
from harness.data.sample import CompanionPool
from harness.data.source import open_source
from harness.engine.prepare import Recipe
from harness.engine.prepare import perturb as perturbed
from harness.errors import ClipRejected, UsageError
from harness.perturb.attestation import attest
from harness.suite import load_suite


def write_perturbed(source: Path, target: Path, suite: str, condition: str, data: str) -> str:
    """Write `source` under a condition to `target` (WAV or FLAC); returns one line on what it did.

    The random state is that of the suite's seed, the file's name and the condition, so the same
    call writes the same samples.

    Raises
    ------
    UsageError
        For an unknown condition, a target that is neither WAV nor FLAC, and a file that cannot be
        read or cannot take the condition.
    """
    kinds = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}
    if target.suffix.lower() not in kinds:
        raise UsageError("writes .wav or .flac", str(target), "give OUT one of these endings")
    loaded = load_suite(suite)
    chosen = loaded.condition(condition)
    clip = Clip(source.name, "real", source)
    pool = CompanionPool(open_source(data), seed=loaded.seed)
    try:
        before = load(source)
        after, snr_db = perturbed(clip, before, chosen, Recipe(loaded.seed, (16000,), {}, pool))
    except ClipRejected as fault:
        raise UsageError(str(fault), str(source), "listen to another file") from fault
    container, subtype = kinds[target.suffix.lower()]
    soundfile.write(target, after.samples, after.rate_hz, format=container, subtype=subtype)
    did = attest(before, after, chosen.chain, snr_db)
    facts = [
        f"{before.seconds:.3f} s → {after.seconds:.3f} s at {after.rate_hz} Hz",
        f"band up to {did.bandwidth_hz:.0f} Hz",
        "changed" if did.changed else "unchanged",
    ]
    if not math.isnan(did.delay_samples):
        facts.append(f"delay {did.delay_samples:g} samples")
    if not math.isnan(snr_db):
        facts.append(f"SNR {snr_db:.2f} dB")
    return f"{target}: {chosen.words} ({', '.join(facts)})"

"""Facts about a questioned file and its signal, without any detector."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from harness.audio.speech_level import active_level_db, active_samples
from harness.audio.wave import Recording, Samples, Wave, read, resample, sound
from harness.errors import ClipRejected
from harness.forensic.case import NAN, FileFacts, SignalFacts
from harness.inspect.level import clipped_samples, peak_dbfs, rms_dbfs, snr_db
from harness.perturb.attestation import bandwidth_hz
from harness.perturb.loudness import LOWEST_RATE_HZ, integrated_lufs
from harness.terms import Channels

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32} | {
    "FLOAT": 32,
    "DOUBLE": 64,
}
_LOSSLESS = ("pcm_s", "pcm_u", "pcm_f", "flac", "alac", "ape", "tta", "wavpack", "wmalossless")
"""Prefixes of FFmpeg's names of lossless codecs."""


@dataclass(frozen=True, eq=False)
class QuestionedFile:
    """A decoded file: its facts and its waves.

    Parameters
    ----------
    wave
        Mono, at the file's own rate.
    detector_wave
        Mono, at the detector's rate; the same wave without a detector that needs audio.
    """

    facts: FileFacts
    wave: Wave
    detector_wave: Wave


def open_file(path: Path, rate_hz: int | None, channels: Channels = "mean") -> QuestionedFile:
    """Decode a file and resample it to the detector's rate, as a run does.

    Raises ClipRejected if it cannot be scored.
    """
    recording = read(path)
    wave = sound(recording, channels=channels)
    detector_wave = wave if rate_hz is None else resample(wave, rate_hz)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size_bytes = path.stat().st_size
    except OSError as fault:
        raise ClipRejected(f"cannot be read: {fault.strerror}") from fault
    facts = FileFacts(
        name=path.name,
        sha256=digest,
        size_bytes=size_bytes,
        coding=recording.container,
        decoder=recording.decoder,
        bits=_BITS.get(_codec(recording)),
        lossy_now=_lossy(recording),
        rate_hz=recording.rate_hz,
        channels=recording.channels,
        seconds=wave.seconds,
        path=_path(recording, detector_wave.rate_hz, channels),
        notes=list(recording.notes),
    )
    return QuestionedFile(facts, wave, detector_wave)


def measure(opened: QuestionedFile) -> SignalFacts:
    """Measure the signal of a file."""
    wave, samples, scored = opened.wave, opened.wave.samples, opened.detector_wave
    return SignalFacts(
        active_seconds=float(active_samples(wave).sum()) / wave.rate_hz,
        snr_db=snr_db(wave),
        bandwidth_hz=bandwidth_hz(samples, wave.rate_hz),
        scored_bandwidth_hz=bandwidth_hz(scored.samples, scored.rate_hz),
        peak_dbfs=peak_dbfs(samples),
        rms_dbfs=rms_dbfs(samples),
        active_dbfs=active_level_db(wave),
        loudness_lufs=integrated_lufs(wave) if wave.rate_hz >= LOWEST_RATE_HZ else NAN,
        clipped=clipped_samples(samples),
        dc=_dc(samples),
    )


def _dc(samples: Samples) -> float:
    return float(samples.mean(dtype="float64")) if len(samples) else math.nan


def _codec(recording: Recording) -> str:
    return recording.container.rpartition("/")[2]


def _lossy(recording: Recording) -> bool | None:
    codec = _codec(recording)
    if recording.decoder == "soundfile":
        # Everything but PCM and ALAC is lossy: ADPCM, A-law, GSM, Vorbis, Opus, MPEG.
        return codec not in _BITS and not codec.startswith("ALAC")
    return not codec.startswith(_LOSSLESS) if codec else None


def _path(recording: Recording, rate_hz: int, channels: Channels) -> list[str]:
    steps = [f"decoded as {recording.container} by {recording.decoder}"]
    if recording.channels > 1:
        named = "mean over" if channels == "mean" else f"the {channels} of"
        steps.append(f"{named} {recording.channels} channels")
    if rate_hz != recording.rate_hz:
        steps.append(
            f"resampled from {recording.rate_hz} to {rate_hz} Hz "
            "(torchaudio's windowed sinc with its defaults)"
        )
    return steps

"""Codec round trips: in process, through ffmpeg, and in encoder and decoder alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave, resample
from harness.perturb.codec import Codec
from harness.perturb.coder import CODERS
from harness.perturb.perturbation import Draw
from tests.bench import rival
from tests.bench.contest import Contender, Sheet, seconds, take_turns, times

ROUNDS = 9
SECONDS = 4
CODECS: dict[str, dict[str, Any]] = {
    "mp3": {"kbps": 32},
    "aac": {"kbps": 32},
    "opus": {"kbps": 12},
    "vorbis": {"kbps": 48},
    "amr-nb": {"kbps": 12.2},
    "g722": {},
    "g711-alaw": {},
    "sbc": {"kbps": 64},
}


@pytest.fixture(scope="module")
def wave(recordings: list[Path]) -> Wave:
    """Speech at 16 kHz: recordings of the embedded corpus one after another."""
    pieces: list[np.ndarray] = []
    for path in recordings:
        samples, rate_hz = soundfile.read(path, dtype="float32")
        pieces.append(resample(Wave(samples, rate_hz), 16000).samples)
        if sum(map(len, pieces)) >= SECONDS * 16000:
            break
    return Wave(np.concatenate(pieces)[: SECONDS * 16000], 16000)


def test_codecs(benchmark: Any, sheet: Sheet, wave: Wave, tmp_path: Path) -> None:
    contenders: dict[str, Contender] = {}
    for codec, values in CODECS.items():
        contenders |= _contenders(codec, Codec(codec=codec, **values), wave, tmp_path)
    contenders |= _mp3_compression(wave, sheet)
    contest = take_turns(benchmark, contenders, ROUNDS)

    sheet.head = ["codec", "ours", "ffmpeg", "× ours", "encoder + decoder", "ours × that"]
    against, over = [], []
    for codec in CODECS:
        mine, theirs, floor = (f"{codec} {who}" for who in ("ours", "ffmpeg", "floor"))
        row = [Codec(codec=codec, **CODECS[codec]).words, seconds(contest.median(mine))]
        for other, slow, fast, ratios in (
            (theirs, theirs, mine, against),
            (floor, mine, floor, over),
        ):
            if other in contenders:
                ratios.append(contest.ratio(slow, fast))
                row += [seconds(contest.median(other)), times(ratios[-1])]
            else:
                row += ["–", "–"]
        sheet.rows.append(row)
    if "Mp3Compression" in contenders:
        took = contest.median("Mp3Compression")
        ratio = contest.ratio("Mp3Compression", "mp3 ours")
        row = ["audiomentations.Mp3Compression, 32 kbit/s", "", seconds(took), times(ratio), "", ""]
        sheet.rows.append(row)
    sheet.notes.append(
        f"{SECONDS} s of speech at 16 kHz, one thread. {rival.ffmpeg_version()} is two processes, "
        "one that encodes to a file and one that decodes it to a pipe. The floor is calls of the "
        "encoder and the decoder alone, on frames at the codec's rate that were made before."
        if rival.ffmpeg()
        else f"Without ffmpeg: {rival.NO_FFMPEG}."
    )
    worst = min(against) if against else None
    sheet.target(
        "codec",
        ("ffmpeg not measured" if worst is None else f"{times(worst)}–{times(max(against))} ffmpeg")
        + f"; {median(over):.2f} × the floor in the median, {min(over):.2f}–{max(over):.2f}",
        None if worst is None else worst >= 3 and max(over) <= 1.2,
    )


def _contenders(name: str, codec: Codec, wave: Wave, folder: Path) -> dict[str, Contender]:
    draw = Draw(np.random.default_rng(0))
    found: dict[str, Contender] = {f"{name} ours": _quiet(codec.apply, wave, draw)}
    if rival.ffmpeg():
        how = rival.encoding(name, codec.kbps)
        found[f"{name} ffmpeg"] = _quiet(
            rival.through_ffmpeg, wave.samples, wave.rate_hz, how, folder
        )
    if CODERS[name].library == "packets":
        found[f"{name} floor"] = lambda: _floor(name, codec, wave)
    return found


def _quiet(call: Callable[..., object], *arguments: object) -> Callable[[], None]:
    def contender() -> None:
        call(*arguments)

    return contender


def _floor(name: str, codec: Codec, wave: Wave) -> float:
    """Seconds inside the encoder and the decoder."""
    coder = CODERS[name]
    sample_format = coder.sample_format
    rate_hz = codec.coding_rate_hz(wave.rate_hz)
    samples = np.pad(resample(wave, rate_hz).samples, (0, rate_hz // 10))
    if sample_format == "s16":
        samples = (samples * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format=sample_format, layout="mono")
    frame.sample_rate = rate_hz
    encoder: Any = av.CodecContext.create(coder.encoder, "w")
    encoder.layout, encoder.sample_rate, encoder.format = "mono", rate_hz, sample_format
    encoder.time_base, encoder.thread_count = Fraction(1, rate_hz), 1
    if codec.kbps is not None:
        encoder.bit_rate = round(codec.kbps * 1000)
    encoder.options = {**coder.options, **({"application": codec.mode} if codec.mode else {})}
    encoder.open()
    decoder: Any = av.CodecContext.create(coder.decoder, "r")
    decoder.layout, decoder.sample_rate, decoder.thread_count = "mono", rate_hz, 1
    decoder.extradata = encoder.extradata
    decoder.open()
    began = time.perf_counter()
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    for packet in [*packets, None]:
        decoder.decode(packet)
    return time.perf_counter() - began


def _mp3_compression(wave: Wave, sheet: Sheet) -> dict[str, Contender]:
    from audiomentations import Mp3Compression

    try:
        compress = Mp3Compression(32, 32, p=1.0)
        compress(wave.samples, wave.rate_hz)
    except ImportError as fault:
        sheet.notes.append(f"audiomentations.Mp3Compression not measured: {fault}.")
        return {}
    return {"Mp3Compression": _quiet(compress, wave.samples, wave.rate_hz)}

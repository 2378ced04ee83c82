"""Every row says which recording it was made from: a digest of the bytes that were decoded."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.encoded import Encoded
from harness.audio.wave import Recording, Wave
from harness.data.clip import Clip, Origin
from harness.data.clip_list import Listing
from harness.data.subset import CompanionPool
from harness.engine import prepare as module
from harness.engine.prepare import Prepared, Recipe, RecordingInfo, companion_wave, prepare
from harness.errors import ClipRejected
from harness.suite.condition import CLEAN

NOBODY = CompanionPool(Listing(Origin("", "folder", "none", ""), []), seed=0)
RECIPE = Recipe(0, (16000,), {}, NOBODY)


def encoded(seed: int = 0, container: str = "WAV") -> bytes:
    file = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(1600)
    soundfile.write(file, samples, 16000, format=container)
    return file.getvalue()


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def one(audio: Encoded, recipe: Recipe = RECIPE) -> Prepared:
    (row,) = prepare(Clip("a", "real", audio), (CLEAN,), recipe)
    return row


@dataclass(frozen=True)
class InAStore:
    content: bytes

    def fetch(self, most_bytes: int) -> bytes:
        assert most_bytes >= len(self.content)
        return self.content


@dataclass(frozen=True)
class Missing:
    def fetch(self, most_bytes: int) -> bytes:
        raise ClipRejected(f"not there, nor {most_bytes} bytes of it")


def test_the_same_bytes_have_one_digest_wherever_they_lie(tmp_path: Path) -> None:
    content = encoded()
    (tmp_path / "a.wav").write_bytes(content)
    readings = [one(audio).reading for audio in (content, tmp_path / "a.wav", InAStore(content))]
    assert readings == [RecordingInfo(digest(content), "soundfile")] * 3


def test_the_digest_is_of_the_encoded_bytes() -> None:
    wav, flac = one(encoded()), one(encoded(container="FLAC"))
    np.testing.assert_allclose(wav.waves[16000].samples, flac.waves[16000].samples, atol=1e-4)
    assert wav.reading.audio_digest != flac.reading.audio_digest


def test_a_recording_that_is_rejected_keeps_its_digest(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_bytes(b"no audio at all")
    row = one(tmp_path / "text.wav")
    assert (row.status, row.reading) == ("rejected", RecordingInfo(digest(b"no audio at all")))


@pytest.mark.parametrize("audio", [Path("nowhere.wav"), Path("nul\0.wav"), Missing()])
def test_what_was_not_read_has_no_digest(audio: Encoded) -> None:
    row = one(audio)
    assert (row.status, row.reading) == ("rejected", RecordingInfo())


def test_where_nobody_listens_nothing_was_read() -> None:
    assert one(encoded(), Recipe(0, (), {}, NOBODY)).reading == RecordingInfo()


def test_a_recording_that_is_written_to_while_it_is_read_is_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(0))

    def exchanged_before(audio: Encoded) -> Recording:
        path.write_bytes(encoded(1) + b"and more")
        return real(audio)

    real = module.read
    monkeypatch.setattr(module, "read", exchanged_before)
    row = one(path)
    assert (row.status, row.waves) == ("error", {})
    assert row.reason == "ClipError: the recording was replaced or written to while it was read"


def test_decoded_companions_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = Wave(np.zeros(5_000_000, np.float32), 16_000)  # 20 MB
    monkeypatch.setattr(module, "load", lambda audio, channels: wave)
    companion_wave.cache.clear()
    for number in range(5):
        companion_wave(Clip(f"long-{number}", "real", b""), "mean")
    assert companion_wave.cache.currsize == 60_000_000
    companion_wave.cache.clear()

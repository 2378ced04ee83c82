import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from harness.audio.wave import AudioLimits, Recording, Wave, load, mono, read, resample
from harness.errors import ClipRejected
from tests.support.sound_bytes import babble, encoded, tone, written

RATE_HZ = 16000


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_wav_of_any_depth_and_channel_count(tmp_path: Path, subtype: str, channels: int) -> None:
    path = tmp_path / "x.wav"
    samples = tone(channels=channels)
    soundfile.write(path, samples, RATE_HZ, subtype=subtype)
    recording = read(path)
    assert recording.channels == channels
    assert recording.decoder == "soundfile"
    tolerance = 1 / 100 if subtype == "PCM_U8" else 1e-4
    np.testing.assert_allclose(recording.samples, samples, atol=tolerance)
    np.testing.assert_allclose(mono(recording).samples, samples.mean(axis=1), atol=tolerance)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "decoder"),
    [
        ("mp3", "libmp3lame", 44100, "soundfile"),
        ("ogg", "libopus", 48000, "soundfile"),
        ("flac", "flac", 44100, "soundfile"),
        ("ipod", "aac", 44100, "pyav"),
        ("adts", "aac", 16000, "pyav"),
        ("amr", "libopencore_amrnb", 8000, "pyav"),
        ("webm", "libopus", 48000, "pyav"),
        ("asf", "wmav2", 44100, "pyav"),
    ],
)
def test_every_container_becomes_the_same_tone(
    container: str, codec: str, rate_hz: int, decoder: str
) -> None:
    if codec == "flac":
        content = written(tone(rate_hz), rate_hz, "FLAC")
    else:
        content = encoded(tone(rate_hz), rate_hz, container, codec)
    recording = read(content)
    assert recording.decoder == decoder
    assert recording.rate_hz == rate_hz
    wave = mono(recording)
    assert abs(wave.seconds - 1.0) < 0.1
    spectrum = np.abs(np.fft.rfft(wave.samples[: rate_hz // 2]))
    assert abs(np.argmax(spectrum) * 2 - 440) <= 4


def test_what_is_not_audio_is_rejected_with_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "x.wav"
    text.write_text("This is a note.\n")
    for source in (text, b"", b"RIFF", tmp_path / "absent.wav", tmp_path):
        with pytest.raises(ClipRejected, match=r"cannot be (decoded|opened)"):
            read(source)
    text.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ClipRejected, match="a Git LFS pointer, not audio: run git lfs pull"):
        read(text)


def test_limits_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(channels=3, seconds=2), RATE_HZ)
    for limits, message in (
        (AudioLimits(seconds=1), "over the limit of 1 s"),
        (AudioLimits(channels=2), "3 channels are over the limit of 2"),
        (AudioLimits(rate_hz=8000), "16000 Hz is over the limit of 8000 Hz"),
        (AudioLimits(lowest_rate_hz=22050), "16000 Hz is under the limit of 22050 Hz"),
        (AudioLimits(decoded_bytes=1000), "more than 1000 bytes"),
    ):
        with pytest.raises(ClipRejected, match=message):
            read(path, limits)
    with pytest.raises(ClipRejected, match=r"a sample of 0\.183 is over the limit of 0\.1"):
        load(path, AudioLimits(peak=0.1))
    with pytest.raises(ClipRejected, match="over the limit of 1 s"):
        read(encoded(tone(44100, 3), 44100, "ipod", "aac"), AudioLimits(seconds=1))


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 24000, 44100, 48000])
def test_resampling_is_that_of_the_card(rate_hz: int) -> None:
    samples = np.random.default_rng(0).standard_normal(rate_hz).astype(np.float32)
    expected = torchaudio.transforms.Resample(rate_hz, RATE_HZ)(torch.from_numpy(samples)).numpy()
    np.testing.assert_array_equal(resample(Wave(samples, rate_hz), RATE_HZ).samples, expected)


def test_a_rate_without_a_small_ratio_is_rejected() -> None:
    with pytest.raises(ClipRejected, match="44101 Hz has no ratio"):
        resample(Wave(np.zeros(100, np.float32), 44101), RATE_HZ)


def test_a_wave_refuses_what_is_not_one() -> None:
    with pytest.raises(TypeError, match="float32"):
        Wave(np.zeros(4), RATE_HZ)
    with pytest.raises(TypeError, match="float32"):
        Wave(np.zeros((4, 2), np.float32), RATE_HZ)


def test_a_recording_without_usable_samples_is_rejected_where_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    for samples, message in ((np.zeros(0), "no samples"), (np.full(9, np.nan), "NaN or infinite")):
        soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
        assert len(read(path).samples) == len(samples)
        with pytest.raises(ClipRejected, match=message):
            load(path)


@pytest.mark.parametrize("channels", [1, 2, 3, 8, 9, 32])
def test_the_downmix_in_blocks_is_that_of_the_whole(channels: int) -> None:
    rng = np.random.default_rng(channels)
    samples = rng.standard_normal((2 * 2**16 + 3, channels)) * np.logspace(-7, 0, channels)
    recording = Recording(samples.astype(np.float32), RATE_HZ, "", "")
    whole = recording.samples.mean(axis=1, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(mono(recording).samples, whole)


def test_more_than_eight_channels_of_what_soundfile_cannot_read() -> None:
    samples = babble(RATE_HZ, 0.1, 16)
    with io.BytesIO() as file:
        with av.open(file, "w", format="matroska") as out:
            stream = out.add_stream("pcm_f32le", rate=RATE_HZ, layout="hexadecagonal")
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "hexadecagonal")
            frame.sample_rate = RATE_HZ
            out.mux([*stream.encode(frame), *stream.encode(None)])
        recording = read(file.getvalue())
    assert recording.decoder == "pyav"
    np.testing.assert_array_equal(recording.samples, samples)


def test_gsm_in_a_wav_which_cannot_be_sought_in() -> None:
    samples = babble(8000, 0.5)
    wave = load(written(samples, 8000, "WAV", "GSM610"))
    assert wave.seconds == pytest.approx(0.5, abs=0.08)
    assert np.corrcoef(wave.samples[: len(samples)], samples[:, 0])[0, 1] > 0.5

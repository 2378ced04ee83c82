"""All that a file holds is heard, or the recording says what of it is not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.downmix import downmix, signal_notes
from harness.audio.wave import AudioLimits, Recording, load, read
from tests.support.sound_bytes import (
    babble,
    encoded,
    two_tracks,
    with_data_size,
    with_total,
    written,
)

RATE_HZ = 16000
Maker = Callable[[np.ndarray, int], bytes]

MAKERS: dict[str, tuple[Maker, int]] = {
    "wav": (lambda samples, rate_hz: written(samples, rate_hz, "WAV"), RATE_HZ),
    "rf64": (lambda samples, rate_hz: written(samples, rate_hz, "RF64", "PCM_16"), RATE_HZ),
    "aiff": (lambda samples, rate_hz: written(samples, rate_hz, "AIFF"), RATE_HZ),
    "au": (lambda samples, rate_hz: written(samples, rate_hz, "AU"), RATE_HZ),
    "caf": (lambda samples, rate_hz: written(samples, rate_hz, "CAF"), RATE_HZ),
    "flac": (lambda samples, rate_hz: written(samples, rate_hz, "FLAC"), RATE_HZ),
    "vorbis": (lambda samples, rate_hz: written(samples, rate_hz, "OGG", "VORBIS"), RATE_HZ),
    "opus": (lambda samples, rate_hz: encoded(samples, rate_hz, "ogg", "libopus"), 48000),
    "mp3": (lambda samples, rate_hz: encoded(samples, rate_hz, "mp3", "libmp3lame"), 44100),
    "mp3-libsndfile": (lambda samples, rate_hz: written(samples, rate_hz, "MP3"), 44100),
    "m4a": (lambda samples, rate_hz: encoded(samples, rate_hz, "ipod", "aac"), 44100),
    "adts": (lambda samples, rate_hz: encoded(samples, rate_hz, "adts", "aac"), 44100),
    "amr": (lambda samples, rate_hz: encoded(samples, rate_hz, "amr", "libopencore_amrnb"), 8000),
    "webm": (lambda samples, rate_hz: encoded(samples, rate_hz, "webm", "libopus"), 48000),
    "asf": (lambda samples, rate_hz: encoded(samples, rate_hz, "asf", "wmav2"), 44100),
}
ONE = {name: make(babble(rate_hz, 0.5), rate_hz) for name, (make, rate_hz) in MAKERS.items()}
ANOTHER = {
    name: make(babble(rate_hz, 0.8)[::-1], rate_hz) for name, (make, rate_hz) in MAKERS.items()
}
JOINED = "recordings joined to one: 2"
FOLLOWS = "sound follows that was not decoded"


def kinds(recording: Recording) -> list[str]:
    """What the notes are of, without what differs from file to file."""
    return [note.partition(":")[0] for note in recording.notes]


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_is_noted_of_a_sound_file(name: str) -> None:
    recording = read(ONE[name])
    assert recording.notes == ()
    assert recording.seconds == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", MAKERS)
def test_recordings_that_follow_each_other_are_all_heard(name: str) -> None:
    first, second = read(ONE[name]), read(ANOTHER[name])
    both = read(ONE[name] + ANOTHER[name])
    assert both.seconds == pytest.approx(first.seconds + second.seconds, abs=0.06)
    if name == "adts":  # has no beginning: it is one stream
        return
    assert both.notes == (JOINED,)
    np.testing.assert_array_equal(both.samples, np.concatenate([first.samples, second.samples]))


def test_a_file_on_disk_is_heard_as_its_bytes_are(tmp_path: Path) -> None:
    for name in ("wav", "flac", "opus", "mp3"):
        path = tmp_path / name
        path.write_bytes(ONE[name] + ANOTHER[name])
        np.testing.assert_array_equal(read(path).samples, read(ONE[name] + ANOTHER[name]).samples)


@pytest.mark.parametrize("name", ["wav", "flac", "vorbis", "mp3", "adts", "m4a"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(22050, 1), (44100, 2)])
def test_another_rate_or_channel_count_is_not_joined_and_said(
    name: str, rate_hz: int, channels: int
) -> None:
    samples = babble(rate_hz, 0.8, channels)
    layout = "stereo" if channels == 2 else "mono"
    coded = {
        "mp3": lambda: encoded(samples, rate_hz, "mp3", "libmp3lame", layout),
        "adts": lambda: encoded(samples, rate_hz, "adts", "aac", layout),
        "m4a": lambda: encoded(samples, rate_hz, "ipod", "aac", layout),
    }
    other = coded[name]() if name in coded else MAKERS[name][0](samples, rate_hz)
    recording = read(ONE[name] + other)
    assert recording.seconds == pytest.approx(0.5, abs=0.06)
    assert kinds(recording) == [FOLLOWS]
    assert f"{rate_hz} Hz, {channels} channel(s)" in recording.notes[0]


def test_a_recording_of_another_format_behind_is_said() -> None:
    assert kinds(read(ONE["mp3"] + ONE["flac"])) == [FOLLOWS]
    assert kinds(read(ONE["wav"] + ONE["opus"])) == [FOLLOWS]


def test_what_follows_and_cannot_be_decoded_is_said() -> None:
    recording = read(ONE["vorbis"] + ANOTHER["vorbis"][:200])
    assert recording.seconds == pytest.approx(0.5, abs=0.01)
    assert kinds(recording) == [FOLLOWS]


def test_what_follows_is_within_the_limits_or_said() -> None:
    recording = read(ONE["wav"] + ANOTHER["wav"], AudioLimits(seconds=1))
    assert recording.seconds == 0.5
    assert recording.notes[0].endswith("1 s are over the limit of 1 s")


@pytest.mark.parametrize("beyond", [1.0, 0.3])
def test_a_flac_of_more_samples_than_its_header_says(beyond: float) -> None:
    whole = babble(RATE_HZ, 2)
    content = with_total(written(whole, RATE_HZ, "FLAC"), round((2 - beyond) * RATE_HZ))
    recording = read(content)
    assert recording.seconds == 2
    np.testing.assert_allclose(recording.samples, whole, atol=1e-4)
    assert kinds(recording) == ["the header says less than is there"]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


ID3V1 = b"TAG" + b"x" * 125
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0x80000000) + bytes(8)
ID3V2 = b"ID3\x03\x00\x00" + bytes([0, 0, 4, 0]) + b"APIC" + b"fLaC\x00\x00\x00\x22" + bytes(500)


@pytest.mark.parametrize(
    "content",
    [
        ONE["mp3"] + ID3V1,
        ONE["mp3"] + APE + ID3V1,
        ONE["mp3"] + bytes(3000),
        ID3V2 + ONE["mp3"],
        b"\x00\x11abc" * 200 + ONE["mp3"],
        ONE["flac"] + ID3V1,
        ONE["wav"] + chunk(b"LIST", b"INFOISFT\x05\x00\x00\x00abcde"),
        ONE["wav"] + chunk(b"bext", bytes(603)) + chunk(b"id3 ", ID3V2),
        ONE["wav"] + ID3V1,
        ONE["wav"] + bytes(5000),
        ONE["opus"] + bytes(500),
        ONE["adts"] + ID3V1,
    ],
    ids=range(12),
)
def test_tags_chunks_and_padding_are_no_sound(content: bytes) -> None:
    recording = read(content)
    assert recording.notes == ()
    assert recording.seconds == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("size", "noted"), [(0, "says that there are no samples"), (2**32 - 1, "")]
)
def test_the_wav_of_a_recorder_that_was_killed(size: int, noted: str) -> None:
    recording = read(with_data_size(ONE["wav"], size))
    np.testing.assert_array_equal(recording.samples, read(ONE["wav"]).samples)
    assert recording.decoder == ("soundfile" if size else "pyav")
    assert any(note.startswith("the header") and noted in note for note in recording.notes)


def test_samples_behind_those_that_a_wav_counts_are_said() -> None:
    recording = read(with_data_size(ONE["wav"], 4000))
    assert recording.notes == (
        f"data follow that were not decoded: {len(ONE['wav']) - 4044} bytes behind the samples",
    )


@pytest.mark.parametrize("name", ["wav", "rf64", "aiff", "au", "flac", "mp3"])
def test_a_file_that_is_cut_off_says_so(name: str) -> None:
    recording = read(ANOTHER[name][: len(ANOTHER[name]) // 2])
    assert 0.1 < recording.seconds < 0.5
    cut = [note for note in recording.notes if note.startswith("cut off or damaged: ")]
    assert len(cut) == 1
    assert cut[0].endswith(" of 0.80 s were decoded")


def damaged(content: bytes, count: int) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\x55" * count + content[middle + count :]


def test_a_flac_that_libsndfile_refuses_is_read_by_ffmpeg() -> None:
    recording = read(damaged(ANOTHER["flac"], 20))
    assert recording.decoder == "pyav"
    assert recording.seconds == pytest.approx(0.8, abs=0.01)
    assert kinds(recording) == ["libsndfile cannot read it and FFmpeg can"]


def test_a_total_that_is_too_large_loses_no_flac() -> None:
    recording = read(with_total(ONE["flac"], 10 * RATE_HZ))
    assert recording.decoder == "pyav"
    assert recording.seconds == pytest.approx(0.5)
    assert "cut off or damaged: 0.50 s of 10.00 s were decoded" in recording.notes


def test_packets_that_fail_in_the_middle_are_left_out_and_said() -> None:
    recording = read(damaged(ANOTHER["adts"], 200))
    assert 0.6 < recording.seconds < 0.85
    assert kinds(recording) == ["damaged parts were left out"]


@pytest.mark.parametrize("name", ["vorbis", "opus"])
def test_pages_of_ogg_that_are_missing_are_said(name: str) -> None:
    make, rate_hz = MAKERS[name]
    whole = make(babble(rate_hz, 4), rate_hz)
    recording = read(damaged(whole, 20))
    assert recording.seconds < 3.9
    assert kinds(recording) == ["cut off or damaged"]


@pytest.mark.parametrize(
    ("container", "codec", "default", "seconds", "told"),
    [
        ("mp4", "aac", None, 1.0, "track 1 of 2 was decoded, the default"),
        ("mp4", "aac", 1, 2.0, "track 2 of 2 was decoded, the default"),
        ("matroska", "libopus", None, 1.0, "track 1 of 2 was decoded, none is the default"),
        ("matroska", "libopus", 1, 2.0, "track 2 of 2 was decoded, the default"),
        ("ogg", "libopus", None, 1.0, "track 1 of 2 was decoded, none is the default"),
    ],
)
def test_of_several_tracks_the_default_is_heard(
    container: str, codec: str, default: int | None, seconds: float, told: str
) -> None:
    recording = read(two_tracks(container, codec, default))
    assert recording.seconds == pytest.approx(seconds, abs=0.06)
    assert recording.notes == (f"several audio tracks: {told}",)


SPEECH = babble(RATE_HZ, 0.5)
SILENCE = 0 * SPEECH
ROOM = 0.1 * babble(RATE_HZ, 0.5, 6)


@pytest.mark.parametrize(
    ("channels", "notes"),
    [
        ([SPEECH, SPEECH], ()),
        ([SPEECH, 0.8 * SPEECH], ()),
        ([SPEECH, SPEECH[::-1]], ()),
        ([SPEECH, -SPEECH], ("the channels cancel in their mean: at least 40 dB",)),
        (
            [SPEECH, SILENCE + 0.4],
            (
                "silent channels: 1 of 2",
                "the mean of the channels is quieter than one of them: 6.0 dB, channel 1 of 2",
            ),
        ),
        (
            [SILENCE, SILENCE, SPEECH, SILENCE, SILENCE, SILENCE],
            (
                "silent channels: 5 of 6",
                "the mean of the channels is quieter than one of them: 15.6 dB, channel 3 of 6",
            ),
        ),
        ([SPEECH, np.roll(SPEECH, 160)], ("one channel is the other one later: 10.0 ms",)),
        ([32768 * SPEECH], ("samples are far beyond full scale: 1.442e+04",)),
        ([SILENCE, SILENCE], ()),
    ],
    ids=["dual", "panned", "independent", "opposite", "one", "centre", "late", "int16", "silence"],
)
def test_what_the_mean_of_the_channels_loses_is_said(
    channels: list[np.ndarray], notes: tuple[str, ...]
) -> None:
    recording = read(written(np.hstack(channels), RATE_HZ, "WAV", "FLOAT"))
    assert recording.notes == notes


def test_which_channel_is_heard() -> None:
    samples = np.hstack([0.5 * SPEECH, SPEECH[::-1], -SPEECH]).astype(np.float32)
    content = written(samples, RATE_HZ, "WAV", "FLOAT")
    np.testing.assert_array_equal(load(content, channels="first").samples, samples[:, 0])
    np.testing.assert_array_equal(load(content, channels="loudest").samples, samples[:, 1])
    np.testing.assert_allclose(load(content).samples, samples.mean(axis=1), atol=1e-7)


@given(
    shift=st.integers(-100, 100).map(lambda percent: percent / 100),
    count=st.integers(2, 6),
    which=st.integers(0, 5),
)
def test_the_loudest_channel_is_that_of_speech_whatever_its_offset(
    shift: float, count: int, which: int
) -> None:
    samples = np.full((8000, count), shift, np.float32)
    samples[:, which % count] += SPEECH[:8000, 0]
    assert np.ptp(downmix(samples, "loudest")) > 0.1
    assert signal_notes(samples, RATE_HZ)[0] == f"silent channels: {count - 1} of {count}"

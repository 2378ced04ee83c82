"""Every odd and broken file is a row with a score or a reason, and none of them stops the run."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.audio.wave import LIMITS, load
from harness.errors import ClipRejected
from harness.report.publish import Outcome
from harness.results.coverage import shortfalls
from harness.results.record import read_record
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.sound_bytes import (
    babble,
    encoded,
    silent_flac,
    video,
    with_format,
    with_total,
    written,
)

RATE_HZ = 16000
SUITE = """
version = 1
name = "small"
[[condition]]
name = "call"
chain = [{perturb="noise", color="white", snr_db=20}, {perturb="codec", codec="g711-alaw"}]
"""
SPEECH = babble(RATE_HZ)
WAV = written(SPEECH, RATE_HZ, "WAV")
HEARD = ("ok", "")
"""Outcome of a file that can be listened to."""


def undecodable(reason: str = "") -> tuple[str, str]:
    return ("rejected", f"^cannot be decoded: .*{reason}")


def over(limit: str) -> tuple[str, str]:
    return ("rejected", f"over the limit of {limit}")


# Content, and what becomes of it as it is: a status, and what the reason matches.
CONTENT: dict[str, tuple[bytes, tuple[str, str]]] = {
    "whole.wav": (WAV, HEARD),
    "empty.wav": (b"", undecodable()),
    "text.wav": (b"This is a note, and not a recording.\n" * 20, undecodable()),
    "text.au": (b"Nor is this, by whatever name.\n" * 20, undecodable()),
    "web-page.mp3": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", undecodable()),
    "pointer.wav": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n",
        ("rejected", "a Git LFS pointer, not audio: run git lfs pull"),
    ),
    "mp3-called.wav": (written(SPEECH, RATE_HZ, "MP3"), HEARD),
    "wav-called.mp3": (WAV, HEARD),
    "m4a-called.ogg": (encoded(babble(44100), 44100, "ipod", "aac"), HEARD),
    "zeros.mp3": (bytes(10_000), undecodable()),
    "random.wav": (np.random.default_rng(8).bytes(10_000), undecodable()),
    "header-only.wav": (WAV[:44], ("rejected", "no samples")),
    "zero-samples.wav": (written(SPEECH[:0], RATE_HZ, "WAV"), ("rejected", "no samples")),
    "one-sample.wav": (written(SPEECH[:1], RATE_HZ, "WAV"), ("rejected", "frame takes 400")),
    "under-25ms.wav": (written(SPEECH[:399], RATE_HZ, "WAV"), ("rejected", "frame takes 400")),
    "just-25ms.wav": (written(SPEECH[:400], RATE_HZ, "WAV"), HEARD),
    "all-zero.wav": (written(0 * SPEECH, RATE_HZ, "WAV"), HEARD),
    "dc.wav": (written(0 * SPEECH + 0.5, RATE_HZ, "WAV"), HEARD),
    "denormal.wav": (written(1e-40 * SPEECH, RATE_HZ, "WAV", "FLOAT"), HEARD),
    "nan.wav": (
        written(np.where(SPEECH > 0.2, np.nan, SPEECH), RATE_HZ, "WAV", "FLOAT"),
        ("rejected", "NaN or infinite samples"),
    ),
    "inf.wav": (
        written(np.where(SPEECH > 0.2, -np.inf, SPEECH), RATE_HZ, "WAV", "FLOAT"),
        ("rejected", "NaN or infinite samples"),
    ),
    "huge.wav": (written(1e38 * SPEECH, RATE_HZ, "WAV", "FLOAT"), over(r"2.15e\+09")),
    "double-overflow.wav": (
        written(1e300 * SPEECH.astype(float), RATE_HZ, "WAV", "DOUBLE"),
        ("rejected", "NaN or infinite samples"),
    ),
    "scaled-as-int16.wav": (written(32768 * SPEECH, RATE_HZ, "WAV", "FLOAT"), HEARD),
    "24h-of-silence.flac": (silent_flac(86400), over("3600 s")),
    "24h-of-silence-unsaid.flac": (with_total(silent_flac(86400), 0), over("3600 s")),
    "24h-said-1s-there.flac": (
        with_total(written(SPEECH, RATE_HZ, "FLAC"), 86400 * RATE_HZ),
        over("3600 s"),
    ),
    "1s-said-24h-there.flac": (with_total(silent_flac(86400), 8000), HEARD),
    "length-unsaid.flac": (with_total(written(SPEECH, RATE_HZ, "FLAC"), 0), HEARD),
    "8khz.wav": (written(babble(8000), 8000, "WAV"), HEARD),
    "192khz.wav": (written(babble(192_000), 192_000, "WAV"), HEARD),
    "384khz.wav": (written(babble(384_000, 0.1), 384_000, "WAV"), HEARD),
    "500khz.wav": (written(babble(500_000, 0.1), 500_000, "WAV"), over("384000 Hz")),
    "44101hz.wav": (written(SPEECH, 44101, "WAV"), ("rejected", "44101 Hz has no ratio")),
    "32-channels.wav": (written(babble(RATE_HZ, 0.5, 32), RATE_HZ, "WAV"), HEARD),
    "33-channels.wav": (written(babble(RATE_HZ, 0.5, 33), RATE_HZ, "WAV"), over("32")),
    "8-bit.wav": (written(SPEECH, RATE_HZ, "WAV", "PCM_U8"), HEARD),
    "a-law.wav": (written(babble(8000), 8000, "WAV", "ALAW"), HEARD),
    "mu-law.wav": (written(babble(8000), 8000, "WAV", "ULAW"), HEARD),
    "rate-0.wav": (with_format(WAV, rate_hz=0), undecodable()),
    "rate-1.wav": (with_format(WAV, rate_hz=1), ("rejected", "1 Hz is under the limit of 1000 Hz")),
    "rate-2-to-31.wav": (with_format(WAV, rate_hz=2**31), undecodable()),
    "0-channels.wav": (with_format(WAV, channels=0), undecodable()),
    "65535-channels.wav": (with_format(WAV, channels=65535), undecodable()),
    "block-align-0.wav": (with_format(WAV, block_align=0), HEARD),
    "0-bits.wav": (with_format(WAV, bits=0), undecodable("no decoder for the audio stream")),
    "unknown-codec.wav": (with_format(WAV, tag=0), undecodable("no decoder for the audio stream")),
    "video-only.mp4": (video(), undecodable("no audio stream")),
    "video-only.mka": (video("matroska"), undecodable("no audio stream")),
    "gzip-bomb.wav": (gzip.compress(bytes(10**7)), undecodable()),
    "zip-bomb.wav": (b"", undecodable()),  # filled in below
    "playlist.wav": (b"#EXTM3U\n#EXTINF:1,\nwhole.wav\n#EXT-X-ENDLIST\n", undecodable()),
    "concat.wav": (b"ffconcat version 1.0\nfile whole.wav\n", undecodable()),
    "session.wav": (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=audio 5004 RTP/AVP 0\r\n",
        undecodable(),
    ),
}


def _zip_bomb() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.wav", bytes(10**7))
    return file.getvalue()


CONTENT["zip-bomb.wav"] = (_zip_bomb(), undecodable())

# Formats that are cut off at every tenth of their bytes, and from where on there is sound in them.
# M4A has none: its table of contents stood at the end.
CUT: dict[str, tuple[bytes, int]] = {
    "wav": (written(babble(RATE_HZ, 4), RATE_HZ, "WAV"), 10),
    "mp3": (written(babble(RATE_HZ, 4), RATE_HZ, "MP3"), 10),
    "ogg": (written(babble(RATE_HZ, 4), RATE_HZ, "OGG", "VORBIS"), 40),
    "opus": (encoded(babble(48000, 4), 48000, "ogg", "libopus"), 30),
    "flac": (written(babble(RATE_HZ, 4), RATE_HZ, "FLAC"), 10),
    "m4a": (encoded(babble(44100, 4), 44100, "ipod", "aac"), 100),
}
NAMES = {
    "newline": b"new\nline.wav",
    "quotes": b"\"double\" 'single' `back`.wav",
    "html": b"<script>alert(1)<!-- & &amp;.wav",
    "formula": b"=cmd|' .wav",
    "emoji": "\U0001f600\u200d\u202e.wav".encode(),
    "not-utf-8": b"caf\xe9 \xff.wav",
    "255-bytes": b"x" * 251 + b".wav",
}
DIRECTORY_ENTRIES = {
    "directory.wav": "not a regular file",
    "broken-link.wav": "No such file",
    "loop.wav": "Too many levels of symbolic links",
    "pipe.wav": "not a regular file",
    "socket.wav": "not a regular file",
    "device.wav": "not a regular file",
}


def quiet(*values: object) -> None:
    del values


def make_entries(folder: Path) -> None:
    (folder / "directory.wav").mkdir()
    (folder / "broken-link.wav").symlink_to("nowhere.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "device.wav").symlink_to("/dev/zero")
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/s")  # the name of a socket is 107 bytes at most
        os.rename(f"{short}/s", folder / "socket.wav")


def make_files(root: Path) -> None:
    """Everything of the tables above below `real`, and sound recordings below `fake`."""
    real, fake = root / "real", root / "fake"
    real.mkdir(parents=True)
    fake.mkdir()
    for number in range(3):
        (fake / f"{number}.wav").write_bytes(written(babble(RATE_HZ, 1.1), RATE_HZ, "WAV"))
    for name, (content, _) in CONTENT.items():
        (real / name).write_bytes(content)
    for suffix, (content, _) in CUT.items():
        for percent in range(0, 100, 10):
            part = content[: len(content) * percent // 100]
            (real / f"cut-at-{percent}.{suffix}").write_bytes(part)
    for name in NAMES.values():
        Path(os.fsdecode(os.fsencode(real) + b"/" + name)).write_bytes(WAV)
    make_entries(real)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One run of the embedded detector over all of them."""
    place = tmp_path_factory.mktemp("bad")
    make_files(place / "clips")
    (place / "small.toml").write_text(SUITE)
    options = RunOptions(
        suite=str(place / "small.toml"), data=str(place / "clips"), out=place / "run", workers=1
    )
    return run(options, quiet, quiet)


@pytest.fixture(scope="module")
def table(outcome: Outcome) -> pd.DataFrame:
    return read_scores(outcome.folder)


def row(table: pd.DataFrame, clip_id: str) -> pd.Series:
    """The one row of a clip as it is."""
    found = table[(table.clip_id == clip_id) & (table.condition == "clean")]
    assert len(found) == 1, f"{clip_id!r} has {len(found)} rows"
    return found.iloc[0]


def test_every_file_has_its_rows_and_every_row_a_score_or_a_reason(
    outcome: Outcome, table: pd.DataFrame
) -> None:
    clips = 3 + len(CONTENT) + 10 * len(CUT) + len(NAMES) + len(DIRECTORY_ENTRIES)
    assert len(table) == 2 * clips
    heard = table.status == "ok"
    assert (table.status[~heard] == "rejected").all(), table[table.status == "error"].reason
    assert np.isfinite(table.score[heard]).all()
    assert table.score[~heard].isna().all()
    assert (table.reason[~heard] != "").all()
    assert read_record(outcome.folder).counts.ok == heard.sum()
    assert shortfalls(table, outcome.record), "so little was scored that the run says so"


def test_no_reason_depends_on_the_place_or_the_process(table: pd.DataFrame) -> None:
    for reason in set(table.reason):
        assert not re.search(r"0x[0-9a-f]{6}|clips|\n|_io", reason), reason


@pytest.mark.parametrize("name", CONTENT)
def test_content(table: pd.DataFrame, name: str) -> None:
    status, reason = CONTENT[name][1]
    found = row(table, f"real/{name}")
    assert (found.status, bool(re.search(reason, found.reason))) == (status, True), found.reason


@pytest.mark.parametrize("suffix", CUT)
def test_cut_off_at_every_tenth(table: pd.DataFrame, suffix: str) -> None:
    for percent in range(0, 100, 10):
        found = row(table, f"real/cut-at-{percent}.{suffix}")
        if percent < CUT[suffix][1]:
            assert re.search("^cannot be decoded|^no samples", found.reason), percent
        else:
            assert found.status == "ok", (percent, found.reason)
            assert 4 * percent / 100 - 1.3 < found.seconds < 4 * percent / 100 + 0.1, percent


@pytest.mark.parametrize("kind", NAMES)
def test_names(table: pd.DataFrame, kind: str) -> None:
    clip_id = f"real/{NAMES[kind].decode('utf-8', 'backslashreplace')}"
    assert row(table, clip_id).status == "ok"
    assert clip_id.encode()  # and not half of a character


@pytest.mark.parametrize("name", DIRECTORY_ENTRIES)
def test_what_is_no_file(table: pd.DataFrame, name: str) -> None:
    found = row(table, f"real/{name}")
    assert found.status == "rejected"
    assert found.reason.startswith(f"cannot be opened: {DIRECTORY_ENTRIES[name]}")


def test_a_playlist_reads_no_other_file(tmp_path: Path) -> None:
    # The same list is followed by FFmpeg itself, so that it is not the list that is at fault.
    (tmp_path / "other.wav").write_bytes(WAV)
    (tmp_path / "list.wav").write_bytes(b"ffconcat version 1.0\nfile other.wav\n")
    with av.open(str(tmp_path / "list.wav")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == len(SPEECH)
    with pytest.raises(ClipRejected, match="cannot be decoded"):
        load(tmp_path / "list.wav")


def in_a_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_no_permission_to_read() -> None:
    """Root may read everything, so the reader is nobody where the tests are run by root."""
    script = """
import os, sys
from pathlib import Path
from harness.audio.wave import load
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for name in sys.argv[1:]:
    try:
        print(load(Path(name)).seconds)
    except Exception as fault:
        print(type(fault).__name__, fault)
"""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        for name, mode in (("open.wav", 0o644), ("closed.wav", 0)):
            path = Path(place) / name
            path.write_bytes(WAV)
            path.chmod(mode)
        done = in_a_process(script, f"{place}/open.wav", f"{place}/closed.wav")
        assert done.stdout.splitlines() == [
            "1.0",
            "ClipRejected cannot be opened: Permission denied",
        ]


def test_a_folder_that_cannot_be_listed_is_no_empty_folder() -> None:
    script = """
import os, sys
from harness.data.source import open_source
from harness.errors import UsageError
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    print(len(open_source(sys.argv[1])))
except UsageError as fault:
    print(fault)
"""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        closed = Path(place) / "real" / "closed"
        for folder in (closed, Path(place) / "fake"):
            folder.mkdir(parents=True)
            (folder / "x.wav").write_bytes(WAV + folder.name.encode())
        assert in_a_process(script, place).stdout == "2\n"
        closed.chmod(0)
        told = (
            f"{closed}: cannot be listed: Permission denied; give access to it, or move it away\n"
        )
        assert in_a_process(script, place).stdout == told
        closed.chmod(0o755)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The most memory that was ever taken while files are read, each larger than the one before."""
    script = """
import resource, sys
from pathlib import Path
from harness.audio.wave import load
from harness.errors import ClipRejected
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
for name in sys.argv[1:]:
    try:
        reason = f"{load(Path(name)).seconds:g} s"
    except ClipRejected as fault:
        reason = str(fault)
    print(peak() - before, reason)
"""
    half_the_limit = LIMITS.decoded_bytes // 2
    stereo_seconds = half_the_limit // (2 * 4 * 48000)
    with soundfile.SoundFile(tmp_path / "stereo.wav", "w", 48000, 2, subtype="PCM_U8") as file:
        for _ in range(stereo_seconds):
            file.write(babble(48000, 1, 2))
    contents = {
        "said.flac": silent_flac(86400),
        "unsaid.flac": with_total(silent_flac(86400), 0),
        "unsaid-48khz.flac": with_total(silent_flac(86400, 48000), 0),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    names = ["said.flac", "unsaid.flac", "stereo.wav", "unsaid-48khz.flac"]
    lines = in_a_process(script, *(str(tmp_path / name) for name in names)).stdout.splitlines()
    taken = {name: int(line.split()[0]) for name, line in zip(names, lines, strict=True)}
    assert [line.split(" ", 1)[1] for line in lines] == [
        "86400 s are over the limit of 3600 s",
        "3604 s are over the limit of 3600 s",
        f"{stereo_seconds} s",
        f"more than {LIMITS.decoded_bytes} bytes when decoded",
    ]
    mebibyte = 2**20
    assert taken["said.flac"] < 20
    assert taken["unsaid.flac"] < 3 * 3600 * 8000 * 4 / mebibyte
    assert taken["stereo.wav"] < 2 * half_the_limit / mebibyte
    assert taken["unsaid-48khz.flac"] < 3 * LIMITS.decoded_bytes / mebibyte


def test_what_decoders_say_about_damaged_files_does_not_reach_the_terminal(tmp_path: Path) -> None:
    damaged = CUT["mp3"][0][: len(CUT["mp3"][0]) // 2]
    (tmp_path / "x.mp3").write_bytes(damaged)
    path = str(tmp_path / "x.mp3")
    read = "import sys; from pathlib import Path; from harness.audio.wave import load"
    alone = in_a_process(f"{read}; load(Path(sys.argv[1]))", path)
    assert "fuzzy seeking" in alone.stderr, "or it would show nothing that the next line is quiet"
    pool = """
import sys
from pathlib import Path
from harness.data.clip import Clip
from harness.engine.worker_pool import WorkerPool
from harness.engine.plan import Task
from harness.engine.prepare import Recipe
from harness.suite.condition import CLEAN
if __name__ == "__main__":
    with WorkerPool(1, Recipe(1, (16000,), {}, None)) as pool:
        task = Task(Clip("x", "real", Path(sys.argv[1])), (CLEAN,), (0,))
        [(_, [row])] = pool.prepare([task])
        print(row.status)
"""
    prepared = in_a_process(pool, path)
    assert (prepared.stdout, prepared.stderr) == ("ok\n", "")

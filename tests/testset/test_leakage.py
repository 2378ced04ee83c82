"""Copies are found among distractors, however they were made; what only sounds alike is not."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audio.wave import Wave, load
from harness.data.clip import Clip
from harness.data.embedded import EmbeddedSource
from harness.data.source import open_source
from harness.errors import ClipError
from harness.perturb.codec import Codec
from harness.perturb.perturbation import Draw
from harness.perturb.sample import convert
from harness.report.page_base import security
from harness.seed import generator
from harness.testset.fingerprint import bit_error, fingerprint, hits
from harness.testset.leakage import LeakageAudit, audit_leakage
from harness.testset.pairs_page import pairs_page
from tests.support.in_process import harness
from tests.support.paths import SHARED

Change = Callable[[Wave], Wave]


def coded(wave: Wave) -> Wave:
    return Codec(codec="mp3", kbps=32).apply(wave, Draw(generator("test")))


def cropped(wave: Wave) -> Wave:
    start, length = int(0.137 * wave.rate_hz), int(max(0.5, 0.6 * wave.seconds) * wave.rate_hz)
    return Wave(wave.samples[start : start + length].copy(), wave.rate_hz)


CHANGES: dict[str, Change] = {
    "mp3 at 32 kbit/s": coded,
    "12 dB quieter": lambda wave: Wave(wave.samples * np.float32(0.25), wave.rate_hz),
    "inverted": lambda wave: Wave(-wave.samples, wave.rate_hz),
    "at 11,025 Hz": lambda wave: convert(wave, 11_025),
    "cropped": cropped,
    "cropped and coded": lambda wave: coded(cropped(wave)),
}


def stored(wave: Wave) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave.samples, wave.rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def corpus() -> list[Clip]:
    return list(EmbeddedSource("test"))


def pairs(found: LeakageAudit) -> set[frozenset[str]]:
    return {frozenset({each.first.clip_id, each.second.clip_id}) for each in found.leaks}


def test_the_clean_corpus_is_quiet(corpus: list[Clip]) -> None:
    """Every utterance is there as speech and as a fake of it, which is declared by its group."""
    found = audit_leakage(corpus)
    assert not found.found
    assert found.matches
    for match in found.matches:
        assert match.across == ("label",)
        first, second = (one.clip_id.rsplit("-", 1)[0] for one in (match.first, match.second))
        assert first == second


def test_planted_copies_are_found_and_nothing_else(corpus: list[Clip]) -> None:
    real = [clip for clip in corpus if clip.label == "real"]
    origins: dict[str, str] = {}
    copies: list[Clip] = []
    for number, clip in enumerate(real[::3]):
        name, change = list(CHANGES.items())[number % len(CHANGES)]
        copy = f"copy {number}, {name}"
        audio = stored(change(load(clip.audio)))
        copies.append(
            replace(clip, clip_id=copy, audio=audio, group=copy, speaker="", label="fake")
        )
        origins[copy] = clip.clip_id
    found = pairs(audit_leakage([*real, *copies]))
    planted = {frozenset(pair) for pair in origins.items()}
    assert len(found & planted) >= 0.93 * len(planted)  # clips of 0.3 s and less are missed
    assert not found - planted


def test_a_leak_across_splits_with_its_place(corpus: list[Clip]) -> None:
    train, test = corpus[:40:2], corpus[40:80:2]
    leaked = max(train, key=lambda clip: load(clip.audio).seconds)
    wave = load(leaked.audio)
    part = Wave(wave.samples[wave.rate_hz : 3 * wave.rate_hz].copy(), wave.rate_hz)
    test = [*test, replace(test[0], clip_id="leaked", audio=stored(coded(part)))]
    found = audit_leakage(test, train)
    (match,) = found.leaks
    assert (match.first.clip_id, match.second.clip_id) == ("leaked", leaked.clip_id)
    assert (match.first.split, match.second.split) == ("first", "second")
    assert "split" in match.across
    assert match.kind == "same recording"
    assert match.offset_s == pytest.approx(-1.0, abs=0.005)
    assert match.overlap_s == pytest.approx(2.0, abs=0.01)
    assert found.found


def test_the_same_bytes(corpus: list[Clip]) -> None:
    twin = replace(corpus[0], clip_id="twin", group="another")
    found = audit_leakage([*corpus[:10:2], twin])
    (match,) = found.leaks
    assert match.kind == "same bytes"
    assert match.correlation == 1
    same_group = audit_leakage([*corpus[:10:2], replace(twin, group=corpus[0].group)])
    assert [each.leak for each in same_group.matches] == [False]


def test_shared_speakers_are_told(corpus: list[Clip]) -> None:
    found = audit_leakage(corpus[:12:2], corpus[13:19:2])
    names = {(each.what, each.names) for each in found.shared}
    shared = {clip.speaker for clip in corpus[:12]} & {clip.speaker for clip in corpus[13:19]}
    assert ("speaker", tuple(sorted(shared))) in names or not shared
    assert found.found == bool(shared)


def test_what_cannot_be_read_is_told() -> None:
    found = audit_leakage([Clip("broken", "real", b"nothing")])
    assert found.notes
    assert found.notes[0].startswith("broken: not compared")


@dataclass(frozen=True)
class Unreachable:
    """A recording in a store that does not answer."""

    def fetch(self, most_bytes: int) -> bytes:
        raise ClipError(f"the store does not answer, of {most_bytes} bytes")


def test_a_recording_that_cannot_be_reached_is_told_and_the_others_are_compared(
    corpus: list[Clip],
) -> None:
    twin = replace(corpus[0], clip_id="twin", group="another")
    found = audit_leakage([*corpus[:4:2], Clip("away", "real", Unreachable()), twin])
    assert [match.kind for match in found.matches] == ["same bytes"]
    (note,) = found.notes
    assert note.startswith("away: not compared: the store does not answer")


def test_a_recording_that_goes_away_while_it_is_compared_costs_its_pairs_and_sounds(
    corpus: list[Clip], tmp_path: Path
) -> None:
    """It is read once to be fingerprinted and again to be laid on another."""
    wave = load(corpus[0].audio)
    clips = [
        Clip(name, "real", tmp_path / f"{name}.wav", group=name) for name in ("whole", "quiet")
    ]
    for clip, gain in zip(clips, (1.0, 0.25), strict=True):
        assert isinstance(clip.audio, Path)
        clip.audio.write_bytes(stored(Wave(wave.samples * np.float32(gain), wave.rate_hz)))
    kept = audit_leakage(clips)
    assert [match.kind for match in kept.matches] == ["same recording"]

    def remove(done: int) -> None:
        if done == len(clips):
            (tmp_path / "quiet.wav").unlink()

    renamed = [replace(clip, clip_id=f"{clip.clip_id} again") for clip in clips]
    found = audit_leakage(renamed, advance=remove)
    assert not found.matches
    assert "not compared: cannot be opened" in found.notes[0]
    page = pairs_page(kept.matches, {("first", clip.clip_id): clip for clip in clips})
    assert page.count("<audio") == 1
    assert page.count("cannot be heard: cannot be opened") == 1


def test_a_page_to_hear_them(corpus: list[Clip]) -> None:
    twin = replace(corpus[0], clip_id="<b>twin\x1b[2J", group="another")
    clips = [*corpus[:4:2], twin]
    found = audit_leakage(clips)
    page = pairs_page(found.matches, {("first", clip.clip_id): clip for clip in clips})
    assert page.count("<audio") == 2
    assert "&lt;b&gt;twin" in page
    assert "<b>twin" not in page
    assert "\x1b" not in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert html.unescape(policy) == security([style], [])


# Fingerprints


def speech(seed: int, seconds: float = 2.0) -> Wave:
    """Noise whose bands rise and fall as those of speech do."""
    rng = np.random.default_rng(seed)
    count, size = int(seconds * 16000), 400
    spectra = np.fft.rfft(rng.normal(size=(count // size + 1, 2 * size)))
    bands = np.repeat(rng.normal(size=(len(spectra), 41)), 10, axis=1)[:, : spectra.shape[1]]
    frames = np.fft.irfft(spectra * np.exp(np.pad(bands, ((0, 0), (0, 1)), mode="edge")[:, :401]))
    samples = np.zeros(count + 2 * size)
    for number, frame in enumerate(frames):
        samples[number * size :][: 2 * size] += (frame * np.hanning(2 * size))[
            : len(samples) - number * size
        ]
    return Wave((0.1 * samples[:count]).astype(np.float32), 16000)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), gain_db=st.floats(-30, 10), late=st.integers(0, 8000))
def test_gain_and_crop_keep_the_bits(seed: int, gain_db: float, late: int) -> None:
    wave = speech(seed)
    copy = Wave(wave.samples[late:] * np.float32(10 ** (gain_db / 20)), 16000)
    prints = [fingerprint(each) for each in (wave, copy)]
    best = max(hits(prints), key=lambda hit: hit.votes)
    assert (best.first, best.second) == (0, 1)
    assert best.lag == pytest.approx(late / 200, abs=1)
    error, words = bit_error(*prints, best.lag)
    assert error < 0.1
    assert words > 60


def test_unrelated_recordings_do_not_agree() -> None:
    one, other = fingerprint(speech(1)), fingerprint(speech(2))
    errors = [bit_error(one, other, lag)[0] for lag in range(-60, 60)]
    assert min(errors) > 0.35
    assert np.mean(errors) == pytest.approx(0.5, abs=0.05)


def test_silence_has_no_words() -> None:
    silent = fingerprint(Wave(np.zeros(16000, np.float32), 16000))
    assert not list(hits([silent, silent]))


def test_blocks_change_no_result() -> None:
    prints = [fingerprint(speech(n % 4)) for n in range(8)]
    whole, parts = ({(h.first, h.second) for h in hits(prints, block=n)} for n in (8, 3))
    assert whole == parts
    assert {(n, n + 4) for n in range(4)} <= whole


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no shared recordings")
def test_real_recordings_that_occur_twice() -> None:
    """One original in two collections, coded in two ways and of two groups."""
    clips = [
        clip
        for clip in open_source(str(SHARED / "data" / "test"))
        if clip.label == "real" and clip.speaker == "LJ"
    ]
    found = audit_leakage(clips)
    assert len(found.leaks) == 2
    assert all(match.correlation > 0.99 for match in found.leaks)


@pytest.mark.parametrize("page", ["missing/page.html", "file/page.html"])
def test_a_page_that_cannot_be_written_is_refused_before_the_audit(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.testset.leakage.fingerprint", lambda _: pytest.fail("audited"))
    code, _, complaint = harness(capsys, "audit", "leakage", "embedded", "--html", page)
    assert code == 2
    assert complaint.count("\n") == 1
    assert page in complaint

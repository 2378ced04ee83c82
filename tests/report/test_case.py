"""The page of a case in headless Chromium, at the width of a desk and of a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from harness.audio.wave import Wave
from harness.engine.report_audio import flac, picture
from harness.forensic.case import (
    Attribution,
    Case,
    EvidenceStatement,
    Examination,
    FileFacts,
    ScoreChange,
    ScoreStep,
    SignalFacts,
    SpeechTest,
    Timeline,
    Trace,
    Window,
    case_content,
)
from harness.inspect.facts import open_file
from harness.report.case import drawing, render_case
from tests.support.sound_bytes import babble, written

CHROMIUM = shutil.which("chromium")
NAN = float("nan")
NAME = "a-long-name-without-a-blank-" * 4 + "<script>alert(1)</script>.wav"
WIDTHS = (1280, 390)


def case() -> Case:
    sound = Wave((0.1 * np.random.default_rng(1).standard_normal(32000)).astype(np.float32), 16000)
    windows = [Window(k / 4, k / 4 + 2, -2.0 if k < 20 else 3.0) for k in range(40)]
    return Case(
        subject=Examination(
            "run", "release", "clips", False, "model", "d" * 64, False, 0.0, 10.24, "1", "", "2025"
        ),
        file=FileFacts(
            NAME, "a" * 64, 1000, "WAV/PCM_16", "soundfile", 16, False, 16000, 1, 12.0, ["decoded"]
        ),
        signal=SignalFacts(10.0, 31.0, 8000.0, 8000.0, -3.0, -20.0, -19.0, NAN, 0, 0.0),
        traces=[
            Trace("Holes", "0.1 %", 0.1, 0.002, "bands without bits"),
            Trace("x", "", NAN, 1, ""),
        ],
        speech=SpeechTest({}, []),
        score=-1.5,
        score_reason="",
        heard_s=10.24,
        timelines=[Timeline(2.0, 0.25, True, windows, ScoreStep(6.0, -2.0, 3.0, 1.0))],
        changes=[
            ScoreChange("gain", "3 dB louder", 0.5, 2.0, True),
            ScoreChange("noise", "noise", NAN, NAN, False, "silent"),
        ],
        attribution=Attribution("method", "", 0.1, 0.8, 1.0, 0.01, 10.24, [[0.1, -0.2]] * 8),
        weight=EvidenceStatement(
            [], ["a note"], "clean", "as it is", "method", 2.0, 1.0, 3.0, -4, 4, "Words."
        ),
        left_out={"audio": "not asked for"},
        audio=flac(sound),
        audio_type="audio/flac",
        spectrogram_png=picture(sound),
    )


def test_everything_is_drawn_where_it_belongs() -> None:
    drawn = drawing(case())
    assert drawn is not None
    assert [tick.label for tick in drawn.steps] == ["6.0 s"]
    assert drawn.steps[0].at == pytest.approx(50)
    assert drawn.scored == pytest.approx(100 * 10.24 / 12)
    ((_, segments),) = drawn.lines
    assert len(segments) == 39
    (x1, y1, *_), (*_, y2) = segments[0], segments[-1]
    assert y1 > drawn.threshold > y2  # more fake is higher
    assert x1 == pytest.approx(100 / 12, abs=0.01)


def test_a_step_that_explains_little_is_not_drawn() -> None:
    (timeline,) = case().timelines
    weak = replace(timeline, step=ScoreStep(6.0, 0.0, 1.0, 0.3))
    drawn = drawing(replace(case(), timelines=[weak]))
    assert drawn is not None
    assert drawn.steps == []
    assert "no clear step" in render_case(replace(case(), timelines=[weak]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"synthetic_data": True}, "The run is of synthetic clips."),
        ({"synthetic_model": True}, "is the reference detector"),
    ],
)
def test_what_is_synthetic_is_said_before_anything_else(
    changes: dict[str, bool], sentence: str
) -> None:
    page = render_case(replace(case(), subject=replace(case().subject, **changes)))
    assert sentence in page.split('<section id="answer"')[0]
    assert sentence not in render_case(case())


def test_a_withheld_picture_is_not_there() -> None:
    attribution = Attribution("method", "it failed the check", 0.9, 0.8, 1.0, 0.0, 2.0)
    page = render_case(replace(case(), attribution=attribution))
    assert "The picture is withheld:</strong> it failed the check" in page
    assert 'class="to-' not in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_its_width_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    (tmp_path / "case.html").write_text(render_case(case()))
    page = browser.new_page(viewport={"width": width, "height": 900})
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("dialog", lambda dialog: messages.append("dialog"))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "case.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []
    assert not [url for url in requests if not url.startswith(("file:", "data:"))]
    box = page.locator("svg.timeline image").bounding_box()
    assert box is not None
    assert box["width"] > 0.85 * width
    page.close()


def test_what_of_a_file_is_not_heard_is_on_its_page(tmp_path: Path) -> None:
    other = written(babble(22050, 1), 22050, "FLAC")
    (tmp_path / "x.flac").write_bytes(written(babble(16000, 1), 16000, "FLAC") + other)
    opened = open_file(tmp_path / "x.flac", None)
    (note,) = opened.facts.notes
    assert note == "sound follows that was not decoded: after 1.00 s, 22050 Hz, 1 channel(s)"
    page = render_case(replace(case(), file=opened.facts))
    assert f"S{note[1:]}." in page.split("</header>")[0]
    assert case_content(replace(case(), file=opened.facts))["file"]["notes"] == [note]

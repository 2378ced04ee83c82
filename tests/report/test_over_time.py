"""The pages of a history and of a leaderboard: what they say, and that they load nothing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from harness.report.history import render_history
from harness.report.leaderboard import render_leaderboard
from tests.support.over_time import HOSTILE, LONG, history, leaderboard

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {"history": render_history(history()), "leaderboard": render_leaderboard(leaderboard())}


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


@pytest.mark.parametrize("name", ["history", "leaderboard"])
def test_a_page_loads_nothing_and_names_stay_text(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    assert len(page.encode()) < 3_000_000
    assert HOSTILE not in page
    outside = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    for value in re.findall(r'\b(?:src|href)="([^"]*)"', outside):
        assert value.startswith(("data:", "#"))
    assert "default-src &#39;none&#39;" in page
    assert "<img" not in outside
    assert " style=" not in outside


def test_the_history_says_what_happened(pages: dict[str, str]) -> None:
    text = text_of(pages["history"])
    assert "The run of 2026-03-08 has no comparable run before it. 6 runs on 2 curves" in text
    assert "1 is significantly worse than the one before" in text
    assert "2026-03-08, suite other (3 conditions) on data: other data:" in text
    assert re.search(r"\d ▼ [\d. to]+ −0.050 −0.080 to −0.020 p 0.010", text)
    assert re.search(r"\d ▲ [\d. to]+ −0.050 −0.080 to −0.020", text)
    assert "not compared: no interval" in text
    assert "unfinished" in text
    assert "the same run as" in text
    assert "a damaged record; run again" in text


def test_one_detector_is_the_title() -> None:
    full = history()
    alone = replace(full, tracks=full.tracks[:1])
    assert f"<h1>{LONG}</h1>" in render_history(alone)


def test_the_leaderboard_says_who_is_ahead(pages: dict[str, str]) -> None:
    text = text_of(pages["leaderboard"])
    assert (
        f"By EER on clean clips first is first, and not significantly better than {LONG}; " in text
    )
    assert " is significantly worse" in text
    assert "Clips or detectors are synthetic." in text
    assert "is not ranked under perturbation: 10.0% of" in text
    assert "190 of 200 clips were scored by all" in text
    assert "95.0 % 90.0 % perturbed" in text
    assert "86,200,000" in text
    assert "cpu, float32; cuda, bf16, with 1 more" in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("HARNESS_BROWSER") == "required":
            pytest.fail("no chromium on the path")
        pytest.skip("no chromium on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["history", "leaderboard"])
def test_a_browser_draws_it(
    browser: Browser, pages: dict[str, str], tmp_path: Path, name: str, width: int
) -> None:
    path = tmp_path / f"{name}.html"
    path.write_text(pages[name], encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if name == "history":  # no table is cut off
        regions = "Array.from(document.querySelectorAll('.scroll'))"
        assert page.evaluate(f"{regions}.every(region => region.scrollWidth <= region.clientWidth)")
    drawn = page.locator(".plot:visible svg.marks").count()
    assert drawn == page.locator(".plot:visible").count() > 0
    assert page.title() != "taken"
    page.close()

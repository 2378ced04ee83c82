"""The page in headless Chromium, at the width of a desk and of a phone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from harness.report.page import render
from harness.results.figures import Damage, MetricRow, Summary
from harness.results.record import ConditionRecord
from tests.support.hostile_run import hostile_page, tame_page
from tests.support.small_run import MODEL, conditions, example, published, record, summary

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1280, 390)
OTHER = "another/model"
HOSTILE = 'fake/</script><script>document.title="taken"</script><img src=x onerror=alert(1)>.wav'
LONG = "a-generator-with-a-very-long-name-and-no-blank-in-it-" * 3
EXTRA = 60


def crowded() -> tuple[Summary, list[ConditionRecord]]:
    """The small run with sixty conditions more, two models, and names that are hard to show."""
    base, known = summary((MODEL, OTHER), HOSTILE), conditions()
    noise = next(c for c in known if c.axis)
    rows, damage, histograms = list(base.rows), list(base.damage), list(base.histograms)
    for place in range(EXTRA):
        series, level = divmod(place, 6)
        name = f"codec:kind-{series}@{level}"
        axis = noise.axis and noise.axis.model_copy(update={"value": 12.25 * (6 - level)})
        known.append(
            noise.model_copy(
                update={
                    "name": name,
                    "family": "codec",
                    "series": f"codec:kind-{series}",
                    "severity": level + 1.0,
                    "axis": axis,
                    "words": f"kind {series} at {12.25 * (6 - level)} kbit/s",
                }
            )
        )
        for model in (MODEL, OTHER):
            value = 0.95 - 0.02 * level - 0.03 * series
            rows.append(
                MetricRow(model, name, "all", "accuracy", value, value - 0.04, value + 0.04, 199)
            )
            lost = value - 0.95
            damage.append(Damage(model, name, "accuracy", lost, lost - 0.04, lost + 0.04, 199))
            histograms += [
                replace(h, condition=name)
                for h in base.histograms
                if h.model == model and h.condition == "clean"
            ]
    rows += [
        MetricRow(MODEL, "clean", f"generator={LONG}", "recall", 0.7, 0.6, 0.8, 20),
    ]
    return replace(base, rows=rows, damage=damage, histograms=histograms), known


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    figures, known = crowded()
    run = record((MODEL, OTHER))
    run = run.model_copy(update={"suite": run.suite.model_copy(update={"conditions": known})})
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    examples = [example(HOSTILE), example(HOSTILE, OTHER)]
    path.write_text(render(figures, run, published(), examples), encoding="utf-8")
    return path.as_uri()


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


class Opened:
    """A page that is ready, with everything that it said and asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("dialog", self._refuse)
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]", timeout=60_000)

    def _refuse(self, dialog: Dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def column(self, table: str, number: int) -> list[str]:
        """Text of a column of the rows that are shown, first line of each cell."""
        rows = self.page.locator(f"#{table} tbody tr:visible")
        return [
            text.strip().split("\n")[0]
            for text in rows.locator(f":scope > :nth-child({number})").all_inner_texts()
        ]


@pytest.fixture(scope="module", params=WIDTHS)
def opened(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    yield Opened(page, address)
    page.close()


def test_every_chart_is_drawn(opened: Opened) -> None:
    panel = opened.page.locator(".panel:visible")
    assert panel.count() == 1
    charts = panel.locator(".plot").count()
    assert charts > 10
    assert panel.locator(".plot svg.marks").count() == charts
    assert panel.locator("[data-chart='sweep-0-0'] svg .mark-line path").count() >= 1
    assert panel.locator("[data-chart='roc-0'] svg .mark-line path").count() >= 3
    assert panel.locator("[data-chart^='scores-0'] svg .mark-rect path").count() >= 8


def test_nothing_is_wider_than_the_page(opened: Opened) -> None:
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= opened.page.viewport_size["width"]  # type: ignore[index]


def test_sorting_goes_both_ways_and_leaves_the_missing_last(opened: Opened) -> None:
    head = opened.page.locator("#all-0 th", has_text="Accuracy").first
    number = head.evaluate("head => head.cellIndex") + 1
    head.locator("button").focus()
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    down = opened.column("all-0", number)
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    up = opened.column("all-0", number)
    assert len(down) == EXTRA + 6
    values = [float(text) for text in down if text != "–"]
    assert values == sorted(values, reverse=True)
    assert [text for text in up if text != "–"] == [f"{value:.3f}" for value in sorted(values)]
    assert down[-1] == up[-1] == "–"
    others = opened.page.locator("#all-0 th[aria-sort]:not([aria-sort=none])")
    assert others.count() == 1


def test_filtering_keeps_the_rows_with_every_word(opened: Opened) -> None:
    box = opened.page.locator("[data-filter=all-0]")
    box.fill("white 10")
    assert opened.column("all-0", 1) == ["white noise at 10 dB"]
    assert opened.page.locator("[data-count=all-0]").inner_text() == f"1 of {EXTRA + 6}"
    box.fill("nothing like it")
    assert opened.column("all-0", 1) == []
    box.fill("")
    assert len(opened.column("all-0", 1)) == EXTRA + 6


def test_columns_come_a_group_at_a_time(opened: Opened) -> None:
    table = opened.page.locator("#all-0")
    real = table.locator("th", has_text="Recall (real)")
    assert not real.is_visible()
    opened.page.locator("[data-columns=all-0][value=real]").check()
    assert real.is_visible()
    assert not table.locator("th", has_text="Accuracy").first.is_visible()
    opened.page.locator("[data-columns=all-0][value=decision]").check()
    assert not real.is_visible()


def test_another_condition_can_be_put_beside_clean(opened: Opened) -> None:
    place = opened.page.locator(".chosen.scores-0")
    before = place.get_attribute("data-drawn")
    opened.page.locator("[data-choose=scores-0]").select_option(label="G.711")
    opened.page.wait_for_function(
        "before => document.querySelector('.chosen.scores-0').dataset.drawn !== before", arg=before
    )
    assert "G.711" in (place.get_attribute("aria-label") or "")
    assert place.locator("svg.marks").count() == 1


def test_a_mistake_can_be_heard_and_seen(opened: Opened) -> None:
    player = opened.page.locator(".panel:visible audio").first
    player.evaluate("audio => { audio.muted = true; return audio.play(); }")
    opened.page.wait_for_function(
        "() => document.querySelector('.panel:not([hidden]) audio').currentTime > 0.1"
    )
    assert player.evaluate("audio => audio.duration") == pytest.approx(2.0, abs=0.05)
    player.evaluate("audio => audio.pause()")
    picture = opened.page.locator(".examples img").first
    assert picture.evaluate("image => image.naturalWidth") == 64


def test_the_other_model_is_drawn_when_it_is_chosen(opened: Opened) -> None:
    opened.page.locator("[name=model][value='1']").check()
    panel = opened.page.locator(".panel:visible")
    assert panel.get_attribute("data-model") == "1"
    opened.page.wait_for_function(
        "() => [...document.querySelectorAll('.panel:not([hidden]) .plot')]"
        ".every((plot) => plot.querySelector('svg'))"
    )
    opened.page.locator("[name=model][value='0']").check()
    assert opened.page.locator(".panel:visible").get_attribute("data-model") == "0"


def test_nothing_was_said_and_nothing_left_the_page(opened: Opened) -> None:
    """Last, so that it covers what the other tests did."""
    assert opened.said == []
    assert opened.asked
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert opened.page.title() != "taken"
    assert HOSTILE in opened.page.locator(".examples .id").first.inner_text()


def test_without_scripts_every_figure_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#all-1 th", has_text="Recall (real)").is_visible()
    assert page.locator("#no-script").is_visible()
    context.close()


ELEMENTS = """() => {
  const counts = {};
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    const key = [element.localName, ...element.getAttributeNames().sort()].join(" ");
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}"""


def use(opened: Opened) -> dict[str, int]:
    """Sort, filter, choose, play and point at what there is; then count every kind of element."""
    page = opened.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for model in ("1", "0"):
        page.locator(f"[name=model][value='{model}']").check()
        page.wait_for_function(
            "() => [...document.querySelectorAll('.panel:not([hidden]) .plot')]"
            ".every((plot) => plot.dataset.drawn)"
        )
    for head in page.locator(".panel:visible th button:visible").all():
        head.click()
    for box in page.locator(".panel:visible [data-filter]").all():
        box.fill("<script>alert(11)</script> [")
        box.fill("")
    for choice in page.locator(".panel:visible [data-choose]").all():
        choice.select_option(index=3)
    page.locator(".panel:visible audio").first.evaluate("audio => audio.load()")
    page.locator("[data-chart='roc-0'] svg .mark-line path").first.dispatch_event("mousemove")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.panel:not([hidden]) .plot')]"
        ".every((plot) => plot.dataset.drawn === plot.dataset.chart)"
    )
    return page.evaluate(ELEMENTS)


def test_a_hostile_run_does_nothing_to_its_page(browser: Browser, tmp_path: Path) -> None:
    counts: list[dict[str, int]] = []
    for name, text in (("tame", tame_page()), ("hostile", hostile_page())):
        path = tmp_path / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        opened = Opened(page, path.as_uri())
        counts.append(use(opened))
        assert opened.said == []
        assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []
        assert [url for url in opened.asked if url.startswith("file:")] == [path.as_uri()]
        assert page.locator("svg script, svg a[href], svg image, svg foreignObject").count() == 0
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280, "a long name is broken into lines"
        page.close()
    assert counts[0] == counts[1]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Address of a server on this machine, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def test_what_were_taken_for_markup_still_could_do_nothing(
    browser: Browser, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    """The second wall alone: scripts, handlers and addresses in the page itself are refused."""
    server, reached = listener
    planted = (
        "<script>document.title = 'taken'</script>"
        f"<img src='{server}/a.png' onerror=\"document.title = 'taken'\">"
        "<img src=x onerror=\"document.title = 'taken'\">"
        "<a id=planted href=\"javascript:document.title='taken'\">x</a>"
        "<style>body { display: none }</style>"
        f"<iframe src='{server}/'></iframe>"
        f"<form action='{server}/'><button id=send>x</button></form>"
        f"<object data='{server}/'></object>"
        f"<link rel=stylesheet href='{server}/a.css'>"
        f"<base href='{server}/'>"
    )
    path = tmp_path / "planted.html"
    path.write_text(tame_page().replace("<main>", f"<main>{planted}"), encoding="utf-8")
    page = browser.new_page()
    opened = Opened(page, path.as_uri())
    title = page.title()
    page.locator("#planted").click()
    page.wait_for_timeout(300)
    assert page.title() == title != "taken"
    assert page.locator("#answer").is_visible()
    assert page.url == path.as_uri()
    page.locator("#send").dispatch_event("click")
    page.wait_for_timeout(300)
    assert reached == []
    refused = [line for line in opened.said if "Content Security Policy" in line]
    for rule in ("script-src", "img-src", "style-src", "default-src", "base-uri", "form-action"):
        assert any(rule in line for line in refused), rule
    page.close()

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.report.formatting import figure, interval
from harness.report.glossary import term
from harness.report.page import MOST_BYTES, MOST_SHORTFALLS, render
from harness.results.figures import Reason, Shortfall, Summary, Tally
from harness.results.record import PartRecord
from tests.support.small_run import MODEL, claim, example, published, record, summary

ATTRIBUTES = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background"}
VOID = {"meta", "link", "img", "br", "input", "line", "circle"}


class Document(HTMLParser):
    """Every element with its attributes and the text directly within it, as a browser reads it."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {name: value or "" for name, value in attrs}, list[str]())
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        if any(element[0] == tag for element in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return ["".join(text) for name, _, text in self.elements if name == tag]

    @property
    def visible(self) -> str:
        hidden = ("script", "style")
        return " ".join("".join(text) for tag, _, text in self.elements if tag not in hidden)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes, _ in self.elements if name in attributes]


def page(figures: Summary | None = None, **changes: object) -> str:
    return render(figures or summary(), record(**changes), published(), [example()])


@pytest.fixture(scope="module")
def plain() -> Document:
    return Document(page())


def test_nothing_is_loaded(plain: Document) -> None:
    for name in ATTRIBUTES:
        for value in plain.attributes(name):
            assert value.startswith(("data:", "#")), f"{name}={value[:60]}"
    (style,) = plain.texts("style")
    assert "url(" not in style
    assert "@import" not in style
    assert not plain.attributes("style")


def test_the_policy_allows_the_page_itself_and_nothing_else(plain: Document) -> None:
    (policy,) = [a["content"] for t, a, _ in plain.elements if t == "meta" and "http-equiv" in a]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == rules["media-src"] == "data:"
    assert "unsafe" not in policy

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules["style-src"].split() == [hashed(text) for text in plain.texts("style")]
    assert rules["script-src"].split() == [hashed(text) for text in plain.texts("script")[1:]]


def table(text: str, identifier: str) -> list[list[list[str]]]:
    """Rows of cells of the pieces of text in each, header first."""
    (body,) = re.findall(rf'<table[^>]*id="{identifier}">(.*?)</table>', text, re.S)
    rows = re.findall(r"<tr.*?</tr>", body, re.S)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.S) for row in rows]
    return [[[p for p in re.split(r"<[^>]*>", c) if p.strip()] for c in row] for row in cells]


def test_every_figure_of_the_whole_is_in_the_table() -> None:
    figures = summary()
    head, *lines = table(page(figures), "all-0")
    titles = [cell[0] for cell in head]
    by_condition = {line[0][1]: line for line in lines}
    for row in figures.rows:
        if row.slice != "all":
            continue
        cell = by_condition[row.condition][titles.index(term(row.metric).title)]
        between = interval(row.low, row.high)
        assert cell[0] == figure(row.value)
        assert (between in cell) == bool(between)
        n = int(by_condition[row.condition][titles.index("n")][0])
        assert row.n == n or f"n {row.n}" in cell
    for damage in figures.damage:
        cell = by_condition[damage.condition][titles.index("Δ Accuracy")]
        assert interval(damage.low, damage.high) in ["", *cell]


def test_what_is_missing_is_never_zero() -> None:
    text = page()
    (line,) = [line for line in table(text, "all-0")[1:] if line[0][1] == "crop@0.1s"]
    assert line[3] == ["0"]  # n
    assert [cell for cell in line[4:] if cell[0] != "–"] == [["0.000", "n 200"]]  # coverage
    assert not re.search(r"\b(nan|NaN|None|inf)\b", Document(text).visible)
    assert 'class="missing"' in text


def test_the_answer_comes_before_everything_else(plain: Document) -> None:
    headings = plain.texts("h2")
    assert headings[0] == "The answer"
    assert "Where it breaks" in headings
    assert "How it was made" in headings
    assert "never the sole determiner" in plain.visible


def test_a_synthetic_corpus_is_announced_first() -> None:
    data = record().data.model_copy(update={"synthetic": True})
    text = page(data=data)
    assert "say nothing about any published model" in text
    assert text.index("The corpus is synthetic") < text.index("The answer</h2>")
    assert "The corpus is synthetic" not in page()


def test_too_little_coverage_is_announced_before_any_figure() -> None:
    shortfall = Shortfall(
        MODEL,
        "noise:white@0dB",
        "fake",
        0.899,
        899,
        1000,
        (Reason("rejected", "too short", 60), Reason("error", "", 30)),
    )
    text = page(replace(summary(), tally=Tally(1100, 60, 40, 0), shortfalls=[shortfall]))
    (banner,) = re.findall(r'<div class="banner grave">(.*?)</div>', text, re.S)
    assert text.index(banner) < text.index("The answer</h2>")
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", banner))
    assert shown.strip() == (
        "Too little was scored. 1,100 of 1,200 rows have a score. The suite demands 90 % of every "
        "condition and label; 1 case has less, and its figures are not conclusive. "
        "someone/detector, white noise at 0 dB, fake: 899 of 1,000 clips scored, 89.9 % where 90 % "
        "is the minimum; 60 rejected (too short), 30 failed, 11 for other reasons."
    )
    assert "Too little was scored" not in page(replace(summary(), shortfalls=[]))


def test_many_shortfalls_are_folded() -> None:
    figures = summary()
    many = figures.shortfalls[:1] * 300
    document = Document(page(replace(figures, shortfalls=many)))
    lines = [text for text in document.texts("li") if "is the minimum" in text]
    assert len(lines) == MOST_SHORTFALLS
    assert "294 more" in document.visible
    assert "100 more are not listed" in document.visible


@pytest.mark.parametrize(
    ("finished", "words"),
    [(None, "An unfinished run"), ("2025-01-01T12:01:00Z", "A table with rows missing")],
)
def test_missing_rows_are_announced_before_any_figure(finished: str | None, words: str) -> None:
    text = page(replace(summary(), tally=Tally(1234, 0, 0, 10646)), finished=finished)
    sentence = f"{words}: 1,234 of 11,880 rows."
    assert text.index(sentence) < text.index("The answer</h2>")
    assert "10,646 missing" in text
    assert "1,234 of 11,880 rows were scored" in text
    assert words not in page(finished=finished)


def test_the_policy_for_clips_without_a_score_is_said() -> None:
    assert "Clips without a score are in no figure but coverage." in page()
    assert "Clips without a score were decided" not in page()
    for policy, words in (("wrong", "a real clip as called fake"), ("real", "a fake as missed")):
        text = page(replace(summary(), policy=policy))
        assert "Clips without a score are in no figure but coverage." not in text
        assert text.index(words) < text.index("The answer</h2>")
        assert text.count("Figures of ranking, such as the EER, need a score") == 3


def test_the_page_stays_below_its_size() -> None:
    noise = bytes(range(256)) * 1200
    many = [replace(example(f"{place}.wav"), audio=noise) for place in range(10)]
    small = example("small.wav")
    figures = summary()
    (mistake,) = figures.mistakes
    known = [replace(mistake, clip_id=shown.clip_id) for shown in (*many, small)]
    text = render(replace(figures, mistakes=known), record(), published(), [*many, small])
    assert len(text.encode("utf-8")) < MOST_BYTES
    kept = text.count("<audio ")
    assert 1 < kept < 10
    assert f"{11 - kept} more did not fit" in text
    assert "small.wav" in text  # one that does not fit leaves room for one that does


def test_only_what_the_page_tells_of_is_heard() -> None:
    """A run keeps what turned against one baseline; without that it would pass for a mistake."""
    text = render(summary(), record(), published(), [example("turned.wav"), example()])
    assert text.count("<audio ") == 1
    assert "turned.wav" not in text
    assert "did not fit" not in text


def test_a_claim_is_told_with_its_margin_and_both_sampling_errors() -> None:
    text = " ".join(Document(page()).visible.split())
    equivalent = "Within ±0.02 the two are equivalent (two one-sided tests at 5 %)"
    for phrase in (equivalent, "fake positive.", "n 5,000", "−0.046 to 0.014", "undecided"):
        assert phrase in text, phrase
    assert "measured on different clips" in text


def test_claims_on_the_same_clips_are_not_set_apart() -> None:
    data = record().data.model_copy(
        update={"spec": "hub:someone/testset:test", "real": 6247, "fake": 7229}
    )
    assert "measured on different clips" not in page(data=data)


def test_claims_of_the_other_class_are_held_against_that_class() -> None:
    figures = replace(summary(), claims=[claim(MODEL, "recall_real", 0.97, 0.9, "different")])
    text = " ".join(Document(page(figures)).visible.split())
    assert "Clean clips, real positive." in text
    assert "Fake positive" in text
    assert "lower" in text


def test_every_model_has_its_panel() -> None:
    models = (MODEL, "another/model")
    text = render(
        summary(models), record(models), published(), [example(), example(model=models[1])]
    )
    document = Document(text)
    assert len([a for t, a, _ in document.elements if a.get("class") == "panel"]) == 2
    assert document.texts("h2").count("another/model") == 1
    identifiers = document.attributes("id")
    assert len(identifiers) == len(set(identifiers))
    for target in document.attributes("href"):
        assert target.startswith("data:") or target[1:] in identifiers


def test_a_run_without_anything_still_gives_a_page() -> None:
    empty = Summary([], [], [], [], [], [], [], [], 1000, 0, "excluded", Tally(0, 0, 0, 0), [])
    suite = record().suite.model_copy(update={"conditions": record().suite.conditions[:1]})
    document = Document(render(empty, record(suite=suite), None, []))
    assert "accuracy is unknown" in document.visible
    assert "no published figures" in document.visible


def test_limitations_name_the_conditions_that_test_them(plain: Document) -> None:
    text = page()
    rows = {line[0][0]: line[1][0] for line in table(text, "limits")[1:]}
    assert rows["Loud noise."] == "by 3 conditions; most damage: white noise at 0 dB"
    assert rows["Works best at 16 kHz."] == "not by any condition of this suite"
    assert rows["Never the sole determiner."] == "not by any condition of this suite"


def test_tables_have_captions_and_pictures_have_words(plain: Document) -> None:
    tables = [t for t, _, _ in plain.elements if t == "table"]
    assert len(plain.texts("caption")) == len(tables)
    assert all(a.get("alt") for t, a, _ in plain.elements if t == "img")
    assert all(a.get("aria-label") for _, a, _ in plain.elements if a.get("role") == "img")


def test_the_same_run_gives_the_same_page() -> None:
    assert page() == page()


def test_importing_the_report_leaves_torch_alone() -> None:
    code = "import sys, harness.report.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_noted_on_the_way_is_on_the_page() -> None:
    note = "its first 32 values lie in [0, 1] & are <read> as log-odds"
    parts = [PartRecord(started="", notes=[note]), PartRecord(started="", notes=[note, "again"])]
    text = page(parts=parts)
    assert (
        text.count("its first 32 values lie in [0, 1] &amp; are &lt;read&gt; as log-odds<br>") == 1
    )
    assert "On the way" not in page()

"""Untrusted text within Markdown, where it is neither markup nor a link nor a mention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import punctuation

from harness.report.section import Section, View

_LONGEST_TEXT = 200
_LONGEST_SENTENCE = 2000
_GAP = "\N{ZERO WIDTH SPACE}"
_ESCAPES = str.maketrans(
    {letter: f"\\{letter}" for letter in "\\`*_[]~"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "@": f"@{_GAP}", "#": f"#{_GAP}"}
)


def line(cells: Sequence[str]) -> str:
    """Return a row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def sections_text(sections: Sequence[Section[View]], view: View) -> Iterator[str]:
    """Yield what sections of a page say, line by line, without their charts."""
    for section in sections:
        content = section.build(view)
        if content is None:
            continue
        yield from (f"## {section.title}", "")
        for sentence in (*content.get("lead", ()), *content.get("text", ())):
            yield from (prose(sentence, _LONGEST_SENTENCE), "")
        for table in content.get("tables", ()):
            columns = table.text_columns
            yield from (line([prose(c.title) for c in columns]), line(["---"] * len(columns)))
            for item in table.items:
                head, *cells = ([*map(prose, c.cell_of(item).lines)] for c in columns)
                first = "<br>".join([code(columns[0].cell_of(item).text), *head[1:]])
                yield line([first, *map("<br>".join, cells)])
            yield ""
        for sentence in (*content.get("points", ()), *content.get("notes", ())):
            yield f"- {prose(sentence, _LONGEST_SENTENCE)}"
        yield ""


def code(text: str) -> str:
    """Return a name as code; nothing in it is markup, a link or a mention."""
    plain = _short(text)
    if not set(plain) & set("`|\\"):
        return f"`{plain}`"
    # What ends a cell or a code span; as entities, none of it is markup to any reader.
    return f"<code>{''.join(f'&#{ord(c)};' if c in punctuation else c for c in plain)}</code>"


def prose(text: str, most: int = _LONGEST_TEXT) -> str:
    """Return prose that neither ends a table cell nor becomes markup, a link or a mention."""
    plain = _short(text, most).replace("://", f":{_GAP}//").replace("www.", f"www{_GAP}.")
    return plain.translate(_ESCAPES)


def _short(text: str, most: int = _LONGEST_TEXT) -> str:
    plain = clean(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def clean(text: str) -> str:
    """Return text on one line, without characters that XML forbids."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()

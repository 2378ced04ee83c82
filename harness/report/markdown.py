"""Untrusted text within Markdown, where it is neither markup nor a link nor a mention."""

from __future__ import annotations

from collections.abc import Sequence
from string import punctuation

_LONGEST_TEXT = 200
_GAP = "\N{ZERO WIDTH SPACE}"
_ESCAPES = str.maketrans(
    {letter: f"\\{letter}" for letter in "\\`*_[]~"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "@": f"@{_GAP}", "#": f"#{_GAP}"}
)


def line(cells: Sequence[str]) -> str:
    """Return a row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return a name as code; nothing in it is markup, a link or a mention."""
    plain = _short(text)
    if not set(plain) & set("`|\\"):
        return f"`{plain}`"
    # What ends a cell or a code span; as entities, none of it is markup to any reader.
    return f"<code>{''.join(f'&#{ord(c)};' if c in punctuation else c for c in plain)}</code>"


def prose(text: str) -> str:
    """Return prose that neither ends a table cell nor becomes markup, a link or a mention."""
    plain = _short(text).replace("://", f":{_GAP}//").replace("www.", f"www{_GAP}.")
    return plain.translate(_ESCAPES)


def _short(text: str) -> str:
    plain = clean(text)
    return plain if len(plain) <= _LONGEST_TEXT else f"{plain[: _LONGEST_TEXT - 1]}…"


def clean(text: str) -> str:
    """Return text on one line, without characters that XML forbids."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()

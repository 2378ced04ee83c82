"""Numbers and names as text, for all pages, files and sentences.

A missing value is `–`, never 0. Minus is U+2212, so that it cannot be taken for a hyphen.
"""

from __future__ import annotations

import math
import unicodedata

MISSING = "–"
DIGITS = 4
"""Digits of a gate's figures: margins are often 0.01, and intervals must show the difference."""

# Bidirectional controls reorder the text around them; a name must not disguise itself.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def figure(value: float, digits: int = 3) -> str:
    """Return a value with fixed digits after the point; `–` where it is not finite."""
    if not math.isfinite(value):
        return MISSING
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) > 0 else text


def signed(value: float, digits: int = 3) -> str:
    """Return a difference: as `figure`, with a plus where it is above zero."""
    text = figure(value, digits)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def interval(low: float, high: float, digits: int = 3) -> str:
    """Return `0.921 to 0.974`; empty where there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{figure(low, digits)} to {figure(high, digits)}"


def measured(value: float, low: float, high: float, digits: int = 3, *, sign: bool = False) -> str:
    """Return `0.950 (0.921 to 0.974)`, without the interval where it is unknown."""
    text, between = (signed if sign else figure)(value, digits), interval(low, high, digits)
    return f"{text} ({between})" if between else text


def probability(value: float) -> str:
    """Return a probability, never as certainty: `<0.001`, `>0.999`; `–` where unknown."""
    if value < 0.001:
        return "<0.001"
    return ">0.999" if value > 0.999 else figure(value)


def quantity(value: float, unit: str = "", digits: int = 6) -> str:
    """Return `−5 dB`, `4.75 kbit/s`, with that many significant digits."""
    text = f"{value:.{digits}g}".replace("-", "−")
    return f"{text} {unit}" if unit else text


def share(value: float) -> str:
    """Return `98.3 %`; `–` where it is unknown."""
    return f"{value:.1%}".replace("%", " %") if math.isfinite(value) else MISSING


def percent(part: int, whole: int) -> str:
    """Return a share, rounded down, so that it never appears to reach a minimum that it misses."""
    return f"{part * 1000 // whole / 10:.1f} %"


def count(number: int) -> str:
    """Return `13,476`."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return `1 clip`, `13,476 clips`."""
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def visible(text: str) -> str:
    """Spell out control, bidirectional and unpaired surrogate characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in "\n\t":
        return character
    if character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs"):
        return f"\\u{ord(character):04x}"
    return character


def listed(items: list[str], word: str = "and") -> str:
    """Return `a, b and c`."""
    return (
        f" {word} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
    )

"""Which class a card's own words give to which output of its model."""

from __future__ import annotations

import re

from harness.claims.claim import Side

_REAL = r"real|bona[ -]?fide|genuine|human|authentic"
_FAKE = r"fake|spoof(?:ed)?|deepfake|synthetic|synthesi[sz]ed|ai"
_CLASS = rf"[\"'`*]*(?P<label>{_REAL}|{_FAKE})\b[\"'`*]*(?: (?:audio|speech|voice))?[\"'`*]*"
_INDEX = r"[\"'`]?(?<![\w.])(?P<index>[01])(?![\w.])[\"'`]?"
_NAMINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_INDEX} ?(?::|=|->|→|as|is|means) ?{_CLASS}",
        rf"{_CLASS} ?(?::|=|->|→|as|is|\()(?: index| class| label)? ?{_INDEX}",
    )
)
_IS_REAL = re.compile(_REAL, re.IGNORECASE)


def named_indices(text: str) -> dict[int, set[Side]]:
    """Classes that a text gives to output 0 and to output 1; both for one is a contradiction.

    Finds namings such as `0: real audio`, `Fake (0)`, `real = 0`; what is said in other words is
    not found.
    """
    found: dict[int, set[Side]] = {}
    for pattern in _NAMINGS:
        for match in pattern.finditer(text):
            side: Side = "real" if _IS_REAL.fullmatch(match["label"]) else "fake"
            found.setdefault(int(match["index"]), set()).add(side)
    return found

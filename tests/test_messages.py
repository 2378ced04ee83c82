"""Fault messages read as one sentence: place, what is wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.messages import Message, messages, page
from tests.support.paths import ROOT

MESSAGES = messages()

_VERBS = """
accept add calibrate check choose convert copy correct delete end finish free give git harness
install keep leave let link list listen make mend merge move name perturb pip plan put quote
reduce remove rename return run save say score see separate set start sweep take train try unpack
use wait wrap write
"""
IMPERATIVES = frozenset(_VERBS.split())
NAMES = ("MLAAD", "NaN", "Ray")
"""What begins with a capital anywhere in a sentence."""
STATEMENTS = (
    "the same command",
    "there are: ",
    "accepted are ",
    "parts are ",
    "one of ",
    "pickled weights are never opened: convert",
    "--batch-size 1 ",
    "--workers 1 ",
    "did you mean ",
)
"""How a fix may begin that is no command."""


def alternatives(text: str) -> list[str]:
    """Return `a` and `b` of `(a | b)`; other texts as they are."""
    whole = re.fullmatch(r"\((.*)\)", text)
    return whole[1].split(" | ") if whole and " | " in text else [text]


def is_command(fix: str) -> bool:
    word = re.split(r"[\s,:]", fix.removeprefix("or "))[0]
    return not fix or fix.startswith(("{", *STATEMENTS)) or word in IMPERATIVES


RULES: dict[str, Callable[[Message], bool]] = {
    "starts in lower case": lambda message: (
        not message.what[:1].isupper() or message.what.startswith(NAMES)
    ),
    "has no full stop at the end": lambda message: not re.search(r"(?<!…)\.$", message.line),
    "has no doubled blank": lambda message: "  " not in message.line,
    "says what to do": lambda message: all(map(is_command, alternatives(message.fix))),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_message(rule: str) -> None:
    assert [f"{m.module}: {m.line}" for m in MESSAGES if not RULES[rule](m)] == []


def test_the_list_is_what_the_source_says() -> None:
    listed = (ROOT / "tests" / "messages.txt").read_text(encoding="utf-8")
    assert listed == page(), "run make docs"


def test_messages_are_found_with_their_parts() -> None:
    lines = {message.line for message in MESSAGES}
    assert "{out}: exists already; name a new directory" in lines
    assert "{run}: another run is at work in it; wait for it, or choose another --out" in lines
    assert len(MESSAGES) > 300

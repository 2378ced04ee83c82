"""Figures that a card reports of one test, with the decimals that it was written with.

Conventions: figures are fractions between 0 and 1, whatever the card wrote them as. A rounded
figure stands for every value that rounds to it: the closed range of half a unit of its last decimal
to either side. How ties are rounded therefore does not matter; a truncated figure may lie outside
its range.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from harness.claims.published import Published, load_published, published_path
from harness.storage.storage import contents

Side = Literal["fake", "real"]

SHARES = ("accuracy", "precision", "recall", "f1")
"""The figures that follow from a confusion table and can be checked against each other."""

_SINGLE_PRECISION = Decimal("1e-7")
"""Half width below which no range goes: the figure may have been computed in single precision."""

_FINEST_EXPONENT = -30


class ValueRange(NamedTuple):
    """Values from `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float, slack: float = 1e-12) -> bool:
        return self.low - slack <= value <= self.high + slack

    def overlaps(self, other: ValueRange, slack: float = 1e-12) -> bool:
        return self.low <= other.high + slack and other.low <= self.high + slack


@dataclass(frozen=True)
class Reported:
    """A figure of a card: its text, its value as a fraction, the values that round to it."""

    text: str
    value: float
    span: ValueRange


@dataclass(frozen=True)
class Claim:
    """Figures that a card reports of one test.

    Parameters
    ----------
    title
        Model, and data set where the card names one.
    figures
        By the names of `SHARES`, without those that the card does not give.
    positive
        The class that precision, recall and F1 refer to.
    fake, real, clips
        Counts of the test set; None where the card does not give one.
    passes
        Clips of a validation pass, where that is fewer than the set has.
    noted
        Impossible values and contradictions in the card's own words.
    unread
        Figures that could not be checked, with the reason.
    wording
        Its text, as far as known.
    """

    title: str
    figures: dict[str, Reported]
    positive: Literal["fake", "real", "unstated"] = "unstated"
    fake: int | None = None
    real: int | None = None
    clips: int | None = None
    passes: int | None = None
    noted: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    wording: str = ""

    @property
    def counts(self) -> dict[Side, int] | None:
        """Clips of both classes, where two of the three counts determine them."""
        fake, real, clips = self.fake, self.real, self.clips
        if fake is None and real is not None and clips is not None:
            fake = clips - real
        elif real is None and fake is not None and clips is not None:
            real = clips - fake
        if fake is None or real is None or min(fake, real) < 0 or fake + real == 0:
            return None
        return {"fake": fake, "real": real}

    @property
    def total(self) -> int | None:
        return self.clips if self.counts is None else sum(self.counts.values())

    @property
    def sides(self) -> tuple[Side, ...]:
        """The classes that may be the positive one."""
        return ("fake", "real") if self.positive == "unstated" else (self.positive,)

    @property
    def spans(self) -> dict[str, ValueRange]:
        return {name: reported.span for name, reported in self.figures.items()}


def as_written(number: Decimal, *, percent: bool = False) -> Reported:
    """A figure from its decimals; 96.62 with `percent` is 0.9662 with four of them.

    Raises
    ------
    ValueError
        For a number that is not finite, or not between 0 and 1 (100 %).
    """
    if not number.is_finite() or not 0 <= number <= (100 if percent else 1):
        raise ValueError("no share between 0 and 1, or 0 and 100 %")
    share = number / 100 if percent else number
    half = Decimal(5).scaleb(max(int(number.as_tuple().exponent), _FINEST_EXPONENT) - 1)
    half = max(half / 100 if percent else half, _SINGLE_PRECISION)
    span = ValueRange(float(max(share - half, Decimal(0))), float(min(share + half, Decimal(1))))
    return Reported(f"{number}{' %' if percent else ''}", float(share), span)


def claim_of_file(name_or_path: str) -> Claim:
    """Read the claim in a TOML file of published figures, given by path or by a shipped name.

    Raises
    ------
    UsageError
        As `harness.claims.published.load_published`.
    """
    published = load_published(name_or_path)
    text = contents(published_path(name_or_path)).decode()
    figures: dict[str, Decimal | int] = tomllib.loads(text, parse_float=Decimal)["figures"]
    return _claim(published, {name: Decimal(value) for name, value in figures.items()})


def claim_of(published: Published) -> Claim:
    """The claim in figures that were already parsed; trailing zeros of the text are lost."""
    given = published.figures.given().items()
    return _claim(published, {name: Decimal(str(value)) for name, value in given})


def _claim(published: Published, figures: dict[str, Decimal]) -> Claim:
    counts = published.test_set
    return Claim(
        title=published.model,
        figures={name: as_written(figures[name]) for name in SHARES if name in figures},
        positive=published.positive,
        fake=counts.fake if counts else None,
        real=counts.real if counts else None,
        passes=published.val_samples,
        noted=published.contradictions,
        wording="\n".join((*published.wording, *published.contradictions)),
    )


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


def output_classes(text: str) -> dict[int, set[Side]]:
    """Classes that a text gives to model output 0 and to output 1; both for one contradict.

    Finds phrases such as `0: real audio`, `Fake (0)`, `real = 0`, and no other wording.
    """
    classes: dict[int, set[Side]] = {}
    for pattern in _NAMINGS:
        for match in pattern.finditer(text):
            side: Side = "real" if _IS_REAL.fullmatch(match["label"]) else "fake"
            classes.setdefault(int(match["index"]), set()).add(side)
    return classes

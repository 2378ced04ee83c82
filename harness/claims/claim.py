"""What a card reports of one test, with as many decimals as it was written with.

Conventions: figures are fractions between 0 and 1, whatever the card wrote them as. A figure that
was rounded stands for every value that rounds to it: the closed span of half a unit of its last
decimal to either side. Whether a tie was rounded up, down or to even is therefore of no
consequence; a figure that was cut off instead of rounded may lie outside its span.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from harness.claims.published import Published, load_published, published_path
from harness.storage.storage import contents

Side = Literal["fake", "real"]

SHARES = ("accuracy", "precision", "recall", "f1")
"""The figures that are shares of a confusion table and can be held against each other."""

_SINGLE_PRECISION = Decimal("1e-7")
"""A figure printed in full may have been computed in single precision: no span is narrower."""

_FINEST_EXPONENT = -30


class Span(NamedTuple):
    """Values from `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float, slack: float = 1e-12) -> bool:
        return self.low - slack <= value <= self.high + slack

    def meets(self, other: Span, slack: float = 1e-12) -> bool:
        return self.low <= other.high + slack and other.low <= self.high + slack


@dataclass(frozen=True)
class Reported:
    """A figure as the card has it: its text, the fraction that it is, what it may have been."""

    text: str
    value: float
    span: Span


@dataclass(frozen=True)
class Claim:
    """What a card reports of one test.

    Parameters
    ----------
    title
        Model, and data set where the card names one.
    figures
        By the names of `SHARES`; those that are not given are not in it.
    positive
        Which class precision, recall and F1 are of.
    fake, real, clips
        Counts of the test set; None where the card does not give one.
    passes
        How many clips a validation pass took, where that is fewer than the set has.
    noted
        What of the card is impossible or excludes itself by its words.
    wording
        What it says in words, as far as that is known.
    unread
        What it gives and could not be checked, with the reason.
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
        """Clips of both classes, where two of the three counts tell them."""
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
        """Clips of the test set, of either class."""
        return self.clips if self.counts is None else sum(self.counts.values())

    @property
    def sides(self) -> tuple[Side, ...]:
        """The classes that may be the positive one."""
        return ("fake", "real") if self.positive == "unstated" else (self.positive,)

    def span(self, name: str) -> Span | None:
        return self.figures[name].span if name in self.figures else None


def as_written(number: Decimal, *, percent: bool = False) -> Reported:
    """A figure from its decimals; 96.62 with `percent` is 0.9662 with four of them.

    Raises
    ------
    ValueError
        Where it is no share: not finite, below 0, above 1 or 100 %.
    """
    if not number.is_finite() or not 0 <= number <= (100 if percent else 1):
        raise ValueError("no share between 0 and 1, or 0 and 100 %")
    share = number / 100 if percent else number
    half = Decimal(5).scaleb(max(int(number.as_tuple().exponent), _FINEST_EXPONENT) - 1)
    half = max(half / 100 if percent else half, _SINGLE_PRECISION)
    span = Span(float(max(share - half, Decimal(0))), float(min(share + half, Decimal(1))))
    return Reported(f"{number}{' %' if percent else ''}", float(share), span)


def claim_of_file(name_or_path: str) -> Claim:
    """The claim in a TOML file of published figures, or in one that comes along, by its name.

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
    """The claim in figures that were read already; closing zeros of the text are not known."""
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

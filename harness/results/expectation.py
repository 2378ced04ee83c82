"""Measurements that perturbed audio must have: expected values, and comparisons with them.

Each perturbation states what it does to any clip, and a condition joins its steps. The engine
checks each row before it is scored, and the report each condition. None means no expectation.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Changes = Literal["never", "maybe", "some", "each"]
"""Clips that a condition changes, silent ones aside: none (`never`), each, some of many (it
leaves clips that were treated so already), or `maybe` none."""

_RANK: dict[Changes, int] = {"never": 0, "maybe": 1, "some": 2, "each": 3}

SNR_TOLERANCE_DB = 0.5
"""Noise is scaled to its ratio, so measurements are off by rounding alone: under 0.001 dB."""

LENGTH_TOLERANCE_S = 0.002
"""Lengths are rounded to a sample at each rate: under 0.2 ms from 4 kHz upwards."""

DELAY_TOLERANCE_S = 0.005
"""Medians are within 0.1 ms for speech; a tone fits itself at several places, some 2 ms apart. A
coder whose delay is not compensated is late by a frame: 10 ms or more."""

BAND_TOLERANCE = 1.05
"""Tolerated above the edge that a name implies; medians end below it, at worst by 2 %."""

_ROUNDINGS = 4
"""Samples that a chain may be off at the rate of the clip, which matters below 2 kHz."""

SHORTEST_S = 0.01
"""A handful of samples may come out of any step unchanged."""

BAND_EDGE_DB = 50.0
"""A band ends at the highest frequency whose power is no further below the strongest."""

PREFIX = "contradicts its condition: "
"""Begins the reason of a row whose audio is not what its condition says."""


class Length(BaseModel):
    """The length of a clip of x seconds afterwards: x * factor + plus_s, within bounds.

    `exact` is False where that is only the longest that it may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float = 1.0
    plus_s: float = 0.0
    at_least_s: float = 0.0
    at_most_s: float | None = None
    exact: bool = True

    def of(self, clean_s: float) -> float:
        length = max(self.at_least_s, clean_s * self.factor + self.plus_s)
        return length if self.at_most_s is None else min(self.at_most_s, length)

    def then(self, later: Length) -> Length:
        """Return both, one after the other: bounded straight lines are closed under that."""
        capped = self.at_most_s is not None
        return Length(
            factor=self.factor * later.factor,
            plus_s=self.plus_s * later.factor + later.plus_s,
            at_least_s=later.of(self.at_least_s),
            at_most_s=later.of(self.at_most_s or 0.0) if capped else later.at_most_s,
            exact=self.exact and later.exact,
        )

    @property
    def proportional(self) -> bool:
        """Whether the length is a multiple of the clip's and nothing else."""
        return self.exact and not (self.plus_s or self.at_least_s or self.at_most_s is not None)

    @property
    def words(self) -> str:
        """`as before`, `at most 0.5 s`, `1.5 × the clip`, `10.24 s`."""
        if self.at_most_s is not None and self.at_most_s <= self.at_least_s:
            return f"{'' if self.exact else 'at most '}{self.at_most_s:g} s"
        parts: list[str] = []
        if self.factor != 1:
            parts.append(f"{self.factor:.4g} × the clip")
        if self.plus_s:
            parts.append(f"{self.plus_s:g} s more")
        if self.at_least_s > self.plus_s:
            parts.append(f"at least {self.at_least_s:g} s")
        if self.at_most_s is not None:
            parts.append(f"at most {self.at_most_s:g} s")
        if not self.exact:
            parts.append("or less" if parts else "not longer")
        return ", ".join(parts) or "as before"

    def contradiction(self, clean_s: float, seconds: float, tolerance_s: float) -> str:
        """Say what is wrong with a length of `seconds`; empty where nothing is."""
        due_s = self.of(clean_s)
        too_long = seconds > due_s + tolerance_s
        too_short = self.exact and seconds < due_s - tolerance_s
        if not (too_long or too_short):
            return ""
        return f"{seconds:.3f} s long instead of {'' if self.exact else 'at most '}{due_s:.3f} s"


class Expectation(BaseModel):
    """The expected measurements of a row, and of a condition's rows together.

    Parameters
    ----------
    snr_db
        Of the noise that was added last.
    length
        None where it does not follow from the length before.
    in_place
        Whether content stays at its place in time.
    band_hz
        The highest frequency that the condition lets through; None where its name implies none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: Changes = "each"
    snr_db: float | None = None
    length: Length | None = Length()
    in_place: bool = True
    band_hz: float | None = None

    @property
    def words(self) -> list[str]:
        """Each expectation in words."""
        lines = {"never": ["not changed"], "each": ["changed"]}.get(self.changes, [])
        if self.snr_db is not None:
            lines.append(f"SNR {self.snr_db:g} dB")
        if self.length is not None:
            lines.append(f"length {self.length.words}")
        if self.in_place:
            lines.append("content in place")
        if self.band_hz is not None:
            lines.append(f"nothing above {self.band_hz / 1000:.4g} kHz")
        return lines

    def then(self, later: Expectation, keeps_band: bool) -> Expectation:
        """Join two steps; `keeps_band` where the later one adds no frequency."""
        known = self.length is not None and later.length is not None
        bands = [later.band_hz, self.band_hz if keeps_band else None]
        return Expectation(
            changes=max(self.changes, later.changes, key=_RANK.__getitem__),
            snr_db=self.snr_db if later.snr_db is None else later.snr_db,
            length=self.length.then(later.length) if known else None,  # pyright: ignore[reportOptionalMemberAccess, reportArgumentType]
            in_place=self.in_place and later.in_place,
            band_hz=min((band for band in bands if band is not None), default=None),
        )

    def contradiction(
        self,
        *,
        rate_hz: int,
        clean_s: float,
        seconds: float,
        snr_db: float,
        changed: bool,
        silent: bool,
    ) -> str:
        """Say what about a row is not as expected; empty where everything is.

        Parameters
        ----------
        rate_hz
            Of the clip, at which steps round lengths to a sample.
        clean_s, seconds
            Length before and after.
        silent
            Whether the clip is silent, which a lossy step may leave unchanged.
        """
        faults: list[str] = []
        if self.snr_db is not None and not abs(snr_db - self.snr_db) <= SNR_TOLERANCE_DB:
            faults.append(f"SNR {snr_db:.2f} dB instead of {self.snr_db:g} dB")
        if self.length is not None:
            tolerance_s = max(LENGTH_TOLERANCE_S, _ROUNDINGS / rate_hz)
            faults.append(self.length.contradiction(clean_s, seconds, tolerance_s))
        if self.changes == "each" and not (changed or silent) and clean_s >= SHORTEST_S:
            faults.append("the clip was not changed")
        if self.changes == "never" and changed:
            faults.append("the clip was changed")
        return ", ".join(fault for fault in faults if fault)


def clip_contradiction(expects: Expectation, delay_s: float, bandwidth_hz: float) -> str:
    """Say what of one clip's delay and band is not as expected; empty where everything is.

    A run goes by most of its clips instead: one that was damaged beyond recognition may seem late.
    """
    faults: list[str] = []
    if expects.in_place and abs(delay_s) > DELAY_TOLERANCE_S:
        faults.append(f"content {1000 * abs(delay_s):.1f} ms {'late' if delay_s > 0 else 'early'}")
    if expects.band_hz is not None and bandwidth_hz > BAND_TOLERANCE * expects.band_hz:
        faults.append(
            f"sound up to {bandwidth_hz / 1000:.4g} kHz instead of {expects.band_hz / 1000:.4g} kHz"
        )
    return ", ".join(faults)


AS_IT_IS = Expectation(changes="never")
"""The expectation of a chain without steps."""


def contradicts(reason: str) -> bool:
    """Whether a row's reason is that its audio is not what its condition says."""
    return reason.startswith(PREFIX)

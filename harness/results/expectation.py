"""What must be measured of audio, going by the name of its condition: values and comparisons alone.

Each perturbation says what it does to any clip, a condition joins its steps, the engine holds each
row against that before it is scored, and the report each condition. Conventions: seconds, Hz and
dB in the names; an expectation that is None is none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Changes = Literal["never", "maybe", "some", "each"]
"""Which clips that are not silent a condition changes: no clip (`never`), each, some of many (it
leaves a clip that has had it done already), or `maybe` none."""

_RANK: dict[Changes, int] = {"never": 0, "maybe": 1, "some": 2, "each": 3}

SNR_TOLERANCE_DB = 0.5
"""Noise is scaled to its ratio, so what is measured is off by rounding: under 0.001 dB."""

LENGTH_TOLERANCE_S = 0.002
"""Lengths are rounded to a sample at each rate on the way: under 0.2 ms from 4 kHz upwards."""

DELAY_TOLERANCE_S = 0.005
"""Healthy medians are within 0.1 ms for speech; a tone fits itself at several places, some 2 ms
apart. A coder whose delay is not taken out is late by a frame, which is 10 ms or more."""

BAND_TOLERANCE = 1.05
"""Above the edge that a name implies. Healthy medians end below it, at worst 2 % short of it."""

_ROUNDINGS = 4
"""Samples that a chain may be off, at the rate of the clip: it is that which counts below 2 kHz."""

SHORTEST_S = 0.01
"""A handful of samples may come out of anything as it was."""

BAND_EDGE_DB = 50.0
"""A band ends at the highest frequency whose power is so far below the strongest."""

PREFIX = "contradicts its condition: "
"""How the reason of a row begins whose audio is not what its condition says."""


class Length(BaseModel):
    """The length that a clip of x seconds has afterwards: x * factor + plus_s, within bounds.

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
        """Both, one after the other: bounded straight lines are closed under that."""
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
        """Whether the length is a multiple of the clip's, once included, and nothing else."""
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
        """What is wrong with a length of `seconds`; empty where nothing is."""
        wanted_s = self.of(clean_s)
        too_long = seconds > wanted_s + tolerance_s
        too_short = self.exact and seconds < wanted_s - tolerance_s
        if not (too_long or too_short):
            return ""
        return f"{seconds:.3f} s long instead of {'' if self.exact else 'at most '}{wanted_s:.3f} s"


class Expectation(BaseModel):
    """What is said of the measurements of a row, and of a condition's rows together.

    Parameters
    ----------
    changes
        Which clips differ from what they were.
    snr_db
        Of the noise that was added last; None where none is.
    length
        None where the length before does not tell.
    in_place
        Whether content stays at its place in time.
    band_hz
        The highest frequency that the condition lets through; None where the name says none.
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
        """Both steps; `keeps_band` where the later one puts out no frequency that did not go in."""
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
        """Everything about a row that is not as expected, in words; empty where all of it is.

        Parameters
        ----------
        rate_hz
            Of the clip, at which steps round lengths to a sample.
        clean_s, seconds
            Length of the clip and of what became of it.
        silent
            Whether the clip is silent, which a lossy step may leave as it is.
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
    """What of one clip's place in time and band is not as expected, in words; empty where nothing.

    The rest is `Expectation.contradiction`. A run goes by most of its clips: one that was damaged
    beyond recognition may seem late.
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
"""Of no step at all."""


def contradicts(reason: str) -> bool:
    """Whether a row's reason says that its audio is not what its condition says."""
    return reason.startswith(PREFIX)

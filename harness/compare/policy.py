"""Release policies: TOML files of requirements, validated when read.

A policy has `version`, `name` and any number of `[[require]]` tables. A requirement names a metric
and where it applies (`conditions`, `families`, both, or neither: everywhere), and sets at least
one of `margin` (how much worse than the baseline it may be), `at_least` and `at_most` (bounds on
the figure itself).

Version 2 has tiers: a requirement may be on a mean over perturbed conditions (`over`), or one that
can only fail the gate (`veto`), and the policy says which generators its differences hold for.
Policies of version 1 are judged as before.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from harness.compare.verdict import Tier
from harness.errors import UsageError, closest
from harness.metrics import METRICS
from harness.storage.shipped import shipped
from harness.storage.storage import contents
from harness.terms import Generators

VERSION = 2
DEFAULT = "release"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Bound = Annotated[float, Field(allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
"""A list in TOML."""
Undecided = Literal["inconclusive", "fail", "pass"]
Over = Literal["conditions", "mean", "families"]

_TIERS_OF: dict[Over, Tier] = {"mean": "mean", "families": "family", "conditions": "condition"}


class Requirement(BaseModel, frozen=True, extra="forbid", strict=True):
    """One metric, where it applies, and how good it must be.

    Parameters
    ----------
    conditions, families
        Names; every condition where both are empty.
    margin
        How much worse than the baseline the candidate may be.
    at_least, at_most
        Bounds of the figure itself, within the metric's range.
    undecided
        Overrides the policy's.
    over
        `conditions`: each where it applies. `mean`: the mean over all perturbed conditions.
        `families`: the mean over each family of two and more, or over those named in `families`.
    veto
        Whether it can only fail the gate: it passes unless a loss beyond the margin is shown.
    """

    metric: str
    conditions: Names = ()
    families: Names = ()
    margin: Annotated[Bound, Field(ge=0)] | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    undecided: Undecided | None = None
    over: Over = "conditions"
    veto: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Requirement:
        if self.metric not in METRICS:
            near = closest(self.metric, METRICS)
            meant = f"did you mean {near!r}?" if near else f"metrics are {', '.join(METRICS)}"
            raise ValueError(f"unknown metric {self.metric!r}; {meant}")
        if self.margin is not None and self.metric not in METRICS.compared:
            raise ValueError(
                f"{self.metric!r} is not compared and can have no margin; compared are "
                f"{', '.join(METRICS.compared)}"
            )
        if self.margin is None and not self.absolute:
            raise ValueError("says nothing: give it margin, at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        if self.over != "conditions" and (self.absolute or self.conditions):
            raise ValueError(f"over = {self.over!r} takes a margin, and no conditions or bounds")
        if self.over == "mean" and self.families:
            raise ValueError("over = 'mean' is of all families; for some of them say 'families'")
        if self.veto and (self.absolute or self.undecided is not None):
            raise ValueError("a veto takes a margin alone: what it cannot show does not count")
        self._check_range()
        return self

    def _check_range(self) -> None:
        least, most = METRICS[self.metric].range
        for key, bound in (("at_least", self.at_least), ("at_most", self.at_most)):
            if bound is not None and not least <= bound <= most:
                raise ValueError(
                    f"{key} is {bound:g}, but {self.metric!r} is between {least:g} and {most:g}"
                )
        if self.margin is not None and self.margin > most - least:
            raise ValueError(
                f"margin is {self.margin:g}, but {self.metric!r} can differ by at most "
                f"{most - least:g}"
            )

    @property
    def tier(self) -> Tier:
        if self.veto:
            return "veto"
        return "bound" if self.margin is None else _TIERS_OF[self.over]

    @property
    def absolute(self) -> bool:
        """Whether the requirement bounds the figure itself."""
        return self.at_least is not None or self.at_most is not None

    def applies_to(self, condition: str, family: str) -> bool:
        everywhere = not self.conditions and not self.families
        return everywhere or condition in self.conditions or family in self.families


class ReleasePolicy(BaseModel, frozen=True, extra="forbid", strict=True):
    """Requirements that a candidate must meet to be released.

    Parameters
    ----------
    level
        Probability of failing a candidate that is exactly as much worse as allowed, over all
        requirements together.
    undecided
        What a requirement counts as when the clips cannot decide it.
    min_coverage
        Of every condition and label; None for the suite's own.
    generators
        Whether differences hold for the generators of the test set, or for new ones like them;
        None for the version's own (`statement`).
    """

    version: int
    name: str
    level: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    undecided: Undecided = "inconclusive"
    min_coverage: Share | None = None
    generators: Generators | None = None
    require: tuple[Requirement, ...] = Field(min_length=1, strict=False)

    @model_validator(mode="after")
    def _of_its_version(self) -> ReleasePolicy:
        keys = {key for part in (self, *self.require) for key in part.model_fields_set}
        if self.version == 1 and (new := sorted(keys & {"generators", "over", "veto"})):
            raise ValueError(f"{new[0]!r} needs version = 2")
        return self

    @property
    def statement(self) -> Generators:
        """The generators that differences hold for."""
        return self.generators or ("these" if self.version == 1 else "new")


def policy_names() -> list[str]:
    """Names of the shipped policies."""
    return sorted(path.name.removesuffix(".toml") for path in _folder().glob("*.toml"))


def load_policy(spec: str) -> ReleasePolicy:
    """Read a policy by the name of a shipped one, or by the path of a file.

    Raises
    ------
    UsageError
        For a missing file, broken TOML, or an invalid policy.
    """
    path = Path(spec) if spec.endswith(".toml") or "/" in spec else _folder() / f"{spec}.toml"
    try:
        content = tomllib.loads(contents(path).decode())
    except FileNotFoundError as fault:
        raise UsageError(
            "no such policy", spec, f"name a TOML file or one of {', '.join(policy_names())}"
        ) from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"not TOML: {fault}", str(path), "correct the syntax") from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror}", str(path), "name a file") from fault
    version = content.get("version")
    if version not in range(1, VERSION + 1) or isinstance(version, bool):
        newer = isinstance(version, int) and version > VERSION
        fix = "use a newer harness" if newer else f"write version = {VERSION}"
        raise UsageError(f"version is {version!r}, not 1 or {VERSION}", str(path), fix)
    try:
        return ReleasePolicy.model_validate(content)
    except ValidationError as fault:
        raise _refusal(fault, path) from fault


def _refusal(fault: ValidationError, path: Path) -> UsageError:
    first = fault.errors()[0]
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        model = Requirement if "require" in first["loc"] else ReleasePolicy
        near = closest(str(first["loc"][-1]), model.model_fields)
        message = "unknown key" + (f"; did you mean {near!r}?" if near else "")
    return UsageError(f"{key}: {message}" if key else message, str(path))


def _folder() -> Path:
    return shipped("policies")

"""What a release must fulfil: a TOML file of requirements, checked when it is read.

A policy has `version`, `name` and any number of `[[require]]` tables. A requirement names a metric
and where it is to hold (`conditions`, `families`, both, or neither: everywhere), and says at least
one of `margin` (how much worse than the baseline it may be), `at_least` and `at_most` (absolute).
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import UsageError
from harness.metrics import COMPARED, METRICS
from harness.storage.shipped import shipped
from harness.storage.storage import contents

VERSION = 1
DEFAULT = "release"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Undecided = Literal["inconclusive", "fail", "pass"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Requirement(_Frozen):
    """One metric, where it is to hold, and how good it must be.

    Parameters
    ----------
    conditions, families
        Names; where both are empty, every condition.
    margin
        The candidate may be worse than the baseline by at most this.
    at_least, at_most
        What the figure must be, whatever the baseline was.
    undecided
        In place of the policy's.
    """

    metric: str
    conditions: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    margin: Share | None = None
    at_least: Share | None = None
    at_most: Share | None = None
    undecided: Undecided | None = None

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, content: Any) -> Any:
        if isinstance(content, dict):
            return {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in content.items()
            }
        return content

    @model_validator(mode="after")
    def _sense(self) -> Requirement:
        if self.metric not in METRICS:
            near = difflib.get_close_matches(self.metric, METRICS, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"metrics are {', '.join(METRICS)}"
            raise ValueError(f"unknown metric {self.metric!r}; {meant}")
        if self.margin is not None and self.metric not in COMPARED:
            raise ValueError(
                f"{self.metric!r} is not compared and can have no margin; compared are "
                f"{', '.join(COMPARED)}"
            )
        if self.margin is None and self.at_least is None and self.at_most is None:
            raise ValueError("says nothing: give it margin, at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self

    def holds_for(self, condition: str, family: str) -> bool:
        """Whether a condition is one of those that it is about."""
        if not self.conditions and not self.families:
            return True
        return condition in self.conditions or family in self.families


class Policy(_Frozen):
    """The whole file.

    Parameters
    ----------
    level
        Chance of failing a candidate that is exactly as much worse as it may be, over all
        requirements together.
    undecided
        What a requirement counts as that the clips cannot decide.
    min_coverage
        Of every condition and label; None for what the suite of the run demands.
    """

    version: int
    name: str
    level: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    undecided: Undecided = "inconclusive"
    min_coverage: Share | None = None
    require: tuple[Requirement, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("require"), list):
            return content | {"require": tuple(content["require"])}
        return content


def policy_names() -> list[str]:
    """Names of the policies that come with the harness."""
    return sorted(path.name.removesuffix(".toml") for path in _folder().glob("*.toml"))


def load_policy(spec: str) -> Policy:
    """Read a policy by the name of one that comes with the harness, or by the path of a file.

    Raises
    ------
    UsageError
        For a file that is not there, is not TOML, or holds what no policy has.
    """
    path = Path(spec) if spec.endswith(".toml") or "/" in spec else _folder() / f"{spec}.toml"
    try:
        content = tomllib.loads(contents(path).decode())
    except FileNotFoundError as fault:
        raise UsageError(
            "no such policy", spec, f"name a TOML file or one of {', '.join(policy_names())}"
        ) from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"not TOML: {fault}", str(path), "mend the syntax") from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror}", str(path), "name a file") from fault
    version = content.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        fix = "use a newer harness" if newer else f"write version = {VERSION}"
        raise UsageError(f"version is {version!r}, not {VERSION}", str(path), fix)
    try:
        return Policy.model_validate(content)
    except ValidationError as fault:
        raise _refusal(fault, path) from fault


def _refusal(fault: ValidationError, path: Path) -> UsageError:
    first = fault.errors()[0]
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = list(Requirement.model_fields if "require" in first["loc"] else Policy.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    return UsageError(f"{key}: {message}" if key else message, str(path))


def _folder() -> Path:
    return shipped("policies")

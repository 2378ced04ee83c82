"""Suites: the conditions that a detector is tested under, read from TOML.

A suite file has `version`, `name` and, optionally, `description`, `seed`, `threshold` (a log-odds,
or a table that says how to choose it on development clips), `min_coverage`, `unscored` (how clips
without a score count), `include` (other suites, by name or by a path relative to the file, for
their conditions only) and any number of `[[condition]]` tables, whose folders are relative to the
file too. `clean`, the empty chain, is in every suite.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from harness.errors import UsageError, shortened
from harness.results.record import SuiteRecord, ThresholdRule
from harness.seed import digest
from harness.storage.shipped import shipped
from harness.storage.storage import contents
from harness.suite.condition import CLEAN, Condition, check_count, conditions_of, ranked
from harness.suite.toml_error import known_keys, nearest, refusal, shown
from harness.terms import UnscoredPolicy

VERSION = 1

_WHOLE_SUITE_KEYS = ("seed", "threshold", "min_coverage", "unscored")
"""Keys that hold for all conditions of a suite; those of included suites are not taken."""


@dataclass(frozen=True)
class Suite:
    """Conditions, `clean` first, and the seed of all their randomness."""

    name: str
    description: str
    seed: int
    threshold: float | ThresholdRule
    min_coverage: float
    conditions: tuple[Condition, ...]
    unscored: UnscoredPolicy = "excluded"
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of all that can move a score: seed, threshold and conditions."""
        named = [
            [condition.name, condition.digest, *filter(None, [condition.content])]
            for condition in self.conditions
        ]
        threshold = self.threshold
        if isinstance(threshold, ThresholdRule):
            threshold = threshold.model_dump()
        return digest([self.seed, threshold, named])

    def record(self) -> SuiteRecord:
        return SuiteRecord(
            name=self.name,
            description=self.description,
            digest=self.digest,
            seed=self.seed,
            threshold=self.threshold,
            min_coverage=self.min_coverage,
            unscored=self.unscored,
            conditions=[condition.record() for condition in self.conditions],
            notes=list(self.notes),
        )

    def condition(self, name: str) -> Condition:
        """The condition with this name; UsageError with the nearest name where there is none."""
        conditions = {condition.name: condition for condition in self.conditions}
        if name in conditions:
            return conditions[name]
        fix = nearest(name, list(conditions), "conditions")
        raise UsageError(f"no condition {name!r}", f"suite {self.name}", fix)


_Threshold = Annotated[
    Annotated[float, Tag("number")] | Annotated[ThresholdRule, Tag("table")],
    Discriminator(lambda value: "table" if isinstance(value, dict | ThresholdRule) else "number"),
]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    version: int
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    seed: int = 20241
    threshold: _Threshold = 0.0
    min_coverage: float = Field(default=0.99, ge=0, le=1)
    unscored: UnscoredPolicy = "excluded"
    include: list[str] = []
    condition: list[dict[str, Any]] = []


def suite_names() -> list[str]:
    """Names of the suites that come with the harness."""
    return sorted(path.name.removesuffix(".toml") for path in shipped("suites").glob("*.toml"))


def load_suite(spec: str | Path) -> Suite:
    """Read a suite by the name of one that comes with the harness, or by the path of a file.

    Raises
    ------
    UsageError
        For a file that is missing, is not TOML, includes itself, or has an unknown key or an
        impossible value; names the file, the key and the nearest known one.
    """
    path = _find(str(spec), Path())
    heads: dict[Path, _File] = {}
    conditions = _read(path, heads)
    head = heads[path.resolve()]
    unique: dict[str, Condition] = {CLEAN.name: CLEAN}
    for condition in conditions:
        twin = unique.setdefault(condition.name, condition)
        if (twin.chain, twin.recordings) != (condition.chain, condition.recordings):
            raise UsageError(
                f"two different conditions are called {condition.name!r}",
                str(path),
                "give one another name",
            )
    return Suite(
        name=head.name,
        description=head.description,
        seed=head.seed,
        threshold=head.threshold,
        min_coverage=head.min_coverage,
        unscored=head.unscored,
        conditions=tuple(ranked(list(unique.values()))),
        notes=tuple(_left_out(heads, head)),
    )


def _left_out(heads: Mapping[Path, _File], head: _File) -> Iterator[str]:
    """Notes on values of included suites that differ from the including one's."""
    for part in heads.values():
        for key in _WHOLE_SUITE_KEYS:
            theirs, own = getattr(part, key), getattr(head, key)
            if key in part.model_fields_set and theirs != own:
                yield (
                    f"{key} of the included suite {part.name} ({_worded(theirs)}) is not taken: "
                    f"{_worded(own)} holds for all of {head.name}"
                )


def _worded(value: object) -> str:
    return value.words if isinstance(value, ThresholdRule) else str(value)


def _find(spec: str, relative_to: Path) -> Path:
    if spec.endswith(".toml") or "/" in spec:
        path = relative_to / spec
        if os.path.isfile(path):  # Path.is_file raises for impossible names
            return path
        what = "is a directory, not a suite file" if os.path.isdir(path) else "no such suite file"
        raise UsageError(what, shortened(str(path)), f"or name one of {', '.join(suite_names())}")
    if spec in suite_names():
        return shipped("suites") / f"{spec}.toml"
    raise UsageError(f"no suite {shown(spec)}", "", nearest(spec, suite_names(), "suites"))


def _read(path: Path, heads: dict[Path, _File], including: Sequence[Path] = ()) -> list[Condition]:
    """The conditions of a file's includes and its own, each file read once, also into `heads`."""
    resolved = path.resolve()
    if resolved in including:
        trail = " → ".join(step.name for step in (*including, resolved))
        raise UsageError(f"includes itself: {trail}", str(path), "remove one include")
    try:
        content = tomllib.loads(contents(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # wrong syntax, not UTF-8, too many digits
        raise UsageError(f"not TOML: {fault}", str(path), "correct the syntax") from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror}", str(path)) from fault
    head = _head(content, path)
    conditions: list[Condition] = []
    for name in head.include:
        included = _find(name, path.parent)
        if included.resolve() not in heads:
            conditions += _read(included, heads, (*including, resolved))
            check_count(len(conditions), str(path))
    for number, table in enumerate(head.condition, start=1):
        conditions += conditions_of(table, f"{path}: condition {number}", path.parent)
        check_count(len(conditions), str(path))
    heads[resolved] = head
    return conditions


def _head(content: Mapping[str, Any], path: Path) -> _File:
    known_keys(content, list(_File.model_fields), str(path))
    version = content.get("version")
    if version != VERSION:
        fix = "use a newer harness" if isinstance(version, int) and version > VERSION else ""
        raise UsageError(
            f"version is {version!r}, not {VERSION}", str(path), fix or f"write version = {VERSION}"
        )
    try:
        return _File.model_validate(content)
    except ValidationError as fault:
        raise refusal(fault, str(path)) from fault

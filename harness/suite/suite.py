"""Suites: which conditions a detector is put through, read from TOML.

A suite file has `version`, `name` and, optionally, `description`, `seed`, `threshold` (a log-odds,
or a table that says how to choose it on development clips), `min_coverage`, `unscored` (what a
figure makes of clips without a score), `include` (other suites, by name or by a path relative to
the file, for their conditions alone) and any number of `[[condition]]` tables, whose folders are
relative to the file as well. `clean`, the empty chain, is in every suite.
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

_OF_THE_WHOLE = ("seed", "threshold", "min_coverage", "unscored")
"""What a suite says once, of all its conditions."""


@dataclass(frozen=True)
class Suite:
    """Conditions, `clean` first, and the seed that all their randomness comes from."""

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
        """Of seed, threshold and conditions; `min_coverage` and `unscored` move no score."""
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
        """The condition of that name.

        Raises
        ------
        UsageError
            Where there is none; names the nearest.
        """
        for condition in self.conditions:
            if condition.name == name:
                return condition
        known = [condition.name for condition in self.conditions]
        raise UsageError(
            f"no condition {name!r}", f"suite {self.name}", nearest(name, known, "conditions")
        )


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
    return sorted(path.name.removesuffix(".toml") for path in _folder().glob("*.toml"))


def load_suite(spec: str | Path) -> Suite:
    """Read a suite by the name of one that comes with the harness, or by the path of a file.

    Raises
    ------
    UsageError
        For a file that is not there, is not TOML, includes itself, or holds an unknown key or an
        impossible value: names the file, the key and the nearest that is known.
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
    """What included files say themselves, and is not taken: only their conditions are."""
    for each in heads.values():
        for key in _OF_THE_WHOLE:
            theirs, own = getattr(each, key), getattr(head, key)
            if key in each.model_fields_set and theirs != own:
                yield (
                    f"{key} of the included suite {each.name} ({_worded(theirs)}) is not taken: "
                    f"{_worded(own)} holds for all of {head.name}"
                )


def _worded(value: object) -> str:
    return value.words if isinstance(value, ThresholdRule) else str(value)


def _folder() -> Path:
    return shipped("suites")


def _find(spec: str, relative_to: Path) -> Path:
    if spec.endswith(".toml") or "/" in spec:
        path = relative_to / spec
        if os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
            return path
        what = "is a directory, not a suite file" if os.path.isdir(path) else "no such suite file"
        raise UsageError(what, shortened(str(path)), f"or name one of {_listed()}")
    if spec in suite_names():
        return _folder() / f"{spec}.toml"
    raise UsageError(f"no suite {shown(spec)}", "", nearest(spec, suite_names(), "suites"))


def _listed() -> str:
    return ", ".join(suite_names())


def _read(path: Path, heads: dict[Path, _File], including: Sequence[Path] = ()) -> list[Condition]:
    """The conditions of a file after those of its includes, each file read once; keeps heads."""
    resolved = path.resolve()
    if resolved in including:
        trail = " → ".join(step.name for step in (*including, resolved))
        raise UsageError(f"includes itself: {trail}", str(path), "remove one include")
    try:
        content = tomllib.loads(contents(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # wrong syntax, not UTF-8, too many digits
        raise UsageError(f"not TOML: {fault}", str(path), "mend the syntax") from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror}", str(path)) from fault
    head = _head(content, path)
    conditions: list[Condition] = []
    for name in head.include:
        included = _find(name, path.parent)
        if included.resolve() not in heads:  # else its conditions are known already
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

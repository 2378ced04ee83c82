"""Suites: which conditions a detector is put through, read from TOML.

A suite file has `version`, `name` and, optionally, `description`, `seed`, `threshold` (a log-odds,
or a table that says how to choose it on development clips), `min_coverage`, `unscored` (what a
figure makes of clips without a score), `include` (other suites, by name or by a path relative to
the file) and any number of `[[condition]]` tables. A condition is
one perturbation (`perturb = "codec"` and its fields) or a `chain` of them; a list where a field
takes one value sweeps, one condition a value. `clean`, the empty chain, is in every suite.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from harness.errors import UsageError
from harness.expectation import AS_IT_IS, Expectation
from harness.metrics.classification import Policy
from harness.perturb import PERTURBATIONS, Axis, Perturbation
from harness.record import AxisRecord, ConditionRecord, SuiteRecord, ThresholdRule
from harness.seed import digest

VERSION = 1
MOST_CONDITIONS = 10_000
_SHOWN = 80
"""Characters of a value that a message repeats."""


@dataclass(frozen=True)
class Condition:
    """A named chain of perturbations.

    Parameters
    ----------
    series
        What the conditions of one sweep share; `axis` is the quantity that varies in it.
    severity
        Rank in its series from mild (1) to severe; 0 for `clean`.
    """

    name: str
    family: str
    series: str
    severity: float
    axis: Axis | None
    words: str
    chain: tuple[Perturbation, ...]

    @cached_property
    def digest(self) -> str:
        """Of the chain alone, its values and what is made of them: names are not in it."""
        return digest([_content(step) for step in self.chain])

    @property
    def hears_others(self) -> bool:
        """Whether other recordings of the source are in it."""
        return any(step.hears_others for step in self.chain)

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The files of the user's that it draws from."""
        return tuple(path for step in self.chain for path in step.recordings)

    def expectation(self, rate_hz: int | None = None) -> Expectation:
        """What must be measured of any clip under it, or of any clip at `rate_hz`."""
        joined = AS_IT_IS
        for step in self.chain:
            joined = joined.then(step.expectation(rate_hz), step.keeps_band)
            rate_hz = rate_hz if step.keeps_length else None  # which goes with keeping the rate
        return joined

    def record(self) -> ConditionRecord:
        axis = self.axis
        return ConditionRecord(
            name=self.name,
            family=self.family,
            series=self.series,
            severity=self.severity,
            axis=axis
            and AxisRecord(field=axis.field, unit=axis.unit, value=axis.value, worse=axis.worse),
            words=self.words,
            chain=[step.model_dump(mode="json") for step in self.chain],
            digest=self.digest,
            expects=self.expectation(),
        )


def _content(step: Perturbation) -> dict[str, Any]:
    """The step's values, and its version where that is not the first."""
    values = step.model_dump(mode="json")
    return values if step.version == 1 else values | {"version of the step": step.version}


CLEAN = Condition("clean", "clean", "clean", 0.0, None, "as it is", ())


@dataclass(frozen=True)
class Suite:
    """Conditions, `clean` first, and the seed that all their randomness comes from."""

    name: str
    description: str
    seed: int
    threshold: float | ThresholdRule
    min_coverage: float
    conditions: tuple[Condition, ...]
    unscored: Policy = "excluded"

    @property
    def digest(self) -> str:
        """Of seed, threshold and conditions; `min_coverage` and `unscored` move no score."""
        named = [[condition.name, condition.digest] for condition in self.conditions]
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
            f"no condition {name!r}", f"suite {self.name}", _nearest(name, known, "conditions")
        )


_TAGS = ("number", "table")

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
    unscored: Policy = "excluded"
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
    head, conditions = _read(path, set())
    unique: dict[str, Condition] = {CLEAN.name: CLEAN}
    for condition in conditions:
        twin = unique.setdefault(condition.name, condition)
        if twin.chain != condition.chain:
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
        conditions=tuple(_ranked(list(unique.values()))),
    )


def _folder() -> Path:
    inside = Path(str(files("harness") / "suites"))  # in a wheel
    return inside if inside.is_dir() else Path(__file__).parents[1] / "suites"


def _find(spec: str, relative_to: Path) -> Path:
    if spec.endswith(".toml") or "/" in spec:
        path = relative_to / spec
        if os.path.isfile(path):  # unlike Path.is_file, no error for a name that cannot be one
            return path
        what = "is a directory, not a suite file" if os.path.isdir(path) else "no such suite file"
        raise UsageError(what, _short(str(path)), f"or name one of {_listed()}")
    if spec in suite_names():
        return _folder() / f"{spec}.toml"
    raise UsageError(f"no suite {_shown(spec)}", "", _nearest(spec, suite_names(), "suites"))


def _listed() -> str:
    return ", ".join(suite_names())


def _read(
    path: Path, finished: set[Path], including: Sequence[Path] = ()
) -> tuple[_File, list[Condition]]:
    """The head of a file, and its conditions after those of its includes, each file read once."""
    resolved = path.resolve()
    if resolved in including:
        trail = " → ".join(step.name for step in (*including, resolved))
        raise UsageError(f"includes itself: {trail}", str(path), "remove one include")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # wrong syntax, not UTF-8, too many digits
        raise UsageError(f"not TOML: {fault}", str(path), "mend the syntax") from fault
    except OSError as fault:
        raise UsageError(f"cannot be read: {fault.strerror}", str(path)) from fault
    head = _head(content, path)
    conditions: list[Condition] = []
    for name in head.include:
        included = _find(name, path.parent)
        if included.resolve() not in finished:  # else its conditions are known already
            conditions += _read(included, finished, (*including, resolved))[1]
            _check_count(len(conditions), str(path))
    for number, table in enumerate(head.condition, start=1):
        conditions += _conditions(table, f"{path}: condition {number}")
        _check_count(len(conditions), str(path))
    finished.add(resolved)
    return head, conditions


def _head(content: Mapping[str, Any], path: Path) -> _File:
    _known_keys(content, list(_File.model_fields), str(path))
    version = content.get("version")
    if version != VERSION:
        fix = "use a newer harness" if isinstance(version, int) and version > VERSION else ""
        raise UsageError(
            f"version is {version!r}, not {VERSION}", str(path), fix or f"write version = {VERSION}"
        )
    try:
        return _File.model_validate(content)
    except ValidationError as fault:
        raise _refusal(fault, str(path)) from fault


def _conditions(table: Mapping[str, Any], where: str) -> Iterator[Condition]:
    """The conditions that one table stands for, one for each combination of swept values."""
    own = {key: table[key] for key in ("name", "family") if key in table}
    for key, value in own.items():
        if not isinstance(value, str) or not value or not value.isprintable():
            raise UsageError(f"{key} must be a text of one line", where)
    rest = {key: value for key, value in table.items() if key not in own}
    if "chain" in rest:
        _known_keys(rest, ["chain"], where)
        steps = rest["chain"]
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise UsageError("chain must be a list of tables", where)
    else:
        steps = [rest]
    sweeps = [_sweep(step, where) for step in steps]
    _check_count(math.prod(map(len, sweeps)), where)
    swept = [number for number, choices in enumerate(sweeps) if len(choices) > 1]
    for chain in product(*sweeps):
        yield _condition(chain, swept, own.get("name"), own.get("family"))


def _condition(
    chain: tuple[Perturbation, ...], swept: list[int], name: str | None, family: str | None
) -> Condition:
    families = {step.perturb for step in chain}
    main = chain[swept[0]] if swept else (chain[0] if len(chain) == 1 else None)
    axis = main.axis if main is not None else None
    if name is None:
        name = "+".join(step.name for step in chain) or CLEAN.name
        series = "+".join(step.series if step is main else step.name for step in chain)
    else:
        series = name
        if swept:
            name += "@" + "+".join(_value_name(chain[number]) for number in swept)
    return Condition(
        name=name,
        family=family or (families.pop() if len(families) == 1 else "chain"),
        series=series or CLEAN.series,
        severity=0.0,
        axis=axis,
        words=_words(chain),
        chain=chain,
    )


def _words(chain: tuple[Perturbation, ...]) -> str:
    """The steps in words; a codec keeps its capital, which is part of its name."""
    first, *others = [step.words for step in chain] or [CLEAN.words]
    later = [
        words if step.perturb == "codec" else words[:1].lower() + words[1:]
        for step, words in zip(chain[1:], others, strict=True)
    ]
    return ", then ".join([first, *later])


def _value_name(step: Perturbation) -> str:
    return step.name.rpartition("@")[2] if "@" in step.name else step.name


def _sweep(step: Mapping[str, Any], where: str) -> list[Perturbation]:
    """One perturbation for each combination of the values that are lists."""
    kind = step.get("perturb")
    if not isinstance(kind, str) or kind not in PERTURBATIONS:
        seen = "no perturb" if kind is None else f"unknown perturbation {_shown(kind)}"
        raise UsageError(seen, where, _nearest(str(kind), list(PERTURBATIONS), "perturbations"))
    perturbation = PERTURBATIONS[kind]
    _known_keys(step, list(perturbation.model_fields), f"{where} ({kind})")
    choices = [
        value if isinstance(value, list) and not _takes_list(perturbation, key) else [value]
        for key, value in step.items()
    ]
    _check_count(math.prod(map(len, choices)), f"{where} ({kind})")
    swept: list[Perturbation] = []
    for values in product(*choices):
        try:
            swept.append(perturbation.model_validate(dict(zip(step, values, strict=True))))
        except ValidationError as fault:
            raise _refusal(fault, f"{where} ({kind})") from fault
    if not swept:
        raise UsageError("an empty list sweeps nothing", f"{where} ({kind})", "give it a value")
    return swept


def _takes_list(perturbation: type[Perturbation], key: str) -> bool:
    annotation = perturbation.model_fields[key].annotation
    options = getattr(annotation, "__args__", ()) if annotation is not None else ()
    return any(get_origin(option) in (list, tuple) for option in (annotation, *options))


def _known_keys(table: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"unknown key {_shown(key)}", where, _nearest(key, known, "keys"))


def _check_count(count: int, where: str) -> None:
    if count > MOST_CONDITIONS:
        raise UsageError(
            f"{count} conditions are over the limit of {MOST_CONDITIONS}",
            where,
            "sweep fewer values, or write more than one suite",
        )


def _nearest(name: str, known: list[str], what: str) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"{what} are {', '.join(known)}"


def _refusal(fault: ValidationError, where: str) -> UsageError:
    first = fault.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    plain = key and isinstance(given, str | int | float | bool)
    shown = f" (given {_shown(given)})" if plain else ""
    return UsageError(f"{key}: {message}{shown}" if key else message, where)


def _shown(value: object) -> str:
    return _short(repr(value))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _ranked(conditions: list[Condition]) -> list[Condition]:
    """The conditions in their order, each with its rank from mild to severe in its series."""
    values: dict[str, set[float]] = {}
    for condition in conditions:
        if condition.axis is not None:
            values.setdefault(condition.series, set()).add(condition.axis.value)
    rising = {
        series: {value: rank for rank, value in enumerate(sorted(seen), start=1)}
        for series, seen in values.items()
    }
    ranked: list[Condition] = []
    for condition in conditions:
        if condition.name == CLEAN.name:
            severity = 0.0
        elif condition.axis is None:
            severity = 1.0
        else:
            ranks = rising[condition.series]
            rank = ranks[condition.axis.value]
            severity = float(rank if condition.axis.worse == "higher" else 1 + len(ranks) - rank)
        ranked.append(replace(condition, severity=severity))
    return ranked

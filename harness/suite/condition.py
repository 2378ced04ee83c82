"""Conditions: named chains of perturbations, from tables of a suite file or from their names.

A table is one perturbation (`perturb = "codec"` and its fields) or a `chain` of them; a list where
a field takes one value sweeps, one condition a value.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError

from harness.errors import UsageError, closest
from harness.perturb import PERTURBATIONS, Axis, Perturbation
from harness.perturb.folder import contents_digest
from harness.perturb.name import kind_of, perturbation_of, step_names
from harness.results.expectation import AS_IT_IS, Expectation
from harness.results.record import AxisRecord, ConditionRecord
from harness.seed import digest
from harness.storage.shipped import shipped
from harness.suite.toml_error import known_keys, nearest, refusal, shown

MOST_CONDITIONS = 10_000
_KINDS = ", ".join(PERTURBATIONS)


@dataclass(frozen=True)
class Condition:
    """A named chain of perturbations."""

    name: str
    family: str
    series: str
    """Shared by the conditions of one sweep; `axis` is the quantity that varies in it."""
    severity: float
    """Rank in its series from mild (1) to severe; 0 for `clean`."""
    axis: Axis | None
    words: str
    chain: tuple[Perturbation, ...]

    @cached_property
    def digest(self) -> str:
        """Digest of the chain's values and versions; names are not in it.

        All randomness is drawn by it, so it does not change when recordings are exchanged.
        """
        return digest([_content(step) for step in self.chain])

    @cached_property
    def content(self) -> str:
        """Digest of the user's files that it draws from, read on first use; empty without any."""
        return contents_digest(self.recordings) if self.recordings else ""

    @property
    def hears_others(self) -> bool:
        """Whether the condition mixes in other recordings of the source."""
        return any(step.hears_others for step in self.chain)

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The user's files that it draws from."""
        return tuple(path for step in self.chain for path in step.recordings)

    def expectation(self, rate_hz: int | None = None) -> Expectation:
        """Return the measurements that every clip must have, or every clip at `rate_hz`."""
        joined = AS_IT_IS
        for step in self.chain:
            joined = joined.then(step.expectation(rate_hz), step.keeps_band)
            rate_hz = rate_hz if step.keeps_length else None  # the rate may have changed
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
            content=self.content,
            expects=self.expectation(),
        )


def _content(step: Perturbation) -> dict[str, Any]:
    """The step's values, and its version from 2 on."""
    values = step.model_dump(mode="json")
    return values if step.version == 1 else values | {"version of the step": step.version}


CLEAN = Condition("clean", "clean", "clean", 0.0, None, "as it is", ())


def condition_of(text: str, known: Iterable[Condition] = ()) -> Condition:
    """The condition that a text names; ` + ` joins several to a chain.

    A part is the name of one of `known`, a name as suites print it (`codec:mp3@32k`), fields
    (`perturb=codec,codec=mp3,kbps=32`), or the name of a condition of a shipped suite.

    Raises
    ------
    UsageError
        For an unknown name, with the nearest known one, an empty step, or impossible values.
    """
    named = {condition.name: condition for condition in known}
    if text in named:
        return named[text]
    names = [name.strip() for name in step_names(text)]
    for number, name in enumerate(names, start=1):
        if name not in named and (not name or "+" in (name[0], name[-1])):
            empty = number if name[:1] in ("", "+") else number + 1
            raise UsageError(f"step {empty} is empty", shown(text), "name a condition there")
    parts = [_part(name, named) for name in names]
    chain = tuple(step for part in parts for step in part.chain)
    (condition,) = ranked(parts if len(parts) == 1 else [_condition(chain, [], None, None)])
    return condition


def _part(text: str, named: Mapping[str, Condition]) -> Condition:
    names = {**shipped_conditions(), **named}
    if "=" in text and text not in names:
        (condition,) = conditions_of(_fields(text), shown(text))
        return condition
    try:
        step = perturbation_of(text)
    except ValidationError as fault:
        raise refusal(fault, f"no condition {shown(text)}") from fault
    if step is not None:
        return _condition((step,), [], None, None)
    if text in names:
        return names[text]
    raise UsageError(f"no condition {shown(text)}", "", _advice(text, list(names)))


def _advice(text: str, names: list[str]) -> str:
    """Advise on a name that no condition has."""
    if "+" in text:
        return "write ` + `, with spaces, between the steps of a chain"
    examples = {
        kind: [example(**fields).name for fields in example.examples]
        for kind, example in PERTURBATIONS.items()
    }
    known = [*names, *(name for group in examples.values() for name in group)]
    close = None if text in examples else closest(text, known)
    if close:
        return f"did you mean {close!r}?"
    kind = kind_of(text)
    if kind in examples:
        return f"names of {kind} are written as in {examples[kind][0]!r}"
    return (
        "give a name that `harness suites show` prints, "
        "or fields such as perturb=codec,codec=mp3,kbps=32"
    )


def _fields(text: str) -> dict[str, Any]:
    """`key=value` pairs, separated by commas; what reads as a number is one."""
    fields: dict[str, Any] = {}
    for number, pair in enumerate(text.split(","), start=1):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not key or not equals:
            what = f"is {shown(pair)}" if pair.strip() else "is empty"
            raise UsageError(f"field {number} {what}", shown(text), "write key=value there")
        if not value:
            raise UsageError(f"{key} has no value", shown(text), f"write {key}=value")
        if key in fields:
            raise UsageError(f"{key} is given twice", shown(text), "give it once")
        fields[key] = _value(value)
    return fields


def _value(text: str) -> str | int | float:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


@cache
def shipped_conditions() -> Mapping[str, Condition]:
    """The conditions of all suites that come with the harness, by name."""
    conditions = {CLEAN.name: CLEAN}
    for path in sorted(shipped("suites").glob("*.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8")).get("condition", ()):
            conditions |= {c.name: c for c in conditions_of(table, str(path), path.parent)}
    return conditions


def conditions_of(
    table: Mapping[str, Any], where: str, root: Path | None = None
) -> Iterator[Condition]:
    """The conditions of one table, one for each combination of swept values.

    Folders in it are relative to `root`, by default to the working directory.
    """
    own = {key: table[key] for key in ("name", "family") if key in table}
    for key, value in own.items():
        if not isinstance(value, str) or not value or not value.isprintable():
            raise UsageError(f"{key} must be a text of one line", where)
    rest = {key: value for key, value in table.items() if key not in own}
    if "chain" in rest:
        known_keys(rest, ["chain"], where)
        steps = rest["chain"]
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise UsageError("chain must be a list of tables", where)
    else:
        steps = [rest]
    sweeps = [_sweep(step, where, root or Path()) for step in steps]
    check_count(math.prod(map(len, sweeps)), where)
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
    """The steps in words; later ones begin with a small letter, unless it is a proper name's."""
    first, *others = [step.words for step in chain] or [CLEAN.words]
    later = [
        words if step.proper_name else words[:1].lower() + words[1:]
        for step, words in zip(chain[1:], others, strict=True)
    ]
    return ", then ".join([first, *later])


def _value_name(step: Perturbation) -> str:
    return step.name.rpartition("@")[2] if "@" in step.name else step.name


def _sweep(step: Mapping[str, Any], where: str, root: Path) -> list[Perturbation]:
    """Return a perturbation for each combination of listed values."""
    kind = step.get("perturb")
    if kind is None:
        fits = [name for name, known in PERTURBATIONS.items() if {*step} <= {*known.model_fields}]
        known = f"did you mean {fits[0]!r}?" if len(fits) == 1 else f"it is one of {_KINDS}"
        raise UsageError("perturb is missing", where, known)
    if not isinstance(kind, str) or kind not in PERTURBATIONS:
        fix = nearest(str(kind), list(PERTURBATIONS), "perturbations")
        raise UsageError(f"unknown perturbation {shown(kind)}", where, fix)
    perturbation = PERTURBATIONS[kind]
    known_keys(step, list(perturbation.model_fields), f"{where} ({kind})")
    choices = [
        value if isinstance(value, list) and not _takes_list(perturbation, key) else [value]
        for key, value in step.items()
    ]
    check_count(math.prod(map(len, choices)), f"{where} ({kind})")
    swept: list[Perturbation] = []
    for values in product(*choices):
        try:
            given = dict(zip(step, values, strict=True))
            swept.append(perturbation.model_validate(given, context={"root": root}))
        except ValidationError as fault:
            raise refusal(fault, f"{where} ({kind})") from fault
    if not swept:
        raise UsageError("an empty list sweeps nothing", f"{where} ({kind})", "give it a value")
    return swept


def _takes_list(perturbation: type[Perturbation], key: str) -> bool:
    annotation = perturbation.model_fields[key].annotation
    options = getattr(annotation, "__args__", ()) if annotation is not None else ()
    return any(get_origin(option) in (list, tuple) for option in (annotation, *options))


def ranked(conditions: list[Condition]) -> list[Condition]:
    """The conditions, each with its rank from mild to severe in its series."""
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


def check_count(count: int, where: str) -> None:
    """Raise UsageError for more conditions than a suite may have."""
    if count > MOST_CONDITIONS:
        raise UsageError(
            f"{count} conditions are over the limit of {MOST_CONDITIONS}",
            where,
            "sweep fewer values, or write more than one suite",
        )

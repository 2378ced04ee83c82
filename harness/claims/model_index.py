"""Claims in the `model-index` of a model card: YAML between `---` lines at the head of a README.

Every result of the index (one task on one data set) is a claim. Figures keep the decimals that they
were written with: `huggingface_hub` would parse them to floats, which lose trailing zeros, and
reject results without a task. A figure above 1, or with a percent sign, is a percentage. Counts and
the positive class come from the arguments of the data set (`fake`, `real`, `clips`, `positive`),
where `harness card` puts them: the format has no field for them. Figures in the text or tables of a
card are not read.

Format: the model card specification of the Hugging Face Hub.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from harness.claims.claim import SHARES, Claim, Reported, as_written
from harness.errors import UsageError
from harness.storage.storage import contents

MOST_BYTES = 2**20
"""Largest front matter that is read."""

_AVERAGES = ("macro", "micro", "weighted")
_NUMBER = re.compile(r"([0-9]{0,9}\.?[0-9]{1,20})\s*(%?)\s*(?:(?:±|\+/-|\().*)?", re.DOTALL)
_FIX = "put a model-index between --- lines at its head, or use a TOML file of figures"


class _Loader(yaml.SafeLoader):
    """Safe YAML whose floats are decimals, as they were written.

    Merge keys are refused: a few lines of them can expand without bound, and no card needs them.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "a merge key", key.start_mark)
        super().flatten_mapping(node)


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal | float:
    try:
        return Decimal(node.value.replace("_", ""))
    except InvalidOperation:
        return loader.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def read_model_card(path: Path) -> list[Claim]:
    """Read the claims of a model card, one per result in its model-index.

    Raises
    ------
    UsageError
        For a missing file, front matter or model-index, or a damaged one.
    """
    try:
        text = contents(path).decode("utf-8-sig")
    except OSError as fault:
        raise UsageError("cannot be read", str(path), "name a model card") from fault
    except UnicodeDecodeError as fault:
        raise UsageError("not UTF-8 text", str(path), "name a model card") from fault
    matter, body = _front_matter(text, path)
    try:
        content = yaml.load(matter, _Loader)  # noqa: S506 (it is a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark else ""
        raise UsageError(f"damaged YAML{line}", str(path), "correct its head") from fault
    index = _mapping(content).get("model-index")
    if not isinstance(index, list) or not index:
        raise UsageError("no model-index", str(path), _FIX)
    claims = [
        _claim(_text(_mapping(model).get("name")) or path.name, _mapping(result), body)
        for model in cast("list[Any]", index)
        for result in _list(_mapping(model).get("results"))
    ]
    if not claims:
        raise UsageError("a model-index without results", str(path), _FIX)
    return claims


def _front_matter(text: str, path: Path) -> tuple[str, str]:
    """The text between the first two `---` lines, and the rest."""
    lines = text.lstrip().splitlines()
    if lines and lines[0].rstrip() == "---":
        for end in range(1, len(lines)):
            if lines[end].rstrip() == "---":
                matter = "\n".join(lines[1:end])
                if len(matter) > MOST_BYTES:
                    raise UsageError("its head is over 1 MiB", str(path), _FIX)
                return matter, "\n".join(lines[end + 1 :])
    raise UsageError("no metadata", str(path), _FIX)


def _claim(model: str, result: dict[str, Any], body: str) -> Claim:
    dataset = _mapping(result.get("dataset"))
    args = _mapping(dataset.get("args"))
    figures, noted, unread = _figures(_list(result.get("metrics")))
    return Claim(
        title=f"{model} on {_dataset_words(dataset)}",
        figures=figures,
        positive=_positive(args.get("positive")),
        fake=_count(args.get("fake")),
        real=_count(args.get("real")),
        clips=_count(args.get("clips")),
        noted=tuple(noted),
        unread=tuple(unread),
        wording=body,
    )


def _figures(
    metrics: list[Any],
) -> tuple[dict[str, Reported], list[str], list[str]]:
    """The figures among the metrics, notes on impossible values, and those that are not checked."""
    figures: dict[str, Reported] = {}
    noted: list[str] = []
    unread: list[str] = []
    for metric in map(_mapping, metrics):
        label = _text(metric.get("name")) or _text(metric.get("type")) or "a metric"
        name = _name(metric)
        if name is None:
            unread.append(f"{label} is none of {', '.join(SHARES)} of one class: not checked.")
            continue
        number, percent = _number(metric.get("value"))
        if number is None:
            unread.append(f"{label} has no number as its value: not checked.")
            continue
        try:
            reported = as_written(number, percent=percent)
        except ValueError:
            noted.append(f"{label} {number} is no share between 0 and 1, or 0 and 100 %.")
            continue
        earlier = figures.setdefault(name, reported)
        if earlier.value != reported.value:
            unread.append(f"{label} is given again as {reported.text}: the first is checked.")
    return figures, noted, unread


def _name(metric: dict[str, Any]) -> str | None:
    """Name of the share that a metric is; None for others and averages over the classes."""
    words = {key: _text(metric.get(key)) for key in ("type", "name", "config")}
    text = " ".join((*words.values(), _text(_mapping(metric.get("args")).get("average"))))
    kind = re.sub(r"[^a-z0-9]", "", (words["type"] or words["name"]).lower())
    name = {"f1score": "f1", "acc": "accuracy"}.get(kind, kind)
    averaged = any(average in text.lower() for average in _AVERAGES)
    if name not in SHARES or (averaged and name != "accuracy") or "balanced" in text.lower():
        return None
    return name


def _number(value: object) -> tuple[Decimal | None, bool]:
    """Value and whether it is a percentage: `0.9662`, `96.62`, `"96.62 %"`, `"0.97 ± 0.01"`."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        if match is None:
            return None, False
        number, sign = Decimal(match[1]), bool(match[2])
        return number, sign or number > 1
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None, False
    return Decimal(value), value > 1


def _dataset_words(dataset: dict[str, Any]) -> str:
    """`ASVspoof (hub/name, config, split test)`, as far as the card says."""
    name = _text(dataset.get("name")) or _text(dataset.get("type")) or "an unnamed data set"
    more = [
        f"{word} {_text(dataset[key])}".strip()
        for key, word in (("type", ""), ("config", ""), ("split", "split"), ("revision", "at"))
        if _text(dataset.get(key)) not in ("", name)
    ]
    return f"{name} ({', '.join(more)})" if more else name


def _positive(value: object) -> Literal["fake", "real", "unstated"]:
    return "fake" if value == "fake" else "real" if value == "real" else "unstated"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str:
    """Text or a number as text; empty for other values, which may be infinite (YAML aliases)."""
    return str(value) if isinstance(value, str | int | Decimal) else ""


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []

"""Any perturbation with any values that it takes, from the classes' own fields and examples."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import numpy as np
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from harness.audio.wave import Wave
from harness.perturb import PERTURBATIONS, Draw, Perturbation
from harness.perturb.coder import CODERS, BitRateRange

EXAMPLES = [kind(**fields) for kind in PERTURBATIONS.values() for fields in kind.examples]
"""The examples of every class; codecs at their lowest bit rates."""


def apply(step: Perturbation, wave: Wave, seed: int = 0) -> Wave:
    """The wave after a step that needs no companions."""
    return step.apply(wave, Draw(np.random.default_rng(seed)))


@st.composite
def perturbations(
    draw: st.DrawFn, name: str | None = None, decimals: int | None = None
) -> Perturbation:
    """Any value of any class, or of the named one; numbers may be rounded."""
    kind = PERTURBATIONS[name or draw(st.sampled_from(sorted(PERTURBATIONS)))]
    example = draw(st.sampled_from(kind.examples))
    if "codec" in example:
        return draw(_codecs(example, decimals))
    for _ in range(60):
        drawn = {key: draw(values(kind.model_fields[key])) for key in example}
        if decimals is not None:
            drawn |= {k: round(v, decimals) for k, v in drawn.items() if isinstance(v, float)}
        try:
            return kind(**drawn)
        except ValidationError:  # values that do not fit each other
            continue
    return kind(**example)


@st.composite
def _codecs(draw: st.DrawFn, example: dict[str, Any], decimals: int | None) -> Perturbation:
    narrow = example.get("bandwidth") == "narrow"
    coder = CODERS["opus-nb" if narrow else example["codec"]]
    fields = example | {"generations": draw(st.sampled_from([1, 1, 1, 2, 5, 20]))}
    if "kbps" in example:
        allowed = draw(st.sampled_from(list(coder.kbps.values())))
        within = isinstance(allowed, BitRateRange)
        kbps = draw(
            st.floats(allowed.low, allowed.high) if within else st.sampled_from(allowed.values)
        )
        fields["kbps"] = kbps if decimals is None else round(kbps, decimals)
    return PERTURBATIONS["codec"](**fields)


def values(field: FieldInfo, annotation: Any = None) -> st.SearchStrategy[Any]:
    """Anything that a field's own type and bounds allow."""
    annotation = field.annotation if annotation is None else annotation
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if type(None) in get_args(annotation):
        [other] = set(get_args(annotation)) - {type(None)}
        return values(field, other)
    bounds: dict[str, Any] = {}
    for constraint in field.metadata:
        for name, bound in (("ge", "min_value"), ("gt", "min_value"), ("le", "max_value")):
            if (edge := getattr(constraint, name, None)) is not None:
                bounds[bound] = edge
        for name, without in (("gt", "exclude_min"), ("lt", "exclude_max")):
            if (edge := getattr(constraint, name, None)) is not None and annotation is float:
                bounds[without] = True
        if (edge := getattr(constraint, "lt", None)) is not None:
            bounds["max_value"] = edge
    if annotation is int:
        return st.integers(**bounds)
    if annotation is float:
        return st.floats(**bounds)
    raise TypeError(f"no values for {annotation}")

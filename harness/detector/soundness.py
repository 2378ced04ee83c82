"""Check that a loaded model can give meaningful scores.

None of these faults would make loading fail: random weights, an extractor whose features differ
from those in training, weights that turn every score into NaN.
"""

from __future__ import annotations

from typing import Any

from harness.audio.wave import LIMITS
from harness.detector.checkpoint import Checkpoint
from harness.errors import UsageError

_RATES_HZ = range(1000, LIMITS.rate_hz + 1)
_WEIGHT_TYPES = ("F64", "F32", "F16", "BF16")
_OTHER_HEADS = ("multi_label_classification", "regression")
_UNUSED_IN_INFERENCE = ("masked_spec_embed",)


def check_extractor(extractor: Any, config: Any, checkpoint: Checkpoint) -> list[str]:
    """Return notes on what the extractor's settings leave open.

    Raises UsageError if its rate is invalid, or its features do not fit the model: every clip would
    fail.
    """
    name = checkpoint.extractor.name
    where = f"{checkpoint.spec}: {name}"
    rate_hz = getattr(extractor, "sampling_rate", None)
    is_number = isinstance(rate_hz, int | float) and not isinstance(rate_hz, bool)
    if not is_number or rate_hz not in _RATES_HZ:
        raise UsageError(
            f"sampling_rate is {rate_hz!r}",
            where,
            f"give a whole number of Hz from {_RATES_HZ[0]} to {_RATES_HZ[-1]}",
        )
    for field in ("num_mel_bins", "max_length"):
        produced, expected = getattr(extractor, field, None), getattr(config, field, None)
        if type(extractor).__name__ == "ASTFeatureExtractor" and produced != expected:
            raise UsageError(
                f"{field} is {produced!r}, and {expected!r} in config.json",
                where,
                "use the extractor that the model was trained with",
            )
    if checkpoint.says_rate:
        return []
    return [
        f"{name} has no sampling_rate: {rate_hz:g} Hz is the default of {type(extractor).__name__}"
    ]


def head_notes(config: Any) -> list[str]:
    """Return a note on a head that was not trained to choose between two classes."""
    kind = getattr(config, "problem_type", None)
    if kind not in _OTHER_HEADS:
        return []
    return [
        f"config.json says problem_type {kind}: the score is the difference of its two outputs "
        "all the same, which such training does not make log-odds"
    ]


def check_numbers(model: Any, checkpoint: Checkpoint) -> None:
    """Refuse weights that are not finite or are quantised."""
    wrong = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
    if wrong:
        raise UsageError(
            f"{len(wrong)} weights hold NaN or infinite numbers, such as {wrong[0]}",
            checkpoint.spec,
            "name a checkpoint from before the training diverged",
        )
    types = checkpoint.weight_types()
    quantised = [
        name
        for name, weight in model.named_parameters()
        if weight.is_floating_point() and types.get(name, "F32") not in _WEIGHT_TYPES
    ]
    if quantised:
        first = quantised[0]
        raise UsageError(
            f"{len(quantised)} weights are quantised, such as {first} ({types[first]})",
            checkpoint.spec,
            "name the checkpoint that was quantised",
        )


def check_loading(loading: dict[str, Any], spec: str) -> list[str]:
    """Refuse a model with weights that are not in its file; return the names of unused tensors."""
    missing = [
        name for name in sorted(loading["missing_keys"]) if not name.endswith(_UNUSED_IN_INFERENCE)
    ]
    mismatched = sorted(str(entry[0]) for entry in loading["mismatched_keys"])
    absent = missing + mismatched
    if absent:
        raise UsageError(
            f"{len(absent)} weights are not in the file or do not fit ({', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}): they would be random",
            spec,
            "name a checkpoint that was trained as a two-class audio classifier",
        )
    return sorted(loading["unexpected_keys"])

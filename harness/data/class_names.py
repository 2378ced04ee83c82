"""The words that data sets and models use for the two classes and for missing values.

Classes are looked up without regard to case, blanks, hyphens and underscores. `LABEL_1`, `positive`
or `1` mean one thing here and another there, so they are refused. Words for missing values are
looked up exactly as written: `NA` is missing, `Na` is somebody's name.
"""

from __future__ import annotations

import re

from harness.data.clip import Label

_LABEL: dict[str, Label] = {
    "real": "real",
    "bonafide": "real",
    "genuine": "real",
    "human": "real",
    "humanvoice": "real",
    "authentic": "real",
    "fake": "fake",
    "spoof": "fake",
    "spoofed": "fake",
    "deepfake": "fake",
    "ai": "fake",
    "aivoice": "fake",
    "aigenerated": "fake",
    "synthetic": "fake",
    "synthesized": "fake",
    "synthesised": "fake",
}

ACCEPTED = "real, bonafide, genuine, human or authentic; fake, spoof, deepfake, ai or synthetic"
"""The words that a message names."""

MISSING = frozenset(
    {
        *("-", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NULL", "null", "None"),
        *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    }
)
"""Words that pandas reads as missing in a CSV file, and the dash of the ASVspoof protocols."""

SPLITS = ("train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval")
"""Names of the parts of data sets."""


def is_missing(text: str) -> bool:
    """Whether a cell is empty or one of `MISSING`."""
    return not text.strip() or text.strip() in MISSING


def canonical_label(text: str) -> Label | None:
    """Return the class that a word names; None where it names none."""
    return _LABEL.get(re.sub(r"[\s_-]+", "", text).casefold())


def refusal(text: str) -> str:
    """Say why a word does not name a class."""
    if not text.strip():
        return "the label is empty"
    if is_missing(text):
        return f"the label is missing ({text.strip()})"
    if re.fullmatch(r"[+-]?\d+(\.\d*)?|true|false", text.strip(), re.IGNORECASE):
        return f"label {text!r} does not say which class it is (1 is fake here and real there)"
    return f"label {text!r} names no class"

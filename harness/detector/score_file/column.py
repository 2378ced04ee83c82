"""Columns of a score file: what they hold, what they are called, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.data.class_names import canonical_label
from harness.data.clip import Label
from harness.data.hub_column import LABEL_NAMES
from harness.detector.score_file.scale import Kind
from harness.detector.score_file.sheet import Sheet

CLIP_NAMES = (
    *("clip_id", "path", "file", "filename", "file_name", "utterance_id", "utt_id", "utt"),
    *("utterance", "audio_path", "audio_file", "audio_id", "audio", "file_path", "filepath"),
    *("wav_path", "wav", "trial", "trial_id", "fname", "name", "id", "uid"),
)
KEY_NAMES = (*LABEL_NAMES, "cm_label", "cm_key", "true_label", "y_true", "gt", "truth")
KIND_WORDS: dict[str, Kind | None] = {
    **dict.fromkeys(
        ("probability", "prob", "proba", "probabilities", "p", "softmax"), "probability"
    ),
    **dict.fromkeys(("percent", "percentage", "pct"), "percent"),
    **dict.fromkeys(("logit", "logits"), "logits"),
    **dict.fromkeys(("score", "scores", "output", "llr", "confidence"), None),
}
PLAIN_NAMES = (*KIND_WORDS, "pred", "prediction", "predictions", "y_pred", "y_score", "value")


class Layout(NamedTuple):
    """Where what stands in the rows of a sheet.

    Parameters
    ----------
    values
        The column of the score, or those of fake and of real.
    kind, higher
        As far as the layout says.
    """

    words: str
    clip: int
    values: tuple[int, ...]
    condition: int | None = None
    key: int | None = None
    kind: Kind | None = None
    higher: Label | None = None


def header(sheet: Sheet) -> tuple[str, ...]:
    """Names of the columns; none where the file has none."""
    return sheet.header or ()


def plain(name: str) -> str:
    """A name as it is looked up."""
    return re.sub(r"[\s_.-]+", "_", name.strip().casefold())


def first(sheet: Sheet, names: Sequence[str]) -> int | None:
    """The place of the first of these names that the header has."""
    found = [plain(name) for name in header(sheet)]
    return next((found.index(name) for name in names if name in found), None)


def class_columns(sheet: Sheet) -> dict[int, tuple[Label, Kind | None]]:
    """Columns that are named like an output for a class, by their places: `prob_fake`, `spoof`."""
    found: dict[int, tuple[Label, Kind | None]] = {}
    for place, name in enumerate(header(sheet)):
        words = plain(name).split("_")
        kinds = [word for word in words if word in KIND_WORDS]
        label = canonical_label("".join(word for word in words if word not in KIND_WORDS))
        if label is not None and len(kinds) <= 1:
            found[place] = label, KIND_WORDS[kinds[0]] if kinds else None
    return found


def is_known(sheet: Sheet) -> bool:
    """Whether any name of the header is one that a score file may have."""
    known = {*CLIP_NAMES, *KEY_NAMES, *PLAIN_NAMES, "condition", "cm_score"}
    return bool(class_columns(sheet)) or any(plain(name) in known for name in header(sheet))

"""Published figures: what a model card claims, one TOML file per model.

The files are in `reports/published/` of a checkout and inside the installed package. They record
the card's figures, counts, wording and contradictions; nothing in them was measured here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from harness.errors import UsageError
from harness.results.run_folder import RunFolder
from harness.storage.shipped import shipped
from harness.storage.storage import contents

Rate = Annotated[float, Field(ge=0, le=1)]
Clips = Annotated[int, Field(ge=0)]

DEFAULT = "ast-fakeaudio-detector"


class Figures(BaseModel, frozen=True, extra="forbid"):
    """Reported figures as fractions; None where the card gives none."""

    accuracy: Rate | None = None
    f1: Rate | None = None
    precision: Rate | None = None
    recall: Rate | None = None

    def given(self) -> dict[str, float]:
        return self.model_dump(exclude_none=True)


class Counts(BaseModel, frozen=True, extra="forbid"):
    """Clips of a set by class, and the name that the card gives the set."""

    name: str = ""
    fake: Clips
    real: Clips


class Published(BaseModel, frozen=True, extra="forbid"):
    """The claims of a card.

    Parameters
    ----------
    model
        Hub id.
    positive
        The class that precision, recall and F1 refer to.
    test_set
        The set that the card gives counts for.
    val_samples
        Clips of a validation pass, where that is fewer than the set has.
    wording
        Claims in words.
    limitations
        Limits that the card itself names.
    contradictions
        Statements that exclude each other.
    notes
        What a reader of the comparison has to know.
    """

    model: str
    figures: Figures
    positive: Literal["fake", "real", "unstated"]
    test_set: Counts | None = None
    train: Counts | None = None
    val_samples: Clips | None = None
    wording: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_published(name_or_path: str) -> Published:
    """Read published figures by the path of a TOML file, or by a shipped name.

    Raises
    ------
    UsageError
        For a missing file (the error lists the known names) or an invalid one.
    """
    path = published_path(name_or_path)
    try:
        return Published.model_validate(tomllib.loads(contents(path).decode()))
    except OSError as fault:
        names = ", ".join(published_names()) or "none"
        raise UsageError("no published figures", name_or_path, f"there are: {names}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"not TOML: {fault}", str(path), "correct the file") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(Published.model_fields)
        raise UsageError(f"{key}: {first['msg']}", str(path), f"use the keys {known}") from fault


def published_path(name_or_path: str) -> Path:
    """Path of such a file, whether or not it exists."""
    path = Path(name_or_path)
    return path if path.suffix == ".toml" else shipped("published") / f"{name_or_path}.toml"


def find_published(model_name: str) -> Published | None:
    """The claims of a model by its hub id, with or without `@revision`; None where unknown."""
    hub_id = model_name.split("@")[0].casefold()
    known = map(load_published, published_names())
    return next((published for published in known if published.model.casefold() == hub_id), None)


def published_names() -> list[str]:
    """Names of the shipped files, sorted."""
    return sorted(path.stem for path in shipped("published").glob("*.toml"))


def published_for(run: RunFolder) -> Published:
    """Load the published figures to compare a run with.

    Those that the user named, else those of the model's own card, else those of the default model:
    the report says which, and that another model's card makes no claim about this one.
    """
    if run.published is not None:
        return load_published(run.published)
    for model in run.record.models:
        if published := find_published(model.spec):
            return published
    return load_published(DEFAULT)

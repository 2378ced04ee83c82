"""What a model card claims: figures, counts and wording, one TOML file a model.

The files are in `reports/published/` of a checkout and in the package itself once installed. They
state what the card says and what about it does not fit together; nothing in them was measured here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UsageError
from harness.results.run_folder import RunFolder
from harness.storage.shipped import shipped
from harness.storage.storage import contents

Rate = Annotated[float, Field(ge=0, le=1)]
Clips = Annotated[int, Field(ge=0)]

DEFAULT = "ast-fakeaudio-detector"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figures(_Frozen):
    """Reported figures, as fractions; None where the card gives none."""

    accuracy: Rate | None = None
    f1: Rate | None = None
    precision: Rate | None = None
    recall: Rate | None = None

    def given(self) -> dict[str, float]:
        """The reported ones by the names of the metrics, in the order of the fields."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class Counts(_Frozen):
    """Clips of a set by class, under the name that the card gives it."""

    name: str = ""
    fake: Clips
    real: Clips


class Published(_Frozen):
    """A card's claims.

    Parameters
    ----------
    model
        Hub id.
    positive
        Which class precision, recall and F1 are of.
    test_set
        The set that the card gives counts for.
    val_samples
        How many clips a validation pass took, where that is fewer than the set has.
    wording
        Its claims in words.
    limitations
        The limits that the card itself names.
    contradictions
        Statements in it that exclude each other.
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
    """Read a file by its path, or one of those that come along by its name.

    Raises
    ------
    UsageError
        Where there is no such file (the names there are get named), or it is not understood.
    """
    path = published_path(name_or_path)
    try:
        content = tomllib.loads(contents(path).decode())
        return Published.model_validate(content)
    except OSError as fault:
        names = ", ".join(published_names()) or "none"
        raise UsageError("no published figures", name_or_path, f"there are: {names}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"not TOML: {fault}", str(path), "correct the file") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(Published.model_fields)
        raise UsageError(f"{key}: {first['msg']}", str(path), f"the keys are {known}") from fault


def published_path(name_or_path: str) -> Path:
    """Where such a file is, or would be."""
    path = Path(name_or_path)
    return path if path.suffix == ".toml" else shipped("published") / f"{name_or_path}.toml"


def find_published(model_name: str) -> Published | None:
    """The claims of a model by its hub id, with or without `@revision`; None where unknown."""
    wanted = model_name.split("@")[0].casefold()
    for name in published_names():
        published = load_published(name)
        if published.model.casefold() == wanted:
            return published
    return None


def published_names() -> list[str]:
    """Names of the files that come along, sorted."""
    return sorted(path.stem for path in shipped("published").glob("*.toml"))


def published_for(run: RunFolder) -> Published:
    """Load the published figures to hold a run against.

    Those that the user named, else those of the model's own card, else the first target's: the page
    says which, and that another model's card is no claim about this one.
    """
    if run.published is not None:
        return load_published(run.published)
    for model in run.record.models:
        published = find_published(model.spec)
        if published is not None:
            return published
    return load_published(DEFAULT)

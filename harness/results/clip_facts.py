"""Facts of a clip: the one list that readers, the scores table and slices follow.

A fact is text, empty where it is not known. Each of `FACTS` has a column in the scores table. Any
other, from a further column of a manifest, is kept as JSON in the column `EXTRA` and is sliced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd  # which readers of data do without


class Fact(NamedTuple):
    """Something that may be known of a clip.

    Parameters
    ----------
    name
        Its column in a manifest and in the scores table.
    aliases
        Other names of its column in data sets from elsewhere, the plainest first.
    fakes_only
        Whether real clips have none.
    identifies
        Whether two data sets that differ in it are different data.
    sliced
        Whether the clips of each value have figures of their own.
    since
        The version of the scores table that has its column first.
    """

    name: str
    aliases: tuple[str, ...] = ()
    fakes_only: bool = False
    identifies: bool = False
    sliced: bool = False
    since: int = 1


FACTS = (
    Fact("source", ("dataset", "dataset_name", "corpus"), sliced=True),
    Fact(
        "generator",
        (
            *("vocoder", "synthesizer", "system_id", "system", "model", "model_name"),
            *("tts", "attack_id", "attack", "attack_type", "method"),
        ),
        fakes_only=True,
        identifies=True,
        sliced=True,
    ),
    Fact("speaker", ("speaker_id", "speaker_name", "spk", "spk_id")),
    Fact("group", ("group_id",), identifies=True),
)
"""All facts in the order of the table's columns; a fact is added by one row."""

NAMES = tuple(fact.name for fact in FACTS)
FAKES_ONLY = frozenset(fact.name for fact in FACTS if fact.fakes_only)
IDENTITY = tuple(fact.name for fact in FACTS if fact.identifies)

EXTRA = "extra"
COLUMNS = (*NAMES, EXTRA)
"""The facts as columns of the scores table."""

RESERVED = frozenset({*COLUMNS, "all", "family", "length"})
"""Names that no further column can have as a slice."""


def columns(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a clip as the scores table keeps them."""
    others = {name: facts[name] for name in sorted(facts) if name not in NAMES and facts[name]}
    return {
        **{name: facts.get(name, "") for name in NAMES},
        EXTRA: json.dumps(others, ensure_ascii=False) if others else "",
    }


def columns_of(table: pd.DataFrame) -> list[str]:
    """Return the columns of facts that a table has; those of older versions have fewer."""
    return [name for name in COLUMNS if name in table]


def slice_values(table: pd.DataFrame) -> dict[str, NDArray[np.object_]]:
    """Return the value of every row by fact, of each fact that is sliced; empty where unknown."""
    sliced = sorted(fact.name for fact in FACTS if fact.sliced)
    values = {name: table[name].to_numpy(dtype=object) for name in sliced}
    if EXTRA in table:
        codes, texts = table[EXTRA].factorize()
        extras: list[dict[str, str]] = [json.loads(text) if text else {} for text in texts]
        extras.append({})  # for code -1: no value at all
        for name in sorted({name for extra in extras for name in extra}):
            known = np.array([extra.get(name, "") for extra in extras], dtype=object)
            values[name] = known[codes]
    return values

"""A labelled recording, and where clips come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.audio.encoded import Encoded

Label = Literal["real", "fake"]


@dataclass(frozen=True)
class Clip:
    """One labelled recording, not yet decoded.

    Parameters
    ----------
    clip_id
        Unique in its source and stable between runs: for files the path below the data's root.
    label
        `real` or `fake`; adapters translate whatever their source calls it.
    audio
        A file, the bytes of one, or what gets them from a store or a shard.
    generator
        What made a fake; empty for real clips and where unknown.
    source
        The data set or corpus that it is from; empty where unknown.
    speaker
        Empty where unknown.
    group
        What is resampled together because it is not independent; clips without a known group are
        a group of their own (`clip_id`).
    """

    clip_id: str
    label: Label
    audio: Encoded = field(repr=False)
    generator: str = ""
    source: str = ""
    speaker: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.speaker or self.clip_id)


@dataclass(frozen=True)
class Origin:
    """What the record keeps of a data source.

    Parameters
    ----------
    spec
        As the user wrote it.
    kind
        `embedded`, `folder`, `manifest`, `hub`, or the protocol's name.
    name
        Short, for titles and file names.
    digest
        Of the labels and ids of every clip (not of their audio).
    synthetic
        True for the embedded corpus: its figures say nothing about any published model.
    notes
        What was decided while it was read (columns chosen, labels translated), a line each.
    """

    spec: str
    kind: str
    name: str
    digest: str
    synthetic: bool = False
    revision: str = ""
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """A readable set of clips; iterating twice gives the same clips in the same order."""

    @property
    def origin(self) -> Origin: ...

    def __iter__(self) -> Iterator[Clip]: ...

    def __len__(self) -> int: ...

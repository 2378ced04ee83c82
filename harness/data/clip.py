"""A labelled recording, and where clips come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.audio.encoded import Encoded

Label = Literal["real", "fake"]


@dataclass(frozen=True)
class Clip:
    """One labelled recording, not yet decoded; a fact that is not known is empty.

    Parameters
    ----------
    clip_id
        Unique in its source and stable between runs: for files the path below the data's root.
    label
        `real` or `fake`; adapters translate whatever their source calls it.
    audio
        A file, the bytes of one, or what gets them from a store or a shard.
    generator
        What made a fake; empty for real clips.
    source
        The data set or corpus that it is from.
    group
        What is resampled together because it is not independent: the speaker where nothing else is
        known, else the clip itself.
    extra
        Other facts by name, such as `language`.
    """

    clip_id: str
    label: Label
    audio: Encoded = field(repr=False)
    generator: str = ""
    source: str = ""
    speaker: str = ""
    group: str = ""
    extra: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.speaker or self.clip_id)

    @classmethod
    def of(cls, clip_id: str, label: Label, audio: Encoded, facts: Mapping[str, str]) -> Clip:
        """Make a clip of which these facts are known."""
        own = {name: value for name, value in facts.items() if name in _OWN}
        extra = {name: value for name, value in facts.items() if name not in _OWN and value}
        return cls(clip_id, label, audio, **own, extra=extra)

    def fact(self, name: str) -> str:
        """Return one fact; empty where it is not known."""
        return getattr(self, name) if name in _OWN else self.extra.get(name, "")

    @property
    def facts(self) -> dict[str, str]:
        """Every fact by its name (`harness.results.clip_facts`)."""
        return {name: getattr(self, name) for name in _OWN} | dict(self.extra)


_OWN = ("generator", "source", "speaker", "group")


@dataclass(frozen=True)
class Origin:
    """Description of a data source for the record.

    Parameters
    ----------
    spec
        As the user wrote it.
    kind
        `embedded`, `folder`, `manifest`, `shards`, `hub`, or the name of a layout.
    name
        Short, for titles and file names.
    digest
        Of the ids, labels and identifying facts of all clips, not of their audio.
    synthetic
        True for the embedded corpus: its figures say nothing about any published model.
    notes
        Decisions while it was read (columns chosen, labels translated), a line each.
    columns
        Further columns of a manifest that become slices, sorted.
    """

    spec: str
    kind: str
    name: str
    digest: str
    synthetic: bool = False
    revision: str = ""
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class Source(Protocol):
    """A readable set of clips; iterating twice gives the same clips in the same order."""

    @property
    def origin(self) -> Origin: ...

    def __iter__(self) -> Iterator[Clip]: ...

    def __len__(self) -> int: ...

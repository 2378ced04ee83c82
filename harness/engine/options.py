"""Options of a run, as the user gave them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.engine.worker_pool import ROW_SECONDS
from harness.terms import Channels, UnscoredPolicy


@dataclass(frozen=True)
class RunOptions:
    """The options of `harness run`; None leaves the choice to the harness, which records it.

    Parameters
    ----------
    out
        Run directory; `harness.storage.storage.place` makes one of the address of a store.
    limit
        At most this many clips, stratified by label and generator, drawn with the suite's seed.
    compiled
        Whether models are compiled; None leaves them uncompiled, or as in an earlier part.
    workers
        Processes that prepare audio; 0 prepares in the scoring process, where nothing guards
        against a decoder that crashes or hangs.
    row_seconds
        Longest time to prepare one row; a row that takes more is an error row.
    cache_gb
        Size of the cache of prepared audio; 0 neither keeps nor uses any.
    address
        Of the Ray cluster.
    channels
        Which channels of a multichannel recording are scored.
    development
        Data source to choose thresholds on, instead of the one that the suite names.
    unscored
        How decisions count clips without a score, instead of the suite's policy. It moves no
        score: a run may be resumed with another.
    """

    suite: str = "release"
    data: str = "embedded"
    models: tuple[str, ...] = ("embedded",)
    out: Path | None = None
    limit: Annotated[int, Field(ge=2)] | None = None
    device: str = "auto"
    precision: str = "float32"
    batch_size: Annotated[int, Field(ge=1)] | None = None
    compiled: bool | None = None
    workers: Annotated[int, Field(ge=0)] | None = None
    row_seconds: Annotated[float, Field(ge=1)] = ROW_SECONDS
    cache_gb: Annotated[float, Field(ge=0)] | None = None
    fake_label: str | None = None
    channels: Channels = "mean"
    published: str | None = None
    baseline: str | None = None
    policy: str | None = None
    unscored: UnscoredPolicy | None = None
    development: str | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    command: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))

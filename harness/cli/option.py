"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from harness import terms
from harness.storage.storage import disk, place


def place_option(words: str) -> Any:
    """Return an option for a path on this machine or in a store."""
    return typer.Option(metavar="<path|url>", parser=place, help=words)


def disk_option(words: str, name: str = "") -> Any:
    """Return an option for a path on this machine."""
    names = [name] if name else []
    return typer.Option(*names, metavar="<path>", parser=disk, help=words)


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an existing file, but none that the command reads.")
]
Page = Annotated[Path | None, place_option("Write a page (HTML).")]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", parser=place, help="Directory of a run, or its URL.")
]
Suite = Annotated[str, typer.Argument(help="Name of a suite, or a suite file.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        help="embedded, a directory, a hub id[@revision], python:module:factory, scores:FILE."
        " Repeat for several."
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Use at most this many clips, drawn with the suite's seed in proportion to labels and "
        "generators.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Precision = Annotated[str, typer.Option(help="float32, tf32, bf16 or fp16.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Rows scored together.")]
Compiled = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile",
        help="Compile the models (torch.compile): takes a minute, and is not always faster.",
    ),
]
CacheGb = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Size of the cache of prepared audio for later runs; 0 for none. Default: "
        "HARNESS_CACHE_GB, else 10.",
    ),
]
FakeLabel = Annotated[
    str | None, typer.Option(help="The model's label that means fake, where the names do not say.")
]
Channels = Annotated[
    terms.Channels,
    typer.Option(help="How a recording with several channels becomes one; changes its scores."),
]
Engine = Annotated[
    Literal["local", "ray"], typer.Option(help="Compute on this machine, or on a Ray cluster.")
]
Published = Annotated[
    str | None, typer.Option(help="Published figures to compare with: a name or a TOML file.")
]
Unscored = Annotated[
    terms.UnscoredPolicy | None,
    typer.Option(
        help="How decisions count clips without a score, instead of what the suite says: "
        "excluded, wrong (decided wrongly) or real (called real)."
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="Gate the run against a baseline: a run directory, the name of an accepted one, "
        "`accepted` (that of its suite and data), `if-accepted` (the same, and no gate where there "
        "is none), or `published` (the figures of a card)."
    ),
]
PolicyFile = Annotated[
    str | None, typer.Option("--policy", help="Requirements to gate on: a name or a TOML file.")
]

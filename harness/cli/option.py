"""Options and arguments that several commands share, and what they end with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.storage.storage import place

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Unscored = Annotated[
    Literal["excluded", "wrong", "real"] | None,  # the metrics' `Policy`, without their imports
    typer.Option(
        help="What decisions make of clips without a score, instead of what the suite says: "
        "excluded, wrong (decided wrongly) or real (called real)."
    ),
]
Heard = Literal["mean", "first", "loudest"]
"""`harness.terms.Channels`, without its imports."""
Channels = Annotated[
    Heard,
    typer.Option(help="What is heard of a recording with several channels; moves its scores."),
]
DISK, PLACE = "<path>", "<path|url>"
Force = Annotated[
    bool, typer.Option("--force", help="Replace what exists; never what the command reads.")
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="At most this many clips, drawn in proportion from each label and generator, with the "
        "suite's seed.",
    ),
]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", parser=place, help="Directory of a run, or its URL.")
]
Page = Annotated[
    Path | None, typer.Option(metavar=PLACE, parser=place, help="Write a page (HTML).")
]

Baseline = Annotated[
    str | None,
    typer.Option(
        help="Hold the run against a baseline: a run directory, the name of an accepted one, "
        "`accepted` (that of its suite and data), `if-accepted` (the same, and no gate where there "
        "is none), or `published` (the figures of a card)."
    ),
]
PolicyFile = Annotated[
    str | None, typer.Option("--policy", help="What to hold it to: a name or a TOML file.")
]

EXIT_FOUND = 1
EXIT_REFUSED = 2
EXIT_CONTRADICTED = 2
EXIT_UNSCORED = 3

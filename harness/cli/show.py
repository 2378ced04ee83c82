"""Commands that show what there is: conditions, clips, this installation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from harness.cli.console import print_json, stdout
from harness.cli.option import EXIT_CONTRADICTED, Channels, Force, Json
from harness.errors import printable


def suites_list(as_json: Json = False) -> None:
    """List the suites that come with the harness."""
    from harness.suite.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    if as_json:
        print_json([suite.record().model_dump(mode="json") for suite in suites])
        return
    table = Table("suite", "conditions", "description")
    for suite in suites:
        table.add_row(suite.name, str(len(suite.conditions)), suite.description)
    stdout().print(table)


def suites_show(
    name: Annotated[str, typer.Argument(help="Name of a suite, or a suite file.")],
    as_json: Json = False,
) -> None:
    """List the conditions of a suite in words."""
    from harness import api

    suite = api.load_suite(name)
    if as_json:
        print_json(suite.record().model_dump(mode="json"))
        return
    table = Table("condition", "family", "severity", "in words")
    for condition in suite.conditions:
        table.add_row(condition.name, condition.family, f"{condition.severity:g}", condition.words)
    console = stdout()
    console.print(f"{suite.name}: {suite.description} (seed {suite.seed}, digest {suite.digest})")
    for note in suite.notes:
        console.print(note)
    console.print(table)


def perturb(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A WAV or FLAC file to write.")],
    condition: Annotated[
        list[str],
        typer.Option(
            help="Name of a condition (codec:mp3@32k), or its fields "
            "(perturb=codec,codec=mp3,kbps=32). Join steps by ' + ', or repeat."
        ),
    ],
    suite: Annotated[
        str, typer.Option(help="A suite, by name or file, for its seed and named conditions.")
    ] = "release",
    data: Annotated[str, typer.Option(help="Where babble comes from.")] = "embedded",
    channels: Channels = "mean",
    force: Force = False,
) -> None:
    """Write what a condition does to a file, to listen to it; exit 2 where that contradicts it."""
    from harness.engine.preview import write_perturbed

    steps = " + ".join(condition)
    preview = write_perturbed(source, target, suite, steps, data, channels, force=force)
    typer.echo(printable(preview.line))
    if preview.contradiction:
        print(f"harness: {printable(preview.contradiction)}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(EXIT_CONTRADICTED)


def data(
    spec: Annotated[str, typer.Argument(help="A data source, as for harness run --data.")],
    as_json: Json = False,
) -> None:
    """Say what a data source holds."""
    from collections import Counter

    from harness.data.source import open_source

    source = open_source(spec)
    clips = list(source)
    content: dict[str, Any] = {
        "name": source.origin.name,
        "kind": source.origin.kind,
        "digest": source.origin.digest,
        "clips": len(clips),
        "labels": Counter(clip.label for clip in clips),
        "generators": Counter(clip.generator for clip in clips if clip.generator),
        "sources": Counter(clip.source for clip in clips if clip.source),
        "groups": len({clip.group for clip in clips}),
        "notes": list(source.origin.notes),
    }
    if as_json:
        print_json(content)
        return
    table = Table("what", "", show_header=False)
    for key, value in content.items():
        if isinstance(value, Counter):
            shown = ", ".join(f"{name} {count}" for name, count in value.most_common())
        else:
            shown = "\n".join(value) if isinstance(value, list) else str(value)
        table.add_row(key, shown)
    stdout().print(table)


def doctor(
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Remove all prepared audio first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what this installation has: versions, devices, codecs, caches."""
    from harness.cli.doctor import diagnose

    if clear_cache:
        from harness.engine import cache

        print(f"{cache.clear_cache() / 1e9:.2f} GB removed", file=sys.stderr)  # noqa: T201
    content = diagnose()
    if as_json:
        print_json(content)
        return
    table = Table("what", "", show_header=False)
    for key, value in content.items():
        table.add_row(key, str(value))
    stdout().print(table)

"""Commands that show conditions, clips and this installation."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from harness.cli import option
from harness.cli.console import complain, print_json, print_pairs, stdout
from harness.cli.exit_code import EXIT_CONTRADICTED
from harness.errors import printable
from harness.version import __version__


def suites_list(as_json: option.Json = False) -> None:
    """List the suites that come with the harness."""
    from harness.suite.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    if as_json:
        print_json([suite.record() for suite in suites])
        return
    table = Table("suite", "conditions", "description")
    for suite in suites:
        table.add_row(suite.name, str(len(suite.conditions)), suite.description)
    stdout().print(table)


def suites_show(name: option.Suite, as_json: option.Json = False) -> None:
    """List the conditions of a suite in words."""
    from harness import api

    suite = api.load_suite(name)
    if as_json:
        print_json(suite.record())
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
    data: Annotated[str, typer.Option(help="Data source that babble is made of.")] = "embedded",
    channels: option.Channels = "mean",
    force: option.Force = False,
) -> None:
    """Apply a condition to a file, to listen to it; exit 2 if the result contradicts its name."""
    from harness.engine.preview import write_perturbed

    steps = " + ".join(condition)
    preview = write_perturbed(source, target, suite, steps, data, channels, force=force)
    typer.echo(printable(preview.line))
    if preview.contradiction:
        complain(preview.contradiction)
        raise typer.Exit(EXIT_CONTRADICTED)


def data(
    spec: Annotated[str, typer.Argument(help="A data source, as for harness run --data.")],
    as_json: option.Json = False,
) -> None:
    """Summarise a data source."""
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
    else:
        print_pairs({key: _words(value) for key, value in content.items()})


def _words(value: Any) -> str:
    if isinstance(value, Counter):
        return ", ".join(f"{name} {count}" for name, count in value.most_common())
    return "\n".join(value) if isinstance(value, list) else str(value)


def doctor(
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Remove all prepared audio first.")
    ] = False,
    as_json: option.Json = False,
) -> None:
    """Describe this installation: versions, devices, codecs, caches."""
    if clear_cache:
        from harness.engine import cache

        print(f"{cache.clear_cache() / 1e9:.2f} GB removed", file=sys.stderr)  # noqa: T201
    content = diagnosis()
    if as_json:
        print_json(content)
    else:
        print_pairs({key: str(value) for key, value in content.items()})


def diagnosis() -> dict[str, object]:
    """Return versions, processors, devices and codecs, for a bug report."""
    import torch

    from harness.engine.cache import cache_bytes, cache_folder
    from harness.perturb.codec import versions
    from harness.processor import usable_processors
    from harness.suite.suite import suite_names

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "harness": __version__,
        "installed at": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": usable_processors(),
        "torch": torch.__version__,
        "gpus": ", ".join(gpus) or "none that torch can use",
        "prepared audio": f"{cache_bytes() / 1e9:.2f} GB in {cache_folder()}",
        "suites": ", ".join(suite_names()),
        **versions(),
    }

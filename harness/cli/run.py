"""Commands `harness run` and `harness train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import option
from harness.cli.console import Progress, print_json
from harness.cli.exit_code import conclude
from harness.errors import UsageError, printable


def run(
    suite: option.Suite = "release",
    data: Annotated[
        str,
        typer.Option(
            help="embedded, a folder with real/ and fake/, a manifest, Parquet shards with the "
            "audio in them, hub:owner/name[@rev][:split], or PROTOCOL:DIR. A path may be s3://…"
        ),
    ] = "embedded",
    model: option.Models = None,
    out: Annotated[
        Path | None,
        option.place_option(
            "Run directory, or s3://BUCKET/… and the like; a run in it is continued."
        ),
    ] = None,
    limit: option.Limit = None,
    device: option.Device = "auto",
    precision: option.Precision = "float32",
    batch_size: option.BatchSize = None,
    compiled: option.Compiled = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare audio; 0 for none.")
    ] = None,
    row_seconds: Annotated[
        float, typer.Option(min=1, help="A row that takes longer to prepare is an error row.")
    ] = 120.0,
    cache_gb: option.CacheGb = None,
    fake_label: option.FakeLabel = None,
    channels: option.Channels = "mean",
    published: option.Published = None,
    engine: option.Engine = "local",
    address: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster; else one is started here.")
    ] = None,
    development: Annotated[
        str | None,
        typer.Option(help="Data source to choose a suite's threshold on, as for --data."),
    ] = None,
    unscored: option.Unscored = None,
    baseline: option.Baseline = None,
    policy: option.PolicyFile = None,
    as_json: option.Json = False,
) -> None:
    """Score a data source under a suite's conditions and report on it."""
    models = model or ["embedded"]
    options: dict[str, Any] = {**locals(), "model": models}  # the keywords of `harness.api.run`
    for name in ("models", "as_json"):
        del options[name]
    progress = Progress()
    progress.note(f"Opening the data ({data}) and the model ({', '.join(models)}) …")

    from harness import api

    with progress:
        done = api.run(**options, note=progress.note, progress=progress.advance)
    conclude(done, as_json)


def train(
    out: Annotated[
        Path,
        option.disk_option("Directory for the trained model; must be new."),
    ],
    data: Annotated[str, typer.Option(help="Labelled clips, as for harness run --data.")],
    base: Annotated[
        str, typer.Option(help="Directory, hub id[@revision] or embedded.")
    ] = "MIT/ast-finetuned-audioset-10-10-0.4593",
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Use only the base's configuration, random weights."),
    ] = False,
    learning_rate: Annotated[float, typer.Option()] = 1e-5,
    weight_decay: Annotated[float, typer.Option()] = 0.01,
    max_steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1500,
    batch_size: Annotated[int, typer.Option()] = 16,
    gradient_accumulation: Annotated[int, typer.Option(help="Batches in a step.")] = 8,
    eval_steps: Annotated[int, typer.Option(help="Steps between validations.")] = 500,
    val_samples: Annotated[int, typer.Option(help="Validate on at most this many clips.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: option.Json = False,
) -> None:
    """Fine-tune a two-class detector by the model card's recipe; the defaults are the card's."""
    values = {name: value for name, value in locals().items() if name not in ("data", "as_json")}
    values["gradient_accumulation_steps"] = values.pop("gradient_accumulation")
    from pydantic import ValidationError

    from harness.arguments import invalid_option
    from harness.data.source import open_source
    from harness.training.training import TrainingOptions
    from harness.training.training import train as fit

    if out.exists():
        raise UsageError("exists already", str(out), "name a new directory")
    try:
        options = TrainingOptions.model_validate(values)
    except ValidationError as fault:
        refused = invalid_option(fault)
        name = refused.where.replace("accumulation_steps", "accumulation").replace("_", "-")
        raise UsageError(refused.what, f"--{name}", refused.fix) from fault
    with Progress() as progress:
        result = fit(
            options,
            open_source(data),
            progress=lambda step, logs: progress.note(
                f"step {step} of {max_steps}: "
                + ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
            ),
        )
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    typer.echo(
        f"{printable(str(result.out))}: {result.steps} steps on {result.training_clips} clips "
        f"({result.rejected_clips} rejected, {result.duplicate_clips} duplicates left out); "
        f"validation accuracy {result.validation_accuracy:.4f} on {result.validation_clips} clips"
    )

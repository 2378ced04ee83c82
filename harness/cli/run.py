"""Commands that score: clips through a detector, or a detector through clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.console import Progress, print_json
from harness.cli.exit_code import conclude
from harness.cli.option import (
    DISK,
    PLACE,
    Baseline,
    Channels,
    Json,
    Limit,
    PolicyFile,
    Unscored,
)
from harness.errors import UsageError, printable
from harness.storage.storage import disk, place


def run(
    suite: Annotated[str, typer.Argument(help="Name of a suite, or a suite file.")] = "release",
    data: Annotated[
        str,
        typer.Option(
            help="embedded, a folder with real/ and fake/, a manifest, Parquet shards with the "
            "audio in them, hub:owner/name[@rev][:split], or PROTOCOL:DIR. A path may be s3://…"
        ),
    ] = "embedded",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="embedded, a directory, a hub id[@revision], python:module:factory, scores:FILE."
            " Repeat for several."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar=PLACE,
            parser=place,
            help="Run directory, or s3://BUCKET/… and the like; the same one again goes on in it.",
        ),
    ] = None,
    limit: Limit = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, tf32, bf16 or fp16.")] = "float32",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows scored together.")] = None,
    compiled: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Compile the models (torch.compile), which takes a minute and is not always"
            " faster.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare audio; 0 for none.")
    ] = None,
    row_seconds: Annotated[
        float, typer.Option(min=1, help="Longest time to prepare a row; then it is an error row.")
    ] = 120.0,
    cache_gb: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Prepared audio to keep for later runs; 0 for none. Else HARNESS_CACHE_GB, else "
            "10.",
        ),
    ] = None,
    fake_label: Annotated[
        str | None, typer.Option(help="The model's label that means fake, where it is not plain.")
    ] = None,
    channels: Channels = "mean",
    published: Annotated[
        str | None, typer.Option(help="Published figures to compare with: a name or a TOML file.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where it is computed: here, or on a cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; else one of this machine is started.")
    ] = None,
    development: Annotated[
        str | None,
        typer.Option(help="Data source that a suite's threshold is chosen on, as for --data."),
    ] = None,
    unscored: Unscored = None,
    baseline: Baseline = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Score a data source under a suite's conditions and report on it."""
    models = tuple(model or ["embedded"])
    progress = Progress()
    progress.note(f"Opening the data ({data}) and the model ({', '.join(models)}) …")

    from harness import api

    with progress:
        done = api.run(
            suite,
            data=data,
            model=models,
            out=out,
            limit=limit,
            device=device,
            precision=precision,
            batch_size=batch_size,
            compiled=compiled,
            workers=workers,
            row_seconds=row_seconds,
            cache_gb=cache_gb,
            fake_label=fake_label,
            channels=channels,
            published=published,
            unscored=unscored,
            baseline=baseline,
            policy=policy,
            development=development,
            engine=engine,
            address=address,
            note=progress.note,
            progress=progress.advance,
        )
    conclude(done, as_json)


def train(
    out: Annotated[
        Path,
        typer.Option(
            metavar=DISK, parser=disk, help="Directory for the trained model; must be new."
        ),
    ],
    data: Annotated[str, typer.Option(help="Labelled clips, as for harness run --data.")],
    base: Annotated[
        str, typer.Option(help="Directory, hub id[@revision] or embedded.")
    ] = "MIT/ast-finetuned-audioset-10-10-0.4593",
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Only the base's configuration, random weights.")
    ] = False,
    learning_rate: Annotated[float, typer.Option()] = 1e-5,
    weight_decay: Annotated[float, typer.Option()] = 0.01,
    max_steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1500,
    batch_size: Annotated[int, typer.Option()] = 16,
    gradient_accumulation: Annotated[int, typer.Option(help="Batches in a step.")] = 8,
    eval_steps: Annotated[int, typer.Option(help="Validate every so many steps.")] = 500,
    val_samples: Annotated[int, typer.Option(help="Clips to validate on, at most.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Fine-tune a two-class detector by the model card's recipe; the defaults are the card's."""
    from pydantic import ValidationError

    from harness.data.source import open_source
    from harness.training.training import TrainingOptions
    from harness.training.training import train as fit

    if out.exists():
        raise UsageError("exists already", str(out), "name a new directory")
    try:
        options = TrainingOptions.model_validate(
            {
                "out": out,
                "base": base,
                "from_scratch": from_scratch,
                "learning_rate": learning_rate,
                "weight_decay": weight_decay,
                "max_steps": max_steps,
                "batch_size": batch_size,
                "gradient_accumulation_steps": gradient_accumulation,
                "eval_steps": eval_steps,
                "val_samples": val_samples,
                "seed": seed,
                "device": device,
            }
        )
    except ValidationError as fault:
        first = fault.errors()[0]
        option = (
            str(first["loc"][0]).replace("accumulation_steps", "accumulation").replace("_", "-")
        )
        raise UsageError(
            f"{first['msg'].lower()}, given {first['input']}", f"--{option}"
        ) from fault
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

"""Command `harness plan`: parse, measure, print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli import option
from harness.cli.console import Progress, print_json, stdout
from harness.cli.option import Force, Json, Limit
from harness.errors import UsageError
from harness.plain_json import json_text
from harness.storage.output_file import refuse_taken

_COUNT = re.compile("0*[1-9][0-9]{0,8}")


def plan(
    suite: option.Suite = "release",
    data: Annotated[str, typer.Option(help="Clips, as for harness run --data.")] = "embedded",
    model: option.Models = None,
    limit: Limit = None,
    sample: Annotated[int, typer.Option(min=2, help="Clips to measure.")] = 24,
    workers: Annotated[
        str, typer.Option(help="Numbers of workers to plan for, each with a processor of its own.")
    ] = "1,8,64",
    gpus: Annotated[
        str, typer.Option(help="Numbers of GPUs to plan for, such as the one of this machine.")
    ] = "",
    device: option.Device = "auto",
    precision: option.Precision = "float32",
    batch_size: option.BatchSize = None,
    compiled: option.Compiled = None,
    cache_gb: option.CacheGb = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Workers of one machine, or of a cluster; it is measured here."),
    ] = "local",
    fake_label: option.FakeLabel = None,
    out: Annotated[
        Path | None,
        option.disk_option("Keep the plan in this JSON file."),
    ] = None,
    after: Annotated[
        Path | None,
        option.place_option(
            "Directory of a run, or its URL: what was planned beside what it took."
        ),
    ] = None,
    kept: Annotated[
        Path | None,
        option.disk_option(
            "With --after: a plan that --out kept, instead of measuring now.", "--plan"
        ),
    ] = None,
    policy: option.PolicyFile = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="With --policy: the run or baseline that a gate will compare with."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Say what a run would take, from a sample of its clips measured on this machine.

    Nothing is scored but the sample, and nothing is kept but the plan. With --policy it says
    instead whether a gate against the baseline can pass, and how many groups that takes.
    """
    if policy is not None or baseline is not None:
        _forecast(policy, baseline, as_json=as_json)
        return
    if kept is not None and after is None:
        raise UsageError("is what a run is held against", "--plan", "name the run with --after")

    from harness.planning.check import check, read_plan, refuse_other_suite
    from harness.storage.storage import write_whole

    if out is not None:
        refuse_taken(out, [suite, data, *(model or []), *([kept] if kept else [])], force=force)
    counts, cards = _counts(workers, "--workers"), _counts(gpus, "--gpus") if gpus else ()
    if kept is not None:
        planned = read_plan(kept)
    else:
        if after is not None:
            refuse_other_suite(after, suite)
        from harness.engine.options import RunOptions
        from harness.planning.plan import plan as measure_plan

        options = RunOptions(
            suite=suite,
            data=data,
            models=tuple(model or ["embedded"]),
            limit=limit,
            device=device,
            precision=precision,
            batch_size=batch_size,
            compiled=compiled,
            cache_gb=cache_gb,
            fake_label=fake_label,
            engine=engine,
        )
        with Progress() as progress:
            planned = measure_plan(options, progress.note, sample, counts, cards)
    checked = None if after is None else check(planned, after)
    if out is not None:
        write_whole(out, json_text(planned))
    if as_json:
        content = planned.model_dump()
        print_json(content if checked is None else content | {"after": checked.model_dump()})
        return
    from harness.cli.plan_table import print_check, print_plan

    print_plan(stdout(), planned)
    if checked is not None:
        print_check(stdout(), planned, checked)


def _forecast(policy: str | None, baseline: str | None, *, as_json: bool) -> None:
    """Print whether a policy can pass against a baseline."""
    from harness.compare.baseline import FOLDER
    from harness.compare.forecast import forecast
    from harness.compare.policy import DEFAULT, load_policy
    from harness.results.run_folder import read_run
    from harness.storage.storage import place

    loaded = load_policy(policy or DEFAULT)
    if baseline is None:
        raise UsageError(
            "the errors of a gate are estimated from its baseline",
            f"--policy {policy}",
            "add --baseline",
        )
    accepted = FOLDER / baseline
    text = forecast(read_run(accepted if accepted.is_dir() else place(baseline)), loaded)
    if as_json:
        print_json({"policy": loaded.name, "baseline": baseline, "outlook": text})
    else:
        stdout().print(text or "No requirement of this policy compares with a baseline.")


def _counts(text: str, where: str) -> tuple[int, ...]:
    """Parse positive integers such as `1,8,64`."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_COUNT.fullmatch(part) for part in parts):
        raise UsageError(f"{text!r}: expected positive integers", where, "write them like 1,8,64")
    return tuple(map(int, parts))

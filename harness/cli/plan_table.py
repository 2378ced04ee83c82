"""Terminal output of plans: the work, the time of each stage, and of each layout."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from harness.errors import printable
from harness.planning.check import PlanCheck
from harness.planning.estimate import Figure
from harness.planning.plan import Plan
from harness.report import formatting
from harness.report.formatting import MISSING, counted

_PACKAGES = ("torch", "numpy", "av", "soundfile")
_TIMES = ((3600 * 24 * 3, "d", 3600 * 24), (3600 * 2, "h", 3600), (120, "min", 60), (0, "s", 1))


def print_plan(console: Console, plan: Plan) -> None:
    """Print the work, the time of each stage, and the effect of more workers or GPUs."""
    machine, here = plan.machine, plan.here
    versions = ", ".join(f"{name} {machine.packages.get(name, '?')}" for name in _PACKAGES)
    lines = [
        f"{plan.suite} on {plan.data}: {plan.clips:,} clips × {plan.conditions} conditions × "
        f"{counted(len(plan.models), 'model')} = {plan.scorings:,} scorings.",
        f"{_interval(plan.audio_seconds)} of audio (of {plan.audio_basis}), "
        f"{_size(plan.read_bytes.value)} to read (of {plan.read_basis}), "
        f"{_size(plan.written_bytes)} of scores and {_size(plan.cached_bytes)} of prepared audio "
        "to write.",
        f"From {plan.sample_clips} clips, measured in {plan.sample_seconds:.0f} s on "
        f"{machine.platform} with {plan.processors} processors; detectors on {machine.device}, "
        f"{machine.precision}, batch {machine.batch_size}; recordings read at "
        f"{_size(plan.storage_bytes_per_second)}/s; Python {machine.python}, {versions}.",
    ]
    for line in lines:
        console.print(printable(line), soft_wrap=True)
    stages = _table("stage", "of", "seconds", "95 % interval", "grows with")
    for stage in plan.stages:
        seconds = stage.seconds
        exact = seconds.low == seconds.high
        stages.add_row(
            printable(stage.name),
            stage.resource,
            f"{seconds.value:,.3g}",
            MISSING if exact else f"{seconds.low:,.3g} to {seconds.high:,.3g}",
            f"{stage.basis}s",
        )
    console.print(stages)
    layouts = _table("workers", "GPUs", "time", "memory", "storage must give", "limited by")
    for layout in plan.layouts:
        layouts.add_row(
            f"{layout.workers:,}",
            str(layout.gpus or MISSING),
            _interval(layout.hours, 3600),
            _size(layout.memory_bytes),
            f"{_size(layout.read_bytes_per_second)}/s",
            printable(layout.limit),
        )
    console.print(layouts)
    for gpus, workers in plan.turning_points.items():
        beside = f" beside {counted(gpus, 'GPU')}" if gpus else ""
        if workers is not None:
            console.print(f"More workers than {workers:,}{beside} do not help.")
    console.print(
        f"This machine ({counted(here.workers, 'worker')} on "
        f"{counted(here.processors, 'processor')}): "
        f"{_interval(here.hours, 3600)}, limited by {printable(here.limit)}.",
        soft_wrap=True,
    )
    _print_notes(console, plan.notes)


def print_check(console: Console, plan: Plan, check: PlanCheck) -> None:
    """Print a plan beside a run."""
    table = _table("stage", "planned", "took", "took / planned")
    table.title, table.title_justify = f"Against {printable(check.run)}", "left"
    for stage in check.stages:
        took = "not recorded" if math.isnan(stage.took) else _time(stage.took)
        table.add_row(
            printable(stage.name), _time(stage.planned), took, formatting.figure(stage.ratio, 2)
        )
    console.print(table)
    console.print(
        f"Scorings: {plan.scorings:,} planned, {check.scorings:,} made. Table: "
        f"{_size(plan.written_bytes)} planned, {_size(check.written_bytes)} written."
    )
    _print_notes(console, check.notes)


def _table(*titles: str) -> Table:
    """Return a table whose columns are numbers, except those of names."""
    table = Table()
    for title in titles:
        if title in ("stage", "of", "grows with", "limited by"):
            table.add_column(title)
        else:
            table.add_column(title, justify="right", no_wrap=True)
    return table


def _print_notes(console: Console, notes: list[str]) -> None:
    for note in notes:
        console.print(f"Note: {printable(note)}", soft_wrap=True)


def _interval(figure: Figure, unit_seconds: float = 1.0) -> str:
    value, low, high = (
        _time(seconds * unit_seconds) for seconds in (figure.value, figure.low, figure.high)
    )
    return value if low == high else f"{value} ({low} to {high})"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "unknown"
    unit, size = next((unit, size) for least, unit, size in _TIMES if seconds >= least)
    return f"{seconds / size:,.3g} {unit}"


def _size(count: float) -> str:
    if math.isnan(count):
        return "unknown"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"

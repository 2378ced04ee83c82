"""A plan in a terminal: how much there is, what each stage takes, and how long with how many."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from harness.errors import printable
from harness.planning.forecast import Figure
from harness.planning.prospect import Hindsight, LayoutPlan, Plan

_PACKAGES = ("torch", "numpy", "av", "soundfile")
_UNITS = ((3600 * 24 * 3, "d", 3600 * 24), (3600 * 2, "h", 3600), (120, "min", 60))


def print_plan(console: Console, plan: Plan) -> None:
    """Print what there is to do, where the time goes, and what more workers or GPUs give."""
    for line in (*_extent(plan), *_machine(plan)):
        console.print(printable(line), soft_wrap=True)
    console.print(_stages(plan))
    console.print(_layouts(plan))
    for gpus, workers in plan.turning_points.items():
        beside = f" beside {_count(gpus, 'GPU')}" if gpus else ""
        if workers is not None:
            console.print(f"More workers than {workers:,}{beside} do not help.")
    here = plan.here
    console.print(
        f"This machine ({_count(here.workers, 'worker')} on "
        f"{_count(here.processors, 'processor')}): "
        f"{_interval(here.hours, 3600)}, limited by {printable(here.limit)}.",
        soft_wrap=True,
    )
    for note in plan.notes:
        console.print(f"Note: {printable(note)}", soft_wrap=True)


def print_hindsight(console: Console, plan: Plan, compared: Hindsight) -> None:
    """Print what was planned beside what a run took."""
    table = Table("stage", title=f"Against {printable(compared.run)}", title_justify="left")
    for title in ("planned", "took", "took / planned"):
        table.add_column(title, justify="right", no_wrap=True)
    for stage in compared.stages:
        took = "not kept" if math.isnan(stage.took) else _time(stage.took)
        ratio = "–" if math.isnan(stage.ratio) else f"{stage.ratio:.2f}"
        table.add_row(printable(stage.name), _time(stage.planned), took, ratio)
    console.print(table)
    console.print(
        f"Scorings: {plan.scorings:,} planned, {compared.scorings:,} made. Table: "
        f"{_size(plan.written_bytes)} planned, {_size(compared.written_bytes)} written."
    )
    for note in compared.notes:
        console.print(f"Note: {printable(note)}", soft_wrap=True)


def _extent(plan: Plan) -> list[str]:
    read = f"{_size(plan.read_bytes.value)} to read (of {plan.read_basis})"
    return [
        f"{plan.suite} on {plan.data}: {plan.clips:,} clips × {plan.conditions} conditions × "
        f"{_count(len(plan.models), 'model')} = {plan.scorings:,} scorings.",
        f"{_time(plan.audio_seconds.value)} of audio (of {plan.audio_basis}), {read}, "
        f"{_size(plan.written_bytes)} of scores and {_size(plan.cached_bytes)} of prepared audio "
        "to write.",
    ]


def _machine(plan: Plan) -> list[str]:
    machine = plan.machine
    rate = plan.storage_bytes_per_second
    read = "" if math.isnan(rate) else f"recordings read at {_size(rate)}/s; "
    versions = ", ".join(f"{name} {machine.packages.get(name, '?')}" for name in _PACKAGES)
    return [
        f"From {plan.sample_clips} clips, measured in {plan.sample_seconds:.0f} s on "
        f"{machine.platform} with {plan.processors} processors; detectors on {machine.device}, "
        f"{machine.precision}, batch {machine.batch_size}; {read}"
        f"Python {machine.python}, {versions}."
    ]


def _stages(plan: Plan) -> Table:
    table = Table("stage", "of")
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("grows with")
    for stage in plan.stages:
        figure = stage.seconds
        exact = figure.low == figure.high
        table.add_row(
            printable(stage.name),
            stage.resource,
            _number(figure.value),
            "–" if exact else f"{_number(figure.low)} to {_number(figure.high)}",
            {"second": "seconds of audio"}.get(stage.basis, f"{stage.basis}s"),
        )
    return table


def _layouts(plan: Plan) -> Table:
    table = Table()
    for title in ("workers", "GPUs", "time", "95 % interval", "memory", "storage must give"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("limited by")
    for one in plan.layouts:
        table.add_row(
            f"{one.workers:,}",
            str(one.gpus) if one.gpus else "–",
            _time(3600 * one.hours.value),
            _between(one.hours, 3600),
            _size(one.memory_bytes),
            _rate(one),
            printable(one.limit),
        )
    return table


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def _rate(one: LayoutPlan) -> str:
    rate = one.read_bytes_per_second
    return "–" if math.isnan(rate) or not rate else f"{_size(rate)}/s"


def _interval(figure: Figure, seconds: float) -> str:
    return f"{_time(figure.value * seconds)} ({_between(figure, seconds)})"


def _between(figure: Figure, seconds: float) -> str:
    return f"{_time(figure.low * seconds)} to {_time(figure.high * seconds)}"


def _number(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "unknown"
    for least, unit, size in _UNITS:
        if seconds >= least:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.3g} s"


def _size(count: float) -> str:
    if math.isnan(count):
        return "unknown"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"

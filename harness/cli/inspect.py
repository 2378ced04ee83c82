"""Commands `inspect`, `bundle` and `verify`: recordings and runs as evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from harness.cli import option
from harness.cli.console import Progress, print_json, stdout
from harness.cli.exit_code import EXIT_FOUND, EXIT_REFUSED
from harness.cli.option import Force, Json, RunPath
from harness.errors import printable
from harness.report.formatting import MISSING, figure, interval, quantity, signed
from harness.storage.storage import place

if TYPE_CHECKING:
    from harness.forensic.case import Case
    from harness.inspect.batch import ExaminedFile
    from harness.results.record import RunRecord

_SYNTHETIC = (
    "The run is of synthetic clips: it supports no statement about a real recording. This only "
    "shows what a report looks like."
)


def inspect(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Recordings, or folders of them.")
    ],
    run: Annotated[
        Path,
        option.place_option("Directory of the run that validated the detector."),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Which of the run's detectors, or its new location; as for harness run."),
    ] = None,
    development: Annotated[
        Path | None,
        option.place_option("Run of the same detector on other clips, to calibrate ratios on."),
    ] = None,
    out: Annotated[
        Path | None,
        option.disk_option("Output directory. Default: one under reports/cases."),
    ] = None,
    device: option.Device = "auto",
    audio: Annotated[
        bool,
        typer.Option("--audio/--no-audio", help="Embed the recording in the page, up to 1 MB."),
    ] = True,
    attribution: Annotated[
        bool,
        typer.Option(
            "--attribution/--no-attribution",
            help="Show which parts carry the score; takes minutes for a large model on a CPU.",
        ),
    ] = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Examine questioned recordings: their facts, their scores, and what those are worth.

    The exit code is 2 if none of the files can be examined.
    """
    from harness.inspect.batch import examine_all, files_of, folder_for, plain_cases
    from harness.inspect.examiner import ExamineOptions, open_examiner

    paths, where = files_of(files), out or folder_for(run)
    with Progress() as progress:
        examiner = open_examiner(run, model, development, device, progress.note)
        options = ExamineOptions(attribution, audio)
        done = examine_all(paths, examiner, options, where, progress.note, force=force)
    if as_json:
        print_json(plain_cases(done))
    else:
        _print_examined(done, examiner.run.record, where)
    if all(examined.case is None for examined in done):
        raise typer.Exit(EXIT_REFUSED)


def _print_examined(done: Sequence[ExaminedFile], record: RunRecord, out: Path) -> None:
    """Print the cases and the paths of their pages."""
    console = stdout()
    if record.data.synthetic:
        console.print(_SYNTHETIC, soft_wrap=True)
    if len(done) == 1 and done[0].case is not None:
        for line in _lines(done[0].case):
            console.print(line, soft_wrap=True)
        console.print(f"Page: {done[0].page}", soft_wrap=True)
        return
    table = Table("file", "seconds", "score", "LR (log10)", "95 % interval", "condition or reason")
    for number in (1, 2, 3, 4):
        table.columns[number].justify = "right"
        table.columns[number].no_wrap = True
    for examined in done:
        table.add_row(*_row(examined))
    console.print(table)
    console.print(f"Pages and table: {out}", soft_wrap=True)


def _lines(case: Case) -> list[str]:
    file, weight = case.file, case.weight
    lines = [
        f"{file.name}: {file.seconds:.2f} s, {file.coding}, {file.rate_hz} Hz, "
        f"SHA-256 {file.sha256}",
        *(f"  {note}" for note in file.notes),
        f"Not scored: {case.score_reason}."
        if case.score_reason
        else f"Score {signed(case.score, 2)} over the first {case.heard_s:.2f} s (threshold "
        f"{quantity(case.subject.threshold)})",
    ]
    if weight.refused:
        lines += ["No statement about it:", *(f"  {reason}" for reason in weight.refused)]
    else:
        lines.append(f"{weight.words} 95 % interval in powers of ten {_interval(case)}.")
    return lines


def _interval(case: Case) -> str:
    low, high = (bound / math.log(10) for bound in (case.weight.low, case.weight.high))
    return interval(low, high, 2)


def _row(examined: ExaminedFile) -> tuple[str, ...]:
    row = examined.row
    return (
        row.file,
        figure(row.seconds, 2),
        signed(row.score, 2),
        signed(row.log10_lr, 2),
        interval(row.log10_low, row.log10_high, 2) or MISSING,
        _condition(examined),
    )


def _condition(examined: ExaminedFile) -> str:
    """Return the condition, or the first reason for a refusal."""
    if examined.case is None:
        return examined.row.reason
    refused = examined.case.weight.refused
    if not refused:
        return examined.row.condition
    return refused[0] + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else "")


def bundle(
    folder: RunPath,
    out: Annotated[
        Path | None,
        option.disk_option("A .zip or .tar to write. Default: beside the run."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Pack a run into one archive with the SHA-256 of every file and recording."""
    from harness.bundle.bundle import write_bundle

    written = write_bundle(folder, out, force=force)
    if as_json:
        print_json(written)
        return
    left_out = f" ({written.clips_left_out})" if written.clips_left_out else ""
    line = f"{written.path}: {written.files} files, digests of {written.clips} recordings{left_out}"
    typer.echo(printable(line))
    typer.echo(f"SHA-256 {written.sha256}; keep it apart from the bundle")


def verify(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE|RUN", parser=place, help="A bundle, or a run directory."),
    ],
    as_json: Json = False,
) -> None:
    """Check every digest of a bundle and compute its figures again; exit 1 if anything differs."""
    from harness.bundle.bundle import verify as check

    verdict = check(path)
    if as_json:
        print_json(verdict)
    for line in [] if as_json else verdict.faults:
        typer.echo(printable(line))
    if verdict.faults:
        raise typer.Exit(EXIT_FOUND)
    if not as_json:
        typer.echo(printable(f"{path}: sound; checked {', '.join(verdict.checked)}"))
        if verdict.sha256:
            typer.echo(f"SHA-256 {verdict.sha256}")

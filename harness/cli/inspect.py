"""Commands `inspect`, `bundle` and `verify`: recordings and runs as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import option
from harness.cli.console import Progress, print_json
from harness.cli.exit_code import EXIT_FOUND, EXIT_REFUSED
from harness.cli.option import Force, Json, RunPath
from harness.errors import printable
from harness.storage.storage import place


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
        from harness.cli.inspect_table import print_examined

        print_examined(done, examiner.run.record, where)
    if all(examined.case is None for examined in done):
        raise typer.Exit(EXIT_REFUSED)


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

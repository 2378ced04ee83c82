"""Commands of `harness audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import option
from harness.cli.console import Progress, print_json, print_warnings, stdout
from harness.cli.exit_code import EXIT_FOUND
from harness.cli.option import Force, Json, Limit, RunPath
from harness.errors import UsageError
from harness.storage.output_file import refuse_taken, refuse_unwritable

if TYPE_CHECKING:
    from harness.data.clip import Clip
    from harness.results.run_folder import RunFolder

audit_app = typer.Typer(no_args_is_help=True, help="Audit a card, a test set or a detector.")

SEED = 20241
"""Seed of --limit: that of the shipped suites."""

Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if something is found.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Clips, as for harness run --data.")]


@audit_app.command("claims")
def audit_claims(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Published figures: a TOML file, or a name."),
    ] = None,
    model_card: Annotated[
        Path | None, typer.Option(help="A model card (README.md) with a model-index, instead.")
    ] = None,
    run: Annotated[
        Path | None,
        option.place_option("Directory of a run to compare the figures with."),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0001, max=1, help="Differences below this count as equivalent.")
    ] = 0.02,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Check whether a card's figures and counts are consistent, and how precise they can be.

    The exit code is 0 whatever is found, unless --strict is given.
    """
    from harness.claims.claim import claim_of_file
    from harness.claims.consistency import audit_claim
    from harness.claims.equivalence import against_run
    from harness.cli.claims_table import plain, print_audit

    if (file is None) == (model_card is None):
        raise UsageError(
            "give exactly one of the two", "FILE, --model-card", "see harness audit claims --help"
        )
    if model_card is not None:
        from harness.claims.model_index import read_model_card

        claims = read_model_card(model_card)
    else:
        claims = [claim_of_file(file or "")]
    rows = []
    if run is not None:
        from harness.results.run_folder import read_run
        from harness.summary.summary import figures

        summary = figures(read_run(run))
        print_warnings(summary.warnings, stderr=True)
        rows = summary.rows
    audits = [
        (audit, list(against_run(audit.of_one_class, rows, margin)))
        for audit in map(audit_claim, claims)
    ]
    if as_json:
        print_json([plain(audit, compared) for audit, compared in audits])
    else:
        for audit, compared in audits:
            print_audit(stdout(), audit, compared)
    if strict and not all(audit.fits for audit, _ in audits):
        raise typer.Exit(EXIT_FOUND)


@audit_app.command("shortcuts")
def audit_shortcuts(
    data: Data,
    run: Annotated[
        Path | None,
        option.place_option(
            "Directory of a run of these clips, to see how it depends on properties."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Score the clips again with equal properties; as for harness run."),
    ] = None,
    out: Annotated[
        Path | None,
        option.place_option("With --model: run directory to keep or continue."),
    ] = None,
    device: option.Device = "auto",
    fake_label: option.FakeLabel = None,
    margin: Annotated[
        float, typer.Option(min=0.5, max=1, help="A property with an AUC below this is ignored.")
    ] = 0.6,
    limit: Limit = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Check whether length, level, silence, bandwidth or coding alone tell real from fake.

    With --run: how much of a detector's scores they explain, and its accuracy where they mislead.
    With --model: its accuracy once silence, level, bandwidth, codec and length are equal.
    """
    from tempfile import TemporaryDirectory

    from harness.cli.audit_data_table import print_shortcuts
    from harness.results.run_folder import read_run
    from harness.testset.intervention import SUITE, interventions
    from harness.testset.shortcuts import audit_shortcuts as ask
    from harness.testset.shortcuts import measure_clips, refuse_few_groups

    if out is not None and model is None:
        raise UsageError("needs a model whose run it keeps", "--out", "add --model")
    clips = _clips(data, limit)
    finished = None if run is None else _read(run)
    refuse_few_groups(clips)
    with Progress() as progress, TemporaryDirectory() as folder:
        changes = []
        if model is not None:
            from harness.run import RunOptions
            from harness.run import run as score  # loads torch

            kept = out or Path(folder) / "run"
            options = RunOptions(
                suite=SUITE,
                data=data,
                models=(model,),
                out=kept,
                limit=limit,
                device=device,
                fake_label=fake_label,
            )
            score(options, progress.note, progress.advance)
            alike = read_run(kept)
            changes = list(interventions(alike))
            finished = finished or alike
        measured = measure_clips(clips, lambda done: progress.advance(done, len(clips), ""))
        audit = ask(measured, finished, margin=margin)
    if not as_json:
        print_shortcuts(stdout(), audit, changes)
    _conclude(audit, audit.found, strict, as_json, {"interventions": changes})


@audit_app.command("leakage")
def audit_leakage(
    data: Data,
    against: Annotated[
        str | None, typer.Option(help="Another split, such as the training data.")
    ] = None,
    html: Annotated[
        Path | None,
        option.disk_option("Write a page to listen to the pairs."),
    ] = None,
    force: Force = False,
    limit: Limit = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Find the same audio across splits, labels or groups, despite coding, gain or crops.

    The same words in another waveform, such as a fake of a real recording, are no leak. Copies
    within a group are declared dependent and are no leak either.
    """
    from harness.cli.audit_data_table import print_leakage
    from harness.storage.storage import write_whole
    from harness.testset.leakage import SPLITS
    from harness.testset.leakage import audit_leakage as ask
    from harness.testset.pairs_page import pairs_page

    if html is not None:
        refuse_taken(html, [data, against or ""], force=force)
        refuse_unwritable(html)
    sides = [_clips(data, limit), _clips(against, limit) if against is not None else []]
    total = sum(map(len, sides))
    with Progress() as progress:
        audit = ask(*sides, advance=lambda done: progress.advance(done, total, ""))
    if html is not None:
        by_id = {
            (split, clip.clip_id): clip
            for split, side in zip(SPLITS, sides, strict=True)
            for clip in side
        }
        write_whole(html, pairs_page(audit.matches, by_id))
    if not as_json:
        print_leakage(stdout(), audit)
    _conclude(audit, audit.found, strict, as_json)


@audit_app.command("labels")
def audit_labels(folder: RunPath, strict: Strict = False, as_json: Json = False) -> None:
    """List clips whose label is probably wrong, and check whether labels are swapped.

    Only the scores table is read. A listed clip is worth listening to: a confident mistake of the
    detector looks the same. If the detector is too weak to tell, nothing is listed.
    """
    from harness.audit.labels import audit_labels as ask
    from harness.cli.audit_run_table import print_labels

    audit = ask(_read(folder))
    if not as_json:
        print_labels(stdout(), audit)
    _conclude(audit, audit.found, strict, as_json)


@audit_app.command("flips")
def audit_flips(
    folder: RunPath,
    share: Annotated[
        float,
        typer.Option(min=0.001, max=1, help="A series breaks at this share of changed verdicts."),
    ] = 0.1,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Show which verdicts change under which condition, and which class and generator first.

    Each clip is compared with itself unperturbed. Only the scores table is read.
    """
    from harness.audit.flips import audit_flips as ask
    from harness.cli.audit_run_table import print_flips

    audit = ask(_read(folder), share=share)
    if not as_json:
        print_flips(stdout(), audit)
    _conclude(audit, audit.found, strict, as_json)


def _read(folder: Path) -> RunFolder:
    """Read a run, and print warnings about its scores."""
    from harness.results.run_folder import read_run
    from harness.summary.score_warnings import run_warnings

    run = read_run(folder)
    print_warnings(run_warnings(run), stderr=True)
    return run


def _clips(data: str, limit: int | None) -> list[Clip]:
    from harness.data.source import open_source
    from harness.data.subset import limited

    source = open_source(data)
    return list(source if limit is None else limited(source, limit, seed=SEED))


def _conclude(
    audit: Any, has_findings: bool, strict: bool, as_json: bool, more: dict[str, Any] | None = None
) -> None:
    if as_json:
        print_json({"found": has_findings} | vars(audit) | (more or {}))
    if strict and has_findings:
        raise typer.Exit(EXIT_FOUND)

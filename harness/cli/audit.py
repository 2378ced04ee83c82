"""The commands of `harness audit`: parse, ask, print."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Progress, print_json, print_warnings, stdout
from harness.cli.option import DISK, EXIT_FOUND, PLACE, Force, Json, Limit, RunPath
from harness.errors import UsageError
from harness.storage.output_file import refuse_taken
from harness.storage.storage import disk, place

if TYPE_CHECKING:
    from harness.data.clip import Clip
    from harness.results.run_folder import RunFolder

audit_app = typer.Typer(no_args_is_help=True, help="Questions to a card, a test set or a model.")

SEED = 20241
"""Of the clips that --limit takes: that of the suites."""

Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 where something was found.")]
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
        typer.Option(
            metavar=PLACE, parser=place, help="Directory of a run to hold the figures against."
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0001, max=1, help="Differences below this are equivalence.")
    ] = 0.02,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Say whether a card's own figures and counts fit together, and how far they can be trusted.

    An audit reports: without --strict it ends with 0 whatever it finds.
    """
    from harness.claims.claim import claim_of_file
    from harness.claims.consistency import audit_claim
    from harness.claims.equivalence import against_run
    from harness.cli.claims_table import plain, print_audit

    if (file is None) == (model_card is None):
        raise UsageError(
            "give exactly one of them", "FILE, --model-card", "see harness audit --help"
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
    audits = [(audit_claim(each), list(against_run(each, rows, margin))) for each in claims]
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
        typer.Option(
            metavar=PLACE,
            parser=place,
            help="Directory of a run of these clips: what it owes to them.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Score the clips again, made alike; as for harness run --model."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar=PLACE, parser=place, help="With --model: run directory to keep or to go on in."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    fake_label: Annotated[
        str | None, typer.Option(help="The model's label that means fake, where it is not plain.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.5, max=1, help="AUC below which a property does not matter.")
    ] = 0.6,
    limit: Limit = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Say whether length, level, silence, band, coding and the like tell real from fake.

    With --run, how much of a detector's scores they explain, and how it does where they mislead.
    With --model, what the same clips come to once silence, level, band, codec and length are alike.
    """
    from tempfile import TemporaryDirectory

    from harness.cli.audit_data_table import print_shortcuts
    from harness.testset.intervention import TreatedRun, interventions, score_treated
    from harness.testset.shortcuts import audit_shortcuts as ask
    from harness.testset.shortcuts import measure_clips

    if out is not None and model is None:
        raise UsageError("needs a model whose run it keeps", "--out", "add --model")
    clips = _clips(data, limit)
    finished = None if run is None else _read(run)
    with Progress() as progress, TemporaryDirectory() as folder:
        made = measure_clips(clips, lambda done: progress.advance(done, len(clips), ""))
        changes = []
        if model is not None:
            kept = out or Path(folder) / "run"
            wanted = TreatedRun(data, model, kept, limit, device, fake_label)
            alike = score_treated(wanted, progress.note, progress.advance)
            changes = list(interventions(alike))
            finished = finished or alike
        audit = ask(made, finished, margin=margin)
    if not as_json:
        print_shortcuts(stdout(), audit, changes)
    more = {"interventions": [asdict(each) for each in changes]}
    _conclude(audit, audit.found, strict, as_json, more)


@audit_app.command("leakage")
def audit_leakage(
    data: Data,
    against: Annotated[
        str | None, typer.Option(help="Another split, such as what a detector was trained on.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar=DISK, parser=disk, help="Write a page to hear the pairs."),
    ] = None,
    force: Force = False,
    limit: Limit = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Find the same audio across splits, labels or groups, whatever coding, gain or crop it had.

    Speech that says the same in another waveform, such as a fake of a real recording, is the same
    content and no leak. What a group holds twice is declared to be dependent, and no leak either.
    """
    from harness.cli.audit_data_table import print_leakage
    from harness.storage.storage import write_whole
    from harness.testset.leakage import SPLITS
    from harness.testset.leakage import audit_leakage as ask
    from harness.testset.pairs_page import pairs_page

    if html is not None:
        refuse_taken(html, [data, against or ""], force=force)
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
    """List clips whose label is probably wrong, and say whether labels are swapped; table alone.

    A listed clip is worth listening to, no more: a detector that is sure of itself and wrong looks
    the same. Where the detector is too weak to tell, nothing is listed.
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
        float, typer.Option(min=0.001, max=1, help="Of verdicts turned, where a series breaks.")
    ] = 0.1,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Say which verdicts turn under which condition, which class breaks first, and whose fakes.

    Clips are paired with themselves clean; the table alone is asked.
    """
    from harness.audit.flips import audit_flips as ask
    from harness.cli.audit_run_table import print_flips

    audit = ask(_read(folder), share=share)
    if not as_json:
        print_flips(stdout(), audit)
    _conclude(audit, audit.found, strict, as_json)


def _read(folder: Path) -> RunFolder:
    """A run, once what is wrong with its scores was said."""
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
    audit: Any, found: bool, strict: bool, as_json: bool, more: dict[str, Any] | None = None
) -> None:
    if as_json:
        print_json({"found": found} | asdict(audit) | (more or {}))
    if strict and found:
        raise typer.Exit(EXIT_FOUND)

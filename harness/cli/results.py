"""Commands that read what runs left: figures, comparisons, verdicts. None opens audio."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import print_json, print_warnings, stdout
from harness.cli.exit_code import conclude
from harness.cli.option import PLACE, Force, Json, Page, PolicyFile, RunPath, Unscored
from harness.errors import UsageError, printable
from harness.storage.output_file import refuse_taken
from harness.storage.storage import place


def report(
    folder: RunPath,
    published: Annotated[
        str | None, typer.Option(help="Published figures to compare with: a name or a TOML file.")
    ] = None,
    unscored: Unscored = None,
    as_json: Json = False,
) -> None:
    """Compute every figure again from the table of a run and write its report."""
    from harness import api

    conclude(api.read_run(folder, published=published, unscored=unscored), as_json)


def compare(
    folder: RunPath,
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="A run or a baseline.")],
    as_json: Json = False,
) -> None:
    """Compare a run with another on the clips of both."""
    from harness import api
    from harness.cli.gate_table import print_comparison

    result = api.compare(folder, baseline)
    print_warnings(result.score_warnings, stderr=as_json)
    if as_json:
        typer.echo(result.to_json(), nl=False)
    else:
        print_comparison(result.comparison)


def gate(
    folder: RunPath,
    baseline: Annotated[
        str, typer.Option(help="A run, an accepted baseline, `accepted`, or `published`.")
    ] = "accepted",
    policy: PolicyFile = None,
    published: Annotated[
        str | None, typer.Option(help="Published figures: a name or a TOML file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold a finished run to a policy: exit 0 it passes, 1 it fails, 3 the clips cannot tell."""
    from harness import api

    run = api.read_run(folder, published=published)
    api.gate(run, baseline=baseline, policy=policy).publish()
    conclude(run, as_json, whole=False)


def baseline_accept(
    folder: RunPath,
    name: Annotated[str | None, typer.Option(help="Instead of that of its suite and data.")] = None,
    force: Force = False,
) -> None:
    """Keep a run, small enough to be committed, as what later runs are held against."""
    from harness.compare.baseline import accept
    from harness.results.run_folder import read_run
    from harness.summary.score_warnings import run_warnings

    print_warnings(run_warnings(read_run(folder)), stderr=True)
    typer.echo(f"{accept(folder, name, force=force)}: accepted; commit it")


def card(
    folder: RunPath,
    condition: Annotated[
        list[str] | None, typer.Option(help="Name of a condition; repeat for several.")
    ] = None,
    allow_synthetic: Annotated[
        bool, typer.Option("--allow-synthetic", help="Also for synthetic clips; the block says so.")
    ] = False,
) -> None:
    """Print the model-index of a run, for the head of the model's own README."""
    from harness.report.model_card import CardOptions, card_blocks
    from harness.results.run_folder import read_run
    from harness.summary.summary import figures

    finished = read_run(folder)
    options = CardOptions(tuple(condition or ["clean"]), allow_synthetic)
    summary = figures(finished)
    print_warnings(summary.warnings, stderr=True)
    blocks = card_blocks(finished.record, summary, options)
    typer.echo("\n".join(blocks.values()), nl=False)


def forensic(
    folder: RunPath,
    development: Annotated[
        Path | None,
        typer.Option(
            metavar=PLACE,
            parser=place,
            help="Directory of a run of the same model on other clips, to calibrate on; without it "
            "every clip is calibrated by clips of other groups.",
        ),
    ] = None,
    cost: Annotated[
        tuple[float, float, float],
        typer.Option(
            metavar="SHARE MISS ACCEPT",
            help="Of actDCF and minDCF: the share of fakes, what a real clip called fake costs, "
            "and a fake called real; by default those of ASVspoof 5.",
        ),
    ] = (0.05, 1.0, 10.0),
    as_json: Json = False,
) -> None:
    """Say what a run's scores are worth as evidence, and where they are worth nothing."""
    from harness.cli.forensic_table import print_worth
    from harness.forensic.analysis import ForensicOptions, forensic_json
    from harness.metrics.cost import DetectionCost
    from harness.report.forensic_writer import publish_forensic
    from harness.results.run_folder import read_run

    try:
        options = ForensicOptions(cost=DetectionCost(*cost))
    except ValueError as fault:
        raise UsageError(str(fault), f"--cost {' '.join(map(str, cost))}") from fault
    run = read_run(folder)
    tuned_on = None if development is None else read_run(development)
    content, path = publish_forensic(run, tuned_on, options)
    if as_json:
        typer.echo(forensic_json(content), nl=False)
        return
    print_worth(content)
    stdout().print(f"Page: {printable(str(path))}", soft_wrap=True, markup=False, highlight=False)


def history(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...",
            parser=place,
            help="Where runs lie; reports/runs and reports/baselines if none is named.",
        ),
    ] = None,
    one_detector: Annotated[
        bool,
        typer.Option(
            "--one-detector",
            help="Runs of one model are releases of one detector, whatever they are called.",
        ),
    ] = False,
    out: Page = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show every release of every model over time, and which steps are more than chance."""
    from harness.cli.history_table import print_history
    from harness.leaderboard.history import read_history

    if out is not None:
        refuse_taken(out, force=force)
    found = read_history(folders or [], one_detector=one_detector)
    if out is not None:
        from harness.report.history import write_history

        write_history(found, out)
    if as_json:
        print_json(asdict(found))
    else:
        print_history(found)


def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", parser=place, help="Directories of runs, or their URLs."),
    ],
    metric: Annotated[
        str, typer.Option(help="Rank by it: eer, auc, min_dcf, accuracy, f1, act_dcf, ...")
    ] = "eer",
    reference: Annotated[
        str | None, typer.Option(help="Model that the mean corruption error is relative to.")
    ] = None,
    unscored: Unscored = None,
    out: Page = None,
    force: Force = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Rank models on the same clips, and say which ranks are really apart."""
    from harness.cli import leaderboard_table
    from harness.leaderboard.leaderboard import read_leaderboard
    from harness.report import leaderboard_text

    if as_csv + as_markdown + as_json > 1:
        raise UsageError("more than one format", "--csv, --markdown, --json", "choose one")
    if out is not None:
        refuse_taken(out, force=force)
    found = read_leaderboard(folders, metric=metric, reference=reference, unscored=unscored)
    if out is not None:
        from harness.report.leaderboard import write_leaderboard

        write_leaderboard(found, out)
    if as_json:
        print_json(asdict(found))
    elif as_csv:
        print_warnings(found.warnings, stderr=True)
        typer.echo(leaderboard_text.as_csv(found), nl=False)
        for each in found.refused:
            print(f"harness: {printable(each.line)}", file=sys.stderr)  # noqa: T201
    elif as_markdown:
        typer.echo(leaderboard_text.as_markdown(found), nl=False)
    else:
        leaderboard_table.print_board(found)

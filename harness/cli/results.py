"""Commands that read finished runs: figures, comparisons, verdicts, releases. None opens audio."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import option
from harness.cli.console import (
    complain,
    figure_table,
    print_json,
    print_sections,
    print_warnings,
    stdout,
)
from harness.cli.exit_code import conclude
from harness.errors import UsageError, printable
from harness.report.formatting import counted, figure, interval
from harness.storage.output_file import refuse_taken
from harness.storage.storage import place
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.forensic.analysis import Forensic

_MOST_CONDITIONS = 20
"""In the table of likelihood ratios."""


def report(
    folder: option.RunPath,
    published: option.Published = None,
    unscored: option.Unscored = None,
    as_json: option.Json = False,
) -> None:
    """Compute every figure of a run again from its scores table, and write its report."""
    from harness import api

    conclude(api.read_run(folder, published=published, unscored=unscored), as_json)


def compare(
    folder: option.RunPath,
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="A run or a baseline.")],
    as_json: option.Json = False,
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
    folder: option.RunPath,
    baseline: Annotated[
        str, typer.Option(help="A run, an accepted baseline, `accepted`, or `published`.")
    ] = "accepted",
    policy: option.PolicyFile = None,
    published: option.Published = None,
    as_json: option.Json = False,
) -> None:
    """Gate a finished run on a policy: exit 0 if it passes, 1 if it fails, 3 if inconclusive."""
    from harness import api

    run = api.read_run(folder, published=published)
    api.gate(run, baseline=baseline, policy=policy).publish()
    conclude(run, as_json, whole=False)


def baseline_accept(
    folder: option.RunPath,
    name: Annotated[
        str | None, typer.Option(help="Name, instead of that of its suite and data.")
    ] = None,
    force: option.Force = False,
) -> None:
    """Keep a run as the baseline of later runs, small enough to be committed."""
    from harness import api
    from harness.compare.baseline import accept

    print_warnings(api.read_run(folder).score_warnings, stderr=True)
    typer.echo(f"{accept(folder, name, force=force)}: accepted; commit it")


def card(
    folder: option.RunPath,
    condition: Annotated[
        list[str] | None, typer.Option(help="Name of a condition; repeat for several.")
    ] = None,
    allow_synthetic: Annotated[
        bool,
        typer.Option("--allow-synthetic", help="Accept synthetic clips; the block says so."),
    ] = False,
) -> None:
    """Print the model-index of a run, for the head of the model's own README."""
    from harness import api
    from harness.report.model_card import card_blocks

    run = api.read_run(folder)
    print_warnings(run.summary.warnings, stderr=True)
    blocks = card_blocks(
        run.record, run.summary, condition or ["clean"], allow_synthetic=allow_synthetic
    )
    typer.echo("\n".join(blocks.values()), nl=False)


def forensic(
    folder: option.RunPath,
    development: Annotated[
        Path | None,
        option.place_option(
            "Directory of a run of the same model on other clips, to calibrate on. Default: "
            "each clip is calibrated on clips of other groups."
        ),
    ] = None,
    cost: Annotated[
        tuple[float, float, float],
        typer.Option(
            metavar="SHARE MISS ACCEPT",
            help="For actDCF and minDCF: the share of fakes, the cost of a real clip called fake, "
            "and of a fake called real; by default those of ASVspoof 5.",
        ),
    ] = (0.05, 1.0, 10.0),
    as_json: option.Json = False,
) -> None:
    """Say what a run's scores are worth as evidence, and where they are worth nothing."""
    from harness.forensic.analysis import ForensicOptions, forensic_json
    from harness.metrics.cost import DetectionCost
    from harness.report.forensic import publish_forensic
    from harness.results.run_folder import read_run

    try:
        options = ForensicOptions(cost=DetectionCost(*cost))
    except ValueError as fault:
        raise UsageError(str(fault), f"--cost {' '.join(map(str, cost))}") from fault
    run = read_run(folder)
    calibration = None if development is None else read_run(development)
    content, path = publish_forensic(run, calibration, options)
    if as_json:
        typer.echo(forensic_json(content), nl=False)
        return
    _print_ratios(content)
    stdout().print(f"Page: {printable(str(path))}", soft_wrap=True, markup=False, highlight=False)


def _print_ratios(content: Forensic) -> None:
    """Print the quality of the ratios under each condition: `clean`, then the worst first."""
    from harness.forensic.analysis import METHOD
    from harness.forensic.likelihood_ratio import ratio

    console = stdout()
    if content.synthetic:
        console.print("Synthetic data: none of this supports a statement about any recording.")
    calibrated = [quality for quality in content.worth if quality.method == METHOD]
    known = [quality for quality in calibrated if not quality.reason]
    clean = [quality for quality in known if quality.condition == CLEAN]
    rest = [quality for quality in known if quality.condition != CLEAN]
    rest.sort(key=lambda quality: -quality.cllr.value)
    several = len(content.models) > 1
    table = figure_table(
        "condition",
        "Cllr (bits)",
        "95 %",
        "most for fake",
        "most for real",
        "clips a class",
        no_wrap=True,
    )
    for quality in [*clean, *rest[:_MOST_CONDITIONS]]:
        cllr = quality.cllr
        table.add_row(
            f"{quality.model}: {quality.condition}" if several else quality.condition,
            figure(cllr.value),
            interval(cllr.low, cllr.high),
            ratio(quality.upper),
            ratio(quality.lower),
            str(cllr.clips),
        )
    console.print(table)
    if len(rest) > _MOST_CONDITIONS:
        console.print(f"… and {len(rest) - _MOST_CONDITIONS} more on the page.")
    for reason, count in Counter(quality.reason for quality in calibrated).items():
        if reason:
            console.print(f"No likelihood ratio for {counted(count, 'condition')}: {reason}.")
    console.print(
        "Cllr: 0 is perfect, 1 is no information. Most: the largest ratio that the clips support."
    )


def history(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...",
            parser=place,
            help="Directories that hold runs. Default: reports/runs and reports/baselines.",
        ),
    ] = None,
    one_detector: Annotated[
        bool,
        typer.Option(
            "--one-detector",
            help="Treat runs of one model each as releases of one detector, whatever their names.",
        ),
    ] = False,
    out: option.Page = None,
    force: option.Force = False,
    as_json: option.Json = False,
) -> None:
    """Show every release of every model over time, and which steps are more than chance."""
    from harness.leaderboard.history import read_history
    from harness.report import history as history_page
    from harness.report.section import SYNTHETIC

    if out is not None:
        refuse_taken(out, force=force)
    content = read_history(folders or [], one_detector=one_detector)
    if out is not None:
        history_page.write_history(content, out)
    if as_json:
        print_json(content)
        return
    print_warnings(content.warnings)
    if content.synthetic:
        stdout().print(SYNTHETIC)
    print_sections(history_page.OPENING, content)
    for line in history_page.lines_of(content):
        stdout().print(f"\n{printable(line.name)}", style="bold")
        print_sections(history_page.PER_LINE, line, below=1)
    print_sections(history_page.CLOSING, content)


def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", parser=place, help="Directories of runs, or their URLs."),
    ],
    metric: Annotated[
        str, typer.Option(help="Metric to rank by: eer, auc, min_dcf, accuracy, f1, act_dcf, ...")
    ] = "eer",
    reference: Annotated[
        str | None, typer.Option(help="Model that the mean corruption error is relative to.")
    ] = None,
    unscored: option.Unscored = None,
    out: option.Page = None,
    force: option.Force = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: option.Json = False,
) -> None:
    """Rank models on the same clips, and say which ranks differ significantly."""
    from harness.leaderboard.leaderboard import read_leaderboard
    from harness.report import leaderboard as leaderboard_page
    from harness.report import leaderboard_text
    from harness.report.section import SYNTHETIC

    if as_csv + as_markdown + as_json > 1:
        raise UsageError("more than one format", "--csv, --markdown, --json", "choose one")
    if out is not None:
        refuse_taken(out, force=force)
    board = read_leaderboard(folders, metric=metric, reference=reference, unscored=unscored)
    if out is not None:
        leaderboard_page.write_leaderboard(board, out)
    if as_json:
        print_json(board)
    elif as_csv:
        print_warnings(board.warnings, stderr=True)
        typer.echo(leaderboard_text.as_csv(board), nl=False)
        for run in board.refused:
            complain(run.line)
    elif as_markdown:
        typer.echo(leaderboard_text.as_markdown(board), nl=False)
    else:
        print_warnings(board.warnings)
        if board.synthetic:
            stdout().print(SYNTHETIC)
        stdout().print(" ".join(leaderboard_page.facts(board)))
        print_sections(leaderboard_page.SECTIONS, board)

"""The command line: parse, call, print, exit code. Data goes to stdout, progress to stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from harness import __version__
from harness.audit.command import audit_app
from harness.errors import ClipError, ClipRejected, UsageError, printable
from harness.terminal import Progress, print_answer, print_json, stdout

if TYPE_CHECKING:
    from harness.publish import Outcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Judge a fake-audio detector before it is released.",
)
suites_app = typer.Typer(no_args_is_help=True, help="What a detector is put through.")
app.add_typer(suites_app, name="suites")
baseline_app = typer.Typer(no_args_is_help=True, help="What later runs are held against.")
app.add_typer(baseline_app, name="baseline")
app.add_typer(audit_app, name="audit")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Unscored = Annotated[
    Literal["excluded", "wrong", "real"] | None,  # the metrics' `Policy`, without their imports
    typer.Option(
        help="What decisions make of clips without a score, instead of what the suite says: "
        "excluded, wrong (decided wrongly) or real (called real)."
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")]

Baseline = Annotated[
    str | None,
    typer.Option(
        help="Hold the run against a baseline: a run directory, the name of an accepted one, "
        "`accepted` (that of its suite and data), or `published` (the figures of a card)."
    ),
]
PolicyFile = Annotated[
    str | None, typer.Option("--policy", help="What to hold it to: a name or a TOML file.")
]

EXIT_FAULTY = 1
EXIT_CONTRADICTED = 2
EXIT_UNSCORED = 3


def main() -> None:
    """Run the command; a `UsageError` is one line on stderr and exit code 2."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (UsageError, ClipRejected, ClipError) as fault:
        print(f"harness: {printable(str(fault))}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001
    """A polite request to end is the same as Ctrl-C: what is done is written first."""
    raise KeyboardInterrupt


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    del version


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="Name of a suite, or a suite file.")] = "release",
    data: Annotated[
        str,
        typer.Option(
            help="embedded, a folder with real/ and fake/, a manifest, hub:owner/name[@rev][:split]"
            ", or PROTOCOL:DIR."
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
        Path | None, typer.Option(help="Run directory; the same one again goes on in it.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most this many clips, stratified and seeded.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, tf32, bf16 or fp16.")] = "float32",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows scored together.")] = None,
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

    from harness.run import RunOptions
    from harness.run import run as do

    options = RunOptions(
        suite=suite,
        data=data,
        models=models,
        out=out,
        limit=limit,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        row_seconds=row_seconds,
        cache_gb=cache_gb,
        fake_label=fake_label,
        published=published,
        unscored=unscored,
        baseline=baseline,
        policy=policy,
        development=development,
        engine=engine,
        address=address,
    )
    with progress:
        outcome = do(options, progress.note, progress.advance)
    _conclude(outcome, as_json)


@app.command()
def report(
    folder: RunFolder,
    published: Annotated[
        str | None, typer.Option(help="Published figures to compare with: a name or a TOML file.")
    ] = None,
    unscored: Unscored = None,
    as_json: Json = False,
) -> None:
    """Compute every figure again from the table of a run and write its report."""
    from harness.publish import figures, publish, read_run

    run = read_run(folder, published, unscored)
    _conclude(publish(run, figures(run)), as_json)


@app.command()
def compare(
    folder: RunFolder,
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="A run or a baseline.")],
    as_json: Json = False,
) -> None:
    """Compare a run with another on the clips of both."""
    from harness.answer import print_comparison
    from harness.baseline import open_baseline
    from harness.compare import compare as do
    from harness.compare import comparison_json
    from harness.publish import read_run

    run = read_run(folder)
    found = open_baseline(baseline, run.record)
    if found is None:
        raise UsageError("no baseline was accepted", baseline, "harness baseline accept RUN")
    comparison = do(run, found)
    if as_json:
        typer.echo(comparison_json(comparison), nl=False)
    else:
        print_comparison(comparison)


@app.command()
def gate(
    folder: RunFolder,
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
    from harness.gate import rule
    from harness.publish import figures, publish, read_run

    run = read_run(folder, published)
    summary = figures(run)
    ruling = rule(run, summary, baseline, policy)
    if ruling is None:
        raise UsageError(
            "no baseline of its suite and data was accepted",
            str(folder),
            "name one with --baseline, or accept one: harness baseline accept RUN",
        )
    _conclude(publish(run, summary, ruling), as_json, whole=False)


@app.command()
def forensic(
    folder: RunFolder,
    development: Annotated[
        Path | None,
        typer.Option(
            help="Directory of a run of the same model on other clips, to calibrate on; without it "
            "every clip is calibrated by clips of other groups."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a run's scores are worth as evidence, and where they are worth nothing."""
    from harness.forensic.answer import print_worth
    from harness.forensic.publication import publish_forensic
    from harness.forensic.section import forensic_json
    from harness.publish import read_run

    run = read_run(folder)
    content, path = publish_forensic(run, None if development is None else read_run(development))
    if as_json:
        typer.echo(forensic_json(content), nl=False)
        return
    print_worth(content)
    stdout().print(f"Page: {printable(str(path))}", soft_wrap=True, markup=False, highlight=False)


@baseline_app.command("accept")
def baseline_accept(
    folder: RunFolder,
    name: Annotated[str | None, typer.Option(help="Instead of that of its suite and data.")] = None,
) -> None:
    """Keep a run, small enough to be committed, as what later runs are held against."""
    from harness.baseline import accept

    typer.echo(f"{accept(folder, name)}: accepted; commit it")


@app.command()
def perturb(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A WAV or FLAC file to write.")],
    condition: Annotated[str, typer.Option(help="Name of a condition of the suite.")],
    suite: Annotated[str, typer.Option(help="Name of a suite, or a suite file.")] = "release",
    data: Annotated[str, typer.Option(help="Where babble comes from.")] = "embedded",
) -> None:
    """Write what a condition does to a file, to listen to it; exit 2 where that contradicts it."""
    from harness.listen import write_perturbed

    heard = write_perturbed(source, target, suite, condition, data)
    typer.echo(printable(heard.line))
    if heard.contradiction:
        print(f"harness: {printable(heard.contradiction)}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(EXIT_CONTRADICTED)


@suites_app.command("list")
def suites_list(as_json: Json = False) -> None:
    """List the suites that come with the harness."""
    from harness.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    if as_json:
        print_json([suite.record().model_dump(mode="json") for suite in suites])
        return
    table = Table("suite", "conditions", "description")
    for suite in suites:
        table.add_row(suite.name, str(len(suite.conditions)), suite.description)
    stdout().print(table)


@suites_app.command("show")
def suites_show(
    name: Annotated[str, typer.Argument(help="Name of a suite, or a suite file.")],
    as_json: Json = False,
) -> None:
    """List the conditions of a suite in words."""
    from harness.suite import load_suite

    suite = load_suite(name)
    if as_json:
        print_json(suite.record().model_dump(mode="json"))
        return
    table = Table("condition", "family", "severity", "in words")
    for condition in suite.conditions:
        table.add_row(condition.name, condition.family, f"{condition.severity:g}", condition.words)
    console = stdout()
    console.print(f"{suite.name}: {suite.description} (seed {suite.seed}, digest {suite.digest})")
    console.print(table)


@app.command()
def data(
    spec: Annotated[str, typer.Argument(help="A data source, as for harness run --data.")],
    as_json: Json = False,
) -> None:
    """Say what a data source holds."""
    from collections import Counter

    from harness.data.source import open_source

    source = open_source(spec)
    clips = list(source)
    content: dict[str, Any] = {
        "name": source.origin.name,
        "kind": source.origin.kind,
        "digest": source.origin.digest,
        "clips": len(clips),
        "labels": Counter(clip.label for clip in clips),
        "generators": Counter(clip.generator for clip in clips if clip.generator),
        "sources": Counter(clip.source for clip in clips if clip.source),
        "groups": len({clip.group for clip in clips}),
        "notes": list(source.origin.notes),
    }
    if as_json:
        print_json(content)
        return
    table = Table("what", "", show_header=False)
    for key, value in content.items():
        if isinstance(value, Counter):
            shown = ", ".join(f"{name} {count}" for name, count in value.most_common())
        else:
            shown = "\n".join(value) if isinstance(value, list) else str(value)
        table.add_row(key, shown)
    stdout().print(table)


@app.command()
def card(
    folder: RunFolder,
    condition: Annotated[
        list[str] | None, typer.Option(help="Name of a condition; repeat for several.")
    ] = None,
    allow_synthetic: Annotated[
        bool, typer.Option("--allow-synthetic", help="Also for synthetic clips; the block says so.")
    ] = False,
) -> None:
    """Print the model-index of a run, for the head of the model's own README."""
    from harness.card import CardOptions, card_blocks
    from harness.publish import figures, read_run

    finished = read_run(folder)
    options = CardOptions(tuple(condition or ["clean"]), allow_synthetic)
    blocks = card_blocks(finished.record, figures(finished), options)
    typer.echo("\n".join(blocks.values()), nl=False)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Directory for the trained model; must be new.")],
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
    seed: Annotated[int, typer.Option()] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Fine-tune a two-class detector by the model card's recipe; the defaults are the card's."""
    from pydantic import ValidationError

    from harness.data.source import open_source
    from harness.training import TrainingOptions
    from harness.training import train as fit

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
        option = str(first["loc"][0]).replace("_", "-")
        raise UsageError(first["msg"].lower(), f"--{option}") from fault
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
        f"({result.rejected_clips} rejected); validation accuracy "
        f"{result.validation_accuracy:.4f} on {result.validation_clips} clips"
    )


@app.command()
def inspect(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Recordings, or folders of them.")
    ],
    run: Annotated[Path, typer.Option(help="Directory of the run that they are held against.")],
    model: Annotated[
        str | None,
        typer.Option(help="Which of the run's detectors, or where it is now; as for harness run."),
    ] = None,
    development: Annotated[
        Path | None,
        typer.Option(help="Run of the same detector on other clips, to calibrate ratios on."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to; else one under reports/cases.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Put the recording on its page, up to 1 MB.")
    ] = True,
    attribution: Annotated[
        bool,
        typer.Option(
            "--attribution/--no-attribution",
            help="Picture where the evidence lies; takes minutes for a large model on a CPU.",
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Examine questioned recordings: what they are, their scores, and what those are worth."""
    from harness.questioned.batch import examine_all, files_of, folder_for, plain_cases
    from harness.questioned.examiner import Options, open_examiner

    paths = files_of(files)
    with Progress() as progress:
        examiner = open_examiner(run, model, development, device, progress.note)
        where = out or folder_for(run)
        done = examine_all(paths, examiner, Options(attribution, audio), where, progress.note)
    if as_json:
        print_json(plain_cases(done))
        return
    from harness.questioned.answer import print_examined

    print_examined(done, examiner.run.record, where)


@app.command()
def bundle(
    folder: RunFolder,
    out: Annotated[
        Path | None, typer.Option(help="A .zip or .tar to write; else beside the run.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Pack a run into one archive with the SHA-256 of every file and recording."""
    from harness.bundle import write_bundle

    made = write_bundle(folder, out)
    if as_json:
        print_json({**asdict(made), "path": str(made.path)})
        return
    left_out = f" ({made.clips_left_out})" if made.clips_left_out else ""
    line = f"{made.path}: {made.files} files, digests of {made.clips} recordings{left_out}"
    typer.echo(printable(line))
    typer.echo(f"SHA-256 {made.sha256}; keep it where the bundle is not")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE|RUN", help="A bundle, or a run directory.")],
    as_json: Json = False,
) -> None:
    """Check every digest of a bundle and compute its figures again; exit 1 names what is wrong."""
    from harness.bundle import verify as check

    verdict = check(path)
    if as_json:
        print_json(asdict(verdict))
    for line in [] if as_json else verdict.faults:
        typer.echo(printable(line))
    if verdict.faults:
        raise typer.Exit(EXIT_FAULTY)
    if not as_json:
        typer.echo(printable(f"{path}: sound; checked {', '.join(verdict.checked)}"))
        if verdict.sha256:
            typer.echo(f"SHA-256 {verdict.sha256}")


@app.command()
def doctor(
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Remove all prepared audio first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what this installation has: versions, devices, codecs, caches."""
    from harness.diagnosis import diagnose

    if clear_cache:
        from harness.engine import cache

        print(f"{cache.clear_cache() / 1e9:.2f} GB removed", file=sys.stderr)  # noqa: T201
    content = diagnose()
    if as_json:
        print_json(content)
        return
    table = Table("what", "", show_header=False)
    for key, value in content.items():
        table.add_row(key, str(value))
    stdout().print(table)


@app.command()
def history(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...",
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
    out: Annotated[Path | None, typer.Option(help="Write a page (HTML).")] = None,
    as_json: Json = False,
) -> None:
    """Show every release of every model over time, and which steps are more than chance."""
    from harness.history import read_history
    from harness.timeline import print_history

    found = read_history(folders or [], one_detector=one_detector)
    if out is not None:
        from harness.report.history import write_history

        write_history(found, out)
    if as_json:
        print_json(asdict(found))
    else:
        print_history(found)


@app.command()
def leaderboard(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of runs.")],
    metric: Annotated[
        str, typer.Option(help="Rank by it: eer, auc, min_dcf, accuracy, f1, act_dcf, ...")
    ] = "eer",
    reference: Annotated[
        str | None, typer.Option(help="Model that the mean corruption error is relative to.")
    ] = None,
    unscored: Unscored = None,
    out: Annotated[Path | None, typer.Option(help="Write a page (HTML).")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Rank models on the same clips, and say which ranks are really apart."""
    from harness import board
    from harness.leaderboard import read_leaderboard

    if as_csv + as_markdown + as_json > 1:
        raise UsageError("more than one form", "--csv, --markdown, --json", "take one")
    found = read_leaderboard(folders, metric=metric, reference=reference, unscored=unscored)
    if out is not None:
        from harness.report.leaderboard import write_leaderboard

        write_leaderboard(found, out)
    if as_json:
        print_json(asdict(found))
    elif as_csv:
        typer.echo(board.as_csv(found), nl=False)
        for each in found.refused:
            print(f"harness: {printable(each.line)}", file=sys.stderr)  # noqa: T201
    elif as_markdown:
        typer.echo(board.as_markdown(found), nl=False)
    else:
        board.print_board(found)


def _conclude(outcome: Outcome, as_json: bool, *, whole: bool = True) -> None:
    """Print the answer and end with the gravest of the exit codes.

    2 where audio is not what it is called, 1 where a gate fails, 3 where it or too few scores leave
    the answer open.
    """
    from harness.summary import headline
    from harness.verdict import as_markdown, as_plain

    lines, tally = headline(outcome.summary, outcome.record), outcome.summary.tally
    ruling = outcome.ruling
    if ruling is None and outcome.withdrawn:
        gone = f"{', '.join(outcome.withdrawn)}: removed, as this report shows no gate"
        print(  # noqa: T201
            f"harness: {printable(f'{gone}; harness gate {outcome.folder} writes them again')}",
            file=sys.stderr,
        )
    if as_json:
        print_json(
            {
                "run": str(outcome.folder),
                "report": str(outcome.report),
                "counts": outcome.record.counts.model_dump(),
                "rows": {"owed": tally.owed, "missing": tally.missing},
                "unscored": outcome.summary.policy,
                "contradictions": [asdict(each) for each in outcome.summary.contradictions],
                "shortfalls": [asdict(shortfall) for shortfall in outcome.summary.shortfalls],
                "headline": [asdict(line) for line in lines],
                "gate": None if ruling is None else as_plain(ruling.gate),
            }
        )
    elif whole:
        print_answer(outcome, lines)
    if ruling is not None:
        if not as_json:
            from harness.answer import print_gate

            print_gate(ruling.gate)
        if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary_file).open("a", encoding="utf-8") as file:
                file.write(as_markdown(ruling.gate) + "\n")
    for contradiction in outcome.summary.contradictions:
        print(f"harness: {printable(contradiction.line)}", file=sys.stderr)  # noqa: T201
    if outcome.summary.contradictions:
        raise typer.Exit(EXIT_CONTRADICTED)
    if ruling is not None and ruling.gate.exit_code:
        raise typer.Exit(ruling.gate.exit_code)
    if outcome.summary.shortfalls:
        raise typer.Exit(EXIT_UNSCORED)

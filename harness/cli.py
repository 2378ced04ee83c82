"""The command line: which commands there are. Data goes to stdout, progress to stderr."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer

from harness import __version__
from harness.command import case, plan, read, run, show
from harness.command.audit import audit_app
from harness.errors import ClipError, ClipRejected, UsageError, printable

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

for command in (
    run.run,
    plan.plan,
    read.report,
    read.compare,
    read.gate,
    read.forensic,
    show.perturb,
    show.data,
    read.card,
    run.train,
    case.inspect,
    case.bundle,
    case.verify,
    show.doctor,
    read.history,
    read.leaderboard,
):
    app.command()(command)
baseline_app.command("accept")(read.baseline_accept)
suites_app.command("list")(show.suites_list)
suites_app.command("show")(show.suites_show)


def main() -> None:
    """Run the command; a `UsageError` is one line on stderr and exit code 2."""
    if threading.current_thread() is threading.main_thread():
        for number in _REQUESTS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _interrupt)
    try:
        app()
    except (UsageError, ClipRejected, ClipError) as fault:
        print(f"harness: {printable(str(fault))}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


_REQUESTS = (signal.SIGTERM, signal.SIGHUP)
"""To end: a scheduler's, or that of a terminal that was closed."""


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001
    """A polite request to end is the same as Ctrl-C: what is done is written first."""
    for each in _REQUESTS:  # often both are sent, and once is enough
        signal.signal(each, signal.SIG_IGN)
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

"""The table of commands, and the end of the process. Data goes to stdout, progress to stderr."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from harness.cli import inspect, plan, results, run, show
from harness.cli.audit import audit_app
from harness.cli.console import complain
from harness.cli.exit_code import EXIT_INTERRUPTED, EXIT_REFUSED
from harness.cli.stream import guarded_streams
from harness.cli.usage_error import strict_numbers, unexpected_line, usage_line
from harness.errors import ClipError, ClipRejected, UsageError, refusal
from harness.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Judge a fake-audio detector before it is released.",
)
suites_app = typer.Typer(no_args_is_help=True, help="Show the suites of conditions.")
app.add_typer(suites_app, name="suites")
baseline_app = typer.Typer(no_args_is_help=True, help="Keep runs as baselines of later runs.")
app.add_typer(baseline_app, name="baseline")
app.add_typer(audit_app, name="audit")

for command in (
    run.run,
    plan.plan,
    results.report,
    results.compare,
    results.gate,
    results.forensic,
    show.perturb,
    show.data,
    results.card,
    run.train,
    inspect.inspect,
    inspect.bundle,
    inspect.verify,
    show.doctor,
    results.history,
    results.leaderboard,
):
    app.command()(command)
baseline_app.command("accept")(results.baseline_accept)
suites_app.command("list")(show.suites_list)
suites_app.command("show")(show.suites_show)

_END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Sent by a scheduler, or when a terminal is closed."""


def main() -> None:
    """Run the command; every fault is one line on stderr and exit code 2.

    Exit code 1 is reserved for a gate that fails and a check that finds something.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _END_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _interrupt)
    with guarded_streams() as out:
        code = _run()
        sys.stdout.flush()
        # A reader that closes the pipe, such as `head`, has what it wants.
        if out is not None and out.fault and not isinstance(out.fault, BrokenPipeError):
            refused = _refuse(str(refusal(out.fault, "standard output")))
            code = code or refused  # a verdict keeps its own
    sys.exit(code)


def _run() -> int:
    """Run the command and return its exit code."""
    try:
        code = strict_numbers(get_command(app))(prog_name="harness", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TyperException as fault:
        print(usage_line(fault), file=sys.stderr)  # noqa: T201
        return EXIT_REFUSED
    except (UsageError, ClipRejected, ClipError) as fault:
        return _refuse(str(fault))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as fault:
        named = fault.filename is not None and fault.errno is not None
        return _refuse(str(refusal(fault)) if named else unexpected_line(fault))
    except (Exception, SystemExit) as fault:  # SystemExit: of a library or a detector
        return _refuse(unexpected_line(fault))


def _refuse(line: str) -> int:
    complain(line)
    return EXIT_REFUSED


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001
    """Treat a request to end as Ctrl-C, so that finished work is written first."""
    for end_signal in _END_SIGNALS:  # both are often sent, and one is enough
        signal.signal(end_signal, signal.SIG_IGN)
    raise KeyboardInterrupt


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    del version

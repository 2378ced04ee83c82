"""The command line: which commands there are. Data goes to stdout, progress to stderr."""

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
from harness.cli.option import EXIT_REFUSED
from harness.cli.stream import outlets
from harness.cli.usage_error import misuse, strict, unexpected
from harness.errors import ClipError, ClipRejected, UsageError, refusal
from harness.version import __version__

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


def main() -> None:
    """Run the command; whatever goes wrong is one line on stderr and exit code 2.

    Exit code 1 is left to a gate that fails and a check that finds something.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _REQUESTS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _interrupt)
    with outlets() as out:
        code = _run()
        sys.stdout.flush()
        if out is not None and out.fault is not None:
            code = _unprinted(out.fault, code)
    sys.exit(code)


def _run() -> int:
    """Run the command and give its exit code."""
    try:
        code = strict(get_command(app))(prog_name="harness", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TyperException as fault:
        print(misuse(fault), file=sys.stderr)  # noqa: T201
        return EXIT_REFUSED
    except (UsageError, ClipRejected, ClipError) as fault:
        return _tell(str(fault))
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:  # of a library or a detector: no command of ours ends like this
        return _tell(unexpected(stop))
    except OSError as fault:
        named = fault.filename is not None and fault.errno is not None
        return _tell(str(refusal(fault)) if named else unexpected(fault))
    except Exception as fault:
        return _tell(unexpected(fault))


def _tell(line: str) -> int:
    print(f"harness: {line}", file=sys.stderr)  # noqa: T201
    return EXIT_REFUSED


def _unprinted(fault: OSError, code: int) -> int:
    """The exit code where not all of the output could be printed; a verdict keeps its own.

    A reader that closes the pipe, such as `head`, has what it wants.
    """
    if isinstance(fault, BrokenPipeError):
        return code
    told = _tell(str(refusal(fault, "standard output")))
    return code or told


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

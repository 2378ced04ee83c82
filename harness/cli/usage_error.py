"""One-line messages for unusable command lines and unexpected faults."""

from __future__ import annotations

import errno
import math
import os
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException

from harness.errors import printable, refusal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LOOP = "Symlink loop from "
"""Start of a RuntimeError of `Path.resolve`, which raises an OSError from Python 3.13 on."""
_LARGEST = 2**63
"""Numbers must be below this, to fit 64 bits."""


def usage_line(fault: TyperException) -> str:
    """Return one line for arguments that do not fit a command, or its help if there are none."""
    context: Any = getattr(fault, "ctx", None)
    text = fault.format_message()
    if context is not None and text == context.get_help():
        return text
    command = "harness" if context is None else context.command_path
    return f"harness: {printable(text.rstrip('.'))}; see {command} --help"


def unexpected_line(fault: BaseException) -> str:
    """Return one line for an unexpected fault; its traceback is kept in a file."""
    if isinstance(fault, typer.Abort) and fault.__cause__ is not None:
        fault = fault.__cause__
    if isinstance(fault, SystemExit):
        what = f"a detector or a library ended the command with sys.exit({fault.code!r})"
    elif isinstance(fault, MemoryError):
        what = "out of memory; use fewer --workers, a smaller --batch-size or fewer clips"
    elif isinstance(fault, RuntimeError) and str(fault).startswith(_LOOP):
        where = str(fault).removeprefix(_LOOP).strip("'")
        return str(refusal(OSError(errno.ELOOP, os.strerror(errno.ELOOP), where)))
    elif isinstance(fault, OSError):
        what = str(refusal(fault))
    else:
        what = f"unexpected {type(fault).__name__}: {fault}"
    return f"{printable(what)}; {_keep_traceback(fault)}"


def _keep_traceback(fault: BaseException) -> str:
    """Write the traceback to a file, and return a sentence that names it."""
    text = "".join(traceback.format_exception(fault))
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="harness-traceback-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write(f"{sys.argv}\n\n{text}")
    except OSError:
        return "its traceback could not be kept"
    return f"traceback in {file.name}; report it with the command"


def strict_numbers(command: Any) -> Any:
    """Make a command and its subcommands accept only plain decimal numbers.

    Python reads `1_0` as 10, and accepts NaN and infinity where a range has no upper end.
    """
    for subcommand in getattr(command, "commands", {}).values():
        strict_numbers(subcommand)
    for param in command.params:
        param.process_value = _checked(param, param.process_value)
    return command


def _checked(param: Any, convert: Any) -> Any:
    def process_value(context: Any, value: Any) -> Any:
        converted = convert(context, value)
        several = isinstance(converted, list | tuple) and isinstance(value, list | tuple)
        pairs = zip(value, converted, strict=True) if several else [(value, converted)]
        for text, number in pairs:
            if isinstance(text, str) and (reason := _reason_refused(text, number)):
                raise typer.BadParameter(reason, context, param)
        return converted

    return process_value


def _reason_refused(text: str, converted: Any) -> str:
    """Return why an argument is refused; empty where it is not."""
    if "\0" in text:
        return "contains a zero byte"
    if not text and isinstance(converted, Path):  # it would name the current folder
        return "is empty"
    if isinstance(converted, bool) or not isinstance(converted, int | float):
        return ""
    if not _NUMBER.fullmatch(text) or not math.isfinite(converted):
        return f"{text!r} is not a number"
    return f"{text!r} is too large" if abs(converted) >= _LARGEST else ""

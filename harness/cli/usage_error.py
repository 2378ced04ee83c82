"""What a command line is told that cannot be run, in one line each."""

from __future__ import annotations

import errno
import math
import os
import re
import sys
import tempfile
import traceback
from typing import Any

import typer
from typer.exceptions import TyperException

from harness.errors import printable, refusal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LOOP = "Symlink loop from "
"""What `Path.resolve` says, up to Python 3.12, where others raise an `OSError`."""
_LARGEST = 2**63
"""No number is as large: what computes with it has 64 bits."""


def misuse(fault: TyperException) -> str:
    """One line for arguments that do not fit the command; the help where there are none."""
    context: Any = getattr(fault, "ctx", None)
    text = fault.format_message()
    if context is not None and text == context.get_help():
        return text
    command = "harness" if context is None else context.command_path
    return f"harness: {printable(text.rstrip('.'))}; see {command} --help"


def unexpected(fault: BaseException) -> str:
    """One line for a fault that nothing foresaw; its traceback is kept in a file."""
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
    return f"{printable(what)}; {_kept(fault)}"


def _kept(fault: BaseException) -> str:
    """Where the traceback is, in words."""
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


def strict(command: Any) -> Any:
    """Have a command and all below it take plain decimal numbers alone.

    Python reads `1_0` as 10, and NaN or infinity where a range has no upper end.
    """
    for inner in getattr(command, "commands", {}).values():
        strict(inner)
    for param in command.params:
        param.process_value = _plainly(param, param.process_value)
    return command


def _plainly(param: Any, convert: Any) -> Any:
    def process_value(context: Any, value: Any) -> Any:
        made = convert(context, value)
        several = isinstance(made, list | tuple) and isinstance(value, list | tuple)
        for text, number in zip(value, made, strict=True) if several else [(value, made)]:
            if isinstance(text, str) and "\0" in text:
                raise typer.BadParameter("a zero byte is in it", context, param)
            if isinstance(text, str) and isinstance(number, int | float):
                _refuse_odd(text, number, context, param)
        return made

    return process_value


def _refuse_odd(text: str, number: float, context: Any, param: Any) -> None:
    if isinstance(number, bool):
        return
    if not _NUMBER.fullmatch(text) or not math.isfinite(number):
        raise typer.BadParameter(f"{text!r} is not a number", context, param)
    if abs(number) >= _LARGEST:
        raise typer.BadParameter(f"{text!r} is too large", context, param)

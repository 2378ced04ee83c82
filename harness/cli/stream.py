"""Standard output and error of a command: what is printed never ends the command half way.

A full device or a reader that has gone would otherwise raise wherever the next line is printed, and
a gate's exit code would be lost with it. Here the first such fault is kept, what follows is
discarded, and `harness.cli.main.main` decides at the end. What the encoding of the terminal lacks
is written as an escape.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO, cast


class Outlet(io.RawIOBase):
    """A stream that takes every byte; `fault` is why some did not arrive, if any did not."""

    def __init__(self, under: BinaryIO) -> None:
        self._under = under
        self.fault: OSError | None = None

    def write(self, data: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.fault is None:
            try:
                self._under.write(bytes(data))
                self._under.flush()
            except OSError as fault:
                self.fault = fault
                self._divert()
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._under.fileno()

    def isatty(self) -> bool:
        return self._under.isatty()

    def _divert(self) -> None:
        """Send what the stream below still holds nowhere, or Python fails on it when it ends."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._under.fileno())
            os.close(nowhere)


@contextmanager
def outlets() -> Generator[Outlet | None]:
    """Replace `sys.stdout` and `sys.stderr` meanwhile; gives that of stdout, if it has bytes."""
    _open_closed()
    before = sys.stdout, sys.stderr
    out, sys.stdout = _guarded(sys.stdout)
    _, sys.stderr = _guarded(sys.stderr)
    try:
        yield out
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _guarded(stream: TextIO) -> tuple[Outlet | None, TextIO]:
    under = getattr(stream, "buffer", None)
    if under is None:  # text in memory, such as that of a notebook
        return None, stream
    with suppress(OSError, ValueError):
        stream.flush()
    outlet = Outlet(under)
    text = io.TextIOWrapper(
        io.BufferedWriter(cast(io.RawIOBase, outlet)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=under.isatty() or stream is sys.stderr,
    )
    return outlet, text


def _open_closed() -> None:
    """Fill descriptors that the caller closed (`>&-`), or the next file opened would take them.

    Stdout is opened to be read only, so that what is written to it is missed and not lost.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)

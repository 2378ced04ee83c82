"""Standard output and error that never raise, so that printing cannot end a command half way.

A full device or a closed pipe would otherwise raise wherever the next line is printed, and a gate's
exit code would be lost. The first such fault is kept, later output is discarded, and
`harness.cli.main.main` decides at the end. Characters that the terminal's encoding lacks are
escaped.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO, cast


class GuardedStream(io.RawIOBase):
    """A stream that accepts every byte; `fault` is why some were lost, None if none were."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.fault: OSError | None = None

    def write(self, data: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.fault is None:
            try:
                self._stream.write(bytes(data))
                self._stream.flush()
            except OSError as fault:
                self.fault = fault
                self._divert()
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def _divert(self) -> None:
        """Point the descriptor at the null device, so that Python can flush its buffer at exit."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def guarded_streams() -> Generator[GuardedStream | None]:
    """Guard `sys.stdout` and `sys.stderr`; yields that of stdout, None for text in memory."""
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


def _guarded(stream: TextIO) -> tuple[GuardedStream | None, TextIO]:
    binary = getattr(stream, "buffer", None)
    if binary is None:  # text in memory, such as that of a notebook
        return None, stream
    with suppress(OSError, ValueError):
        stream.flush()
    guarded = GuardedStream(binary)
    text = io.TextIOWrapper(
        io.BufferedWriter(cast(io.RawIOBase, guarded)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=binary.isatty() or stream is sys.stderr,
    )
    return guarded, text


def _open_closed() -> None:
    """Open descriptors that the caller closed (`>&-`), or the next file opened would get them.

    Stdout is opened for reading only, so that writing to it is a fault.
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

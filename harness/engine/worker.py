"""The loop of a worker process: prepare one clip at a time, in one thread.

A row that takes too long ends the process: the timer is the kernel's and its signal is not caught,
so that a decoder that never returns to Python is stopped too.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection

import scipy.signal  # noqa: F401  # pyright: ignore[reportUnusedImport]  # loaded once for all workers
import torch
import torchaudio  # noqa: F401  # pyright: ignore[reportUnusedImport]

from harness.engine.prepare import Prepared, Recipe, prepare


def serve(connection: Connection, recipe: Recipe, row_seconds: float) -> None:
    """Prepare clips until the other end closes; the parent handles interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    torch.set_num_threads(1)
    _silence_libraries()
    try:
        connection.send("ready")
        while True:
            clip, conditions = connection.recv()
            rows: list[Prepared] = []
            signal.setitimer(signal.ITIMER_REAL, row_seconds)
            for row in prepare(clip, conditions, recipe):
                rows.append(row)
                signal.setitimer(signal.ITIMER_REAL, row_seconds)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(rows)
    except (EOFError, BrokenPipeError):
        return


def _silence_libraries() -> None:
    """Keep standard error for Python: decoders write a line for every damaged frame."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)

"""A user's own code in this process: it may fail, but it neither ends nor changes the process.

Settings that a process has once (working directory, signal handlers, torch's default dtype) are the
detector's own while it is at work and ours in between, so that neither the run nor another detector
computes differently because of it. What cannot be guarded against here is `os._exit` and the like:
they end a process without asking.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np

from harness.errors import UsageError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)
_TORCH = (
    ("get_default_dtype", "set_default_dtype"),
    ("get_float32_matmul_precision", "set_float32_matmul_precision"),
    ("get_num_threads", "set_num_threads"),
    ("are_deterministic_algorithms_enabled", "use_deterministic_algorithms"),
    ("is_grad_enabled", "set_grad_enabled"),
)


class _Setting(NamedTuple):
    read: Callable[[], Any]
    write: Callable[[Any], object]


class Guest:
    """Code of the user's that is called now and then.

    Parameters
    ----------
    where
        What the user knows it by: `python:package.module:factory`.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._settings = _settings()
        self._own: dict[int, Any] = {}

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Run the block as the user's code.

        Raises
        ------
        UsageError
            Where it would end the process, as `sys.exit` does with whatever code.
        """
        ours = [setting.read() for setting in self._settings]
        for place, value in self._own.items():
            with suppress(OSError):  # its working directory may be gone
                self._settings[place].write(value)
        try:
            yield
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as fault:
            raise UsageError(
                f"tried to end the run ({told(fault)})",
                self._where,
                "return scores, or raise an exception about clips that cannot be scored",
            ) from fault
        finally:
            self._own = _put_back(self._settings, ours)


def told(fault: BaseException) -> str:
    """A fault of somebody else's code in one line of bounded length."""
    return f"{type(fault).__name__}: {' '.join(str(fault).split())}"[:300]


def _put_back(settings: list[_Setting], ours: list[Any]) -> dict[int, Any]:
    """Give the settings their values again; those that the user's code had, by place."""
    own: dict[int, Any] = {}
    for place, (setting, value) in enumerate(zip(settings, ours, strict=True)):
        found = setting.read()
        if found != value:
            own[place] = found
            setting.write(value)
    return own


def _settings() -> list[_Setting]:
    import torch

    found = [
        _Setting(_directory, _move),
        _Setting(lambda: list(warnings.filters), _filter),
        _Setting(np.geterr, lambda value: np.seterr(**value)),
        _Setting(lambda: sys.stderr, lambda value: setattr(sys, "stderr", value)),
        *(_Setting(getattr(torch, read), getattr(torch, write)) for read, write in _TORCH),
        _Setting(torch.get_default_device, _use_device),
    ]
    return found + [_of_signal(number) for number in _SIGNALS]


def _directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _move(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _filter(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # pyright: ignore[reportIndexIssue]


def _use_device(device: Any) -> None:
    """None rather than `cpu`, which would be asked at every call of torch."""
    import torch

    torch.set_default_device(None if device.type == "cpu" else device)


def _of_signal(number: signal.Signals) -> _Setting:
    def handle(handler: Any) -> None:
        known = handler is not None  # else it was set in C
        if known and threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)

    return _Setting(lambda: signal.getsignal(number), handle)

"""Run a user's own code in this process without letting it end or change the process.

Settings that a process has only once (working directory, signal handlers, torch's default dtype)
belong to the user's code while it runs and to the harness in between, so that neither the run nor
another detector computes differently because of it. `os._exit` and the like cannot be prevented:
they end a process immediately.
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
_TORCH_SETTINGS = (
    ("get_default_dtype", "set_default_dtype"),
    ("get_float32_matmul_precision", "set_float32_matmul_precision"),
    ("get_num_threads", "set_num_threads"),
    ("are_deterministic_algorithms_enabled", "use_deterministic_algorithms"),
    ("is_grad_enabled", "set_grad_enabled"),
)


class _Setting(NamedTuple):
    read: Callable[[], Any]
    write: Callable[[Any], object]


class UserCode:
    """A user's code that is called from time to time.

    Parameters
    ----------
    where
        How the user names it: `python:package.module:factory`.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._settings = _settings()
        self._changed: dict[int, Any] = {}

    @contextmanager
    def running(self) -> Generator[None]:
        """Run the block with the settings of the user's code, then restore our own.

        Raises UsageError if it tries to end the process, as `sys.exit` does.
        """
        ours = [setting.read() for setting in self._settings]
        for place, value in self._changed.items():
            with suppress(OSError):  # its working directory may be gone
                self._settings[place].write(value)
        try:
            yield
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as fault:
            raise UsageError(
                f"tried to end the run ({error_line(fault)})",
                self._where,
                "return scores, or raise an exception about clips that cannot be scored",
            ) from fault
        finally:
            self._changed = self._restore(ours)

    def _restore(self, ours: list[Any]) -> dict[int, Any]:
        """Restore our settings; return those that the user's code changed, by place."""
        changed: dict[int, Any] = {}
        for place, (setting, value) in enumerate(zip(self._settings, ours, strict=True)):
            current = setting.read()
            if current != value:
                changed[place] = current
                setting.write(value)
        return changed


def error_line(fault: BaseException) -> str:
    """Return type and message of an exception on one line of bounded length."""
    return f"{type(fault).__name__}: {' '.join(str(fault).split())}"[:300]


def _settings() -> list[_Setting]:
    import torch

    return [
        _Setting(_directory, _change_directory),
        _Setting(lambda: list(warnings.filters), _set_filters),
        _Setting(np.geterr, lambda value: np.seterr(**value)),
        _Setting(lambda: sys.stderr, lambda value: setattr(sys, "stderr", value)),
        *(_Setting(getattr(torch, read), getattr(torch, write)) for read, write in _TORCH_SETTINGS),
        _Setting(torch.get_default_device, _set_default_device),
        *map(_signal_handler, _SIGNALS),
    ]


def _directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _change_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # pyright: ignore[reportIndexIssue]


def _set_default_device(device: Any) -> None:
    """Set None for `cpu`, because a default device slows every call of torch."""
    import torch

    torch.set_default_device(None if device.type == "cpu" else device)


def _signal_handler(number: signal.Signals) -> _Setting:
    def handle(handler: Any) -> None:
        known = handler is not None  # otherwise it was set in C
        if known and threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)

    return _Setting(lambda: signal.getsignal(number), handle)

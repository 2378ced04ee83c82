"""Starting processes of our own from whatever script, notebook or command the caller runs."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType

_STARTING = Lock()


@contextmanager
def without_script() -> Generator[None]:
    """Hide the caller's script, which `multiprocessing` would run again in every process.

    A script without `if __name__ == "__main__"` would start the whole run once more.
    """
    with _STARTING:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = script

"""The process of `harness`, also started as `python -m harness`."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn

_GRACE_SECONDS = 3.0


def main() -> NoReturn:
    """Run the command and end the process, whatever threads and processes are left."""
    sys.unraisablehook = _unraised
    try:
        from harness.cli.main import main as command

        command()
        code = 0
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before the command line handles it
        print("harness: interrupted", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(130)
    if not isinstance(code, int):
        code = 0 if code is None else 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    threading.Thread(target=_end, args=(code,), name="end", daemon=True).start()
    sys.exit(code)


def _unraised(fault: Any) -> None:
    """Interrupt again where Python ignored an interrupt, as during an import."""
    if issubclass(fault.exc_type, KeyboardInterrupt):
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(fault)


def _end(code: int) -> None:
    """End the process where threads of libraries keep it from ending by itself."""
    time.sleep(_GRACE_SECONDS)
    os._exit(code)


if __name__ == "__main__":
    main()

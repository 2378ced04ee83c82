"""The harness as a process: `python -m harness` is `harness`."""

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
    """Run the command; the process ends with it, whatever threads and processes are left."""
    sys.unraisablehook = _unraised
    try:
        from harness.cli.main import main as command

        command()
        code = 0
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before the command line could take care of it
        print("harness: interrupted", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(130)
    if not isinstance(code, int):
        code = 0 if code is None else 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    threading.Thread(target=_end, args=(code,), name="end", daemon=True).start()
    sys.exit(code)


def _unraised(fault: Any) -> None:
    """Interrupt again where Python was at something, such as an import, that drops interrupts."""
    if issubclass(fault.exc_type, KeyboardInterrupt):
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(fault)


def _end(code: int) -> None:
    """End the process if it has not ended by itself, which waits for what others left in it."""
    time.sleep(_GRACE_SECONDS)
    os._exit(code)


if __name__ == "__main__":
    main()

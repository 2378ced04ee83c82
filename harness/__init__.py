"""Judge a fake-audio detector before it is released.

The way through, left to right: suite, clips, perturbation, detector, **scores table**, metrics,
report. Everything right of the scores table is computed from that table alone.

The public names below are loaded when they are first used; `docs/python.md` shows them at work.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import (
        ComparisonResult,
        GateResult,
        Run,
        compare,
        conditions,
        gate,
        load_suite,
        perturb,
        read_run,
        run,
    )
    from harness.errors import UsageError
    from harness.version import __version__

__all__ = [
    "ComparisonResult",
    "GateResult",
    "Run",
    "UsageError",
    "__version__",
    "compare",
    "conditions",
    "gate",
    "load_suite",
    "perturb",
    "read_run",
    "run",
]

_ELSEWHERE = {"UsageError": "harness.errors", "__version__": "harness.version"}


class _Package(ModuleType):
    """The package as an object: its public functions keep their names.

    Importing `harness.run`, `harness.compare` or `harness.perturb` would otherwise put a module in
    the place of the function.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_ELSEWHERE.get(name, "harness.api")), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted(__all__)


sys.modules[__name__].__class__ = _Package

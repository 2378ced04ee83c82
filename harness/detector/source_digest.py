"""Digests of the source of a callable detector, by file.

They cover all files of its package, or of its module if it is in none, and the modules and packages
beside it that these import, directly or indirectly, at the top of a file or in a function. They do
not cover installed packages, or what code reads while it runs: an object states its weights and
settings itself by an attribute `identity` or `digest`.
"""

from __future__ import annotations

import hashlib
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from harness.detector.user_code import error_line
from harness.errors import UsageError

_OWN_PACKAGE = Path(__file__).parents[1].name
"""Not covered: a run records its version."""
_CODE = (".py", ".so", ".pyd")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^#\n]+)", re.MULTILINE)
_IDENTITY_ATTRIBUTES = ("identity", "digest")


def source_digests(module: ModuleType) -> dict[str, str]:
    """Return the first 16 digits of each file's SHA-256, by its path below the import root."""
    root, top = _import_root(module)
    if root is None:
        return {}
    pending, digests = [top], dict[str, str]()
    seen = {_OWN_PACKAGE, top}
    while pending:
        for path in _files(root, pending.pop()):
            content = path.read_bytes()
            digests[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()[:16]
            if path.suffix == ".py" and root not in _installed():
                new = set(_imported(content.decode("utf-8", "replace"))) - seen
                pending += sorted(new)
                seen |= new
    return dict(sorted(digests.items()))


def stated_identity(detector: object, where: str) -> dict[str, str]:
    """Return what the object states of itself and of the weights that it loaded.

    Raises UsageError if that fails.
    """
    stated: dict[str, str] = {}
    for name in _IDENTITY_ATTRIBUTES:
        try:
            value = getattr(detector, name, None)
            value = value() if callable(value) else value
        except Exception as fault:
            raise UsageError(
                f"its {name} cannot be read ({error_line(fault)})",
                where,
                "return a text that stands for its weights",
            ) from fault
        if value is not None:
            stated[name] = str(value)
    return stated


def _import_root(module: ModuleType) -> tuple[Path | None, str]:
    """Return the directory of the module or its top-level package, and its name there."""
    top = module.__name__.partition(".")[0]
    package = sys.modules.get(top, module)
    paths = list(getattr(package, "__path__", []))
    file = getattr(package, "__file__", None)
    if paths:
        return Path(paths[0]).resolve().parent, top
    return (Path(file).resolve().parent if file else None), top


def _files(root: Path, name: str) -> Iterator[Path]:
    """Yield the files of a module or package in a directory, none if it is not there."""
    for suffix in _CODE:
        if (root / (name + suffix)).is_file():
            yield root / (name + suffix)
    for path, folders, names in os.walk(root / name):
        folders[:] = sorted(folder for folder in folders if folder.isidentifier())
        yield from (Path(path, file) for file in sorted(names) if file.endswith(_CODE))


def _imported(text: str) -> Iterator[str]:
    """Yield top-level names after `import` and `from`; prose that starts so does no harm."""
    for match in _IMPORT.finditer(text):
        for part in match[1].partition(" import ")[0].split(","):
            name = part.split()[0].partition(".")[0] if part.split() else ""
            if name.isidentifier():
                yield name


@cache
def _installed() -> frozenset[Path]:
    """Return directories of installed packages, which lie side by side without being related."""
    paths = [*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()]
    return frozenset(Path(path).resolve() for path in paths)

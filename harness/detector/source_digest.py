"""The source that a callable detector is made of, as digests by module.

Of a package that is all of its files; of a module by itself, its own. With either come the modules
and packages beside it that it imports, and what these import, at the top of a file or within a
function. Other installed packages are not in it, nor is what code reads while it runs: weights and
settings, which an object names itself by an attribute `identity` or `digest`.
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

from harness.errors import UsageError

_OWN = Path(__file__).parents[1].name
"""This package, whose version a run records."""
_CODE = (".py", ".so", ".pyd")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^#\n]+)", re.MULTILINE)
_NAMES = ("identity", "digest")


def source_digests(module: ModuleType) -> dict[str, str]:
    """First 16 digits of the SHA-256 of each file, by its path below where the module is found."""
    root, top = _place(module)
    if root is None:
        return {}
    owed, found = [top], dict[str, str]()
    seen = {_OWN, top}
    while owed:
        for path in _files(root, owed.pop()):
            content = path.read_bytes()
            found[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()[:16]
            if path.suffix == ".py" and root not in _installed():
                new = set(_imported(content.decode("utf-8", "replace"))) - seen
                owed += sorted(new)
                seen |= new
    return dict(sorted(found.items()))


def own_identity(function: object, where: str) -> dict[str, str]:
    """What the object says of itself, and of the weights that it loaded.

    Raises
    ------
    UsageError
        Where it fails at that.
    """
    said: dict[str, str] = {}
    for name in _NAMES:
        try:
            value = getattr(function, name, None)
            value = value() if callable(value) else value
        except Exception as fault:
            told = " ".join(str(fault).split())
            raise UsageError(
                f"its {name} cannot be had ({type(fault).__name__}: {told})",
                where,
                "return a text that stands for its weights",
            ) from fault
        if value is not None:
            said[name] = str(value)
    return said


def _place(module: ModuleType) -> tuple[Path | None, str]:
    """The directory that the module, or its top-level package, lies in; and its name there."""
    top = module.__name__.partition(".")[0]
    package = sys.modules.get(top, module)
    paths = list(getattr(package, "__path__", []))
    file = getattr(package, "__file__", None)
    if paths:
        return Path(paths[0]).resolve().parent, top
    return (Path(file).resolve().parent if file else None), top


def _files(root: Path, name: str) -> Iterator[Path]:
    """The files of a module or package that lies in a directory; none where it does not."""
    for suffix in _CODE:
        if (root / (name + suffix)).is_file():
            yield root / (name + suffix)
    for path, folders, names in os.walk(root / name):
        folders[:] = sorted(each for each in folders if each.isidentifier())
        yield from (Path(path, each) for each in sorted(names) if each.endswith(_CODE))


def _imported(text: str) -> Iterator[str]:
    """Top-level names after `import` and `from`; a line of prose that begins so does no harm."""
    for match in _IMPORT.finditer(text):
        for part in match[1].partition(" import ")[0].split(","):
            name = part.split()[0].partition(".")[0] if part.split() else ""
            if name.isidentifier():
                yield name


@cache
def _installed() -> frozenset[Path]:
    """Directories in which packages lie side by side that have nothing to do with each other."""
    paths = [*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()]
    return frozenset(Path(path).resolve() for path in paths)

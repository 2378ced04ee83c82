"""The three kinds of fault.

A `UsageError` ends the command with one line and exit code 2. A `ClipRejected` is a property of a
clip (too short, not audio) and a `ClipError` a fault while processing it: both become a row of the
scores table with a reason, and the run continues. An `OSError` becomes one line by `refusal`.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

_SHOWN = 80
"""Most characters of a value in a message."""
_SIMILAR = 0.7
"""Least share of common characters (Ratcliff and Obershelp 1988) of a name that is suggested."""


class UsageError(Exception):
    """Bad usage or bad input: what is wrong, where, and what to do about it.

    Parameters
    ----------
    what
        The problem, in a few words without a full stop.
    where
        The file, argument or key that has it; may be empty.
    fix
        What the user can do; may be empty.
    """

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        line = f"{where}: {what}" if where else what
        super().__init__(printable(f"{line}; {fix}" if fix else line))


def printable(text: str) -> str:
    """Return text as one line, with control and formatting characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def shortened(text: str) -> str:
    """Cut a text to the length that a message may repeat."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like an unknown one, in any case; None where none is similar."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=_SIMILAR)
    return by_lower[near[0]] if near else None


class ClipRejected(Exception):
    """The clip cannot be scored, because of a property of the clip itself."""


class ClipError(Exception):
    """Processing the clip failed."""


CLIP_FAULTS = (ClipRejected, ClipError)
"""Faults of one clip, which do not end a run."""


def refusal(fault: OSError, where: str = "") -> UsageError:
    """Return what the operating system refused as a UsageError.

    Parameters
    ----------
    where
        Path to name where the error has none.
    """
    name = fault.filename if fault.filename2 is None else fault.filename2
    path = os.fsdecode(name) if isinstance(name, str | bytes) else str(name or where)
    what = (fault.strerror or str(fault) or type(fault).__name__).rstrip(".")
    fix = _FIXES.get(fault.errno or 0, "check the path")
    return UsageError(what[:1].lower() + what[1:], path, fix)


_ROOM = "free some space, then run the same command again"
_RIGHTS = "check the permissions, or name another place"
_FIXES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "raise the limit on the size of files, or name another place",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "name a place that can be written to",
    errno.ENOENT: "check the name",
    errno.EEXIST: "name a new one",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.ENOTEMPTY: "name a new one",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ELOOP: "check its links",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EIO: "check the disk",
}

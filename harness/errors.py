"""What can go wrong, in the three kinds that are treated differently.

A `UsageError` ends the command with one line and exit code 2. A `ClipRejected` is a property of a
clip (too short, not audio) and a `ClipError` a fault while working on it: both become a row of the
scores table with a reason, and the run goes on.
"""


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
    """One line that no terminal takes for a command, whatever the user's file put into it."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


class ClipRejected(Exception):
    """The clip cannot be scored, and never could be: the reason is a fact about the clip."""


class ClipError(Exception):
    """Something failed while the clip was worked on."""


CLIP_FAULTS = (ClipRejected, ClipError)
"""What is the matter with one clip and no end of what is done with many."""

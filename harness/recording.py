"""How a recording is given that is not decoded yet: a file, bytes, or a thing that gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Elsewhere(Protocol):
    """A recording that is on no disk of this machine: an object in a store, a cell of a table.

    Small, hashable and picklable: whoever needs the bytes gets them from where they lie.
    """

    def fetch(self, most_bytes: int) -> bytes:
        """All of its bytes.

        Raises
        ------
        ClipRejected
            Where it is not there or has more bytes than that.
        ClipError
            Where the place that has it fails to give it.
        """
        ...


Encoded = Path | bytes | Elsewhere

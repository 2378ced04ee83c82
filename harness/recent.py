"""What was made last and may be asked for again, bounded by its bytes and not by its number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """Values by key; the one that was not asked for longest makes room for others.

    Parameters
    ----------
    make
        Makes a value; what it raises is raised each time.
    size
        Bytes of a value.
    most_bytes
        Of all that is kept; a value that is larger is made each time.
    """

    def __init__(
        self, make: Callable[[_Key], _Value], size: Callable[[_Value], int], most_bytes: int
    ) -> None:
        self._make, self._size, self._most_bytes = make, size, most_bytes
        self._values: OrderedDict[_Key, _Value] = OrderedDict()
        self._bytes = 0

    def __call__(self, key: _Key) -> _Value:
        """The value of a key."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._make(key)
        size = self._size(value)
        if size > self._most_bytes:
            return value
        self._values[key] = value
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size(oldest)
        return value

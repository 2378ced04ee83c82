"""Other clips of the source that are heard beside the one in hand: the last ones stay decoded."""

from __future__ import annotations

from collections import OrderedDict

from harness.audio import Wave, load
from harness.data.clip import Clip

MOST_BYTES = 64_000_000
"""Of decoded companions in a process: 250 of 4 s at 16 kHz, and no more however long they are."""


class CompanionWaves:
    """Decoded clips, those that were not asked for longest making room for others."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._waves: OrderedDict[Clip, Wave] = OrderedDict()

    def wave(self, clip: Clip) -> Wave:
        """The clip decoded.

        Raises
        ------
        ClipRejected, ClipError
            As `harness.audio.load`.
        """
        found = self._waves.pop(clip, None)
        if found is None:
            found = load(clip.audio)
            if found.samples.nbytes > self._most_bytes:
                return found
            self._bytes += found.samples.nbytes
        self._waves[clip] = found  # as the last one that was asked for
        while self._bytes > self._most_bytes:
            _, oldest = self._waves.popitem(last=False)
            self._bytes -= oldest.samples.nbytes
        return found

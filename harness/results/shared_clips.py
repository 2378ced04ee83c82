"""Clips that two tables share by name, and whether they are the same recordings.

A digest that either table lacks, as those before version 2 do, leaves the clip counted as the same
and as not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.results.scores import recordings

_OTHER_DATA = 0.5
"""Share of differing recordings, of those known in both tables, above which the data are others."""


@dataclass(frozen=True)
class SharedClips:
    """Clips that both of two tables have.

    Parameters
    ----------
    clips
        How many.
    unknown
        How many of these lack a digest in either table.
    exchanged
        Names of those whose digests differ: they are not comparable.
    """

    clips: int
    unknown: int
    exchanged: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, other: pd.DataFrame) -> SharedClips:
        """Compare two tables, each as `harness.results.scores.read_scores` returns it."""
        clips = set(table["clip_id"]) & set(other["clip_id"])
        now, before = recordings(table).to_dict(), recordings(other).to_dict()
        known = clips & now.keys() & before.keys()
        exchanged = sorted(clip for clip in known if now[clip] != before[clip])
        return cls(len(clips), len(clips) - len(known), tuple(exchanged))

    @property
    def known(self) -> int:
        """Clips whose recordings could be compared."""
        return self.clips - self.unknown

    @property
    def comparable(self) -> float:
        """Share of the clips that are not of other recordings; 1 where there are no clips."""
        return 1 - len(self.exchanged) / self.clips if self.clips else 1.0

    @property
    def other_data(self) -> bool:
        """Whether so many are of other recordings that nothing is left to compare."""
        return len(self.exchanged) > _OTHER_DATA * self.known

    @property
    def words(self) -> str:
        """The number of clips of other recordings, with an example; empty where there are none."""
        if not self.exchanged:
            return ""
        return (
            f"{len(self.exchanged)} of {self.known} recordings differ from the baseline's under "
            f"the same names, such as {self.exchanged[0]!r}"
        )

    @property
    def words_unknown(self) -> str:
        """The number of clips that could not be compared; empty where all could."""
        if not self.unknown:
            return ""
        return (
            f"the audio of {self.unknown} of {self.clips} clips was not compared: one of the runs "
            "has no digests of their recordings"
        )

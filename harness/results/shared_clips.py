"""Clips that two tables have under the same names: which of them are of the same recording.

Told by the digests of the recordings that were read. Where either table does not know one, as those
of before version 2 do not, the clip counts as the same and is said not to be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.results.scores import recordings

_OTHER_DATA = 0.5
"""Of the recordings known in both tables: if more than this share differ, the data are others."""


@dataclass(frozen=True)
class SharedClips:
    """Clips that both of two tables have.

    Parameters
    ----------
    clips
        How many.
    unknown
        Of these, clips without a digest in either table.
    exchanged
        Of these, clips whose digests differ, by name: they are not comparable.
    """

    clips: int
    unknown: int
    exchanged: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, other: pd.DataFrame) -> SharedClips:
        """Compare what two tables know, each as `harness.results.scores.read_scores` gives it."""
        clips = set(table["clip_id"]) & set(other["clip_id"])
        now, before = (recordings(each).to_dict() for each in (table, other))
        known = clips & now.keys() & before.keys()
        exchanged = sorted(clip for clip in known if now[clip] != before[clip])
        return cls(len(clips), len(clips) - len(known), tuple(exchanged))

    @property
    def known(self) -> int:
        """Clips whose recordings could be compared."""
        return self.clips - self.unknown

    @property
    def comparable(self) -> float:
        """Share of the clips that are not of other recordings; 1 where there are none."""
        return 1 - len(self.exchanged) / self.clips if self.clips else 1.0

    @property
    def other_data(self) -> bool:
        """Whether so many are of other recordings that nothing is left to compare."""
        return len(self.exchanged) > _OTHER_DATA * self.known

    @property
    def words(self) -> str:
        """How many are of other recordings, with an example; empty where none is."""
        if not self.exchanged:
            return ""
        return (
            f"{len(self.exchanged)} of {self.known} recordings differ from the baseline's under "
            f"the same names, such as {self.exchanged[0]!r}"
        )

    @property
    def words_unknown(self) -> str:
        """Of how many it is not known whether they are the same; empty where of none."""
        if not self.unknown:
            return ""
        return (
            f"the audio of {self.unknown} of {self.clips} clips was not compared: one of the runs "
            "has no digests of their recordings"
        )

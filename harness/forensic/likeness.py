"""The clips of a run that a questioned recording is compared with.

They are those of the condition and band of lengths that admitted the recording, and, where the
data say in what coding or at what rate a clip was recorded (a further column of a manifest, such as
`codec` or `sample_rate`), those of its own coding and rate. Clips of other lengths are not added:
scores of short clips mean something else than those of long ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.errors import UsageError
from harness.forensic.run_view import ForensicRun, Rows
from harness.forensic.validated_range import FEWEST_CLIPS, FEWEST_GROUPS, band_of
from harness.metrics.bootstrap import ClipSet
from harness.results.clip_facts import slice_values

CODING_FACTS = ("codec", "coding", "format")
RATE_FACTS = ("rate_hz", "sample_rate", "sampling_rate")
"""Names of further columns that say how a clip was recorded."""
_LOSSLESS = {"none", "pcm", "wav", "flac", "lossless", "clean"}


@dataclass(frozen=True)
class Likeness:
    """What the clips have in common with a recording; empty, None or 0 where it is not asked.

    Parameters
    ----------
    band
        Of lengths, as in `harness.terms.LENGTH_BANDS`.
    coding
        Container and codec as the recording's decoder names them, such as `MP3/mp3`.
    lossy
        Whether it was coded with loss.
    """

    condition: str
    band: str = ""
    coding: str = ""
    lossy: bool | None = None
    rate_hz: int = 0


def like_clips(view: ForensicRun, model: str, likeness: Likeness, where: str) -> ClipSet:
    """Return the scored clips of one model that are like a recording.

    Raises
    ------
    UsageError
        Where a band is named and they are too few of a class, or of too few groups.
    """
    rows = view.rows(model, likeness.condition)
    words = f"under {likeness.condition}"
    if likeness.band:
        bands = [band_of(seconds) for seconds in view.column("seconds")[rows].tolist()]
        rows = rows[np.array([band == likeness.band for band in bands], dtype=bool)]
        words += f" of {likeness.band}"
    rows, recorded = _recorded_alike(view, rows, likeness)
    cell = view.part(rows, ("hter",))
    clips = min(len(cell.real), len(cell.fake))
    groups = min(len(np.unique(cell.real_group)), len(np.unique(cell.fake_group)))
    if likeness.band and (clips < FEWEST_CLIPS or groups < FEWEST_GROUPS):
        raise UsageError(
            f"too few clips {words}{recorded} for a ratio: {len(cell.real)} real and "
            f"{len(cell.fake)} fake clips, the smaller class of {groups} groups",
            where,
            f"score {FEWEST_CLIPS} clips of each class from {FEWEST_GROUPS} groups or more",
        )
    return cell


def _recorded_alike(view: ForensicRun, rows: Rows, likeness: Likeness) -> tuple[Rows, str]:
    """Keep the rows of the recording's coding and rate, where the data tell these."""
    words = ""
    facts = slice_values(view.table)
    for names, fits, own in (
        (CODING_FACTS, _of_coding(likeness), likeness.coding),
        (RATE_FACTS, _of_rate(likeness), likeness.rate_hz),
    ):
        name = next((name for name in names if name in facts), None)
        if name is None or not own:
            continue
        values = facts[name][rows]
        if any(values):
            rows = rows[np.array([fits(str(value)) for value in values], dtype=bool)]
            words += f", {name} as in the file ({own})"
    return rows, words


def _of_coding(likeness: Likeness) -> Callable[[str], bool]:
    known = set(likeness.coding.lower().split("/"))
    if not likeness.lossy:
        known |= _LOSSLESS
    return lambda value: value.strip().lower() in known


def _of_rate(likeness: Likeness) -> Callable[[str], bool]:
    return lambda value: value.strip() == str(likeness.rate_hz)

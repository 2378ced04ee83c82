"""A page on which pairs of recordings can be heard, each cut to where they lie on each other."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import soundfile
from markupsafe import Markup

from harness.audio.wave import Wave, load
from harness.data.clip import Clip
from harness.errors import CLIP_FAULTS
from harness.report.page_base import asset, data_uri, environment, security, trusted
from harness.testset.leakage import Match, Member

MOST_PAIRS = 40
_LONGEST_S = 5.0

Clips = Mapping[tuple[str, str], Clip]
"""By split and id."""


@dataclass(frozen=True)
class _Side:
    member: Member
    start_s: float
    seconds: float
    audio: Markup | None
    silent: str


def pairs_page(matches: Sequence[Match], clips: Clips) -> str:
    """The page as text; it holds its audio itself.

    Only the first `MOST_PAIRS` pairs are on it.
    """
    rows = [
        {"match": match, "apart": _apart(match), "sides": _sides(match, clips)}
        for match in matches[:MOST_PAIRS]
    ]
    style = asset("pairs.css")
    return (
        environment()
        .get_template("pairs.html.j2")
        .render(
            security=security([style], []),
            style=trusted(style),
            rows=rows,
            shown=len(rows),
            total=len(matches),
            longest=_LONGEST_S,
        )
    )


def _apart(match: Match) -> str:
    across = f"across {', '.join(match.across)}; " if match.across else ""
    return f"{across}correlation {match.correlation:.3f}, bits {100 * match.bit_error:.1f} %"


def _sides(match: Match, clips: Clips) -> list[_Side]:
    seconds = min(match.overlap_s, _LONGEST_S)
    starts = max(match.offset_s, 0.0), max(-match.offset_s, 0.0)
    return [
        _Side(member, start, seconds, *_heard(clips[member.split, member.clip_id], start, seconds))
        for member, start in zip((match.first, match.second), starts, strict=True)
    ]


def _heard(clip: Clip, start_s: float, seconds: float) -> tuple[Markup | None, str]:
    """The part as FLAC, or why it cannot be heard."""
    try:
        return _flac(clip, start_s, seconds), ""
    except CLIP_FAULTS as fault:  # it went away since it was compared
        return None, f"cannot be heard: {fault}"


def _flac(clip: Clip, start_s: float, seconds: float) -> Markup | None:
    wave = load(clip.audio)
    first = round(start_s * wave.rate_hz)
    part = Wave(wave.samples[first : first + round(seconds * wave.rate_hz)], wave.rate_hz)
    if not len(part.samples):
        return None
    file = io.BytesIO()
    peak = max(1.0, float(abs(part.samples).max()))
    soundfile.write(file, part.samples / peak, part.rate_hz, format="FLAC", subtype="PCM_16")
    return data_uri(file.getvalue(), "audio/flac")

"""A page to listen to pairs of recordings, each cut to where the two overlap."""

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
from harness.testset.leakage import PairedClip, RecordingPair

MOST_PAIRS = 40
_LONGEST_S = 5.0

Clips = Mapping[tuple[str, str], Clip]
"""Clips by split and id."""


@dataclass(frozen=True)
class _Excerpt:
    """The audio of one side of a pair, or why there is none."""

    member: PairedClip
    start_s: float
    seconds: float
    audio: Markup | None
    silent: str


def pairs_page(pairs: Sequence[RecordingPair], clips: Clips) -> str:
    """Render a self-contained page with the audio of the first `MOST_PAIRS` pairs."""
    rows = [
        {"match": pair, "apart": _agreement(pair), "sides": _excerpts(pair, clips)}
        for pair in pairs[:MOST_PAIRS]
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
            total=len(pairs),
            longest=_LONGEST_S,
        )
    )


def _agreement(pair: RecordingPair) -> str:
    across = f"across {', '.join(pair.across)}; " if pair.across else ""
    return f"{across}correlation {pair.correlation:.3f}, bits {100 * pair.bit_error:.1f} %"


def _excerpts(pair: RecordingPair, clips: Clips) -> list[_Excerpt]:
    seconds = min(pair.overlap_s, _LONGEST_S)
    excerpts: list[_Excerpt] = []
    for member, offset_s in ((pair.first, pair.offset_s), (pair.second, -pair.offset_s)):
        start_s, audio, silent = max(offset_s, 0.0), None, ""
        try:
            audio = _flac(clips[member.split, member.clip_id], start_s, seconds)
        except CLIP_FAULTS as fault:  # the file disappeared since it was compared
            silent = f"cannot be heard: {fault}"
        excerpts.append(_Excerpt(member, start_s, seconds, audio, silent))
    return excerpts


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

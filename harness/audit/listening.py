"""A page on which pairs of recordings can be heard, each cut to where they lie on each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import soundfile
from jinja2 import Environment

from harness.audio import Wave, load
from harness.audit.leakage import Match, Member
from harness.data.clip import Clip
from harness.errors import CLIP_FAULTS

MOST_PAIRS = 40
_LONGEST_S = 5.0

Clips = Mapping[tuple[str, str], Clip]
"""By split and id."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pairs</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: .5rem; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere } audio { width: 100%; min-width: 12rem } .leak { font-weight: 600 }
</style></head><body>
<h1>Pairs of recordings</h1>
<p>{{ shown }} of {{ total }} pairs, leaks first; at most {{ longest }} s from where both begin.</p>
<table><thead><tr><th>what</th><th>first</th><th>second</th></tr></thead><tbody>
{% for row in rows %}<tr><td{% if row.match.leak %} class="leak"{% endif %}>{{ row.match.kind }}
{%- if row.match.leak %}: a leak{% endif %}<br>{{ row.apart }}</td>
{% for side in row.sides %}<td>{{ side.member.clip_id }}<br>{{ side.member.label }},
{{ "%.2f"|format(side.start_s) }} s to {{ "%.2f"|format(side.start_s + side.seconds) }} s<br>
{% if side.audio %}<audio controls preload="none" src="data:audio/flac;base64,{{ side.audio }}">
</audio>{% else %}{{ side.silent }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></body></html>
"""


@dataclass(frozen=True)
class _Side:
    member: Member
    start_s: float
    seconds: float
    audio: str
    silent: str


def pairs_page(matches: Sequence[Match], clips: Clips) -> str:
    """The page as text; it holds its audio itself.

    Only the first `MOST_PAIRS` pairs are on it.
    """
    rows = [
        {"match": match, "apart": _apart(match), "sides": _sides(match, clips)}
        for match in matches[:MOST_PAIRS]
    ]
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(rows=rows, shown=len(rows), total=len(matches), longest=_LONGEST_S)


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


def _heard(clip: Clip, start_s: float, seconds: float) -> tuple[str, str]:
    """The part as FLAC in base 64, or why it cannot be heard."""
    try:
        return _flac(clip, start_s, seconds), ""
    except CLIP_FAULTS as fault:  # it went away since it was compared
        return "", f"cannot be heard: {fault}"


def _flac(clip: Clip, start_s: float, seconds: float) -> str:
    wave = load(clip.audio)
    first = round(start_s * wave.rate_hz)
    part = Wave(wave.samples[first : first + round(seconds * wave.rate_hz)], wave.rate_hz)
    if not len(part.samples):
        return ""
    file = io.BytesIO()
    peak = max(1.0, float(abs(part.samples).max()))
    soundfile.write(file, part.samples / peak, part.rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode()

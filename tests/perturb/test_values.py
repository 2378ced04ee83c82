"""Names of values, the way damage grows, and values that are refused."""

import math

import pytest
from pydantic import ValidationError

from harness.perturb import PERTURBATIONS


@pytest.mark.parametrize(
    ("kind", "fields", "name", "worse"),
    [
        ("noise", {"color": "white", "snr_db": -5}, "noise:white@-5dB", "lower"),
        (
            "noise",
            {"color": "babble", "snr_db": 15, "voices": 4},
            "noise:babble:4voices@15dB",
            "lower",
        ),
        ("noise", {"color": "hum", "snr_db": 20, "mains_hz": 60}, "noise:hum:60Hz@20dB", "lower"),
        ("pad", {"lead_seconds": 0.25, "trail_seconds": 0.5}, "pad:lead0.25s+trail0.5s", None),
        ("resample", {"rate_hz": 11_025}, "resample:sinc@11025Hz", "lower"),
        (
            "resample",
            {"rate_hz": 192_000, "method": "soxr"},
            "resample:soxr@192000Hz",
            "lower",
        ),
        ("resample", {"method": "native"}, "resample:native", None),
        ("gain", {"gain_db": -20}, "gain:down@-20dB", "lower"),
        ("clip", {"over_db": 12, "shape": "soft"}, "clip:soft@12dB", "higher"),
        ("dc", {"offset": 0.1}, "dc:up@0.1FS", "higher"),
        ("compress", {"ratio": 4}, "compress@4:1", "higher"),
        (
            "compress",
            {"ratio": 4, "threshold_db": -30, "attack_ms": 1},
            "compress:-30dB:1-100ms@4:1",
            "higher",
        ),
        ("loudness", {"lufs": -23}, "loudness@-23LUFS", "lower"),
        ("filter", {"kind": "lowpass", "cutoff_hz": 4000}, "filter:lowpass@4000Hz", "lower"),
        (
            "filter",
            {"kind": "highpass", "cutoff_hz": 300, "order": 2},
            "filter:highpass:order2@300Hz",
            "higher",
        ),
        (
            "filter",
            {"kind": "bandpass", "low_hz": 50, "high_hz": 7000},
            "filter:bandpass:50-7000Hz",
            None,
        ),
        ("filter", {"kind": "telephone"}, "filter:telephone", None),
        (
            "filter",
            {"kind": "eq", "curve": "bass", "gain_db": -6},
            "filter:eq:bass:down@-6dB",
            "lower",
        ),
        ("speed", {"rate": 0.9}, "speed:down@0.9x", "lower"),
        ("tempo", {"rate": 1.25}, "tempo:up@1.25x", "higher"),
        ("pitch", {"semitones": -3}, "pitch:down@-3st", "lower"),
        ("packet_loss", {"rate": 0.05}, "packet_loss@5%", "higher"),
        (
            "packet_loss",
            {"rate": 0.1, "burst_frames": 3, "concealment": "repeat", "frame_ms": 40},
            "packet_loss:burst3:repeat:40ms@10%",
            "higher",
        ),
        ("jitter", {"ms": 10}, "jitter@10ms", "higher"),
        ("bit_errors", {"rate": 1e-5}, "bit_errors@0.001%", "higher"),
    ],
)
def test_names_and_the_way_damage_grows(
    kind: str, fields: dict[str, object], name: str, worse: str | None
) -> None:
    step = PERTURBATIONS[kind](**fields)
    assert step.name == name
    assert (step.axis and step.axis.worse) == worse


REFUSED: dict[str, list[dict[str, object]]] = {
    "noise": [
        {"color": "green", "snr_db": 0},
        {"color": "white", "snr_db": 61},
        {"color": "white", "snr_db": math.nan},
        {"color": "white"},
        {"color": "file", "snr_db": 0},
        {"color": "white", "snr_db": 0, "folder": "/"},
        {"color": "white", "snr_db": 0, "voices": 3},
        {"color": "babble", "snr_db": 0, "voices": 1},
        {"color": "pink", "snr_db": 0, "mains_hz": 60},
        {"color": "hum", "snr_db": 0, "mains_hz": 55},
        {"color": "white", "snr_db": 0, "snr": 3},
    ],
    "crop": [{"seconds": 0.01}, {"seconds": 61}, {"seconds": 1, "place": "end"}],
    "pad": [
        {},
        {"seconds": 0},
        {"seconds": 2, "lead_seconds": 1},
        {"lead_seconds": 1, "fill": "repeat"},
        {"trail_seconds": -1},
    ],
    "trim": [{"below_db": 3}, {"side": "left"}],
    "resample": [
        {},
        {"rate_hz": 3999},
        {"rate_hz": 200_000},
        {"rate_hz": 8000.5},
        {"rate_hz": 16_000, "method": "native"},
        {"rate_hz": 8000, "method": "cubic"},
    ],
    "gain": [{"gain_db": 61}, {"gain_db": math.nan}],
    "clip": [{"over_db": 0}, {"over_db": 6, "shape": "round"}],
    "dc": [{"offset": 1.5}],
    "compress": [{"ratio": 1}, {"ratio": 2, "threshold_db": 0}, {"ratio": 2, "attack_ms": 0}],
    "loudness": [{"lufs": 1}],
    "filter": [
        {"kind": "lowpass"},
        {"kind": "lowpass", "cutoff_hz": 0},
        {"kind": "lowpass", "cutoff_hz": 1000, "low_hz": 100},
        {"kind": "bandpass", "low_hz": 100},
        {"kind": "bandpass", "low_hz": 200, "high_hz": 100},
        {"kind": "telephone", "cutoff_hz": 100},
        {"kind": "eq", "curve": "bass"},
        {"kind": "eq", "curve": "loud", "gain_db": 3},
        {"kind": "eq", "curve": "bass", "gain_db": 3, "order": 2},
        {"kind": "notch", "cutoff_hz": 50},
    ],
    "speed": [{"rate": 0}, {"rate": 5}],
    "tempo": [{"rate": -1}, {}],
    "pitch": [{"semitones": 25}],
    "reverb": [
        {},
        {"rt60_s": 0},
        {"rt60_s": 11},
        {"rt60_s": 0.3, "folder": "/"},
        {"folder": "/nowhere/at/all"},
        {"rt60_s": 0.3, "drr_db": 40},
    ],
    "packet_loss": [
        {"rate": 0.51},
        {"rate": -0.1},
        {"rate": 0.1, "frame_ms": 0},
        {"rate": 0.1, "burst_frames": 0.5},
        {"rate": 0.5, "burst_frames": 1.5},
        {"rate": 0.1, "concealment": "magic"},
    ],
    "jitter": [{"ms": 0}, {"ms": 21}],
    "bit_errors": [{"rate": 0.6}],
}
"""Impossible values of every class but codecs, whose messages have a test of their own."""


@pytest.mark.parametrize(
    ("kind", "fields"), [(kind, fields) for kind, many in REFUSED.items() for fields in many]
)
def test_impossible_values_are_refused(kind: str, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PERTURBATIONS[kind](**fields)


def test_every_class_has_refused_values() -> None:
    assert set(REFUSED) == set(PERTURBATIONS) - {"codec"}

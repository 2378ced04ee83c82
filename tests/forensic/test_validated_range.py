"""Where a file lies, and why it lies nowhere."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.forensic.validated_range import (
    RecordingProperties,
    ValidatedRange,
    match_recording,
    validated_range,
)
from tests.support.evidence_run import MODEL, finished

LIKE_CLEAN = RecordingProperties(3.0, 2.5, 40.0, 7800.0, 16000, lossy=False)


@pytest.fixture(scope="module")
def region() -> ValidatedRange:
    return validated_range(finished(), MODEL, resamples=200)


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({}, "clean"),
        ({"snr_db": 22.0}, "noise:white@20dB"),
        ({"snr_db": 19.0}, "noise:white@5dB"),  # never a milder one
        ({"lossy": True, "bandwidth_hz": 3700.0}, "codec:amr-nb"),
        ({"lossy": True, "bandwidth_hz": 3700.0, "rate_hz": 8000}, "codec:amr-nb"),
        ({"seconds": 0.7}, "crop@0.5s"),
        ({"snr_db": math.nan, "bandwidth_hz": math.nan}, "clean"),
        ({"rate_hz": 48000}, "clean"),
    ],
)
def test_inside(region: ValidatedRange, changes: dict[str, float], condition: str) -> None:
    found = match_recording(region, replace(LIKE_CLEAN, **changes))
    assert (found.condition, found.reasons) == (condition, [])
    assert found.error is not None
    assert found.error.known


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seconds": 0.3, "active_seconds": 0.3}, "shortest clips 0.50 s"),
        ({"seconds": 30.0}, "too few clips of 8+ s"),
        ({"active_seconds": 0.1}, "0.10 s of speech"),
        ({"snr_db": 1.0}, "down to 5 dB"),
        ({"bandwidth_hz": 2000.0}, "bandwidth of 2000 Hz"),
        ({"lossy": True}, "at once"),  # wide, and the only codec is narrow
        ({"bandwidth_hz": 3700.0}, "at once"),  # narrow, and not by a codec
        ({"lossy": True, "bandwidth_hz": 3700.0, "snr_db": 10.0}, "at once"),
        ({"rate_hz": 4000, "bandwidth_hz": 3700.0}, "below the detector's 16000 Hz"),
    ],
)
def test_outside(region: ValidatedRange, changes: dict[str, float], told: str) -> None:
    found = match_recording(region, replace(LIKE_CLEAN, **changes))
    assert (found.condition, found.error) == (None, None)
    assert any(told in reason for reason in found.reasons), found.reasons


def test_what_is_not_known_is_said(region: ValidatedRange) -> None:
    facts = replace(LIKE_CLEAN, snr_db=math.nan, lossy=None)
    notes = " ".join(match_recording(region, facts).notes)
    assert "SNR is not known" in notes
    assert "assumed not to be" in notes
    synthetic = replace(region, synthetic=True)
    assert "no statement" in " ".join(match_recording(synthetic, LIKE_CLEAN).notes)


def test_a_room_stands_for_no_file(region: ValidatedRange) -> None:
    rooms = [part for part in region.parts if part.condition == "reverb"]
    assert rooms
    only = replace(region, parts=rooms)
    assert match_recording(only, LIKE_CLEAN).condition is None


def test_too_few_clips_are_no_evidence() -> None:
    small = validated_range(finished(groups=4, each=3), MODEL, resamples=50)
    assert not any(part.enough for part in small.parts)
    assert "too few clips" in match_recording(small, LIKE_CLEAN).reasons[0]


def test_a_run_without_noise_knows_no_noise() -> None:
    run = finished()
    quiet = run.table[~run.table["condition"].str.startswith("noise")]
    region = validated_range(replace(run, table=quiet), MODEL, resamples=50)
    assert match_recording(region, replace(LIKE_CLEAN, snr_db=31.0)).condition == "clean"
    assert (
        "lower than tested" in match_recording(region, replace(LIKE_CLEAN, snr_db=20.0)).reasons[0]
    )


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UsageError, match="no scores of other"):
        validated_range(finished(), "other")

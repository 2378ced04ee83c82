"""Conditions held against their names from the table alone, with faults planted in numbers."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.perturb import PERTURBATIONS
from harness.results.expectation import PREFIX
from harness.results.figures import Attested, Contradiction
from harness.results.record import RunRecord
from harness.suite.condition import CLEAN, Condition
from harness.summary import condition_check
from tests.support.small_run import record as small_record

RATE_HZ = 16000


def condition(**values: object) -> Condition:
    step = PERTURBATIONS[str(values["perturb"])].model_validate(values)
    return Condition("tried", "tried", "tried", 1.0, None, step.words, (step,))


def record(tried: Condition, min_coverage: float = 0.9) -> RunRecord:
    made = small_record()
    models = [model.model_copy(update={"rate_hz": RATE_HZ}) for model in made.models]
    suite = made.suite.model_copy(
        update={"conditions": [CLEAN.record(), tried.record()], "min_coverage": min_coverage}
    )
    return made.model_copy(update={"suite": suite, "models": models})


def table(clips: int = 24, models: tuple[str, ...] = ("a",), **measured: Any) -> pd.DataFrame:
    """Healthy rows of `clean` and `tried`, the latter with what was measured instead."""
    common = {
        "clip_id": [f"{number:03}.wav" for number in range(clips)],
        "seconds": 2.0,
        "status": "ok",
        "reason": "",
        "snr_db": math.nan,
        "bandwidth_hz": 7900.0,
        "delay_samples": 0.0,
    }
    clean = pd.DataFrame(common | {"condition": "clean", "changed": False})
    tried = pd.DataFrame(common | {"condition": "tried", "changed": True} | measured)
    return pd.concat([both.assign(model=m) for m in models for both in (clean, tried)])


def judged(tried: Condition, rows: pd.DataFrame, min_coverage: float = 0.9) -> Attested:
    clean, made = condition_check.conditions(rows, record(tried, min_coverage))
    assert clean.condition == "clean"
    assert not clean.contradictions
    return made


def only(made: Attested) -> Contradiction:
    assert len(made.contradictions) == 1
    return made.contradictions[0]


MP3 = condition(perturb="codec", codec="mp3", kbps=32)
G722 = condition(perturb="codec", codec="g722")
AMR = condition(perturb="codec", codec="amr-nb", kbps=12.2)
NOISE = condition(perturb="noise", color="white", snr_db=10)
LOSS = condition(perturb="packet_loss", rate=0.05)
NATIVE = condition(perturb="resample", method="native")


def test_healthy_measurements_are_reported_and_contradict_nothing() -> None:
    snr_db = np.linspace(9.9, 10.1, 24)
    made = judged(NOISE, table(snr_db=snr_db, models=("a", "b")))
    assert made.contradictions == []
    assert (made.clips, made.changed, made.silent, made.contradicted) == (24, 24, 0, 0)
    assert (made.snr_db.median, made.snr_db.low, made.snr_db.high) == pytest.approx((10, 9.9, 10.1))
    assert (made.seconds.median, made.factor.median, made.delay_ms.median) == (2, 1, 0)


def test_rows_that_contradict_fail_the_condition_where_they_are_too_many() -> None:
    reason = PREFIX + "SNR 13.00 dB instead of 10 dB"
    for bad, fails in ((2, False), (3, True), (24, True)):
        rows = table(snr_db=10.0)
        tried = (rows.condition == "tried") & (rows.clip_id < f"{bad:03}.wav")
        rows.loc[tried, ["status", "reason", "snr_db"]] = ["error", reason, 13.0]
        made = judged(NOISE, rows)
        assert made.contradicted == bad
        assert bool(made.contradictions) == fails
    found = only(made)
    assert found.expected == "changed, SNR 10 dB, length as before, content in place"
    assert found.measured == "not so for 24 clips: SNR 13.00 dB instead of 10 dB"
    assert (found.clips, found.clip_id) == (24, "000.wav")
    assert judged(NOISE, rows, min_coverage=0).contradictions, "most rows are too many, anyhow"


def test_a_contradiction_counts_where_another_model_had_its_score_from_a_file() -> None:
    rows = table(models=("file", "listens"), snr_db=13.0)
    seen = (rows.condition == "tried") & (rows.model == "listens")
    rows.loc[seen, "reason"] = PREFIX + "SNR 13.00 dB instead of 10 dB"
    assert judged(NOISE, rows).contradicted == 24


def test_a_codec_that_delays_is_caught_and_damage_beyond_recognition_is_not_delay() -> None:
    late = only(judged(MP3, table(delay_samples=320.0)))
    assert late.expected == "content in place"
    assert late.measured == "24 clips late, by 20.0 ms in the median"
    early = only(judged(MP3, table(delay_samples=-161.0)))
    assert "early, by 10.1 ms" in early.measured
    assert not judged(MP3, table(delay_samples=79.0)).contradictions
    lags = np.tile([-2000.0, 1500.0, 900.0, -700.0], 6)
    assert not judged(MP3, table(delay_samples=lags)).contradictions
    assert not judged(MP3, table(delay_samples=math.nan)).contradictions


def test_a_band_that_is_open_is_caught() -> None:
    found = only(judged(AMR, table(bandwidth_hz=7875.0)))
    assert found.expected == "nothing above 4 kHz"
    assert found.measured == "sound up to 7.875 kHz in the median clip"
    assert not judged(AMR, table(bandwidth_hz=3900.0)).contradictions
    some_open = np.where(np.arange(24) < 11, 7875.0, 3900.0)
    assert not judged(AMR, table(bandwidth_hz=some_open)).contradictions
    assert not judged(MP3, table(bandwidth_hz=7900.0)).contradictions, "at 48 kHz it has no edge"


@pytest.mark.parametrize("tried", [MP3, G722, LOSS])
def test_a_condition_that_changed_no_clip_is_caught(tried: Condition) -> None:
    found = only(judged(tried, table(changed=False)))
    assert (found.expected, found.measured) == ("a changed signal", "no clip was changed")


def test_what_may_leave_clips_as_they_are_is_not_blamed_for_it() -> None:
    assert not judged(NATIVE, table(changed=False)).contradictions
    assert not judged(LOSS, table(clips=19, changed=False)).contradictions, "too few to tell"
    one = np.arange(24) == 7
    assert not judged(G722, table(changed=one)).contradictions


def test_silence_cannot_be_changed() -> None:
    rows = table(changed=False, bandwidth_hz=0.0)
    rows["bandwidth_hz"] = 0.0
    made = judged(MP3, rows)
    assert made.silent == 24
    assert not made.contradictions


def test_what_was_not_measured_is_missing_and_not_wrong() -> None:
    made = judged(NOISE, table(seconds=math.nan))
    assert (made.clips, made.changed, made.snr_db.n) == (0, 0, 0)
    assert math.isnan(made.snr_db.median)
    assert not made.contradictions


def test_a_record_from_before_expectations_has_none() -> None:
    old = record(NOISE)
    conditions = [c.model_copy(update={"expects": None}) for c in old.suite.conditions]
    suite = old.suite.model_copy(update={"conditions": conditions})
    made = condition_check.conditions(table(snr_db=3.0), old.model_copy(update={"suite": suite}))
    assert [each.contradictions for each in made] == [[], []]
    assert made[1].snr_db.median == 3

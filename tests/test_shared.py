"""The whole way on real recordings with a detector that listens, where the two are at hand."""

from pathlib import Path

import numpy as np
import pytest

from harness.results.coverage import shortfalls
from harness.results.scores import read_scores
from harness.run import RunOptions, run
from tests.support.paths import SHARED

HOSTILE = SHARED / "data" / "hostile"

pytestmark = pytest.mark.skipif(
    not (SHARED / "detector").is_dir(), reason="needs the recordings beside the repository"
)


def quiet(*values: object) -> None:
    del values


def test_real_recordings_in_their_own_formats_and_rates(tmp_path: Path) -> None:
    options = RunOptions(
        suite="smoke",
        data=str(SHARED / "data" / "test"),
        models=(str(SHARED / "detector"),),
        out=tmp_path / "run",
        limit=16,
        workers=1,
    )
    outcome = run(options, quiet, quiet)
    table = read_scores(outcome.folder)
    assert len(table) == 16 * 6
    assert (table.status == "ok").mean() > 0.9
    by = table[table.status == "ok"].set_index(["condition", "clip_id"])
    assert by.loc["codec:mp3@32k"].changed.all()
    assert (by.loc["codec:mp3@32k"].delay_samples.abs() <= 16).all()
    np.testing.assert_allclose(by.loc["noise:babble@10dB"].snr_db, 10, atol=0.1)
    assert (by.loc["crop@0.5s"].seconds <= 0.5 + 1 / 16000).all()
    assert np.isfinite(by.score).all()


POINTER = "a Git LFS pointer, not audio: run git lfs pull"
SHORT = "too short"
SILENT = "is silent"
TABLE = {
    "asterisk-sounds__silence_1.wav": SILENT,
    "asterisk-sounds__silence_10.wav": SILENT,
    "audiomentations__almost_silent_almost_silent.wav": SILENT,
    "audiomentations__demo_acoustic_guitar_0.wav": "",
    "audiomentations__demo_bus.opus": "",
    "audiomentations__demo_mono_float64.wav": SHORT,
    "audiomentations__demo_mono_int24.wav": SHORT,
    "audiomentations__demo_mono_int32.wav": SHORT,
    "audiomentations__demo_ms_adpcm.wav": "",
    "audiomentations__demo_perfect-alley1.ogg": "",
    "audiomentations__demo_signed_24bit.wav": "",
    "audiomentations__demo_stereo_16bit.wav": "",
    "audiomentations__demo_stereo_24bit.WAV": "",
    "audiomentations__demo_tap.wav": "",
    "audiomentations__demo_testing.m4a": "",
    "audiomentations__digital_silence_digital_silence.wav": SILENT,
    "audiomentations__silence_silence.wav": SILENT,
    "audiotools__ir_h179_Bar_1txts.wav": POINTER,
    "audiotools__loudness_piano.wav": POINTER,
    "audiotools__loudness_sine_1000.wav": POINTER,
    "audiotools__nz_f5_script2_ipad_balcony1_room_tone.wav": POINTER,
    "audiotools__spk_f10_script4_produced.mp3": POINTER,
    "audiotools__spk_f10_script4_produced.wav": POINTER,
    "lhotse__fixtures_mono_c0.opus": "",
    "lhotse__fixtures_mono_c0.wav": "",
    "lhotse__fixtures_stereo.mp3": "",
    "lhotse__fixtures_stereo.opus": "",
    "lhotse__fixtures_stereo.wav": "",
}
"""What each file is rejected for; a silent one only where noise is set by the level of speech."""


def test_every_hostile_file_is_accounted_for(tmp_path: Path) -> None:
    files = sorted(path for path in HOSTILE.rglob("*") if path.is_file())
    assert {path.relative_to(HOSTILE).as_posix() for path in files} == set(TABLE)
    for label, part in (("real", files[::2]), ("fake", files[1::2])):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for path in part:
            (tmp_path / "clips" / label / path.name).symlink_to(path)
    options = RunOptions(
        suite="smoke",
        data=str(tmp_path / "clips"),
        models=(str(SHARED / "detector"),),
        out=tmp_path / "run",
        workers=1,
    )
    outcome = run(options, quiet, quiet)
    table = read_scores(outcome.folder)
    assert not any("skipped" in line for line in outcome.record.data.notes)
    for clip_id, rows in table.groupby("clip_id"):
        reason = TABLE[Path(str(clip_id)).name]
        rejected = rows[rows.status != "ok"]
        assert rejected.reason.str.contains(reason).all(), (clip_id, set(rejected.reason))
        expected = {"": 0, SILENT: 1, SHORT: 6, POINTER: 6}[reason]
        assert len(rejected) == expected, (clip_id, *rejected.reason)
    assert {Path(clip_id).name for clip_id in table.clip_id} == set(TABLE)
    assert (table.groupby("clip_id").size() == 6).all()
    bad = table[table.status != "ok"]
    assert (bad.reason != "").all()
    assert bad.score.isna().all()
    assert table[table.status == "ok"].score.notna().all()
    assert shortfalls(table, outcome.record)
    assert not (table.status == "error").any(), sorted(set(bad[bad.status == "error"].reason))

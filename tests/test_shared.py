"""The whole way on real recordings with a detector that listens, where the two are at hand."""

from pathlib import Path

import numpy as np
import pytest

from harness.publish import shortfalls
from harness.record import read_record
from harness.run import RunOptions, run
from harness.scores import read_scores

SHARED = Path(__file__).parents[2] / "shared"
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


def test_every_hostile_file_is_accounted_for(tmp_path: Path) -> None:
    files = sorted(path for path in HOSTILE.iterdir() if path.suffix != ".csv")
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
    listed = {Path(clip_id).name for clip_id in table.clip_id}
    left_out = " ".join(read_record(outcome.folder).data.notes)
    for path in files:
        assert path.name in listed or path.name in left_out, path.name
    assert (table.groupby("clip_id").size() == 6).all()
    bad = table[table.status != "ok"]
    assert (bad.reason != "").all()
    assert bad.score.isna().all()
    assert table[table.status == "ok"].score.notna().all()
    assert shortfalls(table, outcome.record)
    assert not (table.status == "error").any(), sorted(set(bad[bad.status == "error"].reason))

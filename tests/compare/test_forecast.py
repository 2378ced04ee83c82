"""What a policy can decide, said from a baseline alone."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare.baseline import FOLDER
from harness.compare.forecast import CORRELATION, equal_candidate, forecast
from harness.compare.policy import ReleasePolicy
from harness.results.run_folder import read_run
from tests.support.in_process import harness
from tests.support.paths import RUNS

RUN = RUNS / "version-1"


def test_an_equal_candidate_differs_by_chance_alone() -> None:
    """The corpus has 180 clips under 66 conditions: correlations of 90 clips are within 0.1."""
    (accepted,) = FOLDER.glob("release-embedded-*")
    baseline = read_run(accepted)
    candidate = equal_candidate(baseline)
    before, after = baseline.table, candidate.table
    assert (before["clip_id"] == after["clip_id"]).all()
    for label in ("real", "fake"):
        rows = (before["condition"] == "clean") & (before["label"] == label)
        own, other = before["score"][rows], after["score"][rows]
        assert np.corrcoef(own, other)[0, 1] == pytest.approx(CORRELATION, abs=0.1)
        assert other.std() == pytest.approx(own.std(), rel=0.3)
    assert equal_candidate(baseline).table["score"].equals(after["score"])


def test_twelve_clips_can_never_pass() -> None:
    content = {"metric": "accuracy", "conditions": ["clean"], "margin": 0.02}
    policy = ReleasePolicy.model_validate({"version": 2, "name": "x", "require": [content]})
    text = forecast(read_run(RUN), policy)
    assert text.startswith("With 10 groups this policy can never pass: accuracy under clean")


def test_the_command_needs_a_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = harness(capsys, "plan", "--policy", "release")
    assert code == 2
    assert "add --baseline" in err
    code, out, _ = harness(capsys, "plan", "--policy", "release", "--baseline", str(RUN))
    assert code == 0
    assert "can never pass" in " ".join(out.split())

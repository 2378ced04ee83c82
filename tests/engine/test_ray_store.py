"""A run on a cluster whose clips lie in a store, and whose table goes there: from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.data.source import open_source
from harness.data.subset import limited
from harness.results.record import read_record
from harness.results.scores import KEY, read_scores
from harness.storage.storage import names, place, write_whole
from harness.suite.suite import load_suite
from tests.support.in_process import harness
from tests.support.ray_cluster import two_nodes
from tests.support.s3_server import s3_server

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
CLIPS = 16
SCORES = ["score", "logit_fake", "logit_real"]


def test_from_a_store_through_two_nodes_to_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = load_suite("smoke")
    with s3_server() as bucket, two_nodes(monkeypatch) as nodes:
        for clip in limited(open_source("embedded"), CLIPS, suite.seed):
            name, content = Path(str(clip.audio)).name, Path(str(clip.audio)).read_bytes()
            write_whole(place(f"{bucket}/clips/{clip.label}/{name}"), content)
            (tmp_path / "clips" / clip.label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "clips" / clip.label / name).write_bytes(content)
        here, there = str(tmp_path / "here"), f"{bucket}/runs/there"
        asked = ["run", "smoke", "--device", "cpu", "--json", "--cache-gb", "0"]
        local = [*asked, "--data", str(tmp_path / "clips"), "--out", here]
        code, _, err = harness(capsys, *local)
        assert code == 0, err
        remote = [*asked, "--data", f"{bucket}/clips", "--out", there]
        code, _, err = harness(capsys, *remote, "--engine", "ray", "--address", nodes.address)
        assert code == 0, err
        some, other = read_scores(Path(here)), read_scores(place(there))
        assert len(other) == CLIPS * len(suite.conditions)
        assert list(other["status"].unique()) == ["ok"]
        keys = list(KEY)
        both = some.merge(other, on=keys, suffixes=("", "_there"), validate="one_to_one")
        assert len(both) == len(some) == len(other)
        for column in SCORES:
            assert np.abs(both[column] - both[f"{column}_there"]).max() <= 1e-4
        for column in ("seconds", "snr_db", "bandwidth_hz", "delay_samples", "changed"):
            assert both[column].equals(both[f"{column}_there"])
        assert read_record(place(there)).machine.engine == "ray: 2 node(s)"

        code, out, err = harness(capsys, "report", there, "--json")
        assert code == 0, err
        assert json.loads(out)
        code, out, err = harness(capsys, "gate", there, "--baseline", here)
        assert code == 0, err
        assert "Gate: PASS" in out
        assert {"run.json", "metrics.json", "report.html", "junit.xml"} <= set(names(place(there)))

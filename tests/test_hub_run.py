"""A whole run of a hub model on a hub data set, from a hub on this machine, both pinned."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from harness.results.record import read_record
from harness.results.scores import read_scores
from tests.support.hub_server import HubServer
from tests.support.in_process import harness


def add_model(root: Path) -> None:
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        frequency_stride=16,
        time_stride=16,
        max_length=128,
        id2label={0: "spoof", 1: "bonafide"},
        label2id={"spoof": 0, "bonafide": 1},
    )
    folder = root / "models" / "o" / "detector"
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=128).save_pretrained(folder)


def add_clips(root: Path, count: int = 8) -> None:
    clips: list[dict[str, object]] = []
    for number in range(count):
        file = io.BytesIO()
        samples = np.random.default_rng(number).normal(0, 0.1, 8000)
        soundfile.write(file, samples, 16000, format="WAV", subtype="FLOAT")
        clips.append({"bytes": file.getvalue(), "path": f"c{number}.wav"})
    labels = [number % 2 for number in range(count)]
    features = {
        "audio": {"_type": "Audio"},
        "label": {"_type": "ClassLabel", "names": ["bonafide", "spoof"]},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path = root / "datasets" / "o" / "clips" / "data" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    table = pa.table({"audio": clips, "label": labels}).replace_schema_metadata(metadata)
    pq.write_table(table, path)


def run(
    place: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "run", *arguments, "--workers", "0"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_model_and_clips_from_a_hub(hub: HubServer, tmp_path: Path) -> None:
    add_model(hub.root)
    add_clips(hub.root)
    what = ("heldout", "--data", "hub:o/clips", "--model", "o/detector@main")
    environment = hub.environment(tmp_path / "home")
    done = run(tmp_path, environment, *what, "--out", "run")
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "run")
    [model] = record.models
    assert model.revision == hub.sha("o/detector")
    assert model.labels == {"0": "spoof", "1": "bonafide"}
    assert model.fake_label == "spoof"
    assert len(model.digest) == 64
    assert record.data.revision == hub.sha("o/clips")
    assert (record.data.real, record.data.fake) == (4, 4)
    assert any("label" in note for note in record.data.notes)
    table = read_scores(tmp_path / "run")
    assert (table.status == "ok").all()
    assert table.score.nunique() == 8

    asked = len(hub.requests)
    offline = environment | {"HF_HUB_OFFLINE": "1"}
    done = run(tmp_path, offline, *what, "--out", "offline")
    assert done.returncode == 0, done.stderr
    assert len(hub.requests) == asked
    again = read_record(tmp_path / "offline")
    assert [(one.revision, one.digest) for one in again.models] == [(model.revision, model.digest)]
    assert (again.data.revision, again.data.digest) == (record.data.revision, record.data.digest)
    columns = ["clip_id", "status", "score"]
    assert read_scores(tmp_path / "offline")[columns].equals(table[columns])


BAD = {
    "no such model": (
        ["--model", "nothing-here"],
        "harness: nothing-here: no such directory; name embedded",
    ),
    "no model in a directory": (
        ["--model", "."],
        "harness: .: has no config.json; name a directory that save_pretrained",
    ),
    "no such data": (
        ["--data", "nothing-here"],
        "harness: nothing-here: no such file or directory; accepted",
    ),
    "no score file": (
        ["--model", "scores:."],
        "harness: scores:.: Is a directory; name a score file",
    ),
    "a recording twice": (
        ["--model", "scores:scores.csv"],
        ": the same recording is fake as 'fake/b.wav' and real as 'real/a.wav'; take one out",
    ),
}
NOT_AT_HAND = {
    "model": (
        ["--model", "owner/detector"],
        "harness: owner/detector: is not in the cache of this",
    ),
    "data": (
        ["--data", "hub:owner/clips"],
        "harness: hub:owner/clips: the hub cannot be reached;",
    ),
}


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a real clip and a fake one, the same recording, and scores."""
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    for name in ("real/a.wav", "fake/b.wav"):
        soundfile.write(tmp_path / name, np.zeros(800), 16000)
    (tmp_path / "scores.csv").write_text("clip_id,score\nreal/a.wav,-1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of(place: Path, arguments: list[str]) -> list[str]:
    data = [] if "--data" in arguments else ["--data", str(place)]
    return ["heldout", *data, *arguments, "--out", "run"]


def assert_one_line(place: Path, code: int, out: str, err: str, line: str) -> None:
    assert code == 2
    assert out == ""
    *progress, last = err.strip().splitlines()
    assert last.startswith("harness: ")
    assert line in last
    assert not any("Traceback" in one for one in progress)
    assert not (place / "run").exists()


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_exit_2(
    clips: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    arguments, line = BAD[what]
    assert_one_line(clips, *harness(capsys, "run", *of(clips, arguments), "--workers", "0"), line)


@pytest.mark.parametrize("what", NOT_AT_HAND)
def test_what_is_not_at_hand_without_a_network_is_one_line_and_exit_2(
    clips: Path, what: str
) -> None:
    """In a process of its own: the client reads its settings when it is imported."""
    arguments, line = NOT_AT_HAND[what]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(clips / "home")}
    done = run(clips, environment, *of(clips, arguments))
    assert_one_line(clips, done.returncode, done.stdout, done.stderr, line)

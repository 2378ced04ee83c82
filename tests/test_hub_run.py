"""A whole run of a hub model on a hub data set, from a hub on this machine, both pinned."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
from hub_server import HubServer
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from harness.record import read_record
from harness.scores import read_scores


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


def test_model_and_clips_from_a_hub(hub: HubServer, tmp_path: Path) -> None:
    add_model(hub.root)
    add_clips(hub.root)
    command = ["run", "heldout", "--data", "hub:o/clips", "--model", "o/detector@main"]
    done = subprocess.run(
        [sys.executable, "-m", "harness", *command, "--workers", "0", "--out", "run"],
        cwd=tmp_path,
        env=hub.environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
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

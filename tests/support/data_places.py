"""The same clips as files on this machine, as objects in a store, and in the rows of shards."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

Files = dict[str, bytes]
"""Encoded recordings by their path, `real/…` or `fake/<generator>/…`."""


def recordings(count: int = 6, seconds: float = 1.0) -> Files:
    """Noise of several loudnesses with a pause, as FLAC; every other one is fake."""
    files: Files = {}
    for number in range(count):
        rng = np.random.default_rng(number)
        samples = rng.normal(0, 0.02 * (1 + number), int(16000 * seconds)).clip(-0.9, 0.9)
        samples[4000:5000] *= 0.01
        file = io.BytesIO()
        soundfile.write(file, samples, 16000, format="FLAC")
        folder = "fake/vocoder" if number % 2 else "real"
        files[f"{folder}/{number:03d}.flac"] = file.getvalue()
    return dict(sorted(files.items()))


def on_disk(files: Mapping[str, bytes], root: Path) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def in_bucket(files: Mapping[str, bytes], url: str) -> str:
    """Put each below `s3://BUCKET/folder`."""
    import boto3

    bucket, _, folder = url.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    for name, content in files.items():
        client.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=content)
    return url


def manifest(files: Mapping[str, bytes], *more: str) -> bytes:
    """A CSV of them, in the order of their names, with more lines at its end."""
    rows = [f"{name},{name.partition('/')[0]},{_generator(name)}" for name in files]
    return "\n".join(["path,label,generator", *rows, *more]).encode()


def _generator(name: str) -> str:
    return name.split("/")[1] if name.startswith("fake/") else ""


def shard(files: Mapping[str, bytes], group_rows: int = 2, **columns: list[Any]) -> bytes:
    """A Parquet file with the recordings in it, as `datasets` writes one."""
    labels = [0 if name.startswith("real/") else 1 for name in files]
    features = {
        "audio": {"_type": "Audio"},
        "label": {"_type": "ClassLabel", "names": ["bonafide", "spoof"]},
    }
    cells = [{"bytes": content, "path": name} for name, content in files.items()]
    about = {"audio": cells, "label": labels, "generator": [_generator(name) for name in files]}
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(about | columns).replace_schema_metadata(described)
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=group_rows, write_page_checksum=True)
    return file.getvalue()


def shards(files: Mapping[str, bytes], count: int = 2, group_rows: int = 2) -> Files:
    """The recordings in so many files, in their order."""
    names = list(files)
    each = -(-len(names) // count)
    return {
        f"test-{number:05d}-of-{count:05d}.parquet": shard(
            {name: files[name] for name in names[number * each : (number + 1) * each]}, group_rows
        )
        for number in range(-(-len(names) // each))
    }

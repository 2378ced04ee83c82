"""Hub data sets, read by the real libraries from a hub on this machine.

The libraries read the hub's address when they are imported, so the reading happens in a process of
its own: one for all data sets, as importing them takes seconds.
"""

import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.support.hub_server import Fault

READ = """
import json, os, pickle, sys, time
from harness.audio.wave import load
from harness.data.subset import CompanionPool, limited
from harness.data.source import open_source
from harness.errors import UsageError
for order in map(json.loads, sys.stdin):
    os.environ |= order.get("environment", {})
    if order.get("hurry"):
        time.sleep = lambda seconds: None  # between the attempts of the hub's client
    try:
        source = open_source(order["spec"])
        part = limited(source, order["limit"], 1) if order.get("limit") else source
        clips = list(pickle.loads(pickle.dumps(part)))
        pool = pickle.loads(pickle.dumps(CompanionPool(source, 4))) if order.get("pool") else None
        print(json.dumps({
            "clips": [[c.clip_id, c.label, c.generator, c.group] for c in clips],
            "seconds": [round(load(c.audio).seconds, 3) for c in clips],
            "origin": [part.origin.kind, part.origin.name, part.origin.revision],
            "digest": part.origin.digest,
            "notes": part.origin.notes,
            "pool": [c.clip_id for c in pool.clips] if pool else [],
            "there": [c.audio.exists() for c in pool.clips] if pool else [],
            "whole": len(source),
        }), flush=True)
    except UsageError as refused:
        print(json.dumps({"refused": str(refused)}), flush=True)
"""


def wav(milliseconds):
    buffer = io.BytesIO()
    samples = np.random.default_rng(milliseconds).normal(0, 0.1, 16 * milliseconds)
    soundfile.write(buffer, samples.astype(np.float32), 16000, format="WAV")
    return buffer.getvalue()


def table(count, **columns):
    """Clip i is 10 + i ms long; columns give name=(values, declared feature)."""
    features = {"audio": {"_type": "Audio"}} | {name: kind for name, (_, kind) in columns.items()}
    data = {"audio": [{"bytes": wav(10 + i), "path": f"c{i}.wav"} for i in range(count)]}
    data |= {name: values for name, (values, _) in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(data).replace_schema_metadata(metadata)


CLASSES = {"_type": "ClassLabel", "names": ["bonafide", "spoof"]}
TEXT = {"dtype": "string", "_type": "Value"}
NUMBER = {"dtype": "int64", "_type": "Value"}


def build(root):
    def parquet(name, split, rows):
        path = root / "datasets" / name / f"data/{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path, row_group_size=5)

    alternate = [i % 2 for i in range(40)]
    plain = table(
        40,
        label=(alternate, CLASSES),
        system=([f"tts{i % 4}" for i in range(40)], TEXT),
        speaker=([f"s{i // 2}" for i in range(40)], TEXT),
    )
    parquet("o/plain", "test", plain)
    parquet("o/plain", "train", plain.slice(0, 6))
    parquet("o/rotten", "train", plain.slice(0, 4))
    rotten = root / "datasets/o/rotten/data/train-00000-of-00001.parquet"
    pq.write_table(plain.slice(0, 4), rotten, compression="none", write_page_checksum=True)
    content = bytearray(rotten.read_bytes())
    content[content.index(b"WAVEfmt") + 400] ^= 1  # in the samples of the first clip
    rotten.write_bytes(content)
    parquet("o/gated", "train", plain.slice(0, 4))
    parquet("o/number", "train", table(4, label=([0, 1, 0, 1], NUMBER)))
    parquet("o/splits", "first", plain.slice(0, 4))
    parquet("o/splits", "second", plain.slice(0, 4))
    for label in ("real", "fake"):
        for i in range(4):
            path = root / "datasets/o/folders/test" / label / f"{label}{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wav(50 + i))


ORDERS = {
    # The limited order goes first: later ones find its audio in the cache.
    "limited": {"spec": "hub:o/plain", "limit": 2},
    "all": {"spec": "hub:o/plain"},
    "train": {"spec": "hub:o/plain@main:train", "pool": True},
    "number": {"spec": "hub:o/number"},
    "said": {"spec": "hub:o/number?label=label,fake=0"},
    "splits": {"spec": "hub:o/splits"},
    "folders": {"spec": "hub:o/folders", "limit": 4},
    "gated": {"spec": "hub:o/gated"},
    "opened": {"spec": "hub:o/gated", "environment": {"HF_TOKEN": "open-sesame"}},
    "nowhere": {"spec": "hub:o/nowhere"},
    "revision": {"spec": "hub:o/plain@v9"},
    "split": {"spec": "hub:o/plain:dev"},
    "rotten": {"spec": "hub:o/rotten"},
    "odd": {"spec": "hub:o/plain?colour=red"},
}


@pytest.fixture(scope="module")
def answers(hub, tmp_path_factory):
    """What came of each order, and the bytes of Parquet files that it cost."""
    build(hub.root)
    hub.gated.add("o/gated")
    return ask(hub.environment(tmp_path_factory.mktemp("home")), ORDERS, hub)


def ask(environment, orders, hub):
    found = {}
    command = [sys.executable, "-W", "ignore", "-c", READ]
    environment |= {"USE_TORCH": "0"}  # `datasets` would import it, which takes seconds
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for name, order in orders.items():
            before = hub.sent_bytes(".parquet")
            hub.faults += order.pop("faults", [])
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            found[name] = json.loads(process.stdout.readline())
            hub.faults.clear()
            found[name]["cost_bytes"] = hub.sent_bytes(".parquet") - before
        process.stdin.close()
    assert process.returncode == 0
    return found


def test_parquet_is_read_with_its_columns_found_and_noted(answers, hub):
    found = answers["all"]
    assert found["origin"] == ["hub", "plain", hub.sha("o/plain")]
    assert found["clips"][:3] == [
        ["test/0/c0.wav", "real", "", "s0"],
        ["test/1/c1.wav", "fake", "tts1", "s0"],
        ["test/2/c2.wav", "real", "", "s1"],
    ]
    assert found["seconds"] == [round((10 + i) / 1000, 3) for i in range(40)]
    assert found["notes"] == [
        f"revision {hub.sha('o/plain')}",
        "configuration default",
        "split test of train, test",
        "audio from column audio (audio)",
        "labels from column label (bonafide | spoof), values ['bonafide', 'spoof']",
        "generator from column system (text)",
        "speaker from column speaker (text)",
    ]


def test_a_limited_run_reads_only_the_row_groups_that_it_needs(answers, hub):
    found = answers["limited"]
    assert found["whole"] == 40
    assert [clip[1] for clip in found["clips"]].count("fake") == 1
    rows = [int(clip[0].split("/")[1]) for clip in found["clips"]]
    assert found["seconds"] == [round((10 + row) / 1000, 3) for row in rows]
    file = next(hub.root.glob("datasets/o/plain/data/test-*.parquet"))
    groups = pq.ParquetFile(file).metadata
    most = max(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
    # Footers come in blocks of 64 KiB, as the Parquet reader asks for them: three openings of the
    # split and one of the other split, for its schema.
    assert found["cost_bytes"] < 2 * 1.1 * most + 4 * 65536 + 8192
    assert file.stat().st_size > 2 * 1.1 * most + 8192


def test_a_split_at_a_commit_and_its_companions(answers):
    found = answers["train"]
    assert [clip[0] for clip in found["clips"]] == [f"train/{i}/c{i}.wav" for i in range(6)]
    # The first real rows of different groups, and one fake of the group that is left.
    assert found["pool"] == ["train/0/c0.wav", "train/2/c2.wav", "train/4/c4.wav"]
    assert found["there"] == [True] * 3


def test_audio_files_in_folders_are_read_without_torchcodec(answers, hub):
    found = answers["folders"]
    assert [clip[1] for clip in found["clips"]] == ["fake", "fake", "real", "real"]
    assert all(0.05 <= seconds <= 0.053 for seconds in found["seconds"])
    fetched = [one.path for one in hub.requests if "/o/folders/" in one.path and one.sent_bytes]
    assert sum(path.endswith(".wav") for path in fetched) == 4


def test_numbers_are_refused_until_the_user_says_what_they_mean(answers):
    assert answers["number"]["refused"] == (
        "hub:o/number: no column says which clips are fake: audio (audio), label (number); "
        "say it with ?label=COLUMN,fake=VALUE"
    )
    labels = [clip[1] for clip in answers["said"]["clips"]]
    assert labels == ["fake", "real", "fake", "real"]


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ("splits", "no test or validation split but first, second; write hub:o/splits:first"),
        ("split", "no split 'dev'; take train, test"),
        ("revision", "no such revision; name a branch, tag or commit"),
        ("nowhere", "no such data set on the hub, or a private one; check the name, or set HF_TOK"),
        ("gated", "gated: it is not open to you; accept its conditions on its page and set HF_TOK"),
        ("odd", "has no option 'colour'; write hub:owner/name[@revision][:split][?config=…,audio="),
    ],
)
def test_what_the_hub_does_not_give_is_refused_in_one_line(answers, order, line):
    assert line in answers[order]["refused"]
    assert "\n" not in answers[order]["refused"]


def test_a_token_opens_a_gated_data_set(answers):
    assert len(answers["opened"]["clips"]) == 4
    assert "split train, the only one" in answers["opened"]["notes"]


def test_a_recording_of_other_bytes_than_were_written_is_refused(answers):
    assert "hub:o/rotten: cannot be read: " in answers["rotten"]["refused"]
    assert "CRC" in answers["rotten"]["refused"]


@pytest.fixture(scope="module")
def faulty(hub, answers, tmp_path_factory):
    """What came of a hub that fails, and what then came of the same cache without a hub."""
    home = tmp_path_factory.mktemp("home")
    patient = {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    found = ask(hub.environment(home) | patient, FAULTY, hub)
    offline = {"all": {"spec": "hub:o/plain"}, "train": {"spec": "hub:o/plain:train"}}
    offline["other"] = {"spec": "hub:o/number"}
    without = ask(hub.environment(home) | {"HF_HUB_OFFLINE": "1"}, offline, hub)
    return found | {f"offline {name}": answer for name, answer in without.items()}


FAULTY = {
    "silent": {
        "spec": "hub:o/plain",
        "faults": [Fault("", "silent", method=method) for method in ("GET", "HEAD", "POST")],
    },
    "error": {"spec": "hub:o/plain", "hurry": True, "faults": [Fault(".parquet", 503)]},
    "cut": {"spec": "hub:o/plain", "faults": [Fault(".parquet", "cut")]},
    "busy": {"spec": "hub:o/plain:train", "faults": [Fault(".parquet", 429, 1, retry_after=0)]},
    "cut once": {"spec": "hub:o/plain", "faults": [Fault(".parquet", "cut", 1, sent_bytes=10)]},
}


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ("silent", "hub:o/plain: the hub cannot be reached; check the network and HF_HUB_OFFLINE"),
        ("error", "hub:o/plain: the hub answered 503; try again later"),
        ("cut", "hub:o/plain: the hub cannot be reached; check the network and HF_HUB_OFFLINE"),
        ("offline other", "hub:o/number: the hub cannot be reached; check the network"),
    ],
)
def test_a_hub_that_fails_is_told_in_one_line(faulty, order, line):
    assert faulty[order]["refused"].startswith(line)
    assert "\n" not in faulty[order]["refused"]


@pytest.mark.parametrize(("order", "same"), [("cut once", "all"), ("busy", "train")])
def test_what_fails_once_is_asked_for_again(faulty, answers, order, same):
    for what in ("clips", "seconds", "origin"):
        assert faulty[order][what] == answers[same][what]


@pytest.mark.parametrize("name", ["all", "train"])
def test_what_was_read_once_needs_no_hub(faulty, answers, name):
    found = faulty[f"offline {name}"]
    for what in ("clips", "seconds", "origin", "digest"):
        assert found[what] == answers[name][what]
    assert found["notes"] == [
        *answers[name]["notes"],
        "the hub cannot be reached: as it was last read on this machine",
    ]


def test_without_a_network_the_line_says_so(hub, tmp_path):
    nobody = hub.environment(tmp_path) | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    found = ask(nobody, {"plain": {"spec": "hub:o/plain"}}, hub)
    assert found["plain"]["refused"] == (
        "hub:o/plain: the hub cannot be reached; check the network and HF_HUB_OFFLINE, or give a "
        "folder that is on this machine"
    )

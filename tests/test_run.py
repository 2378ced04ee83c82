"""The commands, as a user types them: files in, run directory out, exit codes."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from harness.results.record import VERSION, read_record
from harness.results.scores import read_scores
from tests.support.in_process import harness

RATE_HZ = 16000

DETECTOR = '''
import numpy as np

def factory():
    """Fake clips are louder here, so half the loudness in dB over -26 dB is a fair score."""
    return lambda samples, rate_hz: np.array(
        [10 * np.log10(np.mean(wave**2) + 1e-12) / 2 + 13 for wave in samples]
    )
'''

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "gain"
gain_db = [-6, -20]
[[condition]]
perturb = "noise"
color = "white"
snr_db = 0
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with clips, a suite and a detector in it, to work in."""
    rng = np.random.default_rng(3)
    for label, level in (("real", 0.03), ("fake", 0.1)):
        for number in range(8):
            path = tmp_path / "clips" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            loudness = level * rng.lognormal(0, 0.3)
            soundfile.write(path, loudness * rng.standard_normal(8000), RATE_HZ, subtype="FLOAT")
    (tmp_path / "loudness.py").write_text(DETECTOR)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


RUN = ("run", "small.toml", "--data", "clips", "--model", "python:loudness:factory")
RUN = (*RUN, "--workers", "0", "--out", "run")


def test_a_run_leaves_what_it_promises(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = harness(capsys, *RUN)
    assert code == 0, err
    assert "Report: run/report.html" in out
    assert "small: 16 clips x 4 conditions x 1 model(s) = 64 scores" in err
    table = read_scores(place / "run")
    assert len(table) == 64
    assert (table.status == "ok").all()
    record = read_record(place / "run")
    assert record.command[1:] == list(RUN)
    assert (record.data.real, record.data.fake) == (8, 8)
    assert record.counts.ok == 64
    assert record.finished is not None
    assert record.clips_per_second > 0
    metrics = json.loads((place / "run" / "metrics.json").read_text())
    accuracy = {
        row["condition"]: row["value"]
        for row in metrics["rows"]
        if row["metric"] == "accuracy" and row["slice"] == "all"
    }
    by_hand = table.assign(right=(table.score >= 0) == (table.label == "fake"))
    by_hand = by_hand.groupby("condition").right.mean()
    for condition in ("clean", "gain:down@-6dB", "gain:down@-20dB", "noise:white@0dB"):
        assert accuracy[condition] == pytest.approx(by_hand[condition], abs=1e-12)
    assert accuracy["gain:down@-20dB"] == 0.5, "every clip is quiet, so every clip is called real"
    assert (place / "run" / "report.html").stat().st_size < 3_000_000


def test_the_same_command_again_scores_nothing_and_changes_no_figure(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN)
    first = (place / "run" / "metrics.json").read_bytes()
    shards = sorted(path.name for path in (place / "run" / "scores").iterdir())
    rate = read_record(place / "run").clips_per_second
    code, _, err = harness(capsys, *RUN)
    assert code == 0
    assert "64 of them done already" in err
    assert (place / "run" / "metrics.json").read_bytes() == first
    assert sorted(path.name for path in (place / "run" / "scores").iterdir()) == shards
    assert read_record(place / "run").clips_per_second == rate


def stop_midway(run: Path, version: int, *, digests: bool = True, **data: object) -> int:
    """Make a finished run one of an older version that was killed midway; return its rows."""
    (shard,) = (run / "scores").iterdir()
    table = pq.read_table(shard)
    kept = table.slice(0, table.num_rows // 2)
    if not digests:
        place = kept.schema.get_field_index("audio_digest")
        kept = kept.set_column(place, kept.schema.field(place), pa.array([""] * kept.num_rows))
    about = kept.schema.metadata | {b"rows": str(kept.num_rows).encode()}
    kept = kept.replace_schema_metadata(about)
    pq.write_table(kept, shard, write_page_checksum=True)
    content = json.loads((run / "run.json").read_text())
    del content["data"]["columns"]
    (part,) = content["parts"]
    changes = {
        "version": version,
        "finished": None,
        "parts": [part | {"ended": "", "seconds": 0.0, "rows": 0}],
        "data": content["data"] | data,
    }
    (run / "run.json").write_text(json.dumps(content | changes))
    return kept.num_rows


def test_a_run_of_an_older_version_that_was_killed_goes_on_to_the_same_table(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(capsys, *RUN)[0] == 0
    whole = read_scores(place / "run")
    rows = stop_midway(place / "run", 4)
    code, _, err = harness(capsys, *RUN)
    assert code == 0, err
    assert f"{rows} of them done already" in err
    pd.testing.assert_frame_equal(read_scores(place / "run"), whole)
    record = read_record(place / "run")
    assert (record.version, [part.ended for part in record.parts]) == (VERSION, ["", "finished"])


def test_rows_without_digests_of_another_revision_are_not_mixed_with_others(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(capsys, *RUN)[0] == 0
    stop_midway(place / "run", 3, digests=False, revision="test-v1")
    code, _, err = harness(capsys, *RUN)
    assert code == 2
    assert "run: holds rows of the data's revision test-v1, now" in err


def test_further_columns_of_a_manifest_that_change_are_not_taken_for_those_of_finished_rows(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = sorted((place / "clips").rglob("*.wav"))
    for name, columns in (("before.csv", ("language",)), ("after.csv", ("language", "snr"))):
        rows = [
            ",".join((str(path), path.parent.name, *("ab"[number % 2] for _ in columns)))
            for number, path in enumerate(clips)
        ]
        header = ",".join(("path", "label", *columns))
        (place / name).write_text("\n".join((header, *rows, "")))
    given = ("run", "small.toml", "--model", "python:loudness:factory", "--workers", "0")
    assert harness(capsys, *given, "--data", "before.csv", "--out", "run")[0] in (0, 3)
    code, _, err = harness(capsys, *given, "--data", "after.csv", "--out", "run")
    assert code in (0, 3), err
    assert "finished rows keep the further columns that they were written with (language)" in err
    slices = {row["slice"] for row in json.loads(Path("run/metrics.json").read_text())["rows"]}
    assert "language=a" in slices
    assert not any(name.startswith("snr=") for name in slices)


def test_report_makes_the_same_figures_from_the_table_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN)
    first = (place / "run" / "metrics.json").read_bytes()
    for path in (place / "clips").rglob("*.wav"):
        path.unlink()
    (place / "run" / "metrics.json").unlink()
    assert harness(capsys, "report", "run")[0] == 0
    assert (place / "run" / "metrics.json").read_bytes() == first


def test_json_is_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = harness(capsys, *RUN, "--json")
    content = json.loads(out)
    assert code == 0
    assert content["counts"] == {"ok": 64, "rejected": 0, "error": 0}
    assert content["headline"][0]["metric"] == "accuracy"
    for arguments in (("suites", "list"), ("suites", "show", "release"), ("data", "clips")):
        assert json.loads(harness(capsys, *arguments, "--json")[1])


def test_too_little_scored_is_exit_code_3_and_said(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "clips" / "real" / "broken.wav").write_text("not a sound")
    code, out, _ = harness(capsys, *RUN)
    assert code == 3
    assert "Too little was scored in 4 cases (minimum 99%)" in out
    table = read_scores(place / "run")
    assert table[table.status != "ok"].clip_id.unique().tolist() == ["real/broken.wav"]


def test_another_policy_for_the_unscored_goes_on_with_the_same_scores(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "clips" / "real" / "broken.wav").write_text("not a sound")
    harness(capsys, *RUN)
    shards = sorted(path.name for path in (place / "run" / "scores").iterdir())
    assert json.loads((place / "run" / "metrics.json").read_text())["unscored"] == "excluded"
    code, _, err = harness(capsys, *RUN, "--unscored", "wrong")
    assert code == 3
    assert "68 of them done already" in err
    assert sorted(path.name for path in (place / "run" / "scores").iterdir()) == shards
    assert read_record(place / "run").suite.unscored == "wrong"
    metrics = json.loads((place / "run" / "metrics.json").read_text())
    assert metrics["unscored"] == "wrong"
    real = [
        row["n"]
        for row in metrics["rows"]
        if (row["condition"], row["slice"], row["metric"]) == ("clean", "all", "fpr")
    ]
    assert real == [9], "the broken clip is one of them"


def test_a_directory_of_another_run_is_left_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN)
    before = {path: path.read_bytes() for path in (place / "run").rglob("*") if path.is_file()}
    code, _, err = harness(capsys, *[one.replace("small.toml", "heldout") for one in RUN])
    assert code == 2
    assert err.splitlines()[-1] == (
        "harness: run: holds a run of another suite; choose another --out"
    )
    assert before == {p: p.read_bytes() for p in (place / "run").rglob("*") if p.is_file()}
    (place / "notes").mkdir()
    (place / "notes" / "x").write_text("mine")
    code, _, err = harness(capsys, *RUN[:-1], "notes")
    assert (code, "not empty and not a run" in err) == (2, True)


def test_scores_from_a_file_make_the_same_figures(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN)
    table = read_scores(place / "run")
    table[["clip_id", "condition", "score"]].to_csv(place / "scores.csv", index=False)
    (place / "clips" / "real" / "0.wav").write_bytes(b"audio that is not needed any more")
    code, _, err = harness(
        capsys, "run", "small.toml", "--data", "clips", "--model", "scores:scores.csv",
        "--workers", "0", "--out", "again",
    )  # fmt: skip
    assert code == 0, err
    again = read_scores(place / "again")
    pd.testing.assert_series_equal(table.score, again.score)
    assert (again.status == "ok").all()
    assert (place / "again" / "report.html").exists()


def test_two_models_are_scored_in_one_pass(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "constant.py").write_text(
        "import numpy as np\n"
        "def factory():\n    return lambda samples, rate_hz: np.full(len(samples), -1.0)\n"
    )
    code, out, err = harness(capsys, *RUN, "--model", "python:constant:factory")
    assert code == 0, err
    table = read_scores(place / "run")
    assert len(table) == 2 * 64
    assert table.model.nunique() == 2
    assert "constant" in out


def test_a_limit_takes_the_same_clips_each_time(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness(capsys, *RUN, "--limit", "6")
    record = read_record(place / "run")
    assert (record.data.clips, record.data.limit, record.data.real) == (6, 6, 3)
    harness(capsys, *RUN[:-1], "other", "--limit", "6")
    assert set(read_scores(place / "run").clip_id) == set(read_scores(place / "other").clip_id)


def test_perturb_writes_what_a_condition_does(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "clips/fake/0.wav"
    call = ("perturb", source, "heard.wav", "--suite", "small.toml")
    call = (*call, "--condition", "gain:down@-6dB", "--data", "clips")
    code, out, err = harness(capsys, *call)
    assert code == 0, err
    assert "heard.wav" in out
    before, after = soundfile.read(source)[0], soundfile.read("heard.wav")[0]
    np.testing.assert_allclose(after, before * 10 ** (-6 / 20), rtol=1e-5, atol=1e-7)
    code, _, err = harness(capsys, *call[:2], "heard.mp3", *call[3:])
    assert (code, "writes .wav or .flac" in err) == (2, True)
    code, _, err = harness(capsys, "perturb", "clips/none.wav", "none.wav", *call[3:])
    assert (code, err) == (
        2,
        "harness: clips/none.wav: cannot be opened: No such file or directory; "
        "listen to another file\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "smok"), "no suite 'smok'; did you mean 'smoke'?"),
        (("run", "smoke", "--data", "nowhere"), "nowhere"),
        (("run", "smoke", "--data", "clips", "--model", "nosuch/dir/"), "nosuch/dir"),
        (("run", "smoke", "--data", "clips", "--model", "python:nosuch:f"), "nosuch"),
        (("report", "clips"), "not a run directory"),
        (("suites", "show", "relese"), "did you mean 'release'?"),
        (("perturb", "clips/fake/0.wav", "x.wav", "--condition", "mp3"), "no condition 'mp3'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = harness(capsys, *arguments)
    assert code == 2
    assert out == ""
    line = err.strip().splitlines()[-1]
    assert line.startswith("harness: ")
    assert message in line
    assert "Traceback" not in err
    assert not (place / "reports").exists(), "nothing is made before everything is known to work"

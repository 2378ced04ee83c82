"""One reading of missing values and of ids for every kind of source."""

import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data.class_names import MISSING
from harness.data.missing import OptionalCells, cell_text
from harness.data.source import open_source
from harness.errors import UsageError
from tests.support.data_layout import asvspoof2019, record, write

NAMES = ["Na", "none", "NONE", "unknown", "nil", "0", "False", "--", "Nan", "s-1"]
ROLES = ("speaker", "generator", "group", "source")


@pytest.mark.parametrize("word", sorted(MISSING - {"-"}))
def test_the_words_for_missing_are_those_of_pandas(word):
    assert pd.read_csv(io.StringIO(f"a,b\nx,{word}\n"))["b"].isna().all()
    assert OptionalCells().read("speaker", f" {word} ") == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_looks_like_one_is_kept(name):
    cells = OptionalCells()
    assert cells.read("speaker", name) == name
    assert cells.notes == []


def test_words_for_missing_are_counted_and_empty_cells_are_not():
    cells = OptionalCells()
    for cell in ("NA", "NA", "-", "", None, float("nan"), "  ", "s1"):
        cells.read("speaker", cell)
    cells.read("group", "NULL")
    assert cells.notes == [
        "1 value of group read as missing: NULL",
        "3 values of speaker read as missing: NA (2), - (1)",
    ]


def test_a_cell_is_its_text():
    cells = [7, 1.0, "001", "1e5", " x\r", None, float("nan"), b"caf\xc3\xa9", True]
    assert [cell_text(cell) for cell in cells] == [
        *("7", "1.0", "001", "1e5", "x", "", "", "café", "True")
    ]


def manifest(path, rows):
    """The rows in the format that the suffix says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        columns = list(rows[0])
        lines = [[str(row[name] or "") for name in columns] for row in rows]
        separator = "\t" if path.suffix == ".tsv" else ","
        write(path, *(separator.join(fields) for fields in [columns, *lines]))
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("word", ["NA", "nan", "-", "NULL", "None", "n/a", "", "  ", None])
def test_four_hundred_clips_of_no_speaker_are_not_one_speaker(tmp_path, suffix, word):
    rows = [
        {"path": f"{i}.wav", "label": ("real", "fake")[i % 2], **dict.fromkeys(ROLES, word)}
        for i in range(400)
    ]
    source = open_source(manifest(tmp_path / f"m{suffix}", rows))
    assert {(clip.speaker, clip.generator, clip.source) for clip in source} == {("", "", "")}
    assert {clip.group for clip in source} == {f"{i}.wav" for i in range(400)}
    said = [note for note in source.origin.notes if "missing" in note]
    counts = {"generator": 200, "group": 400, "source": 400, "speaker": 400}
    told = [f"{n} values of {role} read as missing: {word}" for role, n in counts.items()]
    assert said == (told if (word or "").strip() else [])


def test_nan_of_parquet_and_of_json_is_missing(tmp_path):
    table = pa.table(
        {"path": ["a", "b"], "label": ["real", "fake"], "speaker": [float("nan"), 1001.0]}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    write(
        tmp_path / "m.jsonl",
        '{"path": "a", "label": "real", "speaker": NaN}',
        '{"path": "b", "label": "fake", "speaker": 1001.0}',
    )
    for name in ("m.parquet", "m.jsonl"):
        clips = open_source(str(tmp_path / name)).clips
        assert [(clip.speaker, clip.group) for clip in clips] == [("", "a"), ("1001.0", "1001.0")]


IDS = ["None", "001", "1", "1e5", "1.0", "007", "true", "NA", "2020-01-02", "0x1F", "1_000", "nan"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_ids_keep_their_text(tmp_path, suffix):
    rows = [
        {"clip_id": name, "path": f"{i}.wav", "label": ("real", "fake")[i % 2]}
        for i, name in enumerate(IDS)
    ]
    source = open_source(manifest(tmp_path / f"m{suffix}", rows))
    assert [clip.clip_id for clip in source] == IDS
    assert [clip.group for clip in source] == IDS


def test_numbers_of_json_keep_their_digits(tmp_path):
    numbers = ["1e5", "1.0", "12345678901234567890123", "-0.0", "1.10"]
    lines = (
        f'{{"clip_id": {number}, "path": "{i}", "label": "{("real", "fake")[i % 2]}"}}'
        for i, number in enumerate(numbers)
    )
    write(tmp_path / "m.jsonl", *lines)
    assert [clip.clip_id for clip in open_source(str(tmp_path / "m.jsonl"))] == numbers


def test_a_speaker_in_two_unicode_forms_is_one(tmp_path):
    path = write(tmp_path / "m.csv", "path,label,speaker", "a,real,Jose\u0301", "b,fake,Jos\u00e9")
    assert {clip.group for clip in open_source(str(path))} == {"Jos\u00e9"}


def test_protocols_and_folders_read_missing_alike(tmp_path):
    root = asvspoof2019(tmp_path / "19")
    write(
        next(root.glob("*/*.eval.trl.txt")),
        "- LA_E_1 - A11 spoof",
        "NA LA_E_2 - - spoof",
        "NA LA_E_3 - - bonafide",
    )
    source = open_source(str(root))
    assert [(clip.speaker, clip.generator) for clip in source] == [("", "A11"), ("", ""), ("", "")]
    assert "1 value of generator read as missing: -" in source.origin.notes
    assert "3 values of speaker read as missing: NA (2), - (1)" in source.origin.notes
    record(tmp_path / "clips/real/a.wav")
    record(tmp_path / "clips/fake/nan/b.wav")
    fake, _ = source = open_source(str(tmp_path / "clips"))
    assert fake.generator == ""
    assert source.origin.notes == ("1 value of generator read as missing: nan",)


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (
            ["path,label,group", *(f"{i},{'real' if i % 2 else 'fake'},all" for i in range(4))],
            "all 4 clips are of one group, 'all': no figure will have an interval",
        ),
        (
            [
                *("path,label,speaker", "a,real,unknown", "b,fake,unknown", "c,real,s1"),
                *("d,fake,none", "e,real,unknown"),
            ],
            "3 of 5 clips are of one group, 'unknown': intervals rest on 3 groups",
        ),
        (
            ["path,label,speaker", "a,real,s1", "b,fake,s2", "c,fake,s3"],
            "every clip has a speaker of its own: intervals take the clips for independent",
        ),
    ],
)
def test_groups_that_are_hardly_groups_are_said_before_a_run(tmp_path, lines, note):
    assert note in open_source(str(write(tmp_path / "m.csv", *lines))).origin.notes


@pytest.mark.parametrize("word", ["NA", "nan", "-", "null", ""])
def test_a_missing_label_is_refused_with_its_row(tmp_path, word):
    path = write(tmp_path / "m.csv", "path,label", "a,real", f"b,{word}")
    what = r"the label is empty" if not word else rf"the label is missing \({word}\)"
    with pytest.raises(UsageError, match=rf"m.csv, line 3: {what}"):
        open_source(str(path))

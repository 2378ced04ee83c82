import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data.manifest import MOST_COLUMNS
from harness.data.source import open_source
from harness.errors import UsageError
from tests.support.data_layout import record, write

ROWS = [
    {"path": "a.wav", "label": "bona-fide", "speaker": "s1", "year": 2020},
    {"path": "sub/b.wav", "label": "Spoof", "generator": "VITS", "group": "g", "year": 2021},
    {"path": "sub/c.wav", "label": "fake", "clip_id": "c", "source": "set", "year": None},
]
FOUND = [
    ("a.wav", "real", "", "", "s1", "s1"),
    ("sub/b.wav", "fake", "VITS", "", "", "g"),
    ("c", "fake", "", "set", "", "c"),
]
COLUMNS = ["path", "label", "speaker", "generator", "group", "clip_id", "source", "year"]


def csv_text(delimiter):
    rows = [[str(row.get(name) or "") for name in COLUMNS] for row in ROWS]
    return "\n".join(delimiter.join(fields) for fields in [COLUMNS, *rows]) + "\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])
def test_every_format_gives_the_same_clips(tmp_path, suffix):
    path = tmp_path / f"list{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict.fromkeys(COLUMNS) | row for row in ROWS]), path)
    elif suffix in (".csv", ".tsv"):
        # As spreadsheets write it: a byte order mark, DOS line ends and blank lines.
        text = csv_text("," if suffix == ".csv" else "\t").replace("\n", "\r\n") + "\r\n"
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    else:
        path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n", encoding="utf-8")
    for source in (open_source(str(path)), open_source(f"manifest:{path}")):
        assert [
            (clip.clip_id, clip.label, clip.generator, clip.source, clip.speaker, clip.group)
            for clip in source
        ] == FOUND
        assert [clip.audio for clip in source] == [tmp_path / row["path"] for row in ROWS]
        assert (source.origin.kind, source.origin.name) == ("manifest", "list")
        assert source.origin.notes == (
            "label 'Spoof' read as fake",
            "label 'bona-fide' read as real",
            "columns left out: year (most clips have a value of their own)",
            "3 of 3 listed recordings are not there, such as a.wav",
        )


def test_further_columns_that_divide_the_clips_become_slices(tmp_path):
    names = ["Channel", "snr", "transcript", "length", "a=b", "is_fake", ""]
    rows = [f"{i}.wav,{'fake' if i % 2 else 'real'}" for i in range(8)]
    cells = [
        f"{'phone' if i < 4 else 'NA'},{5 * (i // 3)},words {i},x,y,{i % 2},{i}" for i in range(8)
    ]
    header = ",".join(["path,label", *names])
    path = write(tmp_path / "m.csv", header, *map(",".join, zip(rows, cells, strict=True)))
    source = open_source(str(path))
    clips = list(source)
    assert [clip.extra for clip in clips[3:5]] == [{"channel": "phone", "snr": "5"}, {"snr": "5"}]
    assert source.origin.columns == ("channel", "snr")
    assert "slices from columns channel (4 of 8 unknown), snr" in source.origin.notes
    assert (
        "columns left out: a=b ('=' in its name), length (the name of another slice), "
        "transcript (most clips have a value of their own)"
    ) in source.origin.notes
    plain = write(tmp_path / "plain.csv", "path,label", *rows)
    assert source.origin.digest == open_source(str(plain)).origin.digest


def test_no_more_further_columns_than_a_report_can_show(tmp_path):
    names = [f"c{number:02}" for number in range(MOST_COLUMNS + 2)]
    lines = [
        ",".join([f"{i}.wav", "fake" if i % 2 else "real", *("xy"[i // 2] for _ in names)])
        for i in range(4)
    ]
    path = write(tmp_path / "m.csv", ",".join(["path,label", *names]), *lines)
    source = open_source(str(path))
    assert list(next(iter(source)).extra) == names[:MOST_COLUMNS]
    assert (
        "columns left out: c20 (more than 20 columns), c21 (more than 20 columns)"
        in source.origin.notes
    )


def test_a_column_of_one_value_is_no_slice_unless_some_clips_have_none(tmp_path):
    cells = ["de,phone,", "de,phone,", "de,,NA", "de,,"]
    rows = [f"{i}.wav,{('real', 'fake')[i % 2]},{cell}" for i, cell in enumerate(cells)]
    source = open_source(str(write(tmp_path / "m.csv", "path,label,lang,channel,blank", *rows)))
    assert [clip.extra for clip in source] == [{"channel": "phone"}] * 2 + [{}] * 2
    assert "slices from columns channel (2 of 4 unknown)" in source.origin.notes
    assert "columns left out: blank (no text in it), lang ('de' throughout)" in source.origin.notes


def test_lists_and_bytes_are_no_slices(tmp_path):
    rows = [{"path": f"{i}.wav", "label": ("real", "fake")[i % 2], "tags": ["x"]} for i in range(4)]
    pq.write_table(
        pa.Table.from_pylist([row | {"audio": b"RIFF"} for row in rows]), tmp_path / "m.parquet"
    )
    write(tmp_path / "m.jsonl", *map(json.dumps, rows))
    for name in ("m.parquet", "m.jsonl"):
        assert [clip.extra for clip in open_source(str(tmp_path / name))] == [{}] * 4


def test_a_folder_with_a_manifest_is_read_by_it(tmp_path):
    record(tmp_path / "real/a.wav")
    record(tmp_path / "fake/b.wav")
    record(tmp_path / "fake/unlisted.wav")
    write(tmp_path / "manifest.csv", "path,label", "real/a.wav,real", "fake/b.wav,fake")
    source = open_source(str(tmp_path))
    assert (source.origin.kind, source.origin.name) == ("manifest", tmp_path.name)
    assert len(source) == 2
    write(tmp_path / "manifest.jsonl", "{}")
    with pytest.raises(UsageError, match=r"more than one manifest: manifest.csv, manifest.jsonl"):
        open_source(str(tmp_path))


def test_a_recording_that_is_missing_is_no_fault_of_the_manifest(tmp_path):
    path = write(tmp_path / "m.csv", "path,label", "a.wav,real", "b.wav,fake")
    assert not any(clip.audio.exists() for clip in open_source(str(path)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", "a.wav,real"], "m.csv, line 1: no column 'path' but file, label"),
        (["path,kind", "a.wav,real"], "m.csv, line 1: no column 'label' but path, kind"),
        ([""], "m.csv, line 1: no column 'path' but none at all"),
        (["path,label"], "m.csv: lists no clips"),
        (
            ["path,label", "a.wav,real", "b.wav,maybe", "c.wav,fake"],
            "m.csv, line 3: label 'maybe' names no class; labels seen: 'fake', 'maybe', 'real'; "
            "write real, bonafide",
        ),
        (
            ["path,label", "a.wav,0", "b.wav,1"],
            r"m.csv, line 2: label '0' does not say which class it is \(1 is fake here and real "
            r"there\); labels seen: '0', '1'; write real",
        ),
        (["path,label", "a.wav,"], "m.csv, line 2: the label is empty"),
        (["path,label", ",real"], "m.csv, line 2: the path is empty"),
        (
            ["path,label", "a.wav,real", "./a.wav,fake"],
            "m.csv, line 3: clip_id 'a.wav' was used in line 2 already",
        ),
        (
            ["clip_id,path,label", "x,a.wav,real", "x,b.wav,fake"],
            "m.csv, line 3: clip_id 'x' was used in line 2 already",
        ),
        (["path,label", "../a.wav,real"], "line 2: ../a.wav leads out of the manifest's folder"),
        (["path,label", "x/../../a.wav,real"], "line 2: x/../../a.wav leads out"),
        (["path,label", "/etc/passwd,real"], "line 2: /etc/passwd leads out"),
        (["path,label", "link/a.wav,real"], "line 2: link/a.wav leads out"),
        (["path,label", "a.wav,real,x"], "line 2: 3 fields under a header of 2; quote"),
        (["path,label", '"a.wav,real'], "m.csv: cannot be read as csv"),
        (["path,label", "a.wav,real"], r"only real clips \(1\): metrics need both"),
        (["path,label", "a.wav,spoof"], r"only fake clips \(1\)"),
        (["path,label,path", "a.wav,real,b.wav"], "line 1: the column 'path' is there twice"),
        (
            ["path,label,Label", "a.wav,real,fake"],
            "line 1: the columns 'label' and 'Label' differ by case only, which is ignored; rename",
        ),
        (["path;label", "a.wav;real"], "but path;label; separate columns by ',' and not by ';'"),
        (["path,label", "a.wav,NA"], r"line 2: the label is missing \(NA\); labels seen: 'NA'"),
        (["path,label", "a.wav,nan"], r"line 2: the label is missing \(nan\)"),
        (
            ["clip_id,path,label", "x,a.wav,real", "y,./a.wav,fake"],
            "m.csv, line 3: a.wav is fake here and real in line 2; keep one of them",
        ),
        (
            ["path,label,is_fake", "a.wav,real,0", "b.wav,fake,0", "c.wav,fake,"],
            "line 3: the columns label and is_fake disagree in 1 of 3 rows, first with 'fake' and",
        ),
        (
            ["path,label,Key", "a.wav,real,spoof", "b.wav,fake,bonafide"],
            "line 2: the columns label and key disagree in 2 of 2 rows, first with 'real' and 'sp",
        ),
        (["path,label", "a\0.wav,real"], r"line 2: path is not text: 'a\\x00.wav'"),
        (["path,label,speaker", "a.wav,real,\0"], "line 2: speaker is not text"),
        (["path,label", f"{'x' * 10**6},real"], "m.csv: cannot be read as csv: field larger than"),
        (["path,label", f"a.wav,{'x' * 10**5}"], "line 2: label 'x{120}' names no class"),
        (["\0" * 5000], "line 1: no column 'path' but"),
        (["<!DOCTYPE html>"], "line 1: no column 'path' but <!DOCTYPE html>"),
    ],
)
def test_a_bad_manifest_is_refused_in_one_line(tmp_path, lines, message):
    os.symlink("/", tmp_path / "link")
    path = write(tmp_path / "m.csv", *lines)
    with pytest.raises(UsageError, match=message) as refused:
        open_source(f"manifest:{path}")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_links_that_lead_nowhere_are_recordings_that_cannot_be_read(tmp_path):
    os.symlink("loop.wav", tmp_path / "loop.wav")
    os.symlink("nothing", tmp_path / "broken.wav")
    path = write(tmp_path / "m.csv", "path,label", "loop.wav,real", "broken.wav,fake")
    assert len(open_source(str(path))) == 2
    os.symlink("/etc/passwd", tmp_path / "file.wav")
    write(path, "path,label", "file.wav,real", "broken.wav,fake")
    with pytest.raises(UsageError, match=r"line 2: file.wav leads out of the manifest's folder"):
        open_source(str(path))


def test_an_absolute_path_inside_the_folder_is_fine(tmp_path):
    path = write(tmp_path / "m.csv", "path,label", f"{tmp_path}/a.wav,real", "b.wav,fake")
    assert [clip.clip_id for clip in open_source(str(path))] == ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not an object"),
        ('{"path": "b.wav"}', "line 2: no column 'label' but path"),
        ('{"path": "b.wav", "label": 1}', "line 2: label '1' does not say which class"),
        ('{"path": "b.wav", "label": true}', "line 2: label 'True' does not say which class"),
        (r'{"path": "b\u0000.wav", "label": "fake"}', "line 2: path is not text"),
        (r'{"path": "b\ud800.wav", "label": "fake"}', "line 2: path is not text"),
        ("[" * 10**5, "m.jsonl: cannot be read as jsonl: maximum recursion depth"),
        (f'{{"path": {"9" * 5000}}}', "line 2: no column 'label' but path"),
        (
            '{"path": "b", "label": "fake", "Label": "real"}',
            "'label' and 'Label' differ by case only",
        ),
        ('{"path": "b", "label": "fake", "label": "real"}', "line 2: the column 'label' is there"),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path, line, message):
    path = write(tmp_path / "m.jsonl", '{"path": "a.wav", "label": "real"}', line)
    with pytest.raises(UsageError, match=message):
        open_source(str(path))


def test_a_bad_parquet_file_is_refused(tmp_path):
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"path": ["a.wav"], "target": ["real"]}), path)
    with pytest.raises(UsageError, match=r"m.parquet: no column 'label' but path, target"):
        open_source(str(path))
    pq.write_table(pa.table({"path": ["a.wav", "b.wav"], "label": [0, 1]}), path)
    with pytest.raises(UsageError, match=r"m.parquet, row 1: label '0' does not say"):
        open_source(str(path))
    path.write_bytes(b"no parquet")
    with pytest.raises(UsageError, match=r"m.parquet: cannot be read as parquet"):
        open_source(str(path))


def test_what_is_no_manifest_is_refused(tmp_path):
    write(tmp_path / "list.txt", "a.wav real")
    with pytest.raises(UsageError, match=r"no manifest has the suffix '.txt'; use .csv, .tsv"):
        open_source(str(tmp_path / "list.txt"))
    with pytest.raises(UsageError, match=r"does not exist; check the path"):
        open_source(f"manifest:{tmp_path}/none.csv")
    (tmp_path / "manifest.csv").mkdir()
    with pytest.raises(UsageError, match=r"manifest.csv is not a file; check the path"):
        open_source(f"manifest:{tmp_path}/manifest.csv")
    (tmp_path / "wide.csv").write_bytes("path,label".encode("utf-16"))
    with pytest.raises(UsageError, match=r"wide.csv: cannot be read as csv: .*utf-8"):
        open_source(str(tmp_path / "wide.csv"))
    (tmp_path / "latin.csv").write_bytes(b"path,label\n\xe9.wav,real\n")
    with pytest.raises(UsageError, match=r"latin.csv: cannot be read as csv: .*utf-8"):
        open_source(str(tmp_path / "latin.csv"))

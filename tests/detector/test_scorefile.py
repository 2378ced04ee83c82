from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.detector.source import open_detector
from harness.errors import UsageError


def opened(path: Path, content: str) -> Any:
    path.write_text(content)
    return open_detector(f"scores:{path}")


def test_a_table_is_higher_for_fake(tmp_path: Path) -> None:
    scores = opened(
        tmp_path / "mine.csv",
        'clip_id,score,comment\nreal/a.wav,-1.5,x\nfake/b.wav,2.25,"y, z"\n',
    )
    assert scores.lookup("real/a.wav", "clean") == (-1.5, 0.0, -1.5)
    assert scores.lookup("fake/b.wav", "clean") == (2.25, 0.0, 2.25)
    assert scores.lookup("fake/b.wav", "codec:mp3@32k") is None
    assert scores.lookup("fake/c.wav", "clean") is None
    assert (scores.identity.name, scores.identity.kind) == ("mine", "scores")
    assert scores.identity.notes == []


def test_a_table_may_have_conditions(tmp_path: Path) -> None:
    scores = opened(
        tmp_path / "t.csv", "condition,filename,score\nclean,a,1\nnoise:white@10dB,a,-1\n"
    )
    assert scores.lookup("a", "clean")[2] == 1
    assert scores.lookup("a", "noise:white@10dB")[2] == -1
    assert scores.identity.notes == ["clips are named by the column filename"]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"clip_id": ["a", "b"], "score": [0.5, -0.5], "condition": "clean"})
    frame.to_parquet(path)
    scores: Any = open_detector(f"scores:{path}")
    assert scores.lookup("b", "clean") == (-0.5, 0.0, -0.5)


@pytest.mark.parametrize(
    "content",
    [
        "LA_E_1 A07 spoof -3.5\nLA_E_2 - bonafide 2.0\n",
        "LA_E_1 -3.5\nLA_E_2 2.0\n",
        "filename\tcm-score\nLA_E_1\t-3.5\nLA_E_2\t2.0\n",
        "\nLA_E_1 -3.5\r\n\r\nLA_E_2 2.0",
    ],
    ids=["2019", "2021", "5", "blank lines"],
)
def test_asvspoof_is_higher_for_bona_fide_and_turned(tmp_path: Path, content: str) -> None:
    scores = opened(tmp_path / "scores.txt", content)
    assert scores.lookup("LA_E_1", "clean") == (3.5, 0.0, 3.5)
    assert scores.lookup("LA_E_2", "clean")[2] == -2.0
    assert "sign is turned" in scores.identity.notes[0]


def test_a_clip_is_found_without_folder_and_suffix_either_way(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "clip_id,score\nLA_E_1,1\nflac/LA_E_2.flac,2\nv1.2,3\n")
    assert scores.lookup("flac/LA_E_1.flac", "clean")[2] == 1
    assert scores.lookup("LA_E_2", "clean")[2] == 2
    assert scores.lookup("v1.2.WAV", "clean")[2] == 3  # what is after a dot may be the name
    assert scores.lookup("v1.3", "clean") is None


def test_a_name_that_is_not_unique_is_not_guessed(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "clip_id,score\nreal/1.wav,-1\nfake/1.wav,1\n2,5\n")
    assert scores.lookup("fake/1.wav", "clean")[2] == 1
    assert scores.lookup("other/1.wav", "clean") is None
    assert scores.lookup("real/2.wav", "clean")[2] == 5
    assert scores.lookup("real/2.wav", "clean")[2] == 5
    with pytest.raises(UsageError, match=r"real/2.wav.*fake/2.wav"):
        scores.lookup("fake/2.wav", "clean")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clip_id,score\na,1\nb,nan\n", "line 3: the score is nan"),
        ("clip_id,score\na,1\nb,-inf\n", "line 3"),
        ("clip_id,score\na,1\nb,\n", "line 3: '' is not a number"),
        ("clip_id,score\na,1\nb,2,3\n", "line 3: 3 cells"),
        ("clip_id,score\na,1\n\na,2\n", "line 4: 'a' .* line 2"),
        ("clip_id,cm-score\na,1\n", "no column score among clip_id, cm-score"),
        ("name,score\na,1\n", "no column clip_id"),
        ("clip_id,score,score\na,1,2\n", "there twice"),
        ("clip_id,score\n", "has no scores"),
        ("", "has no scores"),
        ("a -1\nb x\n", "line 2: 'x' is not a number"),
        ("a -1\nb - bonafide 2\n", "line 2: 4 columns"),
        ("a A07 fake 2\n", "line 1: 'fake'"),
        ("a -1\na 2\n", "line 2: 'a'"),
        ("a b c\n", "line 1: 3 columns"),
        ("clip_id\tscore\na\t1\n", "line 1: 'score' is not a number"),
    ],
)
def test_what_is_no_score_file_says_where(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        opened(tmp_path / "t.txt", content)
    assert "\n" not in str(refusal.value)


def test_parquet_faults(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"clip_id": ["a", "b"], "score": [0.5, None]}).to_parquet(path)
    with pytest.raises(UsageError, match="line 2"):
        open_detector(f"scores:{path}")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UsageError, match="damaged Parquet"):
        open_detector(f"scores:{path}")


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        open_detector(f"scores:{tmp_path / 'none.csv'}")
    with pytest.raises(UsageError, match="Is a directory"):
        open_detector(f"scores:{tmp_path}")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="neither text nor Parquet"):
        open_detector(f"scores:{tmp_path / 'b.csv'}")

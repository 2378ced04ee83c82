import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.clip import Clip, Label
from harness.detector.scale import logits_of, written_rounding
from harness.detector.score_file.columns import LAYOUTS
from harness.detector.score_file.match import assign
from harness.detector.source import open_detector
from harness.errors import ClipRejected, UsageError

CLEAN = ("clean",)


def opened(path: Path, content: str, options: str = "") -> Any:
    path.write_text(content)
    return open_detector(f"scores:{path}{options}")


def clips(*names: str) -> list[Clip]:
    """Clips that are fake where their names say so."""
    return [Clip(name, "fake" if "fake" in name else "real", b"") for name in names]


def score(scores: Any, clip_id: str) -> float:
    return scores.lookup(clip_id, "clean")[2]


def refused(path: Path, content: str, options: str = "") -> str:
    with pytest.raises(UsageError) as refusal:
        opened(path, content, options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_table_is_higher_for_fake(tmp_path: Path) -> None:
    scores = opened(
        tmp_path / "mine.csv",
        'clip_id,score,comment\nreal/a.wav,-1.5,x\nfake/b.wav,2.25,"y, z"\n',
    )
    assert scores.lookup("real/a.wav", "clean") == (-1.5, 0.0, -1.5)
    assert scores.lookup("fake/b.wav", "clean") == (2.25, 0.0, 2.25)
    for clip_id, condition in (("fake/b.wav", "codec:mp3@32k"), ("fake/c.wav", "clean")):
        with pytest.raises(ClipRejected, match="no score in the file"):
            scores.lookup(clip_id, condition)
    assert (scores.identity.name, scores.identity.kind) == ("mine", "scores")
    assert scores.identity.notes == [
        "read as a table with a column score, clips by clip_id, separated by comma: "
        "log-odds, higher = fake"
    ]


def test_a_table_may_have_conditions(tmp_path: Path) -> None:
    scores = opened(
        tmp_path / "t.csv", "condition,filename,score\nclean,a,1\nnoise:white@10dB,a,-1\n"
    )
    assert scores.lookup("a", "clean")[2] == 1
    assert scores.lookup("a", "noise:white@10dB")[2] == -1


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"clip_id": ["a", "b"], "score": [0.5, -0.1], "condition": "clean"})
    frame.to_parquet(path)
    scores: Any = open_detector(f"scores:{path}")
    assert scores.lookup("b", "clean") == (-0.1, 0.0, -0.1)


@pytest.mark.parametrize(
    "content",
    [
        "LA_E_1 A07 spoof -3.5\nLA_E_2 - bonafide 2.0\n",
        "LA_E_1 -3.5\nLA_E_2 2.0\n",
        "filename\tcm-score\nLA_E_1\t-3.5\nLA_E_2\t2.0\n",
        "filename,cm_score,cm-label\nLA_E_1,-3.5,spoof\nLA_E_2,2.0,bonafide\n",
        "\nLA_E_1 -3.5\r\n\r\nLA_E_2 2.0",
        "LA_E_1\t-3.5\tspoof\nLA_E_2\t2.0\tbonafide\n",
        "spoof LA_E_1 -3.5\nbonafide LA_E_2 2.0\n",
        "-3.5,LA_E_1,spoof\n2.0,LA_E_2,bonafide\n",
    ],
    ids=["2019", "2021", "5", "5 as csv", "blank lines", "three", "another order", "a third"],
)
def test_asvspoof_is_higher_for_bona_fide_and_turned(tmp_path: Path, content: str) -> None:
    scores = opened(tmp_path / "scores.txt", content)
    assert scores.lookup("LA_E_1", "clean") == (3.5, 0.0, 3.5)
    assert score(scores, "LA_E_2") == -2.0
    assert "sign is turned" in scores.identity.notes[0]


def test_every_layout_is_one_that_a_test_reads(tmp_path: Path) -> None:
    read = {
        "clip_id,score": "clip_id,score\na,-1\n",
        "filename cm-score": "filename\tcm-score\na\t-1\n",
        "file,prob_fake,prob_real": "file,prob_fake,prob_real\na,0.25,0.75\n",
        "file,prob_fake": "file,prob_fake\na,0.25\n",
        "path,pred,label": "path,pred,label\na,-1,fake\n",
        "id attack key score": "a A07 spoof -1\n",
        "id score key": "a -1 spoof\n",
        "id score": "a -1\n",
    }
    assert read.keys() == LAYOUTS.keys()
    for content in read.values():
        stated = "?higher=fake" * ("pred" in content)
        assert math.isfinite(score(opened(tmp_path / "t", content, stated), "a"))


# What the user states


TWO = {"a": -3.0, "b": 4.0}
"""Log-odds of fake."""


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (lambda n, v: f"{n},{v}", "?columns=clip,score&higher=fake"),
        (lambda n, v: f"{n},{-v}", "?columns=clip,score&higher=real"),
        (lambda n, v: f"{n};{-v}", "?higher=real,columns=clip,score"),
        (lambda n, v: f"{v!r} x {n}", "?columns=score,-,clip&higher=fake"),
        (lambda n, v: f"{v!r} x {n}", "?columns=clip:3,score:1&higher=fake"),
        (lambda n, v: f"{n},{sigmoid(v)!r}", "?columns=clip,score&score=probability&higher=fake"),
        (lambda n, v: f"{n},{sigmoid(-v)!r}", "?columns=clip,score&score=probability&higher=real"),
        (lambda n, v: f"{n},{100 * sigmoid(v)!r}", "?columns=clip,score&score=percent&higher=fake"),
        (lambda n, v: f"{n},{v + 1},1", "?columns=clip,fake,real&score=logits"),
        (lambda n, v: f"{n},1,{v + 1}", "?columns=clip,real,fake&score=logits"),
        (
            lambda n, v: f"{n},{sigmoid(v)!r},{sigmoid(-v)!r}",
            "?columns=clip,fake,real&score=probability",
        ),
    ],
)
def test_what_is_stated_is_taken_as_stated(tmp_path: Path, line: Any, options: str) -> None:
    content = "\n".join(line(name, value) for name, value in TWO.items())
    scores = opened(tmp_path / "t.txt", content, options)
    for name, value in TWO.items():
        assert score(scores, name) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("file,prob_fake", "a,0.25", math.log(0.25 / 0.75)),
        ("file,prob_real", "a,0.25", math.log(0.75 / 0.25)),
        ("path,p_spoof,label", "a,0.25,spoof", math.log(0.25 / 0.75)),
        ("utt,bonafide_percent", "a,25.0", math.log(0.75 / 0.25)),
        ("file,spoof_score", "a,-2.5", -2.5),
        ("file,bonafide_score,key", "a,-2.5,spoof", 2.5),
        ("file,logit_real,logit_fake", "a,0.5,2.0", 1.5),
        ("file,prob_fake,prob_real", "a,0.25,0.75", math.log(0.25 / 0.75)),
    ],
)
def test_names_of_columns_say_what_they_hold(
    tmp_path: Path, header: str, row: str, expected: float
) -> None:
    scores = opened(tmp_path / "t.csv", f"{header}\n{row}\n")
    assert score(scores, "a") == pytest.approx(expected, abs=1e-12)


def test_two_logits_stay_two_logits(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "id,fake,real\na,2,0.5\nb,-1,3\n", "?score=logits")
    assert scores.lookup("a", "clean") == (2.0, 0.5, 1.5)
    assert scores.lookup("b", "clean") == (-1.0, 3.0, -4.0)


def test_probabilities_of_0_and_1_are_finite_and_beyond_all_others(tmp_path: Path) -> None:
    names = {"a": "0", "b": "0.001", "c": "0.5", "d": "0.999", "e": "1", "f": "1.000"}
    content = "clip_id,score\n" + "".join(f"{name},{value}\n" for name, value in names.items())
    scores = opened(tmp_path / "t.csv", content, "?score=probability")
    a, b, c, d, e, f = (score(scores, name) for name in names)
    assert a < b < c == 0 < d < e == f == -a
    assert e == pytest.approx(math.log(0.9995 / 0.0005))
    assert "1 rows have 0 and 2 have 1: taken as 0.0005 from it" in scores.identity.notes[1]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=20))
def test_order_and_ties_of_probabilities_are_kept(numbers: list[int]) -> None:
    texts = [f"{number / 1000:.3f}" for number in numbers]
    values = np.array([float(text) for text in texts])
    found = logits_of(values, "probability", "fake", written_rounding(texts, "probability"))[:, 0]
    assert np.isfinite(found).all()
    for i, one in enumerate(numbers):
        for j, other in enumerate(numbers):
            assert (found[i] < found[j]) == (one < other)


def test_a_number_that_stands_for_no_answer_is_a_rejected_row(tmp_path: Path) -> None:
    content = "clip_id,score\na,0.25\nb,-1\nc,-1.0\nd,nan\ne,\n"
    options = "?score=probability&missing=-1,nan,empty"
    scores = opened(tmp_path / "t.csv", content, options)
    assert score(scores, "a") == pytest.approx(math.log(1 / 3))
    for name in "bcde":
        with pytest.raises(ClipRejected, match="the file says that there is no score"):
            scores.lookup(name, "clean")
    assert "4 rows have '-1' or 'nan' or ''" in scores.identity.notes[-1]


# What nobody states


MANY = [f"{math.sin(place):.6f}" for place in range(1, 40)]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("clip_id,score\na,0.1\nb,0.93\n", "", "all 2 scores lie in [0, 1], as probabilities do; "
         "add ?score=probability (or log-odds)"),
        ("clip_id,score\na,3\nb,93.5\n", "", "add ?score=percent (or log-odds)"),
        ("a - bonafide 0.9\nb A07 spoof 0\n", "", "add ?score=probability"),
        ("a,-1.5\n", "?columns=clip,score", "add &higher=fake (or real)"),
        ("a,0.5\n", "?columns=clip,score", "add &score=probability (or log-odds)&higher=fake"),
        ("path,pred,label\na,-1,spoof\nb,2,bonafide\n", "",
         "(by its own key real); add ?higher=real (or fake)"),
        ("a A07 fake 2\nb - real -2\n", "", "(by its own key fake); add ?higher=fake"),
        ("id,fake,real\na,0.25,0.75\n", "", "add ?score=probability"),
        ("id,fake,real\na,2,-0.75\n", "", "add ?score=logits"),
        ("file,prob_fake\na,93\nb,1\n", "", "add ?score=percent"),
        ("clip_id,score\na,0.5\nb,0.25\nc,-1\n", "",
         "-1 occurs 1 time among scores that lie in [0, 1], as probabilities do; say missing=-1"),
        ("clip_id,score\n" + "".join(f"{i},{v}\n" for i, v in enumerate([*MANY, "-1", "-1"])), "",
         "-1 occurs 2 times among scores that hardly repeat; say missing=-1"),
        ("clip_id,score\n" + "".join(f"{i},{v}\n" for i, v in enumerate([*MANY, "0", "0.0"])), "",
         "0 occurs 2 times among scores that hardly repeat; say missing=0"),
        ("clip_id,score\na,0.5\nb,-1\n", "?score=probability", "-1 is no probability"),
        ("clip_id,score\na,0.5\nb,100.1\n", "?score=percent", "100.1 is no percentage"),
        ("id,fake,real\na,0.5,0.9\n", "?score=probability", "0.5 and 0.9 do not add up to 1"),
        ("id,fake,real\na,0.5,0.9\n", "?score=logits&higher=fake", "leave out higher="),
        ("clip_id,score\na,-1.5\n", "?score=logits", "logits are two values"),
    ],
)  # fmt: skip
def test_what_is_not_stated_is_refused_with_what_to_add(
    tmp_path: Path, content: str, options: str, words: str
) -> None:
    assert words in refused(tmp_path / "t.txt", content, options)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("clip_id,score\na,0.1\nb,0.93\n", "?score=log-odds"),
        ("clip_id,score\na,0.5\nb,-1\n", "?missing=none"),
        ("clip_id,score\na,0.5\nb,-1\n", "?score=log-odds"),
        ("clip_id,score\na,1\nb,-1\n", ""),
        ("clip_id,score\na,-0.5\n" + "".join(f"{v},{v}\n" for v in (*MANY, "0")), ""),
    ],
)
def test_log_odds_that_look_like_something_else_have_a_way_in(
    tmp_path: Path, content: str, options: str
) -> None:
    scores = opened(tmp_path / "t.csv", content, options)
    assert score(scores, "a") == float(content.splitlines()[1].partition(",")[2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("?scale=log-odds", "has no option 'scale'"),
        ("?colums=clip,score", "did you mean columns=?"),
        ("?score=probabilty", "did you mean probability?"),
        ("?higher=spoof", "take fake, real"),
        ("?score=", "has no value after score="),
        ("?score=percent&score=log-odds", "has score= twice"),
        ("?columns=clip,scor", "did you mean score?"),
        ("?columns=clip,score,key", "columns= has 3 names for 2 columns"),
        ("?columns=clip,clip", "has clip twice"),
        ("?columns=clip:clip_id,score:pred", "no column 'pred' among clip_id, score"),
        ("?columns=clip,-", "names no clip and score"),
        ("?columns=clip,fake", "names no clip and score"),
        ("?fake=1", "no column is one"),
    ],
)
def test_an_option_that_says_nothing_is_refused(tmp_path: Path, options: str, words: str) -> None:
    assert words in refused(tmp_path / "t.csv", "clip_id,score\na,-1.5\n", options)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clip_id,score\na,1\nb,nan\n", "line 3: the score is nan"),
        ("clip_id,score\na,1\nb,-inf\n", "line 3"),
        ("clip_id,score\na,1\nb,\n", "line 3: '' is not a number"),
        ("clip_id,score\na,1\nb,1_0\n", "line 3: '1_0' is not a number"),
        ("clip_id;score\na;0,5\n", "write decimals with a point"),
        ("clip_id,score\na,1\nb,2,3\n", "line 3: 3 cells"),
        ("clip_id,score\na,-1\n\na,2\n", "line 4: 'a' under 'clean' was scored on line 2"),
        ("clip_id,score\n,-1\n", "line 2: no clip in this row"),
        ("clip_id,score,condition\na,-1,\n", "line 2: no condition in this row"),
        ("clip_id,mine\na,1\n", "no column score among clip_id, mine"),
        ("recording,score\na,1\n", "no column clip_id among recording, score"),
        ("clip_id,score,Score\na,1,2\n", "there twice"),
        ("clip_id,score\n", "has no scores"),
        ("", "has no scores"),
        ("a -1.5\nb x\n", "line 2: 'x' is not a number"),
        ("a -1\nb - bonafide 2\n", "line 2: 4 cells where there were 2"),
        ("a -1.5\na 2\n", "line 2: 'a'"),
        ("a b c\nd e -1\n", "no column clip_id among a, b, c"),
        ("a 2 3\n", "line 1: 3 columns without names (blanks)"),
        ("a,2\n", "line 1: 2 columns without names (comma)"),
    ],
)
def test_what_is_no_score_file_says_where(tmp_path: Path, content: str, words: str) -> None:
    assert words in refused(tmp_path / "t.txt", content)


def test_a_first_line_that_is_no_header_is_not_lost(tmp_path: Path) -> None:
    told = refused(tmp_path / "t.txt", "a x\nb -2.5\n", "?columns=clip,score&higher=fake")
    assert "line 1: no number in a, x" in told


def test_parquet_faults(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"clip_id": ["a", "b"], "score": [-0.5, None]}).to_parquet(path)
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
    with pytest.raises(UsageError, match="neither UTF-8 text nor Parquet; save it as UTF-8"):
        open_detector(f"scores:{tmp_path / 'b.csv'}")
    odd = tmp_path / "what?.csv"
    assert score(opened(odd, "clip_id,score\na,-2\n"), "a") == -2


# Which row is which clip


@pytest.mark.parametrize(
    ("clip_id", "name"),
    [
        ("fake/58.wav", "fake/58.wav"),
        ("fake/58.wav", "fake/58"),
        ("fake/58", "fake/58.flac"),
        ("fake/58.wav", "data/fake/58.flac"),
        ("data/fake/58.wav", "fake\\58.wav"),
        ("ASVspoof2019_LA_eval/flac/LA_E_1.flac", "LA_E_1"),
        ("a/v1.2.WAV", "v1.2"),
        ("a.wav", "/somewhere/else/a.wav"),
        ("./a.wav", "a"),
    ],
)
def test_ids_agree_with_or_without_folders_above_and_endings(clip_id: str, name: str) -> None:
    assert assign([clip_id], [name]).names == {clip_id: name}


@pytest.mark.parametrize(
    ("clip_id", "name"),
    [
        ("fake/58.wav", "real/58.wav"),
        ("fake/58.wav", "real/58"),
        ("fake/58.wav", "8.wav"),
        ("v1.3", "v1.2"),
        ("a.wav", "A.wav"),
        ("x/fake/58.wav", "y/fake/58.wav"),
    ],
)
def test_folders_that_differ_never_agree(clip_id: str, name: str) -> None:
    assert not assign([clip_id], [name]).names


def test_where_any_id_is_equal_none_is_found_otherwise() -> None:
    found = assign(["real/57.wav", "fake/58.wav"], ["real/57.wav", "58.wav"])
    assert found.names == {"real/57.wav": "real/57.wav"}
    assert not found.ambiguous


def test_what_fits_twice_is_not_matched() -> None:
    found = assign(["real/1.wav", "fake/1.wav", "real/2.wav"], ["1", "2"])
    assert found.names == {"real/2.wav": "2"}
    assert found.ambiguous.keys() == {"real/1.wav", "fake/1.wav"}
    found = assign(["1.wav", "2.wav"], ["real/1", "fake/1", "fake/2"])
    assert found.names == {"2.wav": "fake/2"}
    assert found.ambiguous.keys() == {"1.wav"}
    found = assign(["a/1.wav", "1.wav"], ["1.flac"])
    assert found.names == {"1.wav": "1.flac"}, "the whole path is equal but for the ending"


PATHS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
ENDED = st.tuples(PATHS, st.sampled_from(("", ".wav", ".flac"))).map("".join)


@given(st.sets(ENDED, min_size=1, max_size=8), st.sets(ENDED, min_size=1, max_size=8))
def test_no_row_serves_two_clips_and_none_goes_to_another_folder(
    clip_ids: set[str], names: set[str]
) -> None:
    found = assign(sorted(clip_ids), sorted(names))
    assert len(set(found.names.values())) == len(found.names)
    assert not found.names.keys() & found.ambiguous.keys()
    for clip_id, name in found.names.items():
        one, other = (path.partition(".")[0].split("/") for path in (clip_id, name))
        least = min(len(one), len(other))
        assert one[-least:] == other[-least:]


def test_a_row_that_two_clips_could_have_is_a_rejected_row_of_each(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "clip_id,score\n58,-2.5\n59,2\n")
    data = clips("real/58.wav", "fake/58.wav", "fake/59.wav")
    matched = scores.match(data, CLEAN)
    assert score(matched, "fake/59.wav") == 2
    for clip_id in ("real/58.wav", "fake/58.wav"):
        with pytest.raises(ClipRejected, match=r"'58' of the file could be the score of .* too"):
            matched.lookup(clip_id, "clean")
    told = " ".join(matched.identity.notes)
    assert "no id is equal, clips are found by the ends of their paths" in told
    assert "2 clips are left without a score, since more than one row or clip fits" in told


def test_what_is_on_one_side_only_is_counted(tmp_path: Path) -> None:
    scores = opened(
        tmp_path / "t.csv",
        "clip_id,score,condition\nreal/a.wav,-2,clean\nfake/z.wav,2,clean\nreal/a.wav,1,odd@1dB\n",
    )
    matched = scores.match(clips("real/a.wav", "fake/b.wav"), ("clean", "noise"))
    assert matched.identity.notes[1:] == [
        "1 of its 2 clips are not in the data, first 'fake/z.wav'",
        "1 of the data's 2 clips are not in the file, first 'fake/b.wav'",
        "1 rows are of conditions that the suite does not have: odd@1dB",
        "1 of the suite's 2 conditions are not in the file: noise",
    ]
    again = matched.match(clips("real/a.wav", "fake/z.wav"), CLEAN)
    assert len(again.identity.notes) == 2, "of other data, without the notes of the first"


def test_nothing_that_matches_is_refused_with_an_id_of_either_side(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "clip_id,score\nreal/58.wav,-2\nreal/59.wav,2\n")
    with pytest.raises(UsageError, match=r"none of its 2 clips .* 'real/58.wav' .* 'fake/58.wav'"):
        scores.match(clips("fake/58.wav"), CLEAN)
    with pytest.raises(UsageError, match="its scores are of clean, the suite has noise"):
        scores.match(clips("real/58.wav"), ("noise",))
    scores = opened(tmp_path / "t.csv", "clip_id,score\n58,-2\n")
    with pytest.raises(UsageError, match="no row fits exactly one clip"):
        scores.match(clips("real/58.wav", "fake/58.wav"), CLEAN)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("LA_1 - spoof -2\nLA_2 - bonafide 2\nLA_3 - spoof -2\n", ""),
        ("id,score,label\nLA_1,-2,1\nLA_2,2,0\nLA_3,-2,1\n", "?fake=1"),
    ],
)
def test_a_key_that_contradicts_the_data_is_said(
    tmp_path: Path, content: str, options: str
) -> None:
    labels: dict[str, Label] = {"LA_1": "fake", "LA_2": "fake", "LA_3": "real"}
    data = [Clip(name, label, b"") for name, label in labels.items()]
    told = opened(tmp_path / "t.txt", content, options).match(data, CLEAN).identity.notes[-1]
    assert told.startswith("CONTRADICTION: the key in the file has another class than the data")
    assert "2 of 3 clips, first 'LA_2': real in the file, fake in the data" in told


def test_a_key_that_says_no_class_is_not_compared_and_said(tmp_path: Path) -> None:
    scores = opened(tmp_path / "t.csv", "id,score,label\na,-2,0\nb,2,1\n")
    assert "'0', '1' do not say which class they are; say ?fake=VALUE" in scores.identity.notes[-1]
    assert "fake=2 must be one of the key's two values, but it has: 0, 1" in refused(
        tmp_path / "t.csv", "id,score,label\na,-2,0\nb,2,1\n", "?fake=2"
    )


def test_scores_that_call_all_clips_the_same_though_they_are_apart(tmp_path: Path) -> None:
    data = clips(*(f"{label}/{n}.wav" for label in ("real", "fake") for n in range(10)))
    shift = {"real": -7.5, "fake": -2.5}  # as log-probabilities are
    content = "clip_id,score\n" + "".join(
        f"{clip.clip_id},{shift[clip.label] + n / 100}\n" for n, clip in enumerate(data)
    )
    scores = opened(tmp_path / "t.csv", content).match(data, CLEAN)
    with pytest.raises(UsageError, match=r"all 20 clips are called real although the AUC is 1.000"):
        scores.refuse_one_class(data, 0.0)
    scores.refuse_one_class(data, -5.0)
    stated = opened(tmp_path / "t.csv", content, "?score=log-odds").match(data, CLEAN)
    stated.refuse_one_class(data, 0.0)

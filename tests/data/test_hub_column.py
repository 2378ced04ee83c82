import pytest

from harness.data.hub_column import (
    ColumnChoice,
    DataColumn,
    audio_column,
    choose_label,
    column_notes,
    fact_columns,
    label_candidates,
)
from harness.errors import UsageError

AUDIO = DataColumn("audio", "audio")
CLASSES = DataColumn("y", "class", ("spoof", "bonafide"))
WORDS = DataColumn("label", "text")
NUMBERS = DataColumn("label", "number")


def choose(columns, values, choice=None):
    choice = choice or ColumnChoice()
    candidates = label_candidates([AUDIO, *columns], choice, "hub:o/n")
    column, labels = choose_label(candidates, values, choice, "hub:o/n")
    return column.name, labels


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (CLASSES, [0, 1, 0]),
        (WORDS, ["Fake", "REAL", "deep-fake"]),
        (DataColumn("is_fake", "number"), [1, 0, 1]),
        (DataColumn("is_spoof", "bool"), [True, False, True]),
        (DataColumn("bonafide", "bool"), [False, True, False]),
        (DataColumn("fake", "number"), [1.0, 0.0, 1.0]),
    ],
)
def test_a_column_that_says_plainly_which_clips_are_fake(column, values):
    assert choose([column], {column.name: values}) == (column.name, ["fake", "real", "fake"])


def test_the_user_says_what_a_number_means():
    choice = ColumnChoice(label="label", fake="0")
    assert choose([NUMBERS], {"label": [0, 1]}, choice) == ("label", ["fake", "real"])
    with pytest.raises(UsageError, match=r"do not say which clips are fake \(label: 0, 1, 2\)"):
        choose([NUMBERS], {"label": [0, 1, 2]}, choice)


@pytest.mark.parametrize(
    "columns",
    [
        [NUMBERS],
        [DataColumn("label", "bool")],
        [DataColumn("label", "class", ("0", "1"))],
        [DataColumn("label", "class", ("LABEL_0", "LABEL_1"))],
        [DataColumn("sentence", "text")],
    ],
)
def test_a_column_that_may_mean_either_is_refused_by_name(columns):
    with pytest.raises(UsageError, match=r"no column says which clips are fake: audio") as refused:
        label_candidates([AUDIO, *columns], ColumnChoice(), "hub:o/n")
    assert str(columns[0]) in str(refused.value)
    assert "?label=COLUMN,fake=VALUE" in str(refused.value)


def test_words_that_name_no_class_are_listed():
    with pytest.raises(UsageError, match=r"\(label: \(empty\), fake, maybe\)"):
        choose([WORDS], {"label": ["fake", "maybe", None]})


def test_two_columns_that_disagree_are_refused_and_two_that_agree_are_one():
    columns = [CLASSES, WORDS]
    agree = {"y": [0, 1], "label": ["fake", "real"]}
    assert choose(columns, agree) == ("y", ["fake", "real"])
    disagree = {"y": [0, 1], "label": ["real", "fake"]}
    with pytest.raises(UsageError, match=r"disagree in 2 of 2 rows \(y: bonafide, spoof; lab"):
        choose(columns, disagree)
    assert choose(columns, disagree, ColumnChoice(label="label")) == ("label", ["real", "fake"])


def test_rows_that_disagree_are_found_where_one_column_is_not_complete():
    values = {"y": [0, 1, 0, 1], "label": ["fake", None, "real", "maybe"]}
    with pytest.raises(UsageError, match=r"disagree in 1 of 4 rows \(y: .*, first in row 3"):
        choose([CLASSES, WORDS], values)
    values["label"][2] = "fake"
    assert choose([CLASSES, WORDS], values) == ("y", ["fake", "real", "fake", "real"])


def test_a_blank_is_not_the_other_class():
    choice = ColumnChoice(label="label", fake="1")
    for blank in ("", "NA", None):
        with pytest.raises(UsageError, match="row 2 of label has"):
            choose([WORDS], {"label": ["1", blank]}, choice)


def test_columns_that_were_not_taken_are_named():
    columns = [AUDIO, DataColumn("clean", "audio"), CLASSES, WORDS, DataColumn("spk", "text")]
    columns += [DataColumn("Speaker", "number"), DataColumn("speaker", "text")]
    assert column_notes(columns, AUDIO, [CLASSES, WORDS], CLASSES, [1, 0]) == [
        "audio from column audio (audio), not from clean (audio)",
        "labels from column y (spoof | bonafide), values ['bonafide', 'spoof'], not from label "
        "(text)",
        "speaker from column Speaker (number), not from speaker (text), spk (text)",
    ]


def test_a_class_that_is_not_declared_names_none():
    with pytest.raises(UsageError, match=r"row 2 of y has '5'"):
        choose([CLASSES], {"y": [0, 5]})


def test_the_audio_column_is_found_by_type():
    spoken = DataColumn("speech", "audio")
    assert audio_column([WORDS, spoken], ColumnChoice(), "") == spoken
    assert audio_column([AUDIO, spoken], ColumnChoice(), "") == AUDIO
    assert audio_column([AUDIO, spoken], ColumnChoice(audio="speech"), "") == spoken
    with pytest.raises(UsageError, match=r"no audio column in label \(text\)"):
        audio_column([WORDS], ColumnChoice(), "")
    with pytest.raises(UsageError, match=r"more than one audio column in a \(audio\), b \(audio\)"):
        audio_column([DataColumn("a", "audio"), DataColumn("b", "audio")], ColumnChoice(), "")


def test_roles_go_to_the_plainest_name():
    system, model = DataColumn("system", "text"), DataColumn("Model", "class", ("x",))
    speaker = DataColumn("speaker_id", "number")
    roles = fact_columns([model, system, speaker, WORDS, AUDIO], [WORDS, AUDIO])
    assert roles == {"generator": system, "speaker": speaker}

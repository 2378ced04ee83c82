"""Published claims: what is kept, how it is found, and that its own sums are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.claims.published import find_published, load_published, published_names
from harness.errors import UsageError

TARGET = "WpythonW/ast-fakeaudio-detector"


def test_the_target() -> None:
    published = load_published("ast-fakeaudio-detector")
    assert published.model == TARGET
    assert published.figures.given() == {
        "accuracy": 0.9662,
        "f1": 0.9710,
        "precision": 0.9692,
        "recall": 0.9728,
    }
    assert published.positive == "unstated"
    assert published.test_set is not None
    assert published.train is not None
    assert (published.test_set.fake, published.test_set.real) == (7229, 6247)
    assert (published.train.fake, published.train.real) == (29089, 24813)
    assert published.val_samples == 5000
    assert len(published.limitations) == 4


def test_the_arithmetic_in_its_contradictions() -> None:
    published = load_published("ast-fakeaudio-detector")
    figures, test_set = published.figures, published.test_set
    assert figures.accuracy is not None
    assert figures.precision is not None
    assert figures.recall is not None
    assert test_set is not None
    # With share s of positives: accuracy = 1 - s (1 - recall) - s recall (1 / precision - 1).
    errors = 1 - figures.recall + figures.recall * (1 / figures.precision - 1)
    text = " ".join(published.contradictions)
    assert 0.580 <= (1 - figures.accuracy) / errors <= 0.583
    assert "58.0 to 58.3 %" in text
    for count in (test_set.fake, test_set.real):
        share = count / (test_set.fake + test_set.real)
        assert f"{100 * share:.1f} %" in text
        assert f"{1 - share * errors:.4f}" in text


@pytest.mark.parametrize("name", [TARGET, f"{TARGET}@main", TARGET.lower()])
def test_found_by_hub_id(name: str) -> None:
    published = find_published(name)
    assert published is not None
    assert published.model == TARGET


def test_other_models_have_none() -> None:
    assert find_published("embedded") is None
    assert find_published("somebody/ast-fakeaudio-detector") is None


def test_every_file_that_comes_along_is_valid() -> None:
    assert "ast-fakeaudio-detector" in published_names()
    for name in published_names():
        assert load_published(name).figures.given()


def test_unknown_name_says_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"there are: .*ast-fakeaudio-detector"):
        load_published("no-such-card")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model = "a/b"\npositive = "fake"\ncolour = 1\n[figures]\n', "colour"),
        ('model = "a/b"\npositive = "fake"\n[figures]\naccuracy = 96.6\n', r"figures\.accuracy"),
        ('model = "a/b"\npositive = "fake"\n[figures]\nauc = 0.9\n', r"figures\.auc"),
        ('model = "a/b"\n[figures]\n', "positive"),
        ("model = ", "not TOML"),
    ],
)
def test_bad_files_name_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_published(str(path))
    assert str(path) in str(caught.value)


def test_a_file_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('model = "a/b"\npositive = "real"\n[figures]\nrecall = 0.5\n', "utf-8")
    assert load_published(str(path)).figures.given() == {"recall": 0.5}

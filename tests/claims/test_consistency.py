"""Cards against their own arithmetic: what must fit, what cannot, and what nobody can know."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims.arithmetic import expected_accuracy, implied_share, other_of_f1
from harness.claims.claim import (
    SHARES,
    Claim,
    Reported,
    ValueRange,
    as_written,
    claim_of_file,
    output_classes,
)
from harness.claims.confusion import search
from harness.claims.consistency import ClaimAudit, Finding, audit_claim
from harness.claims.model_index import read_model_card
from harness.claims.sampling_error import f1_interval, sampling_errors, share_interval
from harness.errors import UsageError
from tests.support.paths import ROOT

TARGET = "ast-fakeaudio-detector"


def finding(audit: ClaimAudit, kind: str) -> Finding:
    return next(each for each in audit.findings if each.kind == kind)


def claim(figures: dict[str, str], **more: object) -> Claim:
    reported = {name: as_written(Decimal(text)) for name, text in figures.items()}
    return Claim("a card", reported, **more)  # pyright: ignore[reportArgumentType]


def shares(tp: int, fp: int, fn: int, tn: int) -> dict[str, float]:
    """Figures of a table by their definitions; those that do not exist are left out."""
    made = {"accuracy": (tp + tn) / (tp + fp + fn + tn)}
    if tp + fp:
        made["precision"] = tp / (tp + fp)
    if tp + fn:
        made["recall"] = tp / (tp + fn)
        made["f1"] = 2 * tp / (2 * tp + fp + fn)
    return made


# The first target


def test_the_target() -> None:
    audit = audit_claim(claim_of_file(TARGET))
    assert finding(audit, "F1").verdict == "fits"

    prevalence = finding(audit, "prevalence")
    assert prevalence.verdict == "does not fit"
    assert 0.5795 < prevalence.figures["low"] < 0.5805
    assert 0.5825 < prevalence.figures["high"] < 0.5835
    assert prevalence.figures["fake"] == pytest.approx(7229 / 13476)
    for text in ("0.580 to 0.583", "0.536", "0.464", "Neither class fits"):
        assert text in prevalence.words

    accuracy = finding(audit, "accuracy")
    assert accuracy.verdict == "does not fit"
    assert accuracy.figures["fake"] == pytest.approx(0.9688, abs=5e-5)
    assert accuracy.figures["real"] == pytest.approx(0.9731, abs=5e-5)

    assert finding(audit, "whole numbers").verdict == "does not fit"
    assert finding(audit, "validation pass").verdict == "does not fit"
    assert finding(audit, "positive class").verdict == "cannot be known"
    assert "both polarities" in finding(audit, "labels").words
    assert not audit.fits


def test_the_decimals_of_the_file_are_kept() -> None:
    f1 = claim_of_file(TARGET).figures["f1"]
    assert f1.text == "0.9710"
    assert f1.span == pytest.approx((0.97095, 0.97105))


def test_sampling_error_of_the_target() -> None:
    errors = audit_claim(claim_of_file(TARGET)).errors
    n = {(error.metric, error.test): error.n for error in errors}
    assert n["accuracy", "13,476 clips"] == 13476
    assert n["recall", "the test set of 13,476, fake positive"] == 7229
    assert n["recall", "the test set of 13,476, real positive"] == 6247
    assert n["accuracy", "a validation pass of 5,000"] == 5000
    for error in errors:
        assert error.low < error.value < error.high
    wide = {error.n: error.high - error.low for error in errors if error.metric == "accuracy"}
    assert wide[5000] / wide[13476] == pytest.approx((13476 / 5000) ** 0.5, rel=0.01)


# Spans


@pytest.mark.parametrize(
    ("text", "percent", "low", "high"),
    [
        ("0.9710", False, 0.97095, 0.97105),
        ("0.97", False, 0.965, 0.975),
        ("96.6", True, 0.9655, 0.9665),
        ("97", True, 0.965, 0.975),
        ("1.0", False, 0.95, 1.0),
        ("0.0", False, 0.0, 0.05),
        ("0.96623456789", False, 0.96623446789, 0.96623466789),
    ],
)
def test_what_a_written_figure_may_have_been(
    text: str, percent: bool, low: float, high: float
) -> None:
    assert as_written(Decimal(text), percent=percent).span == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("text", ["1.2", "-0.1", "NaN", "Infinity"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="no share"):
        as_written(Decimal(text))


# Arithmetic by hand: 50 positives of 100, 40 hits and 10 false alarms


def test_arithmetic_by_hand() -> None:
    accuracy, precision, recall = ValueRange(0.8, 0.8), ValueRange(0.8, 0.8), ValueRange(0.8, 0.8)
    assert implied_share(accuracy, precision, recall) == pytest.approx((0.5, 0.5))
    assert expected_accuracy(0.5, precision, recall) == pytest.approx((0.8, 0.8))
    assert other_of_f1(ValueRange(0.75, 0.75), ValueRange(0.6, 0.6)) == pytest.approx((1.0, 1.0))


@given(*[st.floats(0.51, 0.98)] * 3, *[st.floats(0.001, 0.02)] * 3, st.integers(0, 2**31))
@settings(max_examples=50)
def test_ranges_hold_everything_in_the_box(
    a: float, p: float, r: float, da: float, dp: float, dr: float, seed: int
) -> None:
    spans = ValueRange(a - da, a + da), ValueRange(p - dp, p + dp), ValueRange(r - dr, r + dr)
    whole = implied_share(*spans)
    rng = np.random.default_rng(seed)
    for a1, p1, r1 in rng.uniform(*np.array(spans).T, (20, 3)):
        point = implied_share(ValueRange(a1, a1), ValueRange(p1, p1), ValueRange(r1, r1))
        assert whole.low - 1e-9 <= point.low <= point.high <= whole.high + 1e-9


# Whole numbers


@given(
    st.integers(1, 14),
    st.integers(0, 14),
    st.dictionaries(st.sampled_from(SHARES), st.integers(0, 20), min_size=1),
)
@settings(max_examples=150)
def test_the_search_finds_what_trying_every_table_finds(
    positives: int, negatives: int, twentieths: dict[str, int]
) -> None:
    spans = {
        name: as_written(Decimal(k) / 20 + Decimal("0.00")).span for name, k in twentieths.items()
    }
    expected = False
    for tp, fp in itertools.product(range(positives + 1), range(negatives + 1)):
        made = shares(tp, fp, positives - tp, negatives - fp)
        if "precision" not in made:
            made["precision"] = 0.0
        expected |= all(span.holds(made[name], 1e-9) for name, span in spans.items())
    fits = search(spans, np.array([positives]), np.array([positives + negatives]))
    assert fits is not None
    assert (fits.example is not None) == expected
    if fits.example:
        tp, fp, fn, tn = fits.example
        assert min(fits.example) >= 0
        assert (tp + fn, fp + tn) == (positives, negatives)
        made = {"precision": 0.0} | shares(tp, fp, fn, tn)
        assert all(span.holds(made[name], 1e-9) for name, span in spans.items())


def test_too_many_cases_are_not_searched_and_say_so() -> None:
    audit = audit_claim(claim({"precision": "0.9"}, clips=1_000_000))
    assert finding(audit, "whole numbers").verdict == "cannot be known"


def test_an_accuracy_that_so_few_clips_cannot_have() -> None:
    audit = audit_claim(claim({"accuracy": "0.9662"}, clips=20))
    assert finding(audit, "whole numbers").verdict == "does not fit"
    audit = audit_claim(claim({"accuracy": "0.95"}, clips=20))
    assert finding(audit, "whole numbers").verdict == "fits"


# What is true always fits


@given(
    table=st.tuples(*[st.integers(0, 300)] * 4).filter(lambda table: sum(table) > 0),
    decimals=st.integers(1, 8),
    percent=st.booleans(),
    positive=st.sampled_from(["fake", "real"]),
    stated=st.booleans(),
    counted=st.sampled_from(["both", "positive", "clips", "pass", "none"]),
    given_figures=st.sets(st.sampled_from(SHARES), min_size=1),
)
@settings(max_examples=200)
def test_figures_of_any_table_fit_their_own_counts(
    table: tuple[int, int, int, int],
    decimals: int,
    percent: bool,
    positive: str,
    stated: bool,
    counted: str,
    given_figures: set[str],
) -> None:
    tp, fp, fn, tn = table
    figures: dict[str, Reported] = {}
    for name, value in shares(*table).items():
        if name in given_figures:
            text = f"{100 * value:.{decimals}f}" if percent else f"{value:.{decimals}f}"
            figures[name] = as_written(Decimal(text), percent=percent)
    fake, real = (tp + fn, fp + tn) if positive == "fake" else (fp + tn, tp + fn)
    # Where only the size is known every composition is tried; keep that small.
    small = counted not in ("clips", "pass") or sum(table) <= 200
    more: dict[str, object] = {
        "both": {"fake": fake, "real": real},
        "positive": {positive: tp + fn},
        "clips": {"clips": sum(table)} if small else {},
        "pass": {"passes": sum(table)} if small else {},
        "none": {},
    }[counted]
    claimed = Claim("a", figures, positive if stated else "unstated", **more)  # pyright: ignore
    audit = audit_claim(claimed)
    assert audit.fits, [each for each in audit.findings if each.verdict == "does not fit"]


# What is planted is found

TRUE = {"accuracy": "0.8500", "precision": "0.8571", "recall": "0.9000", "f1": "0.8780"}
COUNTS = {"fake": 120, "real": 80}  # 108 hits, 18 false alarms, 12 misses


def test_a_consistent_card() -> None:
    audit = audit_claim(claim(TRUE, positive="fake", **COUNTS))
    assert audit.fits
    assert {each.kind for each in audit.findings} == {
        "F1",
        "prevalence",
        "accuracy",
        "whole numbers",
    }
    assert "108 hits, 18 false alarms, 12 misses" in finding(audit, "whole numbers").words
    assert "which the card states" in finding(audit, "prevalence").words


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"f1": "0.8790"}, {"F1", "whole numbers"}),
        ({"accuracy": "0.8600"}, {"prevalence", "accuracy", "whole numbers"}),
        ({"recall": "0.9100"}, {"F1", "prevalence", "accuracy", "whole numbers"}),
        ({"accuracy": "0.8501"}, {"whole numbers"}),
    ],
)
def test_a_changed_figure_is_found(change: dict[str, str], kinds: set[str]) -> None:
    audit = audit_claim(claim(TRUE | change, positive="fake", **COUNTS))
    assert {each.kind for each in audit.findings if each.verdict == "does not fit"} >= kinds


def test_the_other_class_than_stated() -> None:
    audit = audit_claim(claim(TRUE, positive="real", **COUNTS))
    assert not audit.fits
    assert "Only fake as the positive class would fit" in finding(audit, "prevalence").words


def test_an_unstated_class_can_be_told() -> None:
    words = finding(audit_claim(claim(TRUE, **COUNTS)), "prevalence").words
    assert "So fake is the positive class" in words


def test_figures_that_no_test_set_has() -> None:
    figures = {"accuracy": "0.10", "precision": "0.95", "recall": "0.95"}
    prevalence = finding(audit_claim(claim(figures)), "prevalence")
    assert prevalence.verdict == "does not fit"
    assert "No test set" in prevalence.words


def test_one_class_counted() -> None:
    prevalence = finding(audit_claim(claim(TRUE, positive="fake", fake=120)), "prevalence")
    assert prevalence.verdict == "cannot be known"
    assert "With 120 fake clips the set would have" in prevalence.words
    low, high = 120 / prevalence.figures["high"], 120 / prevalence.figures["low"]
    assert low <= 200 <= high


def test_f1_stands_in_for_precision() -> None:
    figures = {name: text for name, text in TRUE.items() if name != "precision"}
    audit = audit_claim(claim(figures, positive="fake", **COUNTS))
    assert audit.fits
    assert finding(audit, "prevalence").verdict == "fits"
    audit = audit_claim(claim(figures | {"accuracy": "0.90"}, positive="fake", **COUNTS))
    assert finding(audit, "prevalence").verdict == "does not fit"


def test_an_f1_that_no_precision_allows() -> None:
    audit = audit_claim(claim({"f1": "0.95", "recall": "0.60"}))
    assert finding(audit, "F1").verdict == "does not fit"


def test_what_cannot_be_known_without_counts() -> None:
    audit = audit_claim(claim(TRUE))
    assert finding(audit, "prevalence").verdict == "cannot be known"
    assert audit.fits
    assert not audit.errors


def test_a_validation_pass_of_a_random_part() -> None:
    figures = {name: f"{value:.4f}" for name, value in shares(270, 45, 30, 155).items()}
    audit = audit_claim(claim(figures, positive="fake", fake=6000, real=4000, passes=500))
    assert finding(audit, "validation pass").verdict == "fits"
    audit = audit_claim(claim(figures, positive="fake", fake=4000, real=6000, passes=500))
    assert finding(audit, "validation pass").verdict == "does not fit"


# Averages over both classes


def averaged(table: tuple[int, int, int, int], average: str, decimals: int = 4) -> dict[str, str]:
    """Figures of hits, false alarms, misses and rejections as scikit-learn averages them."""
    from sklearn import metrics

    labels = np.repeat([1, 0, 1, 0], table)
    called = np.repeat([1, 1, 0, 0], table)
    arguments: dict[str, Any] = {"output_dict": True, "zero_division": 0}
    report: Any = metrics.classification_report(labels, called, **arguments)
    row = report[f"{average} avg"]
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    figures = {"accuracy": report["accuracy"]} | {n: row[key] for n, key in names.items()}
    return {name: f"{value:.{decimals}f}" for name, value in figures.items()}


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("counts", [{"fake": 300, "real": 100}, {"clips": 400}, {}])
def test_averages_are_tried_and_named(average: str, counts: dict[str, int]) -> None:
    figures = averaged((240, 30, 60, 70), average)
    audit = audit_claim(claim(figures, **counts))
    assert audit.fits
    assert audit.averages == (average,)
    assert f"{average} averages over both classes" in finding(audit, "average").words
    assert {error.metric for error in audit.errors} <= {"accuracy"}
    assert set(audit.of_one_class.figures) == {"accuracy"}


@pytest.mark.parametrize("counts", [{"fake": 300, "real": 100}, {"clips": 400}, {}])
@pytest.mark.parametrize("name", ["accuracy", "f1"])
def test_a_changed_figure_fits_no_average(counts: dict[str, int], name: str) -> None:
    figures = averaged((240, 30, 60, 70), "macro")
    figures[name] = f"{float(figures[name]) + 0.08:.4f}"
    audit = audit_claim(claim(figures, **counts))
    assert not audit.fits
    assert audit.averages == ()


def test_micro_averages_are_all_the_accuracy() -> None:
    figures: Any = dict.fromkeys(SHARES, "0.7750")
    audit = audit_claim(claim(figures, fake=300, real=100))
    assert (audit.fits, audit.averages) == (True, ("weighted", "micro"))
    figures: Any = dict.fromkeys(SHARES, "0.7751")
    audit = audit_claim(claim(figures, fake=300, real=100))
    assert not audit.fits  # 310.04 of 400


def test_a_stated_class_is_no_average() -> None:
    figures = averaged((240, 30, 60, 70), "macro")
    audit = audit_claim(claim(figures, positive="fake", fake=300, real=100))
    assert not audit.fits
    assert "would fit as macro averages" in finding(audit, "average").words


@given(
    table=st.tuples(*[st.integers(0, 60)] * 4).filter(lambda t: t[0] + t[2] > 0 < t[1] + t[3]),
    average=st.sampled_from(["macro", "weighted"]),
    decimals=st.integers(1, 5),
    counted=st.booleans(),
    kept=st.sets(st.sampled_from(SHARES), min_size=1),
)
@settings(max_examples=25)
def test_averages_of_any_table_fit(
    table: tuple[int, int, int, int], average: str, decimals: int, counted: bool, kept: set[str]
) -> None:
    figures = {n: v for n, v in averaged(table, average, decimals).items() if n in kept}
    counts = {"fake": table[0] + table[2], "real": table[1] + table[3]} if counted else {}
    audit = audit_claim(claim(figures, **counts))
    assert audit.fits, [each for each in audit.findings if each.verdict == "does not fit"]


# Sampling error


def test_intervals_by_hand() -> None:
    # Clopper-Pearson of 0 of 10 and of 10 of 10: 1 - 0.025^(1/10).
    edge = 1 - 0.025**0.1
    assert share_interval(0.0, 10) == pytest.approx((0, edge))
    assert share_interval(1.0, 10) == pytest.approx((1 - edge, 1))
    # F1 of 1 is a J of 1; F1 = 2 J / (1 + J).
    low = 2 * (1 - edge) / (2 - edge)
    assert f1_interval(1.0, 10) == pytest.approx((low, 1))


def test_denominators_by_hand() -> None:
    errors = sampling_errors(claim(TRUE), 200, 120, "")
    assert {error.metric: error.n for error in errors} == {
        "accuracy": 200,
        "precision": 126,
        "recall": 120,
        "f1": 138,
    }


# Words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0: real audio, 1: fake audio", {0: {"real"}, 1: {"fake"}}),
        ("Fake Audio (0), Real Audio (1)", {0: {"fake"}, 1: {"real"}}),
        ('{"0": "bonafide", "1": "spoof"}', {0: {"real"}, 1: {"fake"}}),
        ("another gives 0 as fake", {0: {"fake"}}),
        ("0: real, but also fake = 0", {0: {"real", "fake"}}),
        ("real: 0.97, 10: fake, 0 details", {}),
    ],
)
def test_what_outputs_are_called(text: str, found: dict[int, set[str]]) -> None:
    assert output_classes(text) == found


# Model cards

INDEX = """---
license: mit
model-index:
- name: some/detector
  results:
  - task: {type: audio-classification}
    dataset: {name: A set, type: some/set, split: test, revision: abc, args: {fake: 120, real: 80}}
    metrics:
    - {type: accuracy, value: 85.00}
    - {type: precision, value: "85.71 %"}
    - {type: recall, value: 0.9000}
    - {type: F1 Score, value: 0.8780 ± 0.01}
    - {type: eer, value: 0.12}
  - task: {type: audio-classification}
    dataset: {name: Another, type: some/other}
    metrics:
    - {type: f1, value: 0.5, args: {average: macro}}
    - {type: recall, value: 250}
---
# The card
"""


def card(folder: Path, text: str) -> Path:
    path = folder / "README.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_model_index(tmp_path: Path) -> None:
    first, second = read_model_card(card(tmp_path, INDEX))
    assert first.title == "some/detector on A set (some/set, split test, at abc)"
    assert {name: each.value for name, each in first.figures.items()} == pytest.approx(
        {"accuracy": 0.85, "precision": 0.8571, "recall": 0.9, "f1": 0.878}
    )
    assert first.figures["accuracy"].span == pytest.approx((0.84995, 0.85005))
    assert first.figures["recall"].span == pytest.approx((0.89995, 0.90005))
    assert (first.fake, first.real, first.positive) == (120, 80, "unstated")
    audit = audit_claim(first)
    assert audit.fits
    assert "eer" in finding(audit, "not read").words

    assert second.figures == {}
    audit = audit_claim(second)
    assert "250" in finding(audit, "noted").words
    assert "f1" in finding(audit, "not read").words
    assert not audit.fits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Only text\n", "no metadata"),
        ("", "no metadata"),
        ("---\nlicense: mit\n", "no metadata"),
        ("---\nlicense: mit\n---\n", "no model-index"),
        ("---\n- a list\n---\n", "no model-index"),
        ("---\nmodel-index: []\n---\n", "no model-index"),
        ("---\nmodel-index: [{name: a}]\n---\n", "without results"),
        ("---\na: [1, 2\n---\n", "damaged YAML"),
        ("---\na: !!python/object/apply:os.system [ls]\n---\n", "damaged YAML"),
        (f"---\na: {'[' * 3000}\n---\n", "damaged YAML"),
        ("---\na: 2020-99-99\n---\n", "damaged YAML"),
        ("---\na: &a {b: 1}\nc: {<<: *a}\n---\n", "damaged YAML"),
        (f"---\na: {'x' * 2**20}\n---\n", "over 1 MiB"),
    ],
)
def test_cards_that_say_nothing_or_are_damaged(tmp_path: Path, text: str, message: str) -> None:
    path = card(tmp_path, text)
    with pytest.raises(UsageError, match=message) as caught:
        read_model_card(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_grows_without_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 15)]
    result = "{dataset: {name: *a14, args: *a14}, metrics: [{type: f1, value: *a14, args: *a14}]}"
    text = "\n".join(["---", *lines, f"model-index: [{{name: *a14, results: [{result}]}}]", "---"])
    (claim,) = read_model_card(card(tmp_path, text))
    assert claim.title == "README.md on an unnamed data set"
    assert claim.unread == ("f1 has no number as its value: not checked.",)


@pytest.mark.parametrize("value", ["1.0e-9999999", "1.0e+9999999", "-3.5", ".inf", "true", "1e3"])
def test_values_that_are_no_share(tmp_path: Path, value: str) -> None:
    metrics = f"[{{type: accuracy, value: {value}}}]"
    text = f"---\nmodel-index: [{{name: a, results: [{{metrics: {metrics}}}]}}]\n---\n"
    (claim,) = read_model_card(card(tmp_path, text))
    if value == "1.0e-9999999":
        assert claim.figures["accuracy"].value == 0.0
    else:
        assert claim.figures == {}
        assert len(claim.noted) + len(claim.unread) == 1


def test_a_card_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_model_card(tmp_path / "none.md")
    path = tmp_path / "README.md"
    path.write_bytes(b"---\n\xff\xfe\n---\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_model_card(path)


# The command


def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "audit", "claims", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_the_command_reports_and_only_strict_fails(tmp_path: Path) -> None:
    done = harness(TARGET, "--json")
    assert done.returncode == 0, done.stderr
    (content,) = json.loads(done.stdout)
    assert content["fits"] is False
    assert content["counts"] == {"fake": 7229, "real": 6247}
    assert {each["kind"]: each["verdict"] for each in content["findings"]}["F1"] == "fits"
    done = harness("--model-card", str(card(tmp_path, INDEX)), "--strict")
    assert done.returncode == 1
    assert "some/detector on A set" in done.stdout
    done = harness()
    assert done.returncode == 2
    assert "--model-card" in done.stderr

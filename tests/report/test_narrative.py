from dataclasses import replace

from harness.claims.published import Counts
from harness.report import narrative
from harness.report.lookup import Index
from harness.results.figures import ClaimCheck, Damage, MetricRow, Summary
from harness.results.record import RunRecord
from tests.support.small_run import DAMAGE, MODEL, NAN, claim, published, record, summary


def index(figures: Summary | None = None, run: RunRecord | None = None) -> Index:
    return Index(figures or summary(), run or record())


def claimed(*claims: ClaimCheck) -> str:
    figures = replace(summary(), claims=list(claims))
    return " ".join(narrative.claim_sentences(index(figures), MODEL, published()))


def broken(damage: dict[str, tuple[float, float, float]]) -> str:
    figures = replace(
        summary(), damage=[Damage(MODEL, c, "accuracy", *v, 199) for c, v in damage.items()]
    )
    return " ".join(narrative.breaking_sentences(index(figures), MODEL))


def test_clean_accuracy_has_its_interval_and_n() -> None:
    text = narrative.measured_sentence(index(), MODEL)
    assert text == "On 199 clean clips the accuracy is 0.950 (95 % interval 0.920 to 0.980)."


def test_nothing_measured_is_said() -> None:
    rows = [MetricRow(MODEL, "clean", "all", "accuracy", NAN, NAN, NAN, 0)]
    text = narrative.measured_sentence(index(replace(summary(), rows=rows)), MODEL)
    assert "accuracy is unknown" in text


def test_an_undecided_claim_is_not_called_confirmed() -> None:
    text = claimed(claim(MODEL, "accuracy", 0.9662, 0.95, "undecided"))
    assert text == (
        "These clips are too few to tell whether accuracy is within 0.02 of the report: "
        "neither a contradiction nor a confirmation."
    )
    both = [claim(MODEL, name, 0.9662, 0.95, "undecided") for name in ("accuracy", "f1")]
    assert "whether accuracy and F1 are within 0.02" in claimed(*both)


def test_claims_apart_are_told_with_both_figures() -> None:
    text = claimed(
        claim(MODEL, "recall", 0.9728, 0.85, "worse"),
        claim(MODEL, "precision", 0.9692, 0.999, "better", half=0.001),
        claim(MODEL, "f1", 0.9710, NAN, "not measured"),
    )
    assert text == (
        "Worse than reported by more than 0.02: recall 0.850 (0.820 to 0.880) against 0.9728. "
        "Better than reported by more than 0.02: precision 0.999 (0.998 to 1.000) against 0.9692. "
        "Not measured here: F1."
    )


def test_a_difference_of_unknown_size_is_told_with_its_side() -> None:
    text = claimed(
        claim(MODEL, "recall", 0.9728, 0.94, "different"),
        claim(MODEL, "precision", 0.9692, 0.99, "different", half=0.01),
        claim(MODEL, "accuracy", 0.9662, 0.965, "equivalent", half=0.01),
    )
    assert text == (
        "Lower than reported, possibly by more than 0.02: recall 0.940 (0.910 to 0.970) against "
        "0.9728. Higher than reported, possibly by more than 0.02: precision 0.990 (0.980 to "
        "1.000) against 0.9692. Equivalent to the report within 0.02: accuracy 0.965 (0.955 to "
        "0.975) against 0.9662."
    )


def test_another_model_has_nothing_to_answer_for() -> None:
    other = "someone/else"
    figures = replace(summary(), claims=[claim(other, "accuracy", 0.9662, 0.95, "undecided")])
    run = record((other,))
    first, second = narrative.claim_sentences(index(figures, run), other, published())
    assert first.startswith("Nothing was claimed about someone/else.")
    assert second == (
        "These clips are too few to tell whether accuracy is within 0.02 of the report."
    )


def test_without_claims_there_is_nothing_to_compare() -> None:
    assert narrative.claim_sentences(index(), MODEL, None) == [
        "There are no published figures to compare it with."
    ]


def test_other_data_is_another_test() -> None:
    text = " ".join(narrative.caution_sentences(index(), MODEL, published()))
    assert (
        "The tests differ: the published figures are from someone/testset (7,229 fake, 6,247 "
        "real), these are from recordings (100 fake, 100 real)."
    ) in text


def test_only_the_same_name_and_counts_are_the_same_test() -> None:
    data = record().data.model_copy(
        update={"spec": "hub:someone/testset:test", "real": 6247, "fake": 7229}
    )
    same = record(data=data)
    assert narrative.same_test(same, published())
    text = " ".join(narrative.caution_sentences(index(run=same), MODEL, published()))
    assert "tests differ" not in text
    for change in ({"synthetic": True}, {"fake": 100}, {"spec": "elsewhere"}):
        other = record(data=data.model_copy(update=change))
        assert not narrative.same_test(other, published())
    assert not narrative.same_test(same, published(test_set=None))
    assert not narrative.same_test(same, published(test_set=Counts(fake=7229, real=6247)))


def test_a_model_is_known_by_what_was_asked_for() -> None:
    run = record()
    model = run.models[0].model_copy(update={"name": "local", "spec": f"{MODEL}@main"})
    figures = summary(("local",))
    named = index(figures, record(models=(MODEL,)).model_copy(update={"models": [model]}))
    text = " ".join(narrative.claim_sentences(named, "local", published()))
    assert text
    assert "Nothing was claimed" not in text


def test_polarity_is_named_with_the_figures_of_the_other_class() -> None:
    text = " ".join(narrative.caution_sentences(index(), MODEL, published()))
    assert "The published figures do not name their positive class." in text
    assert "precision 0.946, recall 0.945 and F1 0.944" in text


def test_what_breaks_it_most_comes_with_its_interval() -> None:
    text = broken(DAMAGE)
    assert text == (
        "It breaks most under “white noise at 0 dB”: accuracy falls by 0.350 (0.290 to 0.410) to "
        "0.600, on the 199 clips scored both ways; then “white noise at 10 dB” (by 0.150). 2 of 4 "
        "conditions show no measurable loss. 1 condition could not be measured."
    )


def test_an_interval_that_holds_zero_is_no_damage_that_can_be_shown() -> None:
    text = broken({"noise:white@0dB": (-0.05, -0.12, 0.0), "codec:g711": (0.01, -0.02, 0.03)})
    assert text.startswith(
        "None of the 2 conditions shows a measurable loss. The largest difference "
        "in accuracy is −0.050 (−0.120 to 0.000), under “white noise at 0 dB”."
    )
    assert "breaks" not in text


def test_damage_without_an_interval_is_not_shown() -> None:
    assert "breaks" not in broken({"noise:white@0dB": (-0.35, NAN, NAN)})


def test_nothing_but_clean() -> None:
    run = record()
    alone = run.suite.model_copy(update={"conditions": run.suite.conditions[:1]})
    rows = [row for row in summary().rows if row.condition == "clean"]
    figures = replace(summary(), rows=rows, damage=[])
    text = narrative.breaking_sentences(index(figures, record(suite=alone)), MODEL)
    assert text == ["The suite has no condition but clean, so what breaks it is unknown."]

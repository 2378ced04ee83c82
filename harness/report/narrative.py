"""The answer in sentences, from finished figures; no sentence says more than its figures show.

A non-significant difference is not equivalence; a loss whose interval includes 0 is not measurable
with this many clips; a figure that was reported on other data belongs to another test.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.published import Published
from harness.report.formatting import count, counted, figure, listed, measured, percent, quantity
from harness.report.glossary import term
from harness.report.lookup import Index, Loss
from harness.results.figures import AudioNote, ClaimCheck, Shortfall, Tally
from harness.results.record import RunRecord, ThresholdRule
from harness.terms import CLEAN, UnscoredPolicy

_NAMED = 3
_LONGEST_REASON = 160

_SCORED_ONLY = "Figures of ranking, such as the EER, need a score and use only clips that have one."
POLICIES: dict[UnscoredPolicy, str] = {
    "excluded": "Clips without a score are in no figure but coverage.",
    "wrong": "A clip that could not be scored counts as a wrong decision: a fake as called real, a "
    f"real clip as called fake. {_SCORED_ONLY}",
    "real": "A clip that could not be scored counts as called real: a fake as missed, a real clip "
    f"as correctly passed. {_SCORED_ONLY}",
}
_STATUS = {"rejected": "rejected", "error": "failed", "missing": "not in the table"}


def measured_sentence(index: Index, model: str) -> str:
    """Say how accurate a model is on clean clips."""
    row = index.row(model, CLEAN, "accuracy")
    if row.n == 0:
        return "No clean clip was scored, so its accuracy is unknown."
    eer = index.row(model, CLEAN, "eer")
    accuracy = measured(row.value, row.low, row.high).replace("(", "(95 % interval ", 1)
    sentence = f"On {count(row.n)} clean clips the accuracy is {accuracy}"
    return f"{sentence}; the equal error rate is {figure(eer.value)}." if eer.n else f"{sentence}."


def missing_sentence(record: RunRecord, tally: Tally) -> str:
    """Say how many rows of the run are missing; empty where none is."""
    if not tally.missing:
        return ""
    what = "An unfinished run" if record.finished is None else "A table with rows missing"
    return f"{what}: {count(tally.there)} of {count(tally.owed)} rows."


def notes_sentence(notes: Sequence[AudioNote]) -> str:
    """Say what was noted while recordings were read, and of how many; empty without notes."""
    text = (f"{counted(n.clips, 'recording')}: {n.words}" for n in notes)
    return "; ".join(text) + "." if notes else ""


def shortfall_sentence(shortfall: Shortfall, words: str, minimum: float) -> str:
    """Say which clips of a condition were scored too seldom, and why; `words` is the condition.

    Model and condition come first, so that the lines of a list can be text apart.
    """
    scored, rows = shortfall.scored, shortfall.rows
    named = [_reason(r.status, r.words, r.rows) for r in shortfall.reasons]
    rest = rows - scored - sum(r.rows for r in shortfall.reasons)
    if rest:
        named.append(f"{count(rest)} for other reasons")
    return (
        f"{shortfall.model}, {words}, {shortfall.label}: {count(scored)} of {count(rows)} clips "
        f"scored, {percent(scored, rows)} where {100 * minimum:g} % is the minimum; "
        f"{', '.join(named)}."
    )


def _reason(status: str, words: str, rows: int) -> str:
    text = f"{count(rows)} {_STATUS.get(status, status)}"
    if not words:
        return text
    return f"{text} ({words if len(words) <= _LONGEST_REASON else words[:_LONGEST_REASON] + '…'})"


def claim_sentences(index: Index, model: str, published: Published | None) -> list[str]:
    """Say whether a model is as good as claimed, as far as the clips can tell."""
    claims = [c for c in index.summary.claims if c.model == model]
    if published is None or not claims:
        return ["There are no published figures to compare it with."]
    mine = _same_model(index.record, model, published)
    sentences: list[str] = []
    if not mine:
        sentences.append(
            f"Nothing was claimed about {model}. Compared with the figures of {published.model}, "
            "for orientation only:"
        )
    for verdict, text in _CLAIMED.items():
        group = [c for c in claims if claim_verdict(c) == verdict]
        if group:
            margin = f"{group[0].margin:g}"
            sentences.append(f"{text.format(margin=margin)}: {_differences(group)}.")
    undecided = [c for c in claims if claim_verdict(c) == "undecided"]
    if undecided:
        named = listed([term(c.metric).prose for c in undecided])
        sentences.append(
            f"These clips are too few to tell whether {named} {'are' if undecided[1:] else 'is'} "
            f"within {undecided[0].margin:g} of the report"
            + (": neither a contradiction nor a confirmation." if mine else ".")
        )
    missing = [term(c.metric).prose for c in claims if claim_verdict(c) == "not measured"]
    if missing:
        sentences.append(f"Not measured here: {listed(missing)}.")
    return sentences


_CLAIMED = {
    "worse": "Worse than reported by more than {margin}",
    "lower": "Lower than reported, possibly by more than {margin}",
    "better": "Better than reported by more than {margin}",
    "higher": "Higher than reported, possibly by more than {margin}",
    "equivalent": "Equivalent to the report within {margin}",
}


def claim_verdict(check: ClaimCheck) -> str:
    """Return the verdict on a claim in a word that says the direction."""
    if check.equivalence == "different":
        return "lower" if check.difference < 0 else "higher"
    return check.equivalence


def same_test(record: RunRecord, published: Published) -> bool:
    """Return whether name and counts of the clips are those of the published figures."""
    test_set, data = published.test_set, record.data
    return (
        test_set is not None
        and not data.synthetic
        and bool(test_set.name)
        and test_set.name in data.spec
        and (data.real, data.fake) == (test_set.real, test_set.fake)
    )


def caution_sentences(index: Index, model: str, published: Published | None) -> list[str]:
    """Say what else differs between measured and reported figures: the data, the polarity."""
    if published is None:
        return []
    record, sentences = index.record, list[str]()
    if not same_test(record, published):
        sentences.append(_not_the_same_test(record, published))
    real = [
        (name, index.row(model, CLEAN, f"{name}_real"))
        for name in ("precision", "recall", "f1")
        if index.row(model, CLEAN, f"{name}_real").n
    ]
    if real:
        named = listed([f"{term(name).prose} {figure(row.value)}" for name, row in real])
        sentences.append(
            f"These figures take fake as the positive class. {_polarity(published)} With real as "
            f"the positive class the measured figures are {named}."
        )
    return sentences


def _not_the_same_test(record: RunRecord, published: Published) -> str:
    test_set, data = published.test_set, record.data
    theirs = "a test set that is not named"
    if test_set is not None:
        theirs = (
            f"{test_set.name or 'a test set without a name'} ({count(test_set.fake)} fake, "
            f"{count(test_set.real)} real)"
        )
    return (
        f"The tests differ: the published figures are from {theirs}, these are from "
        f"{data.name} ({count(data.fake)} fake, {count(data.real)} real)."
    )


def _same_model(record: RunRecord, model: str, published: Published) -> bool:
    known = {model, *(m.spec for m in record.models if m.name == model)}
    return published.model.casefold() in {name.split("@")[0].casefold() for name in known}


def breaking_sentences(index: Index, model: str) -> list[str]:
    """Say which conditions cost most accuracy, and how many show no loss."""
    losses = index.losses(model)
    comparable = [loss for loss in losses if loss.measured]
    if not losses:
        return ["The suite has no condition but clean, so what breaks it is unknown."]
    if not comparable:
        return ["No condition could be measured against clean."]
    shown = [loss for loss in comparable if loss.shown]
    sentences = [_worst(shown, index.summary.policy)] if shown else [_no_damage(comparable)]
    rest = len(comparable) - len(shown)
    if shown and rest:
        sentences.append(
            f"{count(rest)} of {count(len(comparable))} conditions show{'' if rest > 1 else 's'} "
            "no measurable loss."
        )
    if len(comparable) < len(losses):
        without = counted(len(losses) - len(comparable), "condition")
        sentences.append(f"{without} could not be measured.")
    return sentences


def _worst(shown: list[Loss], policy: UnscoredPolicy) -> str:
    first = shown[0]
    damage = first.damage
    both = "scored both ways" if policy == "excluded" else "that count both ways"
    sentence = (
        f"It breaks most under “{first.condition.words}”: accuracy falls by "
        f"{measured(-damage.value, -damage.high, -damage.low)} to {figure(first.accuracy.value)}, "
        f"on the {count(damage.n)} clips {both}"
    )
    following = [
        f"“{loss.condition.words}” (by {figure(-loss.damage.value)})" for loss in shown[1:_NAMED]
    ]
    return f"{sentence}; then {listed(following)}." if following else f"{sentence}."


def _no_damage(losses: list[Loss]) -> str:
    first = losses[0]
    conditions = (
        "The one condition shows no"
        if len(losses) == 1
        else f"None of the {len(losses)} conditions shows a"
    )
    damage = first.damage
    return (
        f"{conditions} measurable loss. The largest difference in "
        f"accuracy is {measured(damage.value, damage.low, damage.high)}, under "
        f"“{first.condition.words}”."
    )


def _differences(claims: list[ClaimCheck]) -> str:
    return listed(
        [
            f"{term(c.metric).prose} {measured(c.measured, c.low, c.high)} against {c.reported:.4f}"
            for c in claims
        ]
    )


def _polarity(published: Published) -> str:
    if published.positive == "fake":
        return "So do the published figures."
    if published.positive == "real":
        return "The published figures take real as positive and are compared with those of real."
    return "The published figures do not name their positive class."


def threshold_sentence(index: Index, model: str) -> str:
    """Say what a model's threshold is and how it was chosen."""
    record = index.record
    chosen = next((threshold for threshold in record.thresholds if threshold.model == model), None)
    if chosen is None or not isinstance(record.suite.threshold, ThresholdRule):
        return (
            f"The threshold is {figure(record.threshold_of(model), 2)}, which the suite sets: no "
            "clips were used to choose it."
        )
    synthetic = " synthetic" if chosen.synthetic else ""
    return (
        f"The threshold is {figure(chosen.value, 2)}, chosen for {record.suite.threshold.words} on "
        f"{count(chosen.real)} real and {count(chosen.fake)} fake{synthetic} development clips of "
        f"{chosen.data}, where it gets {figure(chosen.fpr)} of the real clips and "
        f"{figure(chosen.fnr)} of the fakes wrong."
    )


def rule_words(record: RunRecord) -> str:
    """Return the suite's threshold, or the rule by which each model's was chosen."""
    rule = record.suite.threshold
    return f"chosen for {rule.words}" if isinstance(rule, ThresholdRule) else quantity(rule)

"""Clean against perturbed, counted by hand and from known truths."""

from __future__ import annotations

import numpy as np
import pytest

from harness.audit.flips import ClassFlip, ConditionFlip, FlipAudit, audit_flips
from harness.errors import UsageError
from harness.results.run_folder import RunFolder
from tests.support.two_runs import condition, finished

CLEAN = {"ra0": -2.0, "ra1": -1.0, "rb2": 1.0, "fa0": 2.0, "fa1": 1.0, "fb2": -1.0}


def only(found: FlipAudit) -> ConditionFlip:
    (one,) = found.conditions
    return one


def sweep(shares: dict[str, float], fakes_turn: bool, groups: int = 40) -> RunFolder:
    """A clean set that is all right, and conditions under which a share of a class turns."""
    clips = {f"{kind}{n}": 2.0 if kind == "f" else -2.0 for n in range(groups) for kind in "rf"}
    scores = {"clean": clips}
    for name, share in shares.items():
        scores[name] = {
            clip: -score
            if (clip[0] == "f") == fakes_turn and int(clip[1:]) < share * groups
            else score
            for clip, score in clips.items()
        }
    run = finished(scores)
    listed = [run.record.suite.conditions[0]]
    listed += [
        condition(name, series="noise", severity=float(place))
        for place, name in enumerate(shares, start=1)
    ]
    suite = run.record.suite.model_copy(update={"conditions": listed})
    return RunFolder(
        run.folder, run.record.model_copy(update={"suite": suite}), run.table, run.published
    )


def test_counts_by_hand() -> None:
    noisy = {"ra0": 0.5, "ra1": 1.0, "rb2": -1.0, "fa0": 1.5, "fa1": None, "fb2": 3.0}
    one = only(audit_flips(finished({"clean": CLEAN, "noise": noisy}), resamples=50))
    real, fake = one.real, one.fake
    assert (real.clips, real.broke, real.mended, real.groups) == (3, 2, 1, 3)
    assert real.loss == pytest.approx(1 / 3)
    assert real.move == pytest.approx(2.0)  # of 2.5, 2.0 and -2.0
    assert real.p_clips == 1.0  # 2 against 1
    assert (fake.clips, fake.broke, fake.mended) == (2, 0, 1)  # fa1 has no score
    assert fake.loss == pytest.approx(-1 / 2)
    assert one.apart == pytest.approx(1 / 3 + 1 / 2)
    assert one.first == "neither"


def test_what_changes_nothing_turns_nothing() -> None:
    found = audit_flips(finished({"clean": CLEAN, "noise": CLEAN}), resamples=50)
    one = only(found)
    assert not found.found
    for side in (one.real, one.fake):
        assert (side.broke, side.mended, side.loss, side.move) == (0, 0, 0.0, 0.0)
        assert side.p == 1.0
    assert {each.at for each in found.breaks} == {""}


@pytest.mark.parametrize("fakes_turn", [True, False])
def test_the_class_that_breaks_is_named(fakes_turn: bool) -> None:
    found = audit_flips(sweep({"noise@10": 0.5}, fakes_turn), resamples=200)
    one = only(found)
    label = "fake" if fakes_turn else "real"
    assert one.first == label
    lost: ClassFlip = one.fake if fakes_turn else one.real
    assert lost.broke == 20
    assert lost.p_clips == pytest.approx(2 * 0.5**20)
    assert lost.low <= 0.5 <= lost.high
    assert lost.move == pytest.approx(-2.0 if fakes_turn else 2.0, abs=2.0)
    assert found.found


def test_both_classes_alike_break_together() -> None:
    run = sweep({"noise@10": 0.5}, fakes_turn=True)
    table = run.table.copy()
    turned = (table["condition"] == "noise@10") & (table["clip_id"].str[1:].astype(int) < 20)
    table.loc[turned, "score"] = np.where(table.loc[turned, "label"] == "fake", -2.0, 2.0)
    one = only(audit_flips(RunFolder(run.folder, run.record, table, run.published), resamples=200))
    assert one.significant
    assert one.apart == 0
    assert one.first == "cannot be known"


def test_where_a_series_breaks() -> None:
    names = ["noise@30", "noise@20", "noise@10", "noise@0"]
    shares = dict(zip(names, (0.0, 0.05, 0.125, 0.6), strict=True))
    breaks = audit_flips(sweep(shares, fakes_turn=True), share=0.1, resamples=200).breaks
    fake = next(each for each in breaks if each.label == "fake")
    assert fake.turned == pytest.approx((0.0, 0.05, 0.125, 0.6))
    assert fake.conditions == tuple(names)
    assert fake.at == "noise@10"
    assert names.index(fake.earliest) <= 2 <= names.index(fake.latest)
    assert fake.latest == "noise@0"  # 5 of 40 may be fewer than a tenth
    real = next(each for each in breaks if each.label == "real")
    assert (real.at, real.latest) == ("", "")


def test_generators_are_ranked_by_what_breaks() -> None:
    run = sweep({"noise@10": 0.25}, fakes_turn=True)
    table = run.table.copy()
    number = table["clip_id"].str[1:].astype(int)
    table["generator"] = np.where(
        table["label"] == "real", "", np.where(number < 20, "breaks", "holds")
    )
    found = audit_flips(RunFolder(run.folder, run.record, table, run.published), resamples=100)
    assert [(each.generator, each.broke) for each in found.fragile] == [
        ("breaks", 0.5),
        ("holds", 0.0),
    ]
    assert found.fragile[0].low < 0.5 < found.fragile[0].high


def test_groups_that_turn_together_prove_less_than_their_clips() -> None:
    """20 clips of one speaker turned: much for McNemar, nothing for the test over groups."""
    run = sweep({"noise@10": 0.5}, fakes_turn=True)
    table = run.table.copy()
    number = table["clip_id"].str[1:].astype(int)
    table["group"] = np.where(number < 20, "one", table["group"])
    lost = only(
        audit_flips(RunFolder(run.folder, run.record, table, run.published), resamples=200)
    ).fake
    assert lost.p_clips < 1e-5
    assert lost.p_holm > 0.05


def test_a_run_of_clean_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="beside clean"):
        audit_flips(finished({"clean": CLEAN}))

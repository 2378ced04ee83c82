"""Policies of version 2: means that must pass, vetoes that can only fail, findings in words."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from harness.compare.difference import Difference
from harness.compare.judge import Evidence, decide
from harness.compare.mean_difference import MeanDifference
from harness.compare.outlook import outlook
from harness.compare.policy import ReleasePolicy, load_policy
from harness.compare.verdict import Gate, Verdict
from harness.errors import UsageError
from harness.metrics.significance import Contrast, holm
from harness.report.gate_files import as_json, as_junit, as_markdown

FAMILIES = {"clean": "clean", "mp3": "codec", "opus": "codec", "white": "noise"}
ERROR = 0.005


def figures(difference: float, error: float = ERROR) -> dict[str, float]:
    """A compared figure of 40 groups that all differ."""
    contrast = Contrast(*(np.array(value) for value in (difference, error, 40, 40, 1.0)))
    low, high = contrast.interval()
    shown = {"difference": difference, "error": error, "low": float(low), "high": float(high)}
    return {**shown, "n": 400, "groups": 40, "differing": 40, "largest": 1.0, "freedom": 39.0}


def cell(condition: str, difference: float = 0.0, metric: str = "accuracy") -> Difference:
    own = figures(difference)
    return Difference("m", condition, metric, "compared", "", 0.9, 0.9, clip=0.1, **own)  # type: ignore[arg-type]


def mean(difference: float, family: str = "") -> MeanDifference:
    of = tuple(name for name, own in FAMILIES.items() if own != "clean" and family in ("", own))
    return MeanDifference(
        "m", f"mean of {family or 'all'}", "accuracy", "compared", "", 0.9, 0.9,
        family=family, conditions=of, clip=0.1, **figures(difference),  # type: ignore[arg-type]
    )  # fmt: skip


def policy(*require: Mapping[str, object], **keys: object) -> ReleasePolicy:
    content = {"version": 2, "name": "test", "require": list(require)}
    return ReleasePolicy.model_validate(content | keys)


MEAN = {"metric": "accuracy", "over": "mean", "margin": 0.02}
FAMILY = {"metric": "accuracy", "over": "families", "margin": 0.05}
VETO = {"metric": "accuracy", "margin": 0.05, "veto": True}


def gate(wanted: ReleasePolicy, lost: dict[str, float] | None = None, over: float = 0.0) -> Gate:
    """A gate where single conditions lost so much, and the mean over them `over`."""
    cells = [cell(name, -(lost or {}).get(name, 0.0)) for name in FAMILIES]
    evidence = Evidence(cells, [mean(-over), mean(-over, "codec")], FAMILIES, ["m"])
    return Gate("test", "run", "baseline", "", decide(wanted, evidence), [])


@pytest.mark.parametrize(
    ("over", "lost", "word", "finding"),
    [
        (0.0, {}, "PASS", "PASS"),
        (0.005, {}, "PASS", "PASS"),
        (0.015, {}, "INCONCLUSIVE", "WORSE BY AN UNKNOWN AMOUNT"),
        (0.05, {}, "FAIL", "WORSE"),
        (0.0, {"white": 0.1}, "FAIL", "WORSE"),
        (0.0, {"white": 0.04}, "PASS", "PASS"),
    ],
)
def test_means_pass_and_single_conditions_only_veto(
    over: float, lost: dict[str, float], word: str, finding: str
) -> None:
    found = gate(policy(MEAN, FAMILY, VETO), lost, over)
    assert (found.word, found.finding) == (word, finding)
    assert [tally.tier for tally in found.tiers] == ["mean", "family", "veto"]
    assert [tally.requirements for tally in found.tiers] == [1, 1, 4]
    assert found.tally.startswith("of 2 requirements")
    used = "1" if "white" in lost and word == "FAIL" else "none"
    assert found.tally.endswith(f"; {used} of 4 vetoes is used")
    for text in (as_markdown(found), as_json(found), as_junit(found)):
        assert finding in text


def test_a_veto_alone_passes_nothing() -> None:
    found = gate(policy(VETO), {"white": 0.04})
    assert [verdict.finding for verdict in found.vetoes] == ["NO VETO"] * 4
    (rest,) = found.requirements
    assert (found.word, found.finding) == ("FAIL", "FAIL")
    assert "vetoes pass nothing" in rest.reason


def test_means_that_no_conditions_make_ask_nothing() -> None:
    clean = {"metric": "accuracy", "conditions": ["clean"], "margin": 0.05}
    bare = Evidence([cell("clean")], [], {"clean": "clean"}, ["m"])
    assert [verdict.word for verdict in decide(policy(MEAN, FAMILY, clean), bare)] == ["PASS"]
    named = {**FAMILY, "families": ["codec"]}
    (missing, _) = decide(policy(named, clean), bare)
    assert (missing.word, missing.finding) == ("FAIL", "FAIL")


def test_too_few_clips_is_neither_worse_nor_as_good() -> None:
    wide = Difference("m", "clean", "auc", "compared", "", 0.9, 0.9, clip=0.1, **figures(0.0, 0.02))  # type: ignore[arg-type]
    wanted = policy({"metric": "auc", "conditions": ["clean"], "margin": 0.02})
    (verdict,) = decide(wanted, Evidence([wide], [], {"clean": "clean"}, ["m"]))
    assert (verdict.word, verdict.finding) == ("INCONCLUSIVE", "TOO FEW CLIPS")


WORDS = ("inconclusive", "fail", "pass")


@pytest.mark.parametrize(
    ("own", "over", "veto"), list(itertools.product(WORDS, (0.0, 0.015, 0.05), (False, True)))
)
def test_no_word_passes_a_proven_failure(own: str, over: float, veto: bool) -> None:
    """All words of the policy and of the requirement, all outcomes, also where a veto is used."""
    for general in WORDS:
        asked = policy({**MEAN, "undecided": own}, VETO, undecided=general)
        found = gate(asked, {"white": 0.2} if veto else {}, over)
        (of_mean,) = [verdict for verdict in found.verdicts if verdict.tier == "mean"]
        outcome = {0.0: "PASS", 0.015: "INCONCLUSIVE", 0.05: "FAIL"}[over]
        assert of_mean.outcome == outcome
        counted = own.upper() if outcome == "INCONCLUSIVE" else outcome
        assert of_mean.word == counted
        assert found.word == ("FAIL" if veto else counted)
        plain = json.loads(as_json(found))
        of_mean_plain = plain["requirements"][0]
        assert (of_mean_plain["word"], of_mean_plain["outcome"]) == (counted, outcome)
        assert of_mean_plain["undecided"] == (outcome == "INCONCLUSIVE")
        if outcome == "INCONCLUSIVE" and not veto:
            assert plain["finding"] == "WORSE BY AN UNKNOWN AMOUNT"


def test_what_cannot_be_compared_fails_its_mean_and_its_veto() -> None:
    gone = Difference("m", "white", "accuracy", "missing", "the run lacks it", math.nan, 0.9)
    barred = MeanDifference(
        "m", "mean of all", "accuracy", "missing", "white: the run lacks it", math.nan, math.nan,
        conditions=("mp3", "opus", "white"),
    )  # fmt: skip
    evidence = Evidence([gone], [barred], {}, [])
    for requirement in (MEAN, VETO):
        verdict, *_ = decide(policy(requirement), evidence)
        assert (verdict.word, verdict.finding) == ("FAIL", "FAIL")
        assert "the run lacks it" in verdict.reason


def test_the_level_is_split_over_requirements() -> None:
    """p 0.02 for the mean is within half of 5 %; as one of three alike it is not."""
    p = [0.02, 0.3, 0.3, 0.3, 0.3]
    assert holm(p, [1, 0.25, 0.25, 0.25, 0.25])[0] == pytest.approx(0.04)
    assert holm(p)[0] == pytest.approx(0.1)
    # By hand: 0.01 / 0.2; the rest have 0.8 left: 0.02 / 0.3 x 0.8; then 0.2 / 0.5 x 0.5.
    adjusted = holm([0.01, 0.02, 0.2], [0.2, 0.3, 0.5])
    np.testing.assert_allclose(adjusted, [0.05, 0.16 / 3, 0.2])


@pytest.mark.parametrize(
    ("version", "first", "requirement", "told"),
    [
        (1, "", "margin = 0.1\nveto = true", "needs version = 2"),
        (1, 'generators = "new"', "margin = 0.1", "needs version = 2"),
        (2, "", 'over = "mean"\nat_least = 0.5', "takes a margin"),
        (2, "", "at_least = 0.5\nveto = true", "takes a margin alone"),
        (3, "", "margin = 0.1", "newer"),
    ],
)
def test_keys_that_do_not_fit_are_refused(
    version: int, first: str, requirement: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    head = f'version = {version}\nname = "x"\n{first}\n[[require]]\nmetric = "auc"\n'
    path.write_text(head + requirement)
    with pytest.raises(UsageError, match=told):
        load_policy(str(path))


def test_the_version_says_which_generators() -> None:
    assert policy(MEAN).statement == "new"
    assert policy(MEAN, generators="these").statement == "these"
    assert load_policy("published").statement == "these"
    assert load_policy("release").statement == "new"


def test_verdicts_of_version_1_keep_equal_shares() -> None:
    content = {"version": 1, "name": "old", "require": [{"metric": "accuracy", "margin": 0.05}]}
    cells = [cell(name, -0.062) for name in FAMILIES]
    old = decide(ReleasePolicy.model_validate(content), Evidence(cells, [], FAMILIES, ["m"]))
    p = holm([float(one.contrast.p_below(-0.05)) for one in cells])
    assert [verdict.p for verdict in old] == pytest.approx(p)
    assert {verdict.tier for verdict in old} == {"condition"}
    assert isinstance(old[0], Verdict)


def test_a_gate_says_whether_its_policy_can_pass() -> None:
    """By hand: t(39) at 97.5 and 80 %, and an unseen change of a tenth of the clips of a group."""
    few = replace(cell("clean"), difference=0.0, error=0.0, differing=0)

    def said(margin: float, own: Difference) -> str:
        wanted = policy({"metric": "accuracy", "conditions": ["clean"], "margin": margin})
        return outlook(Evidence([own], [], {"clean": "clean"}, ["m"]).required(wanted))

    chance = t.cdf(0.02 / ERROR - t.ppf(0.975, 39), 39)
    needed = 40 * ((t.ppf(0.975, 39) + t.ppf(0.8, 39)) * ERROR / 0.02) ** 2
    text = said(0.02, cell("clean"))
    assert f"as good as the baseline at most {100 * chance:.0f} % would" in text
    assert f"80 % take about {math.ceil(needed)} groups" in text
    reach = 0.1 + 0.05 * 0.9
    hidden = reach * (1 - 0.025 ** (1 / 40))
    assert "can never pass" in said(0.99 * hidden, few)
    assert "can pass" in said(1.01 * hidden, few)
    needed = math.ceil(math.log(0.025) / math.log(1 - 0.005 / reach))
    assert f"80 % take about {needed} groups" in said(0.005, few)
    assert outlook([]) == ""

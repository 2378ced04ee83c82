"""Gate a run: find the policy and the baseline that the user names, and judge the run by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.claims.published import published_for
from harness.compare.baseline import name_of, open_baseline
from harness.compare.compare import Comparison, compare
from harness.compare.flips import Flip
from harness.compare.judge import judge
from harness.compare.policy import DEFAULT, ReleasePolicy, load_policy
from harness.compare.verdict import Gate
from harness.errors import UsageError
from harness.results.figures import Summary
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.summary.score_warnings import baseline_warnings

PUBLISHED = "published"


@dataclass(frozen=True)
class Ruling:
    """A gate and the comparison behind it; None where the baseline is a card's figures."""

    gate: Gate
    comparison: Comparison | None

    @property
    def flips(self) -> list[Flip]:
        return [] if self.comparison is None else self.comparison.flips


def rule(run: RunFolder, summary: Summary, baseline: str, policy: str | None) -> Ruling | None:
    """Judge a run by a policy against a baseline, both as the user names them.

    Parameters
    ----------
    baseline
        `published`, `accepted`, `if-accepted`, the name of an accepted baseline, or a directory.
    policy
        Name or file; None for the shipped one for this kind of baseline.

    Returns
    -------
    None for `if-accepted` where no baseline was accepted yet.

    Raises
    ------
    UsageError
        For an unknown baseline or policy, or where the baseline is the run itself.
    """
    loaded = _policy(baseline, policy)
    if baseline == PUBLISHED:
        gate = judge(run, summary, None, loaded, f"the card of {published_for(run).model}")
        return Ruling(replace(gate, warnings=summary.warnings), None)
    earlier = _baseline(baseline, run.record, run.folder)
    if earlier is None:
        return None
    comparison = compare(run, earlier, generators=loaded.statement)
    gate = judge(run, summary, comparison, loaded, str(earlier.folder))
    warnings = [*summary.warnings, *baseline_warnings(earlier)]
    return Ruling(replace(gate, warnings=warnings), comparison)


def rule_or_note(
    run: RunFolder,
    summary: Summary,
    baseline: str | None,
    policy: str | None,
    note: Callable[[str], None],
) -> Ruling | None:
    """Judge a run if a baseline is named; note it where none was accepted yet."""
    if baseline is None:
        return None
    ruling = rule(run, summary, baseline, policy)
    if ruling is None:
        note(
            f"Not gated: no baseline {name_of(run.record)} was accepted yet; "
            f"harness baseline accept {run.folder} makes this run one."
        )
    return ruling


def check_gate_options(
    record: RunRecord, folder: Path, baseline: str | None, policy: str | None
) -> None:
    """Raise UsageError, before anything is scored, for a gate that cannot be judged."""
    if baseline is None:
        if policy is not None:
            raise UsageError("a policy needs a baseline", f"--policy {policy}", "add --baseline")
        return
    _policy(baseline, policy)
    if baseline != PUBLISHED:
        _baseline(baseline, record, folder)


def _policy(baseline: str, policy: str | None) -> ReleasePolicy:
    return load_policy(policy or (PUBLISHED if baseline == PUBLISHED else DEFAULT))


def _baseline(spec: str, record: RunRecord, folder: Path) -> RunFolder | None:
    baseline = open_baseline(spec, record)
    if baseline is not None and baseline.folder.resolve() == folder.resolve():
        raise UsageError("is the run itself", f"--baseline {spec}", "name an earlier run")
    return baseline

"""Measure how often gates pass, fail and do not decide, where the truth is known.

Run as `python -m tests.bench.gate_simulation [--sets N] [--jobs N] [--designs all]` from the
repository's root; prints Markdown tables, the first in under ten minutes on two cores. The designs
are those of `tests/support/gate_truth.py`: 65 perturbed conditions in the families of the release
suite, candidate and baseline correlated by 0.9, conditions by 0.8, a speaker's share of 0.3. The
judging is the project's own.

The candidate is as good as the baseline; worse by 1, 2 or 5 points of accuracy everywhere; or at
the margin: worse by exactly the 2 points that the mean over conditions allows and as good on clean
clips, or worse by exactly 5 points under one condition alone, which only a veto sees.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from harness.compare.policy import ReleasePolicy, load_policy
from tests.bench.simulation import percent, table
from tests.support.gate_truth import Outcomes, Release, outcomes

SIZES = ((30, 6), (50, 10), (100, 10), (200, 10))
HARDER: dict[str, float] = {"clean": 0.9, "least": 0.9, "most": 0.9}
CANDIDATES: dict[str, dict[str, object]] = {
    "equal": {},
    "1 point worse": {"loss": 0.01, "clean_loss": 0.01},
    "2 points worse": {"loss": 0.02, "clean_loss": 0.02},
    "5 points worse": {"loss": 0.05, "clean_loss": 0.05},
    "at the margin of the mean": {"loss": 0.02},
    "at the margin of one veto": {"loss": 0.05, "only": ("codec:opus@6k",)},
}


def rows(policy: ReleasePolicy, base: Release, sets: int, jobs: int) -> Iterator[list[str]]:
    """A row for every size and candidate."""
    cases = [
        (name, replace(base, groups=groups, clips=clips, **keys))  # type: ignore[arg-type]
        for groups, clips in SIZES
        for name, keys in CANDIDATES.items()
    ]
    with ProcessPoolExecutor(jobs) as pool:
        judged = [pool.submit(outcomes, design, policy, sets, 1) for _, design in cases]
        for (name, design), future in zip(cases, judged, strict=True):
            yield row(name, design, future.result())


def row(name: str, design: Release, judged: Outcomes) -> list[str]:
    size = f"{design.groups * design.clips:,} ({design.groups})"
    words = " / ".join(percent(judged.share(word)) for word in ("PASS", "INCONCLUSIVE", "FAIL"))
    unknown = judged.findings["WORSE BY AN UNKNOWN AMOUNT"] / judged.sets
    return [size, name, words, percent(unknown)]


def main() -> None:
    parser = argparse.ArgumentParser(description="print the gate's table as Markdown")
    parser.add_argument("--sets", type=int, default=100, help="test sets a row")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--designs", default="first", choices=("first", "all"))
    options = parser.parse_args()
    release, former = load_policy("release"), load_policy("release-1")
    designs = [
        ("Policy release, accuracy 0.97 on clean clips and 0.85 to 0.97 elsewhere", release, {}),
        ("Policy release, accuracy 0.9 everywhere", release, HARDER),
        ("The former default policy, accuracy 0.97 and 0.85 to 0.97", former, {}),
    ]
    error = 100 * 2 * math.sqrt(0.025 * 0.975 / options.sets)
    for title, policy, keys in designs[: 1 if options.designs == "first" else None]:
        print(f"### {title}\n")
        print(f"Per cent of {options.sets} test sets; two standard errors at 2.5 %: {error:.1f}.\n")
        base = replace(Release(0, 0), **keys)
        head = ["clips (speakers)", "candidate", "PASS / INCONCLUSIVE / FAIL", "worse, unknown"]
        for line in table(head, rows(policy, base, options.sets, options.jobs)):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Measure what the forensic page promises, where the truth is known.

Run as `python -m tests.bench.evidence_simulation [--sets N]` from the repository's root; prints
Markdown tables, the same each time, and takes about five minutes of one core with the 200 sets that
`docs/forensics.md` shows. Every table has the way of earlier versions beside the present one.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Iterator

from tests.support.evidence_truth import (
    VERDICTS,
    Voices,
    assured_lengths,
    band_costs,
    bound_products,
    cost_coverage,
    drift_verdicts,
    rule_promises,
)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def bands(sets: int) -> Iterator[str]:
    """Nine long clips of a class and speaker for every short one."""

    def row(name: str, speakers: int, short: dict[str, float]) -> list[str]:
        own = Voices(speakers, 1, **short)
        cost = band_costs(Voices(speakers, 9, apart=4.0), own, sets)
        return [
            name,
            str(speakers),
            f"{cost['all lengths']:.2f}",
            f"{cost['own band']:.2f}",
            percent(cost["own band above 1"]),
            percent(cost["given"]),
        ]

    cases: tuple[tuple[str, dict[str, float]], ...] = (
        ("lower by 1.3", {"apart": 1.2, "shift": -1.3}),
        ("nearly blind, spread twice as wide", {"apart": 0.7, "scale": 2.0}),
        ("as long ones", {"apart": 4.0}),
    )
    head = ["scores of short clips", "speakers", "Cllr by all lengths", "Cllr by own band"]
    yield from table(
        [*head, "of these above 1, %", "ratio given, %"],
        (row(name, speakers, short) for speakers in (15, 30) for name, short in cases),
    )


def products(sets: int) -> Iterator[str]:
    """Mean of bound times share of new clips that reach it: at most 1 is promised."""

    def row(speakers: int, clips: int, odd: float) -> list[str]:
        product = bound_products(Voices(speakers, clips, apart=4.0, odd=odd), sets)
        return [
            f"{speakers} x {clips}",
            percent(odd),
            f"{product['clips']:.2f}",
            f"{product['speakers']:.2f}",
            f"{product['clips: bound']:.0f}",
            f"{product['speakers: bound']:.0f}",
        ]

    cases = ((30, 20, 0.0), (20, 40, 0.02), (30, 40, 0.01), (30, 40, 0.02), (30, 40, 0.05))
    head = ["speakers x clips", "odd speakers, %", "product, by clips", "by speakers"]
    yield from table([*head, "mean bound, by clips", "by speakers"], (row(*case) for case in cases))


def rules(sets: int) -> Iterator[str]:
    """Rules for a target error, over three conditions."""
    rows: list[list[str]] = []
    for speakers, clips in ((30, 3), (60, 3), (100, 5), (200, 5)):
        ways = [rule_promises(speakers, clips, sets, by) for by in ("error", "bound", "steps")]
        for target in ways[0]:
            by_error, by_bound, steps = (way[target] for way in ways)
            rows.append(
                [
                    f"{speakers} x {clips}",
                    f"{target:g}",
                    percent(by_error.kept),
                    percent(by_bound.kept),
                    percent(steps.kept),
                    percent(by_error.broken),
                    percent(steps.broken),
                    percent(steps.coverage),
                ]
            )
    head = ["speakers x clips", "target", "kept: tuned on the error, %", "on its bound, %"]
    head += ["step by step, %", "broken: tuned on the error, %", "step by step, %", "decided, %"]
    yield from table(head, rows)


def lengths(sets: int) -> Iterator[str]:
    """Shortest lengths that are given although the error there is above the target."""
    flat = {target: (target + 0.002,) * 7 for target in (0.05, 0.1, 0.2)}
    cases = (
        (30, 5, flat[0.1], 0.1, "0.102 at all"),
        (60, 10, flat[0.1], 0.1, "0.102 at all"),
        (30, 5, flat[0.2], 0.2, "0.202 at all"),
        (40, 5, flat[0.05], 0.05, "0.052 at all"),
        (100, 5, (0.03, 0.035, 0.04, 0.051, 0.055, 0.06, 0.08), 0.05, "0.04 at 3 s, 0.051 at 2 s"),
        (100, 5, (0.02, 0.02, 0.02, 0.02, 0.025, 0.06, 0.08), 0.05, "0.025 at 1.5 s, 0.06 at 1 s"),
    )

    def row(
        speakers: int, clips: int, errors: tuple[float, ...], target: float, words: str
    ) -> list[str]:
        ways = [
            assured_lengths(speakers, clips, errors, target, sets, stop=stop)
            for stop in (False, True)
        ]
        shares = [percent(share) for way in ways for share in (way.falsely, way.given)]
        return [f"{speakers} x {clips}", words, f"{target:g}", *shares]

    head = ["speakers x clips", "true error", "target", "search goes on: false, %", "given, %"]
    yield from table([*head, "stops: false, %", "given, %"], (row(*case) for case in cases))


def coverage(sets: int) -> Iterator[str]:
    """95 % intervals of Cllr that hold the Cllr of new speakers."""

    def row(speakers: int, apart: float) -> list[str]:
        share = cost_coverage(Voices(speakers, 5, apart=apart), sets)
        return [str(speakers), f"{apart:g}", percent(share["fixed"]), percent(share["refitted"])]

    cases = [(speakers, apart) for speakers in (15, 30, 50) for apart in (1.0, 2.5, 4.0)]
    yield from table(
        ["speakers", "classes apart", "map as it is, %", "map refitted, %"],
        (row(*case) for case in cases),
    )


def drifts(sets: int) -> Iterator[str]:
    """Verdicts on a condition whose scores are moved by so much, and nothing else."""
    rows: list[list[str]] = []
    for speakers, shift in ((40, 0.0), (100, 0.0), (300, 0.0), (40, 0.5), (100, 0.5), (40, 1.0)):
        shares = drift_verdicts(shift, speakers, sets)
        cells = [percent(shares[kind][word]) for kind in shares for word in VERDICTS]
        rows.append([str(speakers), f"{shift:g}", *cells])
    words = [f"{kind}: {word}, %" for kind in ("threshold", "map") for word in VERDICTS]
    yield from table(["speakers", "moved by", *words], rows)


TABLES = (
    ("Short files among long ones", bands, 0.5),
    ("Bounds with odd speakers", products, 0.5),
    ("Rules of abstaining", rules, 0.25),
    ("The shortest clip", lengths, 1.5),
    ("Intervals of Cllr", coverage, 0.75),
    ("Drift", drifts, 0.1),
)
"""Title, function, and share of the sets that it takes."""


def main() -> None:
    parser = argparse.ArgumentParser(description="print the simulation's tables as Markdown")
    parser.add_argument("--sets", type=int, default=200, help="test sets a design")
    sets = parser.parse_args().sets
    for title, lines, share in TABLES:
        start, number = time.perf_counter(), max(2, round(share * sets))
        print(f"### {title}\n\n{lines.__doc__} {number} sets a row.\n")
        for line in lines(number):
            print(line, flush=True)
        print(f"<!-- {time.perf_counter() - start:.0f} s -->\n", flush=True)


if __name__ == "__main__":
    main()

"""Measure intervals, the gate's rule and the stated smallest difference where the truth is known.

Run as `python -m tests.bench.simulation [--sets N] [--only WORD]` from the repository's root;
prints Markdown tables. `--only` prints those whose title has the word, as `shapes`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator

from tests.support import real_shapes
from tests.support.known_truth import METRICS, Coverage, Design, coverage, family_alarms, power
from tests.support.real_shapes import Shape

GROUPS = (10, 20, 30, 50)
ACCURACIES = (0.8, 0.9, 0.97)
LIKENESS = (0.0, 0.3, 0.5)
CONDITIONS = 10


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield f"| {' | '.join(columns)} |"
    yield f"|{' ---: |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def designs() -> Iterator[Design]:
    for groups in GROUPS:
        for accuracy in ACCURACIES:
            for likeness in LIKENESS:
                yield Design(
                    groups, likeness=likeness, accuracy=accuracy, baseline_accuracy=accuracy
                )


def named(design: Design) -> list[str]:
    return [str(design.groups), f"{design.accuracy:g}", f"{design.likeness:g}"]


def shares(found: Coverage) -> list[str]:
    each = (found.value, found.difference, found.alarms)
    return [percent(kind[name]) for kind in each for name in METRICS]


def intervals(sets: int, alone: bool) -> Iterator[str]:
    chosen = [each for each in designs() if not alone or each.groups == 30]
    rows = (named(each) + shares(coverage(each, sets, 1, alone)) for each in chosen)
    kinds = ("", "Δ ", "p < 0.05: ")
    head = ["groups", "accuracy", "likeness", *(kind + name for kind in kinds for name in METRICS)]
    yield from table(head, rows)


def families(sets: int) -> Iterator[str]:
    def row(groups: int, likeness: float) -> list[str]:
        design = Design(groups, likeness=likeness)
        found = [family_alarms(design, sets, 2, CONDITIONS, alone=alone) for alone in (False, True)]
        kinds = [each[kind] for each in found for kind in ("holm", "uncorrected")]
        return [str(groups), f"{likeness:g}", *map(percent, kinds)]

    head = ["groups", "likeness", "Holm", "uncorrected"]
    head += ["by clip: Holm", "by clip: uncorrected"]
    cases = [(groups, likeness) for groups in GROUPS for likeness in (0.3, 0.5)]
    yield from table(head, (row(*case) for case in cases))


def powers(sets: int) -> Iterator[str]:
    def row(groups: int, metric: str) -> list[str]:
        loss, share = power(Design(groups), metric, sets, 3)
        return [str(groups), metric, f"{loss:.3f}", percent(share)]

    rows = (row(groups, metric) for groups in GROUPS for metric in METRICS)
    yield from table(["groups", "metric", "smallest difference", "power"], rows)


SHAPES = (
    *(Shape("zipf", clips=clips) for clips in (300, 3000)),
    *(Shape("by generator", generators=generators) for generators in (5, 8)),
    *(
        Shape(kind, of_generator=share)
        for kind in ("crossed", "loose")
        for share in (0.0, 0.1, 0.2)
    ),
)


def shapes(sets: int) -> Iterator[str]:
    rows: list[list[str]] = []
    for shape in SHAPES:
        for generators, shares in real_shapes.coverage(shape, sets, 5).items():
            many = "" if shape.kind == "zipf" else str(shape.generators)
            named = [shape.kind, str(shape.clips), many, f"{shape.of_generator:g}", generators]
            columns = [share for kind in zip(*shares.values(), strict=True) for share in kind]
            rows.append([*named, *map(percent, columns)])
    head = ["shape", "clips", "generators", "their share", "interval for"]
    head += [kind + name for kind in ("", "Δ ") for name in real_shapes.METRICS]
    yield from table(head, rows)


def margins(sets: int) -> Iterator[str]:
    shape = Shape("crossed", speakers=200, clips=3200, of_generator=0.1)
    passed = real_shapes.passes_at_the_margin(shape, 0.02, sets, 6)
    yield from table(["interval for", "passes"], ([kind, percent(p)] for kind, p in passed.items()))


def boards(sets: int) -> Iterator[str]:
    rows = (
        [
            str(clips),
            *map(percent, real_shapes.false_ranks(Shape("zipf", clips=clips), 4, sets, 7).values()),
        ]
        for clips in (300, 3000)
    )
    yield from table(["clips", "accuracy", "auc"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="print the simulation's tables as Markdown")
    parser.add_argument("--sets", type=int, default=2000, help="test sets a design")
    parser.add_argument("--only", default="", help="tables whose title has this word")
    options = parser.parse_args()
    sets, few = options.sets, options.sets // 4
    family = f"Any of {CONDITIONS} x {len(METRICS)} requirements fails"
    for title, number, lines in (
        ("Real shapes", few, shapes(few)),
        ("Real shapes: a loss of accuracy as large as the margin passes", few, margins(few)),
        ("Real shapes: any of 4 equal models is ahead, Zipf sizes", few, boards(few)),
        ("Groups resampled", sets, intervals(sets, alone=False)),
        ("Clips resampled", few, intervals(few, alone=True)),
        (family, few, families(few)),
        ("Power at the stated smallest difference", sets, powers(sets)),
    ):
        if options.only.lower() not in title.lower():
            continue
        error = 100 * 2 * math.sqrt(0.95 * 0.05 / number)
        print(f"### {title}\n")
        print(f"Per cent of {number} test sets; two standard errors at 95 % are {error:.1f}.\n")
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()

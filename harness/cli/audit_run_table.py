"""Terminal output of audits of a run's table: labels and flips."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table

from harness.audit.flips import ClassFlip, FlipAudit
from harness.audit.labels import LEAST_RATIO, LabelAudit, LabelCount
from harness.cli.console import figure_table
from harness.report.formatting import MISSING, figure, interval, probability, signed

MOST_SUSPECTS = 50
MOST_FRAGILE = 3


def print_labels(console: Console, audit: LabelAudit) -> None:
    """Print the counts, the clips worth listening to, and the polarity of every part."""
    for count in audit.counts:
        console.print(_label_count(count), soft_wrap=True)
    if audit.suspects:
        console.print(
            "Worth listening to: their scores lie among those of the other class. A kind of clip "
            "that the detector misses and the table does not name would look the same."
        )
        table = Table("clip", "label", "generator", "source", "group", "p wrong", "against")
        for suspect in audit.suspects[:MOST_SUSPECTS]:
            against = f"{round(suspect.contradicted * suspect.rows)} of {suspect.rows}"
            names = suspect.generator, suspect.source, suspect.group
            p_wrong = figure(suspect.probability, 2)
            table.add_row(suspect.clip_id, suspect.label, *names, p_wrong, against)
        console.print(table)
        print_rest(console, len(audit.suspects) - MOST_SUSPECTS)
    table = figure_table(
        "model", "part", "labels", "AUC", "95 % interval", "clips", "groups", left=3, no_wrap=True
    )
    for part in audit.polarities:
        figures = (
            figure(part.auc),
            interval(part.low, part.high) or MISSING,
            str(part.clips),
            str(part.groups),
        )
        table.add_row(part.model, part.slice, part.verdict, *figures)
    console.print(table)
    if any(part.verdict == "swapped" for part in audit.polarities):
        console.print(
            "Swapped: the detector does significantly better against these labels. Either they are "
            "swapped, or its scores are, or these fakes sound more real to it than real clips."
        )
    for note in audit.notes:
        console.print(note, soft_wrap=True)


def _label_count(count: LabelCount) -> str:
    side = "All labels" if count.label == "all" else f"Labels {count.label}"
    start = f"{side} ({count.clips} clips, {count.groups} groups)"
    if count.verdict == "too few clips":
        return f"{start}: too few clips to know."
    if count.verdict == "scores overlap too much":
        return (
            f"{start}: cannot be known, the scores of the classes overlap too much. A typical "
            f"wrong label would stand out by a likelihood ratio of {count.ratio:.3g}; it takes "
            f"{LEAST_RATIO:g}."
        )
    wrong = f"{count.wrong:.1f} probably wrong (95 % interval {count.low:.1f} to {count.high:.1f})"
    chance = ", no more than by chance" if count.verdict == "nothing found" else ""
    return f"{start}: {wrong}{chance}."


def print_flips(console: Console, audit: FlipAudit) -> None:
    """Print every condition, where each series breaks, and the most fragile generators."""
    several = len({flip.model for flip in audit.conditions}) > 1

    def named(model: str, name: str) -> str:
        return f"{model}: {name}" if several else name

    table = figure_table(
        "condition",
        "breaks first",
        "real lost",
        "p",
        "move",
        "fakes lost",
        "p",
        "move",
        left=2,
        no_wrap=True,
    )
    for flip in audit.conditions:
        name = named(flip.model, flip.condition)
        table.add_row(name, flip.first, *_class_cells(flip.real), *_class_cells(flip.fake))
    console.print(table)
    console.print(
        "Lost: clips that were right and become wrong, minus the reverse, of the clips of the "
        "class; p of no loss, over groups, adjusted for all; move: median change of the score, "
        "positive towards fake."
    )
    table = Table("series", "class", f"{100 * audit.share:g} % turned", "no earlier", "no later")
    for point in audit.breaks:
        places = point.at or "nowhere", point.earliest or "nowhere", point.latest or "not known"
        table.add_row(named(point.model, point.series), point.label, *places)
    if audit.breaks:
        console.print(table)
    table = figure_table(
        "family", "fakes that break most", "broke", "95 % interval", "clips", left=2, no_wrap=True
    )
    for (model, family), members in groupby(audit.fragile, key=lambda row: (row.model, row.family)):
        for row in list(members)[:MOST_FRAGILE]:
            figures = (
                figure(row.broke),
                interval(row.low, row.high) or MISSING,
                str(row.clips),
            )
            table.add_row(named(model, family), row.generator or "(unnamed)", *figures)
    if audit.fragile:
        console.print(table)


def _class_cells(flip: ClassFlip) -> tuple[str, str, str]:
    if not flip.clips:
        return MISSING, MISSING, MISSING
    lost = f"{flip.broke} − {flip.mended} of {flip.clips}"
    return lost, probability(flip.p_holm), signed(flip.move, 2)


def print_rest(console: Console, count: int) -> None:
    """Print the number of rows left out, if any."""
    if count > 0:
        console.print(f"and {count} more; --json has them.")

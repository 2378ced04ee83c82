"""What the commands print of audits that a run's table answers: labels and flips."""

from __future__ import annotations

import math
from itertools import groupby

from rich.console import Console
from rich.table import Table

from harness.audit.flips import Break, ClassFlip, FlipAudit
from harness.audit.labels import LEAST_RATIO, LabelAudit, LabelCount

MOST_SUSPECTS = 50
MOST_FRAGILE = 3


def print_labels(console: Console, audit: LabelAudit) -> None:
    """Print the counts, the clips worth listening to, and the polarity of every part."""
    for count in audit.counts:
        console.print(_counted(count), soft_wrap=True)
    if audit.suspects:
        console.print(
            "Worth listening to: their scores lie among those of the other class. A kind of clips "
            "that the detector mishears and the table does not name would look the same."
        )
        table = Table("clip", "label", "generator", "source", "group", "p wrong", "against")
        for suspect in audit.suspects[:MOST_SUSPECTS]:
            table.add_row(
                suspect.clip_id,
                suspect.label,
                suspect.generator,
                suspect.source,
                suspect.group,
                f"{suspect.probability:.2f}",
                f"{round(suspect.contradicted * suspect.rows)} of {suspect.rows}",
            )
        console.print(table)
        _more(console, len(audit.suspects) - MOST_SUSPECTS)
    table = table_of("model", "part", "labels", "AUC", "95 % interval", "clips", "groups", right=3)
    for each in audit.polarities:
        interval = f"{number(each.low)} to {number(each.high)}"
        told = [each.model, each.slice, each.verdict, number(each.auc), interval]
        table.add_row(*told, str(each.clips), str(each.groups))
    console.print(table)
    if any(each.verdict == "swapped" for each in audit.polarities):
        console.print(
            "Swapped: the detector surely does better against these labels. Either they are "
            "swapped, or its scores are, or these fakes sound more real to it than real clips."
        )
    for note in audit.notes:
        console.print(note, soft_wrap=True)


def _counted(count: LabelCount) -> str:
    side = "All labels" if count.label == "all" else f"Labels {count.label}"
    of = f"{count.clips} clips, {count.groups} groups"
    if count.verdict == "too few clips":
        return f"{side} ({of}): too few clips to know."
    if count.verdict == "scores overlap too much":
        return (
            f"{side} ({of}): cannot be known, the scores of the classes overlap too much. A "
            f"typical wrong label would stand out by a likelihood ratio of {count.ratio:.3g}; it "
            f"takes {LEAST_RATIO:g}."
        )
    found = f"{count.wrong:.1f} probably wrong (95 % interval {count.low:.1f} to {count.high:.1f})"
    if count.verdict == "nothing found":
        return f"{side} ({of}): {found}: no more than what chance can do."
    return f"{side} ({of}): {found}."


def print_flips(console: Console, audit: FlipAudit) -> None:
    """Print every condition, where each series breaks, and the most fragile generators."""
    several = len({each.model for each in audit.conditions}) > 1
    table = table_of(
        "condition", "breaks first", "real lost", "p", "move", "fakes lost", "p", "move", right=2
    )
    for each in audit.conditions:
        name = f"{each.model}: {each.condition}" if several else each.condition
        table.add_row(name, each.first, *_class(each.real), *_class(each.fake))
    console.print(table)
    console.print(
        "Lost: clips that were right and are wrong now, less those the other way round, as a share "
        "of the class; p of no loss, over groups, adjusted for all; move: median change of score, "
        "above 0 is more fake."
    )
    table = table_of("series", "class", f"{100 * audit.share:g} % turned", "no earlier", "no later")
    for each in audit.breaks:
        name = f"{each.model}: {each.series}" if several else each.series
        table.add_row(name, each.label, *_break(each))
    if audit.breaks:
        console.print(table)
    table = table_of("family", "fakes that break most", "broke", "95 % interval", "clips", right=2)
    for (model, family), members in groupby(audit.fragile, key=lambda one: (one.model, one.family)):
        for each in list(members)[:MOST_FRAGILE]:
            name = f"{model}: {family}" if several else family
            interval = f"{number(each.low)} to {number(each.high)}"
            share = number(each.broke)
            table.add_row(name, each.generator or "(unnamed)", share, interval, str(each.clips))
    if audit.fragile:
        console.print(table)


def _class(flip: ClassFlip) -> tuple[str, str, str]:
    if not flip.clips:
        return "–", "–", "–"
    lost = f"{flip.broke} − {flip.mended} of {flip.clips}"
    return lost, "–" if math.isnan(flip.p_holm) else f"{flip.p_holm:.2g}", f"{flip.move:+.2f}"


def _break(one: Break) -> tuple[str, str, str]:
    return one.at or "nowhere", one.earliest or "nowhere", one.latest or "not known"


def _more(console: Console, count: int) -> None:
    if count > 0:
        console.print(f"and {count} more; --json has them.")


def table_of(*columns: str, right: int = 99) -> Table:
    """A table whose columns from `right` on hold numbers."""
    table = Table(*columns)
    for column in table.columns[right:]:
        column.justify, column.no_wrap = "right", True
    return table


def number(value: float) -> str:
    """Three decimals, or a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"

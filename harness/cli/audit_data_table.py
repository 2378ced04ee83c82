"""Terminal output of audits that open the audio: shortcuts and leakage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from harness.cli.audit_run_table import print_rest
from harness.cli.console import figure_table
from harness.report.formatting import (
    MISSING,
    counted,
    figure,
    interval,
    measured,
    probability,
    quantity,
    signed,
)
from harness.testset.intervention import Intervention, TreatmentEffect
from harness.testset.leakage import LeakageAudit
from harness.testset.reliance import Reliance
from harness.testset.shortcuts import ShortcutAudit

MOST_NOTES = 5
MOST_COPIES = 50
MOST_CONTENT = 10


def print_shortcuts(
    console: Console, audit: ShortcutAudit, treated: Sequence[Intervention]
) -> None:
    """Print every property, the reliance of detectors on them, and the effect of removing them."""
    console.print(
        f"{audit.clips} clips ({audit.real} real, {audit.fake} fake) of {audit.groups} groups. AUC "
        "with which a property tells fakes in groups that it was not learned from:"
    )
    table = figure_table(
        "property",
        "verdict",
        "how",
        "AUC",
        "95 % interval",
        "p",
        "real",
        "fake",
        left=3,
        no_wrap=True,
    )
    for shortcut in audit.shortcuts:
        name = f"{shortcut.name} (trace)" if shortcut.trace else shortcut.name
        figures = (
            figure(shortcut.auc),
            interval(shortcut.low, shortcut.high) or MISSING,
            probability(shortcut.p_adjusted),
        )
        middles = _middle(shortcut.real), _middle(shortcut.fake)
        table.add_row(name, shortcut.verdict, shortcut.how, *figures, *middles)
    console.print(table)
    if traces := [
        shortcut.name
        for shortcut in audit.shortcuts
        if shortcut.trace and shortcut.verdict == "tells"
    ]:
        console.print(
            f"Traces ({', '.join(traces)}) may come from how the fakes were made: a detector may "
            "rightly use them, so they are not findings."
        )
    for reliance in audit.reliances:
        console.print(_reliance(reliance), soft_wrap=True)
    if treated:
        _print_interventions(console, treated)
    _print_notes(console, audit.notes)


def print_leakage(console: Console, audit: LeakageAudit) -> None:
    """Print the names that two splits share, then the pairs, leaks first."""
    counts = Counter(pair.kind for pair in audit.matches)
    kinds = ", ".join(f"{count} of the {kind}" for kind, count in counts.items()) or "none"
    leaks = "1 is a leak" if len(audit.leaks) == 1 else f"{len(audit.leaks)} are leaks"
    console.print(
        f"{audit.clips} recordings; pairs: {kinds}. {leaks}: the same recording in two splits or "
        "two groups."
    )
    for shared in audit.shared:
        count = len(shared.names)
        names = [*shared.names[:MOST_NOTES], *(["…"] if count > MOST_NOTES else [])]
        console.print(
            f"Both splits have {counted(count, shared.what)} in common "
            f"({shared.clips_first} and {shared.clips_second} clips): {', '.join(names)}",
            soft_wrap=True,
        )
    table = figure_table(
        "pair", "across", "first", "second", "at, s", "for, s", "corr.", left=4, no_wrap=True
    )
    for column in table.columns[2:4]:
        column.overflow = "fold"
    content = [pair for pair in audit.matches if pair.kind == "same content"]
    copies = [pair for pair in audit.matches if pair.kind != "same content"]
    for pair in [*copies[:MOST_COPIES], *content[:MOST_CONTENT]]:
        kind = f"{pair.kind}: leak" if pair.leak else pair.kind
        names = [f"{clip.clip_id} ({clip.label})" for clip in (pair.first, pair.second)]
        place = signed(pair.offset_s, 2), figure(pair.overlap_s, 2), figure(pair.correlation, 2)
        table.add_row(kind, ", ".join(pair.across), *names, *place)
    if audit.matches:
        console.print(table)
    print_rest(console, max(0, len(copies) - MOST_COPIES) + max(0, len(content) - MOST_CONTENT))
    _print_notes(console, audit.notes)


def _print_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes[:MOST_NOTES]:
        console.print(note, soft_wrap=True)
    print_rest(console, len(notes) - MOST_NOTES)


def _reliance(row: Reliance) -> str:
    return (
        f"{row.model}: these properties explain {figure(row.r2, 2)} of the variance of its scores "
        f"({interval(row.r2_low, row.r2_high, 2)}), {figure(row.r2_within, 2)} within the classes "
        f"({interval(row.r2_within_low, row.r2_within_high, 2)}); rank correlation with "
        f"their prediction {figure(row.rank_real)} among real clips, {figure(row.rank_fake)} among "
        f"fakes. "
        f"Accuracy {figure(row.right)} on the {row.clips_right} clips where they point right, "
        f"{figure(row.wrong)} on the {row.clips_wrong} where they point wrong (difference "
        f"{signed(row.difference)}, {interval(row.low, row.high)}); AUC {figure(row.auc_right)} "
        f"and {figure(row.auc_wrong)}."
    )


def _print_interventions(console: Console, treated: Sequence[Intervention]) -> None:
    console.print("All clips treated alike, compared with the same clips as they are:")
    table = figure_table(
        "treatment", "accuracy", "change", "AUC", "change", "real, fakes", left=1, no_wrap=True
    )
    table.columns[0].no_wrap = True
    for effects in treated:
        cells = *_effect(effects.accuracy), *_effect(effects.auc)
        table.add_row(
            effects.condition,
            *cells,
            f"{signed(effects.move_real, 2)}, {signed(effects.move_fake, 2)}",
        )
    console.print(table)
    console.print(
        "Changes with 95 % intervals over groups. A loss may come from what a treatment removes or "
        "from its own damage. The last column has the median moves of the classes' scores, "
        "positive towards fake."
    )


def _effect(effect: TreatmentEffect) -> tuple[str, str]:
    difference = measured(effect.difference, effect.low, effect.high, sign=True)
    return figure(effect.treated), difference


def _middle(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else quantity(value, digits=4)

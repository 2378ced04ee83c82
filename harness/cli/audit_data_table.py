"""Terminal output of audits that open the audio: shortcuts and leakage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from harness.cli.audit_run_table import interval, number, p_value, print_rest, table_of
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
    table = table_of(
        "property", "verdict", "how", "AUC", "95 % interval", "p", "real", "fake", right=3
    )
    for shortcut in audit.shortcuts:
        name = f"{shortcut.name} (trace)" if shortcut.trace else shortcut.name
        figures = (
            number(shortcut.auc),
            interval(shortcut.low, shortcut.high),
            p_value(shortcut.p_holm),
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
    """Print what two splits share, then the pairs, leaks first."""
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
            f"Both splits have {count} {shared.what}{'s' * (count != 1)} in common "
            f"({shared.clips_first} and {shared.clips_second} clips): {', '.join(names)}",
            soft_wrap=True,
        )
    table = table_of("pair", "across", "first", "second", "at, s", "for, s", "corr.", right=4)
    for column in table.columns[2:4]:
        column.overflow = "fold"
    content = [pair for pair in audit.matches if pair.kind == "same content"]
    copies = [pair for pair in audit.matches if pair.kind != "same content"]
    for pair in [*copies[:MOST_COPIES], *content[:MOST_CONTENT]]:
        kind = f"{pair.kind}: leak" if pair.leak else pair.kind
        names = [f"{clip.clip_id} ({clip.label})" for clip in (pair.first, pair.second)]
        place = f"{pair.offset_s:+.2f}", f"{pair.overlap_s:.2f}", f"{pair.correlation:.2f}"
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
        f"{row.model}: these properties explain {row.r2:.2f} of the variance of its scores "
        f"({row.r2_low:.2f} to {row.r2_high:.2f}), {row.r2_within:.2f} within the classes "
        f"({row.r2_within_low:.2f} to {row.r2_within_high:.2f}); rank correlation with "
        f"their prediction {number(row.rank_real)} among real clips, {number(row.rank_fake)} among "
        f"fakes. "
        f"Accuracy {number(row.right)} on the {row.clips_right} clips where they point right, "
        f"{number(row.wrong)} on the {row.clips_wrong} where they point wrong (difference "
        f"{row.difference:+.3f}, {row.low:+.3f} to {row.high:+.3f}); AUC {number(row.auc_right)} "
        f"and {number(row.auc_wrong)}."
    )


def _print_interventions(console: Console, treated: Sequence[Intervention]) -> None:
    console.print("All clips treated alike, compared with the same clips as they are:")
    table = table_of("treatment", "accuracy", "change", "AUC", "change", "real, fakes", right=1)
    table.columns[0].no_wrap = True
    for effects in treated:
        cells = *_effect(effects.accuracy), *_effect(effects.auc)
        table.add_row(
            effects.condition,
            *cells,
            f"{effects.move_real:+.2f}, {effects.move_fake:+.2f}",
        )
    console.print(table)
    console.print(
        "Changes with 95 % intervals over groups. A loss may come from what a treatment removes or "
        "from its own damage. The last column has the median moves of the classes' scores, "
        "positive towards fake."
    )


def _effect(effect: TreatmentEffect) -> tuple[str, str]:
    difference = f"{effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f})"
    return number(effect.treated), difference


def _middle(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.4g}"

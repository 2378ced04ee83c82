"""What the commands print of audits that open the audio: shortcuts and leakage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from harness.cli.audit_run_table import number, table_of
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
    """Print every property, what detectors owe to them, and what taking them away does."""
    console.print(
        f"{audit.clips} clips ({audit.real} real, {audit.fake} fake) of {audit.groups} groups. AUC "
        "with which a property tells fakes in groups that it was not learned from:"
    )
    table = table_of(
        "property", "verdict", "how", "AUC", "95 % interval", "p", "real", "fake", right=3
    )
    for each in audit.shortcuts:
        name = f"{each.name} (trace)" if each.trace else each.name
        interval = f"{number(each.low)} to {number(each.high)}"
        told = [name, each.verdict, each.how, number(each.auc), interval, _p(each.p_holm)]
        table.add_row(*told, _middle(each.real), _middle(each.fake))
    console.print(table)
    if traces := [each.name for each in audit.shortcuts if each.trace and each.verdict == "tells"]:
        console.print(
            f"Traces ({', '.join(traces)}) may come from how the fakes were made: to hear them is "
            "no fault of a detector, and they are no finding."
        )
    for each in audit.reliances:
        console.print(_reliance(each), soft_wrap=True)
    if treated:
        _print_interventions(console, treated)
    _print_notes(console, audit.notes)


def print_leakage(console: Console, audit: LeakageAudit) -> None:
    """Print what two splits share, then the pairs, leaks first."""
    counts = Counter(match.kind for match in audit.matches)
    told = ", ".join(f"{count} of the {kind}" for kind, count in counts.items()) or "none"
    console.print(
        f"{audit.clips} recordings; pairs: {told}. {len(audit.leaks)} are leaks: the same "
        "recording in two splits or two groups."
    )
    for shared in audit.shared:
        names = [*shared.names[:MOST_NOTES], *(["…"] if len(shared.names) > MOST_NOTES else [])]
        console.print(
            f"Both splits have {len(shared.names)} {shared.what}s in common "
            f"({shared.clips_first} and {shared.clips_second} clips): {', '.join(names)}",
            soft_wrap=True,
        )
    table = table_of("pair", "across", "first", "second", "at, s", "for, s", "corr.", right=4)
    for column in table.columns[2:4]:
        column.overflow = "fold"
    content = [match for match in audit.matches if match.kind == "same content"]
    copies = [match for match in audit.matches if match.kind != "same content"]
    for match in [*copies[:MOST_COPIES], *content[:MOST_CONTENT]]:
        kind = f"{match.kind}: leak" if match.leak else match.kind
        names = [f"{one.clip_id} ({one.label})" for one in (match.first, match.second)]
        place = [f"{match.offset_s:+.2f}", f"{match.overlap_s:.2f}", f"{match.correlation:.2f}"]
        table.add_row(kind, ", ".join(match.across), *names, *place)
    if audit.matches:
        console.print(table)
    left = max(0, len(copies) - MOST_COPIES) + max(0, len(content) - MOST_CONTENT)
    if left:
        console.print(f"and {left} more; --json has them.")
    _print_notes(console, audit.notes)


def _print_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes[:MOST_NOTES]:
        console.print(note, soft_wrap=True)
    if len(notes) > MOST_NOTES:
        console.print(f"and {len(notes) - MOST_NOTES} more; --json has them.")


def _reliance(one: Reliance) -> str:
    return (
        f"{one.model}: these properties explain {one.r2:.2f} of the variance of its scores "
        f"({one.r2_low:.2f} to {one.r2_high:.2f}), {one.r2_within:.2f} within the classes "
        f"({one.r2_within_low:.2f} to {one.r2_within_high:.2f}); rank correlation with what they "
        f"say {number(one.rank_real)} among real clips, {number(one.rank_fake)} among fakes. "
        f"Accuracy {number(one.right)} on the {one.clips_right} clips where they point right, "
        f"{number(one.wrong)} on the {one.clips_wrong} where they point wrong (difference "
        f"{one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f}); AUC {number(one.auc_right)} "
        f"and {number(one.auc_wrong)}."
    )


def _print_interventions(console: Console, treated: Sequence[Intervention]) -> None:
    console.print("All clips made alike, against the same clips as they are:")
    table = table_of("treatment", "accuracy", "change", "AUC", "change", "real, fakes", right=1)
    table.columns[0].no_wrap = True
    for each in treated:
        row = [*_change(each.accuracy), *_change(each.auc)]
        table.add_row(each.condition, *row, f"{each.move_real:+.2f}, {each.move_fake:+.2f}")
    console.print(table)
    console.print(
        "Changes with 95 % intervals over groups. What a treatment takes it takes by what it "
        "removes or by its own damage. The last column has the classes' median moves of the score; "
        "above 0 is more fake."
    )


def _change(change: TreatmentEffect) -> tuple[str, str]:
    difference = f"{change.difference:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    return number(change.treated), difference


def _p(p: float) -> str:
    return "–" if math.isnan(p) else f"{p:.2g}"


def _middle(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.4g}"

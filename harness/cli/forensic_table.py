"""Terminal output of the quality of likelihood ratios."""

from __future__ import annotations

from collections import Counter

from harness.cli.console import figure_table, stdout
from harness.forensic.analysis import METHOD, Forensic
from harness.forensic.likelihood_ratio import ratio
from harness.report.formatting import counted, figure, interval
from harness.terms import CLEAN

_MOST = 20
"""Conditions in the table."""


def print_ratios(content: Forensic) -> None:
    """Print the quality of the ratios under each condition: `clean`, then the worst first."""
    console = stdout()
    if content.synthetic:
        console.print("Synthetic data: none of this supports a statement about any recording.")
    calibrated = [quality for quality in content.worth if quality.method == METHOD]
    known = [quality for quality in calibrated if not quality.reason]
    clean = [quality for quality in known if quality.condition == CLEAN]
    rest = [quality for quality in known if quality.condition != CLEAN]
    rest.sort(key=lambda quality: -quality.cllr.value)
    several = len(content.models) > 1
    table = figure_table(
        "condition",
        "Cllr (bits)",
        "95 %",
        "most for fake",
        "most for real",
        "clips a class",
        no_wrap=True,
    )
    for quality in [*clean, *rest[:_MOST]]:
        cllr = quality.cllr
        table.add_row(
            f"{quality.model}: {quality.condition}" if several else quality.condition,
            figure(cllr.value),
            interval(cllr.low, cllr.high),
            ratio(quality.upper),
            ratio(quality.lower),
            str(cllr.clips),
        )
    console.print(table)
    if len(rest) > _MOST:
        console.print(f"… and {len(rest) - _MOST} more on the page.")
    for reason, count in Counter(quality.reason for quality in calibrated).items():
        if reason:
            console.print(f"No likelihood ratio for {counted(count, 'condition')}: {reason}.")
    console.print(
        "Cllr: 0 is perfect, 1 is no information. Most: the largest ratio that the clips support."
    )

"""What scores are worth, in a terminal."""

from __future__ import annotations

import math

from rich.table import Table

from harness.cli.console import stdout
from harness.forensic.analysis import METHOD, Forensic
from harness.forensic.likelihood_ratio import ratio

_MOST = 20


def print_worth(content: Forensic) -> None:
    """Print what scores are worth under each condition, those where they say least first."""
    console = stdout()
    if content.synthetic:
        console.print("Synthetic data: none of this supports a statement about any recording.")
    known = [one for one in content.worth if one.method == METHOD and not one.reason]
    clean = [one for one in known if one.condition == "clean"]
    rest = sorted((one for one in known if one not in clean), key=lambda one: -one.cllr.value)
    several = len(content.models) > 1
    table = Table("condition")
    for name in ("Cllr (bits)", "95 %", "most for fake", "most for real", "clips a class"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in [*clean, *rest[:_MOST]]:
        table.add_row(
            f"{one.model}: {one.condition}" if several else one.condition,
            f"{one.cllr.value:.3f}",
            "" if math.isnan(one.cllr.low) else f"{one.cllr.low:.3f} to {one.cllr.high:.3f}",
            ratio(one.upper),
            ratio(one.lower),
            str(one.cllr.clips),
        )
    console.print(table)
    if len(rest) > _MOST:
        console.print(f"… and {len(rest) - _MOST} more on the page.")
    lost = sum(one.method == METHOD and bool(one.reason) for one in content.worth)
    if lost:
        console.print(f"{lost} conditions have too few clips for a likelihood ratio.")
    console.print(
        "Cllr: 0 is perfect, 1 says nothing. Most: the largest ratio that the clips show."
    )

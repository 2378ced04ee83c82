"""What the command prints of an audit: findings, the claim's own errors, what a run says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.claims.consistency import ClaimAudit
from harness.claims.equivalence import Equivalence


def print_audit(console: Console, audit: ClaimAudit, compared: Sequence[Equivalence]) -> None:
    """Print one claim: a table of findings, one of intervals, and sentences on a run."""
    claim = audit.claim
    told = ", ".join(f"{name} {figure.text}" for name, figure in claim.figures.items())
    console.print(f"{claim.title}: {told or 'no figure that can be checked'}")
    findings = Table("about", "verdict", "what was found")
    findings.columns[0].no_wrap = findings.columns[1].no_wrap = True
    for finding in audit.findings:
        findings.add_row(finding.kind, finding.verdict, finding.words)
    if audit.findings:
        console.print(findings)
    if audit.errors:
        console.print("Sampling error of the claim itself, were its clips independent:")
        errors = Table("figure", "reported", "95 % interval", "n", "if it was of")
        for number in (1, 2, 3):
            errors.columns[number].justify = "right"
            errors.columns[number].no_wrap = True
        for error in audit.errors:
            interval = f"{error.low:.4f} to {error.high:.4f}"
            errors.add_row(error.metric, f"{error.value:.4f}", interval, f"{error.n:,}", error.test)
        console.print(errors)
    elif claim.figures:
        console.print("How far the figures may be off by chance cannot be known: no counts.")
    for each in compared:
        console.print(f"{each.model}: {each.words}", soft_wrap=True)


def plain(audit: ClaimAudit, compared: Sequence[Equivalence]) -> dict[str, Any]:
    """The same as content for JSON."""
    claim = audit.claim
    return {
        "title": claim.title,
        "fits": audit.fits,
        "figures": {name: asdict(figure) for name, figure in claim.figures.items()},
        "positive": claim.positive,
        "counts": claim.counts,
        "clips": claim.total,
        "findings": [asdict(finding) for finding in audit.findings],
        "sampling_errors": [asdict(error) for error in audit.errors],
        "compared": [asdict(each) | {"words": each.words} for each in compared],
    }

"""Terminal output of `harness audit claims`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.claims.consistency import ClaimAudit
from harness.claims.equivalence import Equivalence
from harness.report.formatting import DIGITS, count, figure, interval


def print_audit(console: Console, audit: ClaimAudit, compared: Sequence[Equivalence]) -> None:
    """Print one claim: its findings, its sampling errors, and a sentence per compared figure."""
    claim = audit.claim
    figures = ", ".join(f"{name} {reported.text}" for name, reported in claim.figures.items())
    console.print(f"{claim.title}: {figures or 'no figure that can be checked'}")
    findings = Table("about", "verdict", "finding")
    findings.columns[0].no_wrap = findings.columns[1].no_wrap = True
    for finding in audit.findings:
        findings.add_row(finding.kind, finding.verdict, finding.words)
    if audit.findings:
        console.print(findings)
    if audit.errors:
        console.print("Sampling error of the claim itself, if its clips are independent:")
        errors = Table("figure")
        for name in ("reported", "95 % interval", "n"):
            errors.add_column(name, justify="right", no_wrap=True)
        errors.add_column("if it was of")
        for error in audit.errors:
            errors.add_row(
                error.metric,
                figure(error.value, DIGITS),
                interval(error.low, error.high, DIGITS),
                count(error.n),
                error.test,
            )
        console.print(errors)
    elif claim.figures:
        console.print(
            "The sampling error of the figures cannot be known: the card gives no counts."
        )
    for equivalence in compared:
        console.print(f"{equivalence.model}: {equivalence.words}", soft_wrap=True)


def plain(audit: ClaimAudit, compared: Sequence[Equivalence]) -> dict[str, Any]:
    """Return the same content for JSON."""
    claim = audit.claim
    return {
        "title": claim.title,
        "fits": audit.fits,
        "figures": claim.figures,
        "positive": claim.positive,
        "averages": audit.averages,
        "counts": claim.counts,
        "clips": claim.total,
        "findings": audit.findings,
        "sampling_errors": audit.errors,
        "compared": [
            asdict(equivalence) | {"words": equivalence.words} for equivalence in compared
        ],
    }

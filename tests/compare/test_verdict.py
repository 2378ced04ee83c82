"""The overall verdict of a gate and the tally of its requirements."""

from __future__ import annotations

from dataclasses import replace

from harness.compare.verdict import Verdict
from tests.support.small_gate import gate as small_gate


def test_the_worst_requirement_decides() -> None:
    for words, word, code in (
        ("PASS INCONCLUSIVE FAIL", "FAIL", 1),
        ("PASS INCONCLUSIVE", "INCONCLUSIVE", 3),
        ("PASS PASS", "PASS", 0),
    ):
        found = [Verdict("m", "auc", "clean", "x", each) for each in words.split()]  # type: ignore[arg-type]
        gate = replace(small_gate(), verdicts=found)
        assert (gate.word, gate.exit_code) == (word, code)
    assert gate.tally == "of 2 requirements 2 pass"
    assert replace(gate, verdicts=gate.verdicts[:1]).tally == "of 1 requirement 1 passes"

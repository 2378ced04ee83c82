"""The sections of the forensic page, in their order; each is a file of this folder."""

from harness.report.forensic_sections import (
    abstention,
    answer,
    calibration,
    drift,
    length,
    prevalence,
    validated_range,
)
from harness.report.forensic_sections.view import EvidenceView
from harness.report.section import Section

SECTIONS: tuple[Section[EvidenceView], ...] = (
    Section("worth", "What a score is worth", answer.build, "forensic_answer.html.j2"),
    Section("calibration", "Calibration", calibration.build, "forensic_calibration.html.j2"),
    Section("drift", "One threshold, one calibration", drift.build, "forensic_drift.html.j2"),
    Section("prevalence", "Where fakes are rare", prevalence.build, "forensic_prevalence.html.j2"),
    Section("abstention", "Abstaining", abstention.build, "forensic_abstention.html.j2"),
    Section("length", "The shortest clip", length.build, "forensic_length.html.j2"),
    Section("range", "Validated range", validated_range.build),
)

"""The sections of a run's page, in their order.

A section is a row of these lists and a file of this folder, with its template beside it where it
needs more than sentences and tables.
"""

from harness.report.section import Section
from harness.report.sections import (
    answer,
    audio,
    comparison,
    damage,
    figures,
    gate,
    mistakes,
    provenance,
    separation,
    slices,
    terms,
    unscored,
)
from harness.report.view import ModelView, RunView

OPENING: tuple[Section[RunView], ...] = (
    Section("gate", "The gate", gate.build, "gate.html.j2"),
    Section("answer", "The answer", answer.build, "answer.html.j2"),
)

PER_MODEL: tuple[Section[ModelView], ...] = (
    Section("damage", "Where it breaks", damage.build, "damage.html.j2"),
    Section("against", "Compared with the baseline", comparison.build, "comparison.html.j2"),
    Section("separation", "How its scores separate", separation.build, "separation.html.j2"),
    Section("slices", "On which clips", slices.build, "slices.html.j2"),
    Section("mistakes", "Worst mistakes", mistakes.build, "mistakes.html.j2"),
    Section("figures", "All figures", figures.build, "figures.html.j2"),
    Section("unscored", "What was not scored", unscored.build),
)

CLOSING: tuple[Section[RunView], ...] = (
    Section("audio", "What was done to the audio", audio.build, "audio.html.j2"),
    Section("made", "How it was made", provenance.build, "provenance.html.j2"),
    Section("terms", "What the terms mean", terms.build, "terms.html.j2"),
)

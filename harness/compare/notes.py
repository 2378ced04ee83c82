"""Notes on what differs between two runs and does not bar their comparison."""

from __future__ import annotations

from collections.abc import Iterator

from harness.compare.matching import recorded
from harness.compare.pairing import Pairing
from harness.results.identity import difference
from harness.results.record import RunRecord


def notes(pairing: Pairing) -> list[str]:
    """Say what the reader should know of the two runs."""
    return [
        *_renamed(pairing),
        *_partial_data(pairing),
        *_detectors(pairing),
        *_recordings(pairing),
        *_unknown_content(pairing),
        *_settings(pairing.run_record, pairing.baseline_record),
    ]


def _renamed(pairing: Pairing) -> Iterator[str]:
    for what, matches in (("model", pairing.models), ("condition", pairing.conditions)):
        for match in matches:
            if match.run and match.baseline and match.run != match.baseline:
                yield f"{what} {match.run} is compared with {match.baseline}"


def _partial_data(pairing: Pairing) -> Iterator[str]:
    digests = {record.data.digest for record in (pairing.run_record, pairing.baseline_record)}
    if len(digests) > 1 and not pairing.other_data:
        yield "one run took a part of the other's clips: compared on these"


def _detectors(pairing: Pairing) -> Iterator[str]:
    """Models whose weights are the same and whose settings differ, or are not recorded."""
    run, baseline = (
        {model.name: model for model in record.models}
        for record in (pairing.run_record, pairing.baseline_record)
    )
    for match in pairing.models:
        now, before = run.get(match.run), baseline.get(match.baseline)
        if now is None or before is None or not now.digest or now.digest != before.digest:
            continue
        if changed := difference(now, before):
            yield f"{match.run} is another detector with the same weights: {changed}"
        elif bool(now.settings) != bool(before.settings):
            yield (
                f"{match.run} has the same weights and classes in both; whether its extractor and "
                f"configuration are the same is not known: one record is of an older harness"
            )


def _recordings(pairing: Pairing) -> Iterator[str]:
    """Clips whose recordings differ, other clips mixed with them, and clips without a digest."""
    shared = pairing.shared
    if shared.exchanged and not pairing.other_data:
        yield f"{shared.words}: not comparable, and left out"
        conditions = [recorded(pairing.run_record, match.name) for match in pairing.conditions]
        mixing = [
            condition.name
            for condition in conditions
            if condition and any(step.get("color") == "babble" for step in condition.chain)
        ]
        if mixing:
            yield f"other clips may have been mixed with them under {', '.join(mixing)}"
    records = pairing.run_record, pairing.baseline_record
    of_audio = all(any(model.rate_hz for model in record.models) for record in records)
    if shared.words_unknown and of_audio:
        yield shared.words_unknown


def _unknown_content(pairing: Pairing) -> Iterator[str]:
    """Conditions of which one record alone has a digest of the recordings they draw from."""
    for match in pairing.conditions:
        if match.run and match.baseline:
            now = recorded(pairing.run_record, match.run)
            before = recorded(pairing.baseline_record, match.baseline)
            if bool(now and now.content) != bool(before and before.content):
                yield (
                    f"whether {match.name} draws from the same recordings is not known: one "
                    "record is of an older harness"
                )


def _settings(run: RunRecord, baseline: RunRecord) -> Iterator[str]:
    state = ("off", "on")
    now, before = run.machine, baseline.machine
    settings = [
        ("precision", now.precision, before.precision),
        ("device", now.device, before.device),
        ("compiling", state[now.compiled], state[before.compiled]),
        ("suite", run.suite.name, baseline.suite.name),
        ("harness", run.harness_version, baseline.harness_version),
        *(
            (f"package {name}", now.packages.get(name, ""), before.packages.get(name, ""))
            for name in sorted({*now.packages, *before.packages})
        ),
    ]
    for setting, value, earlier in settings:
        if value != earlier:
            yield f"{setting} is {value or 'unknown'}, was {earlier or 'unknown'}"

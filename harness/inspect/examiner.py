"""Examine questioned recordings with one detector of a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.audio.wave import Wave
from harness.detector.detector import ScoreLookup, is_lookup
from harness.detector.source import kind_of, open_detector
from harness.engine import provenance
from harness.engine.report_audio import flac, picture
from harness.errors import ClipRejected, UsageError
from harness.forensic.case import NAN, Attribution, Case, Examination, ScoreChange, Timeline
from harness.forensic.evidence import evidence_statement
from harness.forensic.run_view import ForensicRun, refuse_falling, refuse_kinship
from harness.forensic.validated_range import ValidatedRange, validated_range
from harness.inspect.coding_traces import traces
from harness.inspect.detector_view import WaveScorer
from harness.inspect.facts import QuestionedFile, measure, open_file
from harness.inspect.speech import speech
from harness.inspect.stability import changes
from harness.inspect.timeline import timelines
from harness.results.identity import difference
from harness.results.record import ModelRecord
from harness.results.run_folder import RunFolder, read_run
from harness.version import __version__

MOST_AUDIO_BYTES = 1_000_000
_RESCORED = ("timeline", "stability", "attribution")
"""Parts of a case that need a detector to score changed recordings."""


@dataclass(frozen=True)
class ExamineOptions:
    """Optional parts of an examination."""

    attribution: bool = True
    audio: bool = True


@dataclass(frozen=True, eq=False)
class Examiner:
    """A run and one of its detectors, with which recordings are examined.

    Parameters
    ----------
    scorer
        None if the run's scores came from a file.
    lookup
        The scores from that file.
    calibration
        The run whose clips ratios are calibrated on: the development run, or the run itself.
    """

    run: RunFolder
    calibration: RunFolder
    model: ModelRecord
    envelope: ValidatedRange
    scorer: WaveScorer | None
    lookup: ScoreLookup | None

    @property
    def threshold(self) -> float:
        return self.run.record.threshold_of(self.model.name)


def open_examiner(
    run: Path,
    model: str | None,
    development: Path | None,
    device: str,
    note: Callable[[str], None],
) -> Examiner:
    """Read a run and load its detector, which must be the one that the run measured.

    Parameters
    ----------
    model
        The current spec of the detector, or its name in the run; None if the run has only one.

    Raises UsageError if the run cannot be read or has not measured that detector, and where the
    detector's scores run the wrong way on `clean`.
    """
    finished = read_run(run)
    record = _choose_model(finished, model)
    refuse_falling(ForensicRun.of(finished), str(run), [record.name])
    spec = record.spec if model in (None, record.name) else str(model)
    label = record.fake_label or None if kind_of(spec).traits.names_classes else None
    precision = finished.record.machine.precision
    detector = open_detector(spec, device=device, precision=precision, fake_label=label)
    if changed := difference(detector.identity, record):
        raise UsageError(
            f"is not the {record.name} that the run measured: {changed}",
            spec,
            "name that detector with --model, or run the suite again",
        )
    calibration = finished
    if development is not None:
        calibration = read_run(development)
        refuse_kinship(ForensicRun.of(finished), ForensicRun.of(calibration), str(development))
        refuse_falling(ForensicRun.of(calibration), str(development), [record.name])
    return Examiner(
        run=finished,
        calibration=calibration,
        model=record,
        envelope=validated_range(finished, record.name),
        scorer=None if is_lookup(detector) else WaveScorer(detector, note),
        lookup=detector if is_lookup(detector) else None,
    )


def _choose_model(run: RunFolder, model: str | None) -> ModelRecord:
    models = run.record.models
    candidates = [record for record in models if model in (record.name, record.spec)] or models
    if len(candidates) != 1:
        names = ", ".join(record.name for record in models)
        raise UsageError(
            f"the run measured {len(models)} models", "--model", f"name one of {names}"
        )
    return candidates[0]


def examine(path: Path, examiner: Examiner, options: ExamineOptions) -> Case:
    """Examine one file.

    Raises ClipRejected if it cannot be decoded.
    """
    scorer = examiner.scorer
    channels = examiner.run.record.channels
    opened = open_file(path, scorer.rate_hz if scorer else None, channels)
    signal, coding, speech_test = measure(opened), traces(opened.wave), speech(opened.wave)
    left_out: dict[str, str] = {}
    score, reason, used_s = _score(opened, examiner)
    windows: list[Timeline] = []
    changed: list[ScoreChange] = []
    evidence: Attribution | None = None
    if scorer is None:
        left_out |= dict.fromkeys(
            _RESCORED, "the run's scores came from a file, so no detector can score it again"
        )
    elif reason:
        left_out |= dict.fromkeys(_RESCORED, reason)
    else:
        windows = timelines(opened.detector_wave, scorer)
        if not windows:
            left_out["timeline"] = "it is no longer than the shortest window of 2 s"
        changed = changes(opened.wave, scorer, score, examiner.threshold, opened.facts.sha256)
        evidence = _attribution(opened, scorer, options, left_out)
    audio = _audio(opened.detector_wave, options, left_out)
    return Case(
        subject=_subject(examiner),
        file=opened.facts,
        signal=signal,
        traces=coding,
        speech=speech_test,
        score=score,
        score_reason=reason,
        heard_s=used_s,
        timelines=windows,
        changes=changed,
        attribution=evidence,
        weight=evidence_statement(
            score,
            reason,
            (opened.facts, signal, coding, speech_test),
            examiner.envelope,
            examiner.calibration,
        ),
        left_out=left_out,
        audio=audio,
        audio_type="audio/flac" if audio else "",
        spectrogram_png=picture(opened.detector_wave),
    )


def _score(opened: QuestionedFile, examiner: Examiner) -> tuple[float, str, float]:
    """Return the score of the whole file, the reason for none, and the seconds that were used."""
    seconds = opened.facts.seconds
    if examiner.scorer is not None:
        used = examiner.scorer.used_part(opened.detector_wave)
        score, reason = examiner.scorer.scores([used])[0]
        return score, reason, used.seconds
    if examiner.lookup is not None:
        with suppress(ClipRejected):
            return examiner.lookup.lookup(opened.facts.name, "clean")[2], "", seconds
    return NAN, "the file of scores has none under this file's name", seconds


def _attribution(
    opened: QuestionedFile, scorer: WaveScorer, options: ExamineOptions, left_out: dict[str, str]
) -> Attribution | None:
    if not options.attribution:
        left_out["attribution"] = "it was not asked for"
        return None
    from harness.inspect.attribution import attribution

    result = attribution(opened.detector_wave, scorer, opened.facts.sha256)
    if isinstance(result, Attribution):
        return result
    left_out["attribution"] = result
    return None


def _audio(wave: Wave, options: ExamineOptions, left_out: dict[str, str]) -> bytes:
    if not options.audio:
        left_out["audio"] = "it was not asked for"
        return b""
    audio = flac(wave)
    if len(audio) > MOST_AUDIO_BYTES:
        left_out["audio"] = f"it takes {len(audio) / 1e6:.1f} MB, at most 1 MB is put on the page"
        return b""
    return audio


def _subject(examiner: Examiner) -> Examination:
    record, model, scorer = examiner.run.record, examiner.model, examiner.scorer
    longest = scorer.longest if scorer else None
    return Examination(
        run=examiner.run.folder.name,
        suite=record.suite.name,
        data=record.data.name,
        synthetic_data=record.data.synthetic,
        model=model.name,
        model_digest=model.digest,
        synthetic_model=model.synthetic,
        threshold=examiner.threshold,
        heard_s=longest / scorer.rate_hz if scorer and longest else None,
        harness=__version__,
        revision=provenance.revision()[0],
        examined=datetime.now(UTC).isoformat(timespec="seconds"),
    )

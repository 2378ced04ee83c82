"""One run and one of its detectors, ready for any number of questioned recordings."""

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
from harness.forensic.run_view import RunView, refuse_falling, refuse_kinship
from harness.forensic.validated_range import ValidatedRange, validated_range
from harness.inspect.coding_traces import traces
from harness.inspect.detector_view import Listener
from harness.inspect.facts import Opened, measure, open_file
from harness.inspect.speech import speech
from harness.inspect.stability import changes
from harness.inspect.timeline import timelines
from harness.results.identity import difference
from harness.results.record import ModelRecord
from harness.results.run_folder import RunFolder, read_run
from harness.version import __version__

MOST_AUDIO_BYTES = 1_000_000


@dataclass(frozen=True)
class Options:
    """What of an examination is wanted."""

    attribution: bool = True
    audio: bool = True


@dataclass(frozen=True, eq=False)
class Examiner:
    """What a recording is examined with.

    Parameters
    ----------
    listener
        None where the run's scores came from a file.
    lookup
        The scores from that file.
    calibration
        The run whose clips ratios are calibrated on: the development run, or the run itself.
    """

    run: RunFolder
    calibration: RunFolder
    model: ModelRecord
    envelope: ValidatedRange
    listener: Listener | None
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
    """Read the run and load its detector, the very one that the run measured.

    Parameters
    ----------
    model
        Where the detector is now, or its name in the run; None for the run's only one.

    Raises UsageError if the run cannot be read or has not measured that detector, and where the
    detector's scores run the wrong way on `clean`.
    """
    finished = read_run(run)
    record = _chosen(finished, model)
    refuse_falling(RunView.of(finished), str(run), [record.name])
    spec = record.spec if model in (None, record.name) else str(model)
    label = record.fake_label or None if kind_of(spec).traits.names_classes else None
    precision = finished.record.machine.precision
    detector = open_detector(spec, device=device, precision=precision, fake_label=label)
    if told := difference(detector.identity, record):
        raise UsageError(
            f"is not the {record.name} that the run measured: {told}",
            spec,
            "name that detector with --model, or run the suite again",
        )
    calibration = finished
    if development is not None:
        calibration = read_run(development)
        refuse_kinship(RunView.of(finished), RunView.of(calibration), str(development))
        refuse_falling(RunView.of(calibration), str(development), [record.name])
    return Examiner(
        run=finished,
        calibration=calibration,
        model=record,
        envelope=validated_range(finished, record.name),
        listener=None if is_lookup(detector) else Listener(detector, note),
        lookup=detector if is_lookup(detector) else None,
    )


def _chosen(run: RunFolder, model: str | None) -> ModelRecord:
    models = run.record.models
    named = [each for each in models if model in (each.name, each.spec)]
    found = named or models
    if len(found) != 1:
        names = ", ".join(each.name for each in models)
        raise UsageError(
            f"the run measured {len(models)} models", "--model", f"name one of {names}"
        )
    return found[0]


def examine(path: Path, examiner: Examiner, options: Options) -> Case:
    """Examine one file.

    Raises ClipRejected if it cannot be decoded.
    """
    listener = examiner.listener
    channels = examiner.run.record.channels
    opened = open_file(path, listener.rate_hz if listener else None, channels)
    signal, signs, spoken = measure(opened), traces(opened.wave), speech(opened.wave)
    left_out: dict[str, str] = {}
    score, reason, heard_s = _score(opened, examiner)
    lines: list[Timeline] = []
    changed: list[ScoreChange] = []
    shown: Attribution | None = None
    if listener is None:
        told = "the run's scores came from a file: there is no detector to ask again"
        left_out |= dict.fromkeys(("timeline", "stability", "attribution"), told)
    elif reason:
        left_out |= dict.fromkeys(("timeline", "stability", "attribution"), reason)
    else:
        lines = timelines(opened.heard, listener)
        if not lines:
            left_out["timeline"] = "it is no longer than the shortest window of 2 s"
        changed = changes(opened.wave, listener, score, examiner.threshold, opened.facts.sha256)
        shown = _attribution(opened, listener, options, left_out)
    audio = _audio(opened.heard, options, left_out)
    return Case(
        subject=_subject(examiner),
        file=opened.facts,
        signal=signal,
        traces=signs,
        speech=spoken,
        score=score,
        score_reason=reason,
        heard_s=heard_s,
        timelines=lines,
        changes=changed,
        attribution=shown,
        weight=evidence_statement(
            score,
            reason,
            (opened.facts, signal, signs, spoken),
            examiner.envelope,
            examiner.calibration,
        ),
        left_out=left_out,
        audio=audio,
        audio_type="audio/flac" if audio else "",
        spectrogram_png=picture(opened.heard),
    )


def _score(opened: Opened, examiner: Examiner) -> tuple[float, str, float]:
    """The score of the whole file as the run scores clips, or why there is none; what it heard."""
    seconds = opened.facts.seconds
    if examiner.listener is not None:
        heard = examiner.listener.heard(opened.heard)
        score, reason = examiner.listener.scores([heard])[0]
        return score, reason, heard.seconds
    if examiner.lookup is not None:
        with suppress(ClipRejected):
            return examiner.lookup.lookup(opened.facts.name, "clean")[2], "", seconds
    return NAN, "the file of scores has none under this file's name", seconds


def _attribution(
    opened: Opened, listener: Listener, options: Options, left_out: dict[str, str]
) -> Attribution | None:
    if not options.attribution:
        left_out["attribution"] = "it was not asked for"
        return None
    from harness.inspect.attribution import attribution

    found = attribution(opened.heard, listener, opened.facts.sha256)
    if isinstance(found, Attribution):
        return found
    left_out["attribution"] = found
    return None


def _audio(wave: Wave, options: Options, left_out: dict[str, str]) -> bytes:
    if not options.audio:
        left_out["audio"] = "it was not asked for"
        return b""
    audio = flac(wave)
    if len(audio) > MOST_AUDIO_BYTES:
        left_out["audio"] = f"it takes {len(audio) / 1e6:.1f} MB, at most 1 MB is put on the page"
        return b""
    return audio


def _subject(examiner: Examiner) -> Examination:
    record, model, listener = examiner.run.record, examiner.model, examiner.listener
    longest = listener.longest if listener else None
    return Examination(
        run=examiner.run.folder.name,
        suite=record.suite.name,
        data=record.data.name,
        synthetic_data=record.data.synthetic,
        model=model.name,
        model_digest=model.digest,
        synthetic_model=model.synthetic,
        threshold=examiner.threshold,
        heard_s=longest / listener.rate_hz if listener and longest else None,
        harness=__version__,
        revision=provenance.revision()[0],
        examined=datetime.now(UTC).isoformat(timespec="seconds"),
    )

"""The public Python API: runs, comparisons, gates and perturbations.

Bad input raises `harness.UsageError` with one line. Audio libraries and torch are loaded by `run`
and `perturb` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter, ValidationError

from harness.arguments import (
    choice_of,
    function_of,
    invalid_option,
    mono_samples,
    name_of,
    path_of,
    whole_number,
    wrong_type,
)
from harness.compare.baseline import open_baseline
from harness.compare.compare import Comparison, comparison_json
from harness.compare.compare import compare as compare_runs
from harness.compare.gate import Ruling, rule
from harness.compare.verdict import Gate, Word
from harness.errors import ClipRejected, UsageError, printable
from harness.report.formatting import DIGITS, MISSING, figure, interval
from harness.results.figures import HeadlineRow, MetricRow, ScoreWarning, Summary
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.results.run_folder import read_run as read_folder
from harness.summary.score_warnings import baseline_warnings, run_warnings
from harness.summary.summary import figures, headline
from harness.terms import Channels, UnscoredPolicy

if TYPE_CHECKING:
    from harness.report.publish import Outcome
    from harness.suite.condition import Condition
    from harness.suite.suite import Suite

_RATES_HZ = (1000, 768_000)
_SYNTHETIC = "The clips are synthetic: the figures say nothing about any published model."


class Run:
    """A run directory: its record, its scores table and the figures computed from it.

    `read_run` opens one and `run` returns one.

    Parameters
    ----------
    content
        Record and table as they were read.
    outcome
        The report that was written last; None where none was written by this object.
    """

    def __init__(self, content: RunFolder, outcome: Outcome | None = None) -> None:
        self.content = content
        self.outcome = outcome

    @property
    def folder(self) -> Path:
        return self.content.folder

    @property
    def record(self) -> RunRecord:
        """The run's suite, data, models, machine and versions."""
        return self.content.record

    @property
    def scores(self) -> pd.DataFrame:
        """One row for every clip, condition and model, also for what could not be scored."""
        return self.content.table.copy(deep=False)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row for every figure: model, condition, slice, metric, value, low, high, n.

        `low` and `high` are for the generators of the test set, `new_low` and `new_high` for new
        ones as well.
        """
        return _frame(self.summary.rows, MetricRow)

    @cached_property
    def summary(self) -> Summary:
        """Every figure of the report."""
        return self.outcome.summary if self.outcome else figures(self.content)

    @cached_property
    def headline(self) -> list[HeadlineRow]:
        """The figures on `clean`, then the accuracy under the most harmful conditions."""
        return headline(self.summary, self.record)

    @property
    def gate(self) -> GateResult | None:
        """The gate that `run` applied; None where it was given no baseline."""
        ruling = self.outcome and self.outcome.ruling
        return GateResult(self, ruling) if ruling else None

    @property
    def warnings(self) -> list[str]:
        """Warnings to read before any figure."""
        from harness.report.narrative import missing_sentence, shortfall_sentence

        summary, suite = self.summary, self.record.suite
        lines = [
            *(warning.line for warning in summary.warnings),
            *(contradiction.line for contradiction in summary.contradictions),
            missing_sentence(self.record, summary.tally),
            *(
                shortfall_sentence(shortfall, shortfall.condition, suite.min_coverage)
                for shortfall in summary.shortfalls
            ),
            _SYNTHETIC if self.record.data.synthetic else "",
        ]
        return [printable(line) for line in lines if line]

    @property
    def score_warnings(self) -> list[ScoreWarning]:
        """Signs that scores are not log-odds; computed without the other figures."""
        return run_warnings(self.content)

    def report(self) -> Path:
        """Write `metrics.json` and `report.html` into the run directory; return the page's path."""
        return self.publish().report

    def publish(self, ruling: Ruling | None = None) -> Outcome:
        """Write the report, with the gate that a ruling holds."""
        from harness.report.publish import publish

        self.outcome = publish(self.content, self.summary, ruling)
        return self.outcome

    def __repr__(self) -> str:
        record = self.record
        models = ", ".join(model.name for model in record.models)
        return printable(
            f"<Run {self.folder}: {models}; suite {record.suite.name}; data {record.data.name}, "
            f"{record.data.clips} clips>"
        )

    def _repr_html_(self) -> str:
        record = self.record
        facts = (
            f"Model: {', '.join(model.name for model in record.models)}",
            f"Suite: {record.suite.name}, {len(record.suite.conditions)} conditions",
            f"Data: {record.data.name}, {record.data.clips} clips",
        )
        rows = [
            {
                "condition": printable(f"{row.model}: {row.condition}"),
                "metric": row.metric,
                "value": figure(row.value, DIGITS),
                "95 % interval": interval(row.low, row.high, DIGITS) or MISSING,
                "n": row.n,
            }
            for row in self.headline
        ]
        lines = [f"<p><strong>Warning:</strong> {escape(line)}</p>" for line in self.warnings]
        lines.append(f"<p>{'<br>'.join(escape(printable(fact)) for fact in facts)}</p>")
        return "\n".join([*lines, pd.DataFrame(rows).to_html(index=False, border=0)])


class ComparisonResult:
    """A run against a baseline, on the clips of both."""

    def __init__(self, comparison: Comparison, warnings: Sequence[ScoreWarning]) -> None:
        self.comparison = comparison
        self.score_warnings = list(warnings)

    def to_frame(self) -> pd.DataFrame:
        """One row for every figure of either run: status, difference, interval, p-values."""
        return pd.DataFrame([asdict(cell) for cell in self.comparison.cells])

    def to_json(self) -> str:
        return comparison_json(self.comparison)

    def __repr__(self) -> str:
        cells = self.comparison.cells
        compared = sum(cell.status == "compared" for cell in cells)
        return f"<ComparisonResult: {compared} of {len(cells)} figures compared>"


class GateResult:
    """The verdict of a policy on a run."""

    def __init__(self, run: Run, ruling: Ruling) -> None:
        self.run = run
        self._ruling = ruling

    @property
    def gate(self) -> Gate:
        """All requirements with their verdicts."""
        return self._ruling.gate

    @property
    def verdict(self) -> Word:
        return self.gate.word

    @property
    def exit_code(self) -> int:
        """The exit code of `harness gate`: 0 passes, 1 fails, 3 is inconclusive."""
        return self.gate.exit_code

    def to_frame(self) -> pd.DataFrame:
        """One row for every requirement."""
        return pd.DataFrame([asdict(verdict) for verdict in self.gate.verdicts])

    def to_json(self) -> str:
        from harness.report.gate_files import as_json

        return as_json(self.gate)

    def report(self) -> Path:
        """Write the run's report with this gate in it; return the page's path."""
        return self.publish().report

    def publish(self) -> Outcome:
        """Write the run's report, and the gate as JSON, JUnit and Markdown beside it."""
        return self.run.publish(self._ruling)

    def __repr__(self) -> str:
        return printable(f"<GateResult {self.verdict}: {self.gate.tally}>")


def run(
    suite: str | Path = "release",
    *,
    model: str | Sequence[str] = "embedded",
    data: str | Path = "embedded",
    out: str | Path | None = None,
    limit: int | None = None,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int | None = None,
    compiled: bool | None = None,
    workers: int | None = None,
    row_seconds: float = 120.0,
    cache_gb: float | None = None,
    fake_label: str | None = None,
    channels: Channels = "mean",
    published: str | None = None,
    baseline: str | None = None,
    policy: str | None = None,
    unscored: UnscoredPolicy | None = None,
    development: str | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    note: Callable[[str], None] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Run:
    """Score a data source under a suite's conditions, or continue the run that `out` holds.

    A script needs `if __name__ == "__main__":` around the call, because audio is prepared in
    worker processes.

    Parameters
    ----------
    suite
        Name of a suite, or a suite file.
    model
        One model, or several, as for `harness run --model`.
    out
        Run directory or the URL of one; by default a new directory under `reports/runs`.
    note
        Called with each line that the command line would print while it runs.
    progress
        Called with the number of scores done, the total and the pace in words.

    The other keywords are the options of `harness run` (docs/cli.md).

    Raises
    ------
    UsageError
        For whatever is known to be wrong before scoring starts.
    """
    given = locals()
    from harness.engine.options import RunOptions
    from harness.run import run as score_run

    shared = {field.name for field in fields(RunOptions)} & set(given) - {"out"}
    models = list(model) if isinstance(model, list | tuple) else [model]
    if not models:
        raise UsageError("is empty", "model", "name at least one")
    values = {name: given[name] for name in shared} | {
        "suite": name_of(suite, "suite"),
        "data": name_of(data, "data"),
        "models": tuple(name_of(spec, "model") for spec in models),
    }
    try:
        options = TypeAdapter(RunOptions).validate_python(values)
    except ValidationError as fault:
        raise invalid_option(fault) from fault
    folder = None if out is None else path_of(out, "out")
    note, progress = note or _ignore, progress or _ignore
    function_of(note, "note")
    function_of(progress, "progress")
    outcome = score_run(replace(options, out=folder), note, progress)
    return Run(outcome.run, outcome)


def read_run(
    path: str | Path, *, published: str | None = None, unscored: UnscoredPolicy | None = None
) -> Run:
    """Open a run directory, or the URL of one.

    Parameters
    ----------
    published
        Published figures to compare with, by name or file; by default those of the model's card.
    unscored
        How decisions count clips without a score; by default as the run's suite says.
    """
    if published is not None:
        published = name_of(published, "published")
    if unscored is not None:
        choice_of(unscored, "unscored", get_args(UnscoredPolicy))
    return Run(read_folder(path_of(path, "path"), published, unscored))


def compare(run: Run | str | Path, baseline: Run | str | Path) -> ComparisonResult:
    """Compare a run with another on the clips of both.

    Parameters
    ----------
    baseline
        A run, its directory, or the name of an accepted baseline.
    """
    content = _content(run)
    if isinstance(baseline, Run):
        other = baseline.content
    else:
        other = open_baseline(name_of(baseline, "baseline"), content.record)
    if other is None:
        raise UsageError("no baseline was accepted", str(baseline), "name a run")
    warnings = [*run_warnings(content), *baseline_warnings(other)]
    return ComparisonResult(compare_runs(content, other), warnings)


def gate(
    run: Run | str | Path,
    *,
    baseline: Run | str | Path = "accepted",
    policy: str | Path | None = None,
) -> GateResult:
    """Hold a run to a release policy; nothing is written until the result's `report` is called.

    Parameters
    ----------
    baseline
        A run, its directory, the name of an accepted baseline, `accepted` or `published`.
    policy
        Name of a policy, or a policy file.
    """
    run = run if isinstance(run, Run) else read_run(run)
    spec = str(baseline.folder) if isinstance(baseline, Run) else name_of(baseline, "baseline")
    policy = None if policy is None else name_of(policy, "policy")
    ruling = rule(_content(run), run.summary, spec, policy)
    if ruling is None:
        raise UsageError(
            "no baseline of its suite and data was accepted",
            f"baseline {spec}",
            "name one, or accept one: harness baseline accept RUN",
        )
    return GateResult(run, ruling)


def load_suite(name: str | Path) -> Suite:
    """Read a suite by the name of one that comes with the harness, or by the path of a file."""
    from harness.suite.suite import load_suite as load

    return load(name_of(name, "suite"))


def conditions(suite: Suite | str | Path) -> pd.DataFrame:
    """List the conditions of a suite: name, family, severity in its series, and words."""
    from harness.suite.suite import Suite as SuiteContent

    known = suite if isinstance(suite, SuiteContent) else load_suite(suite)
    names = ["name", "family", "series", "severity", "words"]
    rows = [[getattr(condition, name) for name in names] for condition in known.conditions]
    return pd.DataFrame(rows, columns=pd.Index(names))


def perturb(
    samples: ArrayLike, rate_hz: int, condition: str | Condition, seed: int = 0
) -> tuple[NDArray[np.float32], int]:
    """Apply a condition to mono samples; return the new samples and their rate.

    Parameters
    ----------
    samples
        Shape (n,), between -1 and 1.
    condition
        A name such as `codec:mp3@32k`, several joined by ` + `, fields such as
        `perturb=codec,codec=mp3,kbps=32`, or a condition of a suite.
    seed
        The same samples, condition and seed give the same result. Babble is made of recordings of
        the embedded corpus.

    Raises
    ------
    UsageError
        Where the samples cannot take the condition, or the result is not what its name says.
    """
    from harness.audio.wave import Wave, resample
    from harness.data.clip import Clip
    from harness.data.source import open_source
    from harness.data.subset import CompanionPool
    from harness.engine.prepare import Recipe, contradiction
    from harness.engine.prepare import perturb as perturb_clip
    from harness.perturb.attestation import attest
    from harness.suite.condition import Condition, condition_of

    chosen = condition_of(condition) if isinstance(condition, str) else cast("object", condition)
    if not isinstance(chosen, Condition):
        raise wrong_type(chosen, "condition", "give the name of a condition")
    rate_hz = whole_number(rate_hz, "rate_hz", *_RATES_HZ)
    seed = whole_number(seed, "seed", 0, 2**63 - 1)
    before = Wave(mono_samples(samples), rate_hz)
    pool = CompanionPool(open_source("embedded"), seed=seed)
    recipe = Recipe(seed, (rate_hz,), {}, pool)
    clip = Clip("", "real", b"")
    try:
        after, snr_db = perturb_clip(clip, before, chosen, recipe)
        attestation = attest(before, resample(after, rate_hz), chosen.chain, snr_db)
    except ClipRejected as fault:
        raise UsageError(str(fault), chosen.name, "perturb another recording") from fault
    if reason := contradiction(chosen, rate_hz, before, attestation):
        raise UsageError(reason, chosen.name, "perturb another recording")
    return after.samples, after.rate_hz


def _content(run: Run | str | Path) -> RunFolder:
    return (run if isinstance(run, Run) else read_run(run)).content


def _frame(rows: Sequence[MetricRow], kind: type[MetricRow]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=pd.Index(kind.__dataclass_fields__))


def _ignore(*_: object) -> None:
    pass

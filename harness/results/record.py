"""The record of a run, `run.json`: what a reader needs to trust its table or to repeat it.

A record of a newer version is refused; one of an older version is upgraded step by step.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.errors import UsageError
from harness.metrics.threshold import Choice
from harness.results.expectation import Expectation
from harness.storage.storage import read, write_whole
from harness.terms import Channels, UnscoredPolicy

VERSION = 5
"""1: the first. 2: parts, self-checks, expectations of conditions, the policy for unscored clips.
3: thresholds chosen on development clips. 4: settings of detectors, contents of the files that
conditions draw from, notes of the suite. 5: columns of the data that became slices."""


class _RecordPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AxisRecord(_RecordPart):
    """The swept quantity of a condition."""

    field: str
    unit: str
    value: float
    worse: Literal["lower", "higher"]


class ConditionRecord(_RecordPart):
    """A condition as it ran.

    Parameters
    ----------
    chain
        Its perturbations as their values, in order.
    content
        Digest of the user's files that it draws from; empty where there are none, and up to
        version 3.
    expects
        What must be measured of its audio; None in version 1.
    """

    name: str
    family: str
    series: str
    severity: float
    axis: AxisRecord | None
    words: str
    chain: list[dict[str, Any]]
    digest: str
    content: str = ""
    expects: Expectation | None = None


class ThresholdRule(_RecordPart):
    """The rule by which a threshold is chosen on development clips.

    Parameters
    ----------
    choose
        `eer`: equal error rates. `fpr`: at most the share `at` of real clips called fake. `cost`:
        least detection cost of ASVspoof 5.
    data
        The development clips, as for `--data`; empty where the user must name them.
    """

    choose: Choice
    at: float | None = Field(default=None, gt=0, lt=1)
    data: str = ""

    @model_validator(mode="after")
    def _sense(self) -> ThresholdRule:
        if (self.choose == "fpr") != (self.at is not None):
            raise ValueError('choose = "fpr" needs a share `at`, and nothing else takes one')
        return self

    @property
    def words(self) -> str:
        """The rule, for people."""
        match self.choose:
            case "eer":
                return "equal error rates"
            case "fpr":
                return f"at most {self.at:g} of the real clips called fake"
            case "cost":
                return "least detection cost (ASVspoof 5)"


class SuiteRecord(_RecordPart):
    """The suite as it was read, with includes resolved and sweeps expanded.

    Parameters
    ----------
    threshold
        A log-odds of fake, or how each model's was chosen (`RunRecord.threshold_of`).
    unscored
        The policy of the figures beside this record. It moves no score and is not in the digest.
    notes
        What was not taken from the suites that it includes.
    """

    name: str
    description: str
    digest: str
    seed: int
    threshold: float | ThresholdRule
    min_coverage: float
    unscored: UnscoredPolicy = "excluded"
    conditions: list[ConditionRecord]
    notes: list[str] = []


class DataRecord(_RecordPart):
    """The data source: what `Origin` says, and what was taken from it.

    Parameters
    ----------
    columns
        Further columns of a manifest that became slices, sorted.
    """

    spec: str
    kind: str
    name: str
    digest: str
    synthetic: bool
    revision: str
    notes: list[str]
    columns: list[str] = []
    clips: int
    real: int
    fake: int
    limit: int | None
    limit_seed: int | None


class ModelRecord(_RecordPart):
    """A detector as it was loaded; what does not apply to its kind is empty or None.

    `settings` holds whatever else moves a score, by name: settings of the feature extractor and the
    model, the source of code, how a file was read. Up to version 3 it is empty.
    """

    name: str
    spec: str
    kind: str
    revision: str = ""
    digest: str = ""
    architecture: str = ""
    parameters: int | None = None
    labels: dict[str, str] = {}
    fake_label: str = ""
    rate_hz: int | None = None
    synthetic: bool = False
    notes: list[str] = []
    settings: dict[str, Any] = {}

    @property
    def is_lookup(self) -> bool:
        """Whether its scores were read from a file: only then has it no sampling rate."""
        return self.rate_hz is None

    @property
    def digest_of(self) -> Literal["file", "source", "weights"]:
        """The object of `digest`; parameters are counted only where there are weights."""
        if self.is_lookup:
            return "file"
        return "source" if self.parameters is None else "weights"


class MachineRecord(_RecordPart):
    """The machine of a run, its versions, and whether the models were compiled."""

    platform: str
    python: str
    packages: dict[str, str]
    device: str
    precision: str
    batch_size: int
    workers: int
    threads: int
    row_seconds: float = 120.0
    cache_gb: float = 0.0
    engine: str = "local"
    compiled: bool = False


class CountRecord(_RecordPart):
    """Rows of the table by status."""

    ok: int = 0
    rejected: int = 0
    error: int = 0


class PartRecord(_RecordPart):
    """One part of a run: a run that was stopped and continued has several.

    Parameters
    ----------
    ended
        `finished`, `stopped` by the user, `failed` with an error; empty for a part that still runs
        or was killed, whose `seconds` and `rows` are then 0.
    notes
        What went wrong and was overcome: processes lost, batches halved, damage found.
    cache_hits, cache_misses
        Rows whose prepared audio was in the cache, and rows whose was not.
    preparing_seconds, scoring_seconds
        Processor time of all workers, and time of the parent, by stage (`harness.timing`).
    tried
        Rows a second by batch size, where that was measured at the start.
    """

    started: str
    seconds: float = 0.0
    rows: int = 0
    ended: Literal["finished", "stopped", "failed", ""] = ""
    notes: list[str] = []
    cache_hits: int = 0
    cache_misses: int = 0
    preparing_seconds: dict[str, float] = {}
    scoring_seconds: dict[str, float] = {}
    tried: dict[str, float] = {}


class SelfCheckRecord(_RecordPart):
    """The first clips scored in another way, as differences of log-odds.

    Parameters
    ----------
    clips, batch_size
        How many clips, and the batch size of the run.
    batch_difference, batch_flips
        Largest difference from the same clips scored one at a time (never compiled), and how many
        verdicts change.
    precision_difference, precision_flips
        The same against float32; None where the run is in float32 or the detector has no choice.
    tolerance
        The difference above which the run does not start.
    """

    model: str
    clips: int
    batch_size: int
    batch_difference: float
    batch_flips: int
    precision: str
    precision_difference: float | None
    precision_flips: int | None
    tolerance: float


class ThresholdRecord(_RecordPart):
    """The threshold of a model, chosen on unperturbed development clips.

    Parameters
    ----------
    data, digest, synthetic
        The development source.
    real, fake, unscored
        Its clips that were scored, by class, and those that could not be.
    fpr, fnr
        Error rates on them at the threshold.
    """

    model: str
    value: float
    data: str
    digest: str
    synthetic: bool
    real: int
    fake: int
    unscored: int
    fpr: float
    fnr: float


class RunRecord(_RecordPart):
    """The whole of `run.json`; `machine` is that of the last part."""

    version: int = VERSION
    harness_version: str
    git_revision: str
    git_dirty: bool | None
    command: list[str]
    started: str
    finished: str | None
    seconds: float
    clips_per_second: float
    suite: SuiteRecord
    data: DataRecord
    models: list[ModelRecord]
    machine: MachineRecord
    counts: CountRecord
    parts: list[PartRecord] = []
    self_checks: list[SelfCheckRecord] = []
    thresholds: list[ThresholdRecord] = []
    channels: Channels = "mean"

    def threshold_of(self, model: str) -> float:
        """Return the threshold of a model: its own, else the suite's.

        Raises
        ------
        UsageError
            Where it should have been chosen and was not.
        """
        for chosen in self.thresholds:
            if chosen.model == model:
                return chosen.value
        if isinstance(self.suite.threshold, ThresholdRule):
            raise UsageError(f"no threshold was chosen for {model}", "run.json", "run again")
        return self.suite.threshold


def write_record(record: RunRecord, run: Path) -> None:
    """Write `run.json`, whole or not at all."""
    # Plain ASCII, which can also express paths that are not valid text.
    write_whole(run / "run.json", json.dumps(record.model_dump(), indent=1) + "\n")


def read_record(run: Path) -> RunRecord:
    """Read `run.json` of a run directory.

    Raises
    ------
    UsageError
        Where there is none, it is damaged, or it is of a newer version.
    """
    path = run / "run.json"
    try:
        content = json.loads(read(path))
        version = content["version"]
        if version > VERSION:
            raise UsageError(
                f"a record of version {version}, this harness reads up to {VERSION}",
                str(path),
                "use a newer harness",
            )
        return RunRecord.model_validate(_upgraded(content))
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise UsageError("not a run directory", str(run), "name one that has a run.json") from fault
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise UsageError("a damaged record", str(path), "run again") from fault


def _upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as of this version; what an older one did not know has defaults."""
    if content["version"] < 2:
        part = {
            "started": content["started"],
            "seconds": content["seconds"],
            "rows": sum(content["counts"].values()),
            "ended": "finished" if content["finished"] else "",
        }
        content = content | {"parts": [part]}
    if content["version"] < 5:
        data = content["data"]
        content = content | {"data": data | {"columns": _columns_noted(data["notes"])}}
    return content | {"version": VERSION}


def _columns_noted(notes: list[str]) -> list[str]:
    """Return the columns that became slices from the note that said so up to version 4."""
    begin = "slices from columns "
    return [
        name
        for note in notes
        if note.startswith(begin)
        for name in note.removeprefix(begin).split(", ")
    ]

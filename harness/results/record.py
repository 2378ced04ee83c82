"""What a run was: everything that a reader needs to trust its table or to repeat it.

Kept as `run.json` in the run directory. A record of a newer version is refused; one of an older
version is upgraded step by step as it is read.
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

VERSION = 4
"""1: the first. 2: parts, self-checks, what is expected of a condition, what unscored clips are.
3: thresholds chosen on development clips. 4: settings of detectors, contents of the files that
conditions draw from, notes of the suite."""


class _RecordPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AxisRecord(_RecordPart):
    """The swept quantity of a condition: `field`, its unit, its value, and which way is worse."""

    field: str
    unit: str
    value: float
    worse: Literal["lower", "higher"]


class ConditionRecord(_RecordPart):
    """A condition as it ran; `chain` holds the perturbations as their values, in order.

    `expects` is what must be measured of its audio; None in a record from before that was known.
    `content` is a digest of the bytes of the user's files that it draws from; empty where there are
    none, and in a record from before they were looked at.
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
    """How a threshold is chosen on development clips.

    Parameters
    ----------
    choose
        `eer`: where both error rates are alike. `fpr`: at most the share `at` of real clips is
        called fake. `cost`: where the detection cost of ASVspoof 5 is least.
    data
        The development clips, as for `--data`; empty where the user is to name them.
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
    """The suite as it was read, includes resolved and sweeps spread out.

    `threshold` is a log-odds of fake, or how each model's was chosen (`RunRecord.threshold_of`).

    `notes` say what of the suites that it includes was not taken.

    `unscored` is the policy of the figures beside this record: the suite's own, or the one that the
    user asked for instead. It moves no score, and is not in the digest.
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
    """The data source: what `Origin` says, and what was taken from it."""

    spec: str
    kind: str
    name: str
    digest: str
    synthetic: bool
    revision: str
    notes: list[str]
    clips: int
    real: int
    fake: int
    limit: int | None
    limit_seed: int | None


class ModelRecord(_RecordPart):
    """A detector as it was loaded; what does not apply to its kind is empty or None.

    Parameters
    ----------
    settings
        By name, what moves a score beside the fields here: the settings of the feature extractor
        and the model, the source of code, how a file was read. Empty in a record from before that
        was kept. `harness.results.identity` compares them.
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
        """What `digest` is a digest of: parameters are counted where there are weights."""
        if self.is_lookup:
            return "file"
        return "source" if self.parameters is None else "weights"


class MachineRecord(_RecordPart):
    """Where it ran and with which versions.

    `compiled` says whether the models' forward passes were compiled (`torch.compile`).
    """

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
    """One go at the run: a run that was stopped and taken up again has several.

    Parameters
    ----------
    ended
        `finished`, `stopped` by the user, `failed` with an error; empty for a part that was killed
        (its `seconds` and `rows` are then 0) or still runs.
    notes
        What went wrong on the way and was overcome: processes lost, batches halved, damage found.
    cache_hits, cache_misses
        Rows whose prepared audio was found in the cache, and rows that were looked up in vain.
    preparing_seconds
        Processor time by stage, in all processes together.
    scoring_seconds
        Time by stage, as `harness.timing.TimeSplit` has it.
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
        How many clips, and how many of them at once in the way that the run scores them.
    batch_difference, batch_flips
        Largest difference from the same clips scored one at a time, and how many verdicts change.
        Where the run is compiled a clip alone is not, so that this holds one against the other.
    precision_difference, precision_flips
        The same against float32; None where the run is in float32 or the detector has no choice.
    tolerance
        Over which the run does not start.
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
    """The threshold of a model, chosen on the clips of a development source as they are.

    Parameters
    ----------
    data, digest
        Name and digest of the source.
    real, fake
        Clips of it that were scored.
    unscored
        Clips of it that could not be.
    fpr, fnr
        Its error rates at the threshold.
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
    """The whole of `run.json`.

    Parameters
    ----------
    machine
        That of the last part.
    channels
        What was heard of recordings with several.
    """

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
        """Where a model's scores are called fake: its own, else the suite's.

        Raises
        ------
        UsageError
            Where it was to be chosen and was not.
        """
        for each in self.thresholds:
            if each.model == model:
                return each.value
        if isinstance(self.suite.threshold, ThresholdRule):
            raise UsageError(f"no threshold was chosen for {model}", "run.json", "run again")
        return self.suite.threshold


def write_record(record: RunRecord, run: Path) -> None:
    """Write `run.json`, whole or not at all."""
    # Plain ASCII, which also says what a path holds that is no text.
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
    except (ValueError, KeyError, TypeError) as fault:
        raise UsageError("a damaged record", str(path), "run again") from fault


def _upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """The content as the present version has it; what an older one did not know has defaults."""
    if content["version"] < 2:
        part = {
            "started": content["started"],
            "seconds": content["seconds"],
            "rows": sum(content["counts"].values()),
            "ended": "finished" if content["finished"] else "",
        }
        content = content | {"parts": [part]}
    return content | {"version": VERSION}

"""The results of a run as the `model-index` of the model's own card.

The block goes between the `---` lines at the head of the model's README. Its format has places for
a task, a data set and metrics, and none for what makes a figure worth something: so the condition
is the data set's `config` and part of its name, and positive class, threshold, counts, digests,
policy and coverage are the data set's `args`; the interval and n of a figure are the metric's
`args`. All of it survives being read and written again by huggingface_hub. `harness audit claims
--model-card` reads the block back.

Figures are rounded to four decimals. A figure without a value is left out, never written as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from harness.errors import UsageError, printable
from harness.metrics import METRICS
from harness.results.figures import MetricRow, Summary
from harness.results.record import ConditionRecord, DataRecord, ModelRecord, RunRecord

DECIMALS = 4

_TASK = "audio-classification"
_TASK_WORDS = "Fake audio detection"


def card_blocks(
    record: RunRecord,
    summary: Summary,
    conditions: Sequence[str] = ("clean",),
    *,
    allow_synthetic: bool = False,
) -> dict[str, str]:
    """Return the block of every model of a run, by name: YAML in plain ASCII.

    Each condition becomes a result of its own. Figures of synthetic clips are in a card only where
    that is allowed; the block says what they are.

    Raises
    ------
    UsageError
        Where the run has no such condition, its audio is not what its name says, the clips are
        synthetic and that was not allowed, or a model has no figure at all under a condition.
    """
    if record.data.synthetic and not allow_synthetic:
        raise UsageError(
            "the clips are synthetic: these figures say nothing of how good a model is",
            record.data.name,
            "run on real recordings, or add --allow-synthetic",
        )
    chosen = [_condition(record, summary, name) for name in dict.fromkeys(conditions)]
    return {model.name: _block(record, summary, model, chosen) for model in record.models}


def _condition(record: RunRecord, summary: Summary, name: str) -> ConditionRecord:
    conditions = {condition.name: condition for condition in record.suite.conditions}
    if name not in conditions:
        raise UsageError(
            "no such condition in this run", name, f"there are: {', '.join(sorted(conditions))}"
        )
    for contradiction in summary.contradictions:
        if contradiction.condition == name:
            raise UsageError(contradiction.line, "--condition", "leave it out")
    return conditions[name]


def _block(
    record: RunRecord, summary: Summary, model: ModelRecord, conditions: Sequence[ConditionRecord]
) -> str:
    import yaml
    from huggingface_hub.repocard_data import EvalResult, eval_results_to_model_index

    results: list[EvalResult] = []
    for condition in conditions:
        rows = {
            row.metric: row
            for row in summary.rows
            if (row.model, row.condition, row.slice) == (model.name, condition.name, "all")
        }
        dataset = _dataset(record, model.name, condition, rows)
        metrics = list(_metrics(rows))
        if not metrics:
            raise UsageError(
                f"{model.name} has no figures under {condition.name}",
                "--condition",
                "leave it out, or score more clips",
            )
        results += [
            EvalResult(task_type=_TASK, task_name=_TASK_WORDS, **dataset, **metric)
            for metric in metrics
        ]
    index = {"model-index": eval_results_to_model_index(model.name, results)}
    # Plain ASCII, as names may hold what a terminal takes for a command.
    return _comment(record, model.name, summary) + yaml.safe_dump(index, sort_keys=False, width=100)


def _comment(record: RunRecord, model: str, summary: Summary) -> str:
    lines = [
        f"Measured with harness {record.harness_version}; positive class fake, decision at "
        f"log-odds of fake >= {record.threshold_of(model):g}.",
        f"Intervals: 95 %, bootstrap over groups, {summary.resamples} resamples.",
    ]
    if record.data.synthetic:
        lines.append("The clips are synthetic: this says nothing of how good the model is.")
    if summary.tally.missing:
        lines.append(f"Unfinished: {summary.tally.missing} of {summary.tally.owed} rows missing.")
    return "".join(f"# {printable(line)}\n" for line in lines)


def _dataset(
    record: RunRecord, model: str, condition: ConditionRecord, rows: dict[str, MetricRow]
) -> dict[str, Any]:
    """Return the data set and condition as arguments of an `EvalResult`."""
    data = record.data
    words = "" if condition.name == "clean" else f", {condition.words}"
    synthetic = " (synthetic)" if data.synthetic else ""
    args: dict[str, Any] = {
        "condition": condition.name,
        "condition_digest": condition.digest,
        "data_digest": data.digest,
        "suite": record.suite.name,
        "suite_digest": record.suite.digest,
        "positive": "fake",
        "threshold": record.threshold_of(model),
        **_counts(rows),
        "unscored": record.suite.unscored,
        "synthetic": data.synthetic,
        "harness_version": record.harness_version,
    }
    return {
        "dataset_type": _hub_id(data) or data.name,
        "dataset_name": f"{data.name}{synthetic}{words}",
        "dataset_config": condition.name,
        "dataset_split": _split(data),
        "dataset_revision": data.revision or None,
        "dataset_args": args,
    }


def _counts(rows: dict[str, MetricRow]) -> dict[str, Any]:
    """Return the clips that decisions are counted over, by class, and the coverage."""
    counts: dict[str, Any] = {}
    if "accuracy" in rows and "recall" in rows:
        fake = rows["recall"].n
        counts = {"fake": fake, "real": rows["accuracy"].n - fake}
    if "coverage" in rows and not math.isnan(rows["coverage"].value):
        counts["coverage"] = round(rows["coverage"].value, DECIMALS)
    return counts


def _metrics(rows: dict[str, MetricRow]) -> Iterator[dict[str, Any]]:
    for name in METRICS.without_coverage(METRICS.headline):
        row = rows.get(name)
        if row is None or math.isnan(row.value):
            continue
        args: dict[str, Any] = {"n": row.n}
        if not math.isnan(row.low):
            args |= {"low": round(row.low, DECIMALS), "high": round(row.high, DECIMALS)}
        yield {
            "metric_type": name,
            "metric_name": METRICS[name].title,
            "metric_value": round(row.value, DECIMALS),
            "metric_args": args,
        }


def _hub_id(data: DataRecord) -> str:
    """Return `owner/name` of a data set of the hub; empty for others."""
    if data.kind != "hub":
        return ""
    return data.spec.removeprefix("hub:").partition("@")[0].partition(":")[0]


def _split(data: DataRecord) -> str | None:
    return data.spec.removeprefix("hub:").partition(":")[2] or None if data.kind == "hub" else None

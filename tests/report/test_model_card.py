"""The block for a model's own card: read back by huggingface_hub and by the audit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import (
    EvalResult,
    eval_results_to_model_index,
    model_index_to_eval_results,
)
from typer.testing import CliRunner

from harness.claims.consistency import audit_claim
from harness.claims.model_index import read_model_card
from harness.cli.main import app
from harness.errors import UsageError
from harness.report.model_card import card_blocks
from harness.results.figures import Attested, Contradiction, MetricRow, Spread, Summary
from harness.results.record import RunRecord
from tests.support import small_run
from tests.support.paths import ROOT

CODEC = "codec:g711"
NOISE = "noise:white@10dB"

# 90 fakes of which 81 are called fake, 110 real clips of which 9 are; and the same at 72 and 18.
TABLES = {"clean": (81, 9, 101, 9), CODEC: (72, 18, 92, 18), NOISE: (0, 0, 0, 0)}


def rows(model: str = small_run.MODEL) -> list[MetricRow]:
    result: list[MetricRow] = []
    for condition, (tp, fn, tn, fp) in TABLES.items():
        n = tp + fn + tn + fp
        for metric, part, whole in (
            ("accuracy", tp + tn, n),
            ("f1", 2 * tp, 2 * tp + fp + fn),
            ("precision", tp, tp + fp),
            ("recall", tp, tp + fn),
        ):
            value = part / whole if whole else math.nan
            clips = n if metric == "f1" else whole
            result.append(
                MetricRow(model, condition, "all", metric, value, value - 0.05, value + 0.02, clips)
            )
        result.append(MetricRow(model, condition, "all", "coverage", n / 210, 0.9, 1.0, 210))
        result.append(MetricRow(model, condition, "source=studio", "accuracy", 0.1, 0.0, 0.2, 9))
    return result


def run(models: tuple[str, ...] = (small_run.MODEL,)) -> tuple[RunRecord, Summary]:
    figures = replace(
        small_run.summary(models), rows=[row for model in models for row in rows(model)]
    )
    return small_run.record(models), figures


def block(*conditions: str) -> str:
    (text,) = card_blocks(*run(), conditions or ("clean",)).values()
    return text


def readme(text: str) -> str:
    return f"---\nlicense: mit\n{text}---\n# A model\n"


def test_huggingface_hub_reads_it_back() -> None:
    data = ModelCard(readme(block("clean", CODEC))).data
    assert data.model_name == small_run.MODEL
    results = {
        (result.dataset_config, result.metric_type): result for result in data.eval_results or []
    }
    assert len(results) == 8
    clean = results["clean", "accuracy"]
    assert clean.metric_value == 0.91
    assert clean.metric_args == {"n": 200, "low": 0.86, "high": 0.93}
    assert (clean.dataset_name, clean.dataset_type) == ("recordings", "recordings")
    assert clean.dataset_args is not None
    expected = {
        "condition": "clean",
        "data_digest": "c" * 16,
        "positive": "fake",
        "threshold": 0.0,
        "fake": 90,
        "real": 110,
        "coverage": 0.9524,
        "unscored": "excluded",
        "harness_version": "0.1.0",
    }
    assert clean.dataset_args.items() >= expected.items()
    codec = results[CODEC, "recall"]
    assert codec.metric_value == 0.8
    assert codec.dataset_name == "recordings, G.711"


def test_it_survives_being_written_again() -> None:
    results = ModelCard(readme(block("clean", CODEC))).data.eval_results
    assert results
    name, again = model_index_to_eval_results(eval_results_to_model_index("a", results))
    assert name == "a"
    assert again == results
    assert all(isinstance(result, EvalResult) for result in again)


def test_the_audit_finds_it_consistent(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(readme(block("clean", CODEC)), encoding="utf-8")
    claims = read_model_card(path)
    assert [claim.counts for claim in claims] == [{"fake": 90, "real": 110}] * 2
    for claim in claims:
        audit = audit_claim(claim)
        assert claim.positive == "fake"
        assert audit.fits
        kinds = {finding.kind: finding.verdict for finding in audit.findings}
        assert kinds["whole numbers"] == kinds["prevalence"] == "fits"


def test_a_data_set_of_the_hub_is_named_with_split_and_revision() -> None:
    record, summary = run()
    hub = {"kind": "hub", "spec": "hub:some/set@main:test", "name": "some/set", "revision": "a1b2"}
    record = record.model_copy(update={"data": record.data.model_copy(update=hub)})
    (text,) = card_blocks(record, summary).values()
    first = (ModelCard(readme(text)).data.eval_results or [])[0]
    assert (first.dataset_type, first.dataset_split) == ("some/set", "test")
    assert first.dataset_revision == "a1b2"


def test_one_block_a_model() -> None:
    models = ("a/one", "b/two")
    blocks = card_blocks(*run(models))
    assert tuple(blocks) == models
    assert [ModelCard(readme(blocks[model])).data.model_name for model in models] == list(models)


def test_synthetic_clips_are_refused_or_named() -> None:
    record, summary = run()
    data = record.data.model_copy(update={"synthetic": True})
    record = record.model_copy(update={"data": data})
    with pytest.raises(UsageError, match="synthetic"):
        card_blocks(record, summary)
    (text,) = card_blocks(record, summary, allow_synthetic=True).values()
    assert "# The clips are synthetic" in text
    first = (ModelCard(readme(text)).data.eval_results or [])[0]
    assert first.dataset_name == "recordings (synthetic)"


def test_a_figure_without_a_value_is_left_out() -> None:
    record, summary = run()
    kept = [row for row in summary.rows if row.metric != "recall" or row.condition != "clean"]
    gone = MetricRow(small_run.MODEL, "clean", "all", "recall", math.nan, math.nan, math.nan, 0)
    (text,) = card_blocks(record, replace(summary, rows=[*kept, gone])).values()
    metrics = {result.metric_type for result in ModelCard(readme(text)).data.eval_results or []}
    assert metrics == {"accuracy", "f1", "precision"}
    assert "nan" not in text.lower()
    with pytest.raises(UsageError, match="no figures"):
        block(NOISE)


def test_a_condition_that_is_not_there_or_not_what_it_says() -> None:
    with pytest.raises(UsageError, match="no such condition"):
        block("codec:nothing")
    record, summary = run()
    none = Spread(math.nan, math.nan, math.nan, 0)
    wrong = Contradiction(CODEC, "G.711", "a change", "none", 3, "fake/a.wav")
    attested = Attested(CODEC, 3, 0, 0, 3, none, none, none, none, none, [wrong])
    with pytest.raises(UsageError, match="not what it says"):
        card_blocks(record, replace(summary, attested=[attested]), (CODEC,))


def test_names_cannot_command_a_terminal() -> None:
    name = "evil\x1b[2J\n- name: other"
    (text,) = card_blocks(*run((name,))).values()
    assert text.isascii()
    assert "\x1b" not in text
    assert ModelCard(readme(text)).data.model_name == name


def test_the_command(tmp_path: Path) -> None:
    folder = str(ROOT / "tests" / "runs" / "version-1")
    done = CliRunner().invoke(app, ["card", folder])
    assert isinstance(done.exception, UsageError)
    done = CliRunner().invoke(app, ["card", folder, "--allow-synthetic", "--condition", "clean"])
    assert done.exit_code == 0, done.output
    path = tmp_path / "README.md"
    path.write_text(readme(done.stdout), encoding="utf-8")
    (claim,) = read_model_card(path)
    assert audit_claim(claim).fits
    done = CliRunner().invoke(
        app, ["audit", "claims", "--model-card", str(path), "--run", folder, "--margin", "0.05"]
    )
    assert done.exit_code == 0, done.output
    assert "accuracy: " in done.stdout
    assert "at a margin of 0.05" in done.stdout or "within 0.05" in done.stdout

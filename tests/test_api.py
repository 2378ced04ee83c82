"""The public Python API, and the page that shows it."""

from __future__ import annotations

import doctest
import inspect
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness.run import RunOptions
from tests.support.paths import ROOT, RUNS

PAGE = ROOT / "docs" / "python.md"
TONE = 0.3 * np.sin(np.arange(8000) / 10)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def run(tmp_path: Path) -> harness.Run:
    return harness.read_run(shutil.copytree(RUNS / "version-3", tmp_path / "run"))


def test_the_page_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Character for character, and nothing on stderr."""
    monkeypatch.chdir(tmp_path)
    sessions = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    test = doctest.DocTestParser().get_doctest("".join(sessions), {}, PAGE.name, str(PAGE), 0)
    lines: list[str] = []
    assert doctest.DocTestRunner().run(test, out=lines.append).failed == 0, "".join(lines)
    assert capsys.readouterr().err == ""


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = "[name for name in sys.modules if name.startswith('harness')], 'numpy' in sys.modules"
    assert python(f"import harness, sys; print({loaded})") == "['harness'] False"


def test_opening_a_run_loads_neither_torch_nor_audio() -> None:
    heavy = {"torch", "torchaudio", "transformers", "soundfile", "av", "datasets"}
    code = f"import harness, sys; harness.read_run({str(RUNS / 'version-3')!r}).metrics"
    assert python(f"{code}; print({heavy} & set(sys.modules))") == "set()"


def test_functions_keep_their_names_when_modules_of_the_same_name_are_imported() -> None:
    code = "import harness.run, harness.compare.gate, harness.perturb.noise, harness"
    names = "harness.run.__name__, harness.compare.__name__, harness.perturb.__name__"
    assert python(f"{code}; print({names})") == "run compare perturb"


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(hasattr(harness, name) for name in harness.__all__)
    assert dir(harness) == sorted(harness.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = harness.nothing  # pyright: ignore


def test_run_takes_every_option_with_its_default() -> None:
    keywords = inspect.signature(harness.run).parameters
    for option in fields(RunOptions):
        if option.name not in ("models", "command"):
            assert keywords[option.name].default == option.default, option.name
    assert (keywords["model"].default,) == RunOptions().models


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"limit": 1}, "limit: is 1; give a number of at least 2"),
        ({"channels": "all"}, "channels: is 'all'; give 'mean', 'first' or 'loudest'"),
        ({"limit": "x"}, "limit: is 'x'; give a whole number"),
        ({"limit": 2.5}, "limit: is 2.5; give a whole number"),
        ({"limit": [1] * 999}, "limit: is [1, 1, 1, 1"),
        ({"row_seconds": math.nan}, "row_seconds: is nan; give a number of at least 1"),
        ({"compiled": "x"}, "compiled: is 'x'; give True or False"),
        ({"device": 3}, "device: is 3; give text"),
        ({"note": 3}, "note: cannot be of the type int; give a function"),
        ({"suite": "relaese"}, "no suite 'relaese'; did you mean 'release'?"),
        ({"policy": "release"}, "--policy release: a policy needs a baseline; add --baseline"),
        ({"out": "nowhere://x"}, "nowhere://x: "),
    ],
)
def test_bad_options_are_refused_in_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises(harness.UsageError) as fault:
        harness.run(**{"suite": "smoke", "limit": 4, "workers": 0, **options})
    assert str(fault.value).startswith(line)
    assert len(str(fault.value)) < 130


def test_the_tables_of_a_run(run: harness.Run) -> None:
    assert len(run.scores) == 72
    columns = ["model", "condition", "slice", "metric", "value", "low", "high", "n"]
    columns += ["new_low", "new_high"]
    assert list(run.metrics) == columns
    rows = json.loads(run.report().with_name("metrics.json").read_text())["rows"]
    assert run.metrics.to_dict("records")[0] == rows[0]
    assert len(run.metrics) == len(rows)
    scores = run.scores
    scores["score"] = 0.0
    assert run.scores["score"].abs().min() > 0


def test_a_notebook_shows_warnings_first_and_escapes_names(run: harness.Run) -> None:
    suite = run.record.suite.model_copy(update={"name": "<b>\x1b[2J"})
    record = run.record.model_copy(update={"suite": suite})
    hostile = harness.Run(replace(run.content, record=record))
    html = hostile._repr_html_()
    assert html.startswith("<p><strong>Warning:</strong> The clips are synthetic")
    assert "<b>" not in html
    assert "&lt;b&gt;\\x1b[2J" in html
    assert "<td>eer</td>" in html
    assert "\x1b" not in repr(hostile)


def test_a_comparison_and_a_gate(run: harness.Run, tmp_path: Path) -> None:
    baseline = shutil.copytree(run.folder, tmp_path / "baseline")
    comparison = harness.compare(run, harness.read_run(baseline))
    assert comparison.to_json() == harness.compare(run.folder, str(baseline)).to_json()
    assert len(comparison.to_frame()) == len(json.loads(comparison.to_json())["cells"])
    gate = harness.gate(run, baseline=baseline)
    assert (gate.verdict, gate.exit_code) == ("PASS", 0)
    assert not (run.folder / "gate.json").exists()
    gate.report()
    assert (run.folder / "gate.json").read_text() == gate.to_json()
    assert len(gate.to_frame()) == len(json.loads(gate.to_json())["requirements"])


def test_a_gate_without_an_accepted_baseline_is_refused(
    run: harness.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for baseline in ("accepted", "if-accepted"):
        with pytest.raises(harness.UsageError, match=r"no baseline .*was accepted"):
            harness.gate(run, baseline=baseline)


def test_perturbing_depends_on_the_seed_alone() -> None:
    noise = harness.load_suite("smoke").condition("noise:babble@10dB")
    first, rate_hz = harness.perturb(TONE, 16000, noise, seed=1)
    assert rate_hz == 16000
    assert np.array_equal(first, harness.perturb(TONE, 16000, noise.name, seed=1)[0])
    assert not np.array_equal(first, harness.perturb(TONE, 16000, noise, seed=2)[0])


@pytest.mark.parametrize(
    ("samples", "rate_hz", "condition", "line"),
    [
        (TONE, 16000, "no-such", "no condition 'no-such'"),
        (TONE, 0, "clean", "rate_hz: is 0; give a whole number from"),
        (0 * TONE, 16000, "noise:babble@10dB", "noise:babble@10dB: "),
    ],
)
def test_what_cannot_be_perturbed(samples: Any, rate_hz: int, condition: str, line: str) -> None:
    with pytest.raises(harness.UsageError) as fault:
        harness.perturb(samples, rate_hz, condition)
    assert str(fault.value).startswith(line)


RUN = RUNS / "version-3"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: harness.perturb(TONE, math.nan, "clean"), "rate_hz: cannot be of the type float"),
        (lambda: harness.perturb(TONE, "16000", "clean"), "rate_hz: cannot be of the type str"),
        (lambda: harness.perturb(TONE, 10**9, "clean"), "rate_hz: is 1000000000; give a whole"),
        (lambda: harness.perturb(TONE, True, "clean"), "rate_hz: is True; give a whole number"),
        (lambda: harness.perturb("abc", 16000, "clean"), "samples: are of the type <U3; give"),
        (lambda: harness.perturb([[1.0], [1.0, 2.0]], 16000, "clean"), "samples: are no array"),
        (lambda: harness.perturb((TONE * 32767).astype("int16"), 16000, "clean"), "type int16"),
        (lambda: harness.perturb(TONE * 100, 16000, "clean"), "samples: are as large as"),
        (lambda: harness.perturb(TONE * math.nan, 16000, "clean"), "samples: are as large as nan"),
        (lambda: harness.perturb(TONE[:0], 16000, "clean"), "samples: have the shape"),
        (lambda: harness.perturb(TONE[None], 16000, "clean"), "samples: have the shape"),
        (lambda: harness.perturb(TONE, 16000, None), "condition: cannot be of the type NoneType"),
        (lambda: harness.perturb(TONE, 16000, "clean", seed=-1), "seed: is -1; give a whole"),
        (lambda: harness.perturb(TONE, 16000, "clean", seed=0.5), "seed: cannot be of the type"),
        (lambda: harness.run("smoke", model=None), "model: cannot be of the type NoneType"),
        (lambda: harness.run("smoke", model=[]), "model: is empty; name at least one"),
        (lambda: harness.run("smoke", out=5), "out: cannot be of the type int"),
        (lambda: harness.run(5), "suite: cannot be of the type int"),
        (lambda: harness.read_run(None), "path: cannot be of the type NoneType"),
        (lambda: harness.read_run(RUN, published=5), "published: cannot be of the type int"),
        (lambda: harness.read_run(RUN, unscored="no"), "unscored: is 'no'; give 'excluded', 'wr"),
        (lambda: harness.compare(RUN, 5), "baseline: cannot be of the type int"),
        (lambda: harness.gate(RUN, baseline=""), "baseline: is empty"),
        (lambda: harness.gate(RUN, baseline="published", policy=5), "policy: cannot be of the"),
        (lambda: harness.conditions(5), "suite: cannot be of the type int"),
        (lambda: harness.load_suite(None), "suite: cannot be of the type NoneType"),
    ],
)
def test_a_wrong_argument_is_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(harness.UsageError) as fault:
        call()
    assert str(fault.value).startswith(message) or message in str(fault.value)
    assert "\n" not in str(fault.value)


def test_numbers_of_numpy_are_numbers_and_a_policy_may_be_a_path(tmp_path: Path) -> None:
    samples, rate_hz = harness.perturb(TONE, np.int64(16000), "gain:down@-6dB", seed=np.int64(3))
    assert type(rate_hz) is int
    assert samples.dtype == np.float32
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'version = 1\nname = "lenient"\n[[require]]\nmetric = "accuracy"\nat_least = 0.0\n'
    )
    assert harness.gate(RUN, baseline="published", policy=policy).verdict == "PASS"

"""The wheel, in an empty environment outside the checkout, does the main job on its own."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(1800)]


def call(*command: str | Path | None, cwd: Path, exit_code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr[-3000:]
    return done.stderr if exit_code else done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_a_run_needs_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "harness/suites/release.toml",
        "harness/published/ast-fakeaudio-detector.toml",
        "harness/reference/detector/model.safetensors",
        "harness/report/templates/page.html.j2",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "shared/", "reports/"))]
    assert wheel.stat().st_size < 10_000_000


def test_it_runs_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    call(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    install = [uv, "pip", "install", "-q", "-p", python]
    if uv is None:
        install = [python, "-m", "pip", "install", "-q"]
    call(*install, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    call(*install, "--no-deps", wheel, cwd=tmp_path)
    harness = environment / "bin" / "harness"
    where = call(python, "-c", "import harness; print(harness.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    assert "release" in call(harness, "suites", "list", cwd=tmp_path)
    out = call(harness, "run", "smoke", "--limit", "20", "--out", "run", "--json", cwd=tmp_path)
    content = json.loads(out)
    assert content["counts"] == {"ok": 20 * 6, "rejected": 0, "error": 0}
    assert (tmp_path / "run" / "report.html").exists()
    for asked, told in (
        (("--engine", "ray"), "--engine ray: Ray is not installed"),
        (("--out", "s3://bucket/run"), "nothing installed reads s3://"),
    ):
        line = call(harness, "run", "smoke", *asked, cwd=tmp_path, exit_code=2).splitlines()[-1]
        assert told in line
        assert "pip install 'fake-audio-harness[cluster]'" in line

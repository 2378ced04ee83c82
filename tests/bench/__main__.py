"""Measure everything and write it to docs/speed.md; `make bench-speed` calls it.

With `scale` first it measures a cluster and writes docs/scale.md; `make bench-scale` calls that.
Arguments go to pytest: `-k codecs` measures and replaces a single table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.page import PAGE, SCALE_PAGE, SCALE_TARGETS, TARGETS, write

HERE = Path(__file__).parent
SCALE = HERE / "test_scale.py"
OPTIONS = (
    "-o",
    "addopts=--import-mode=importlib --strict-markers",
    "-o",
    "filterwarnings=default",
    "-p",
    "no:cacheprovider",
    "-q",
    "--benchmark-columns=median,rounds",
    "--benchmark-warmup=off",
)


def main() -> None:
    """Run pytest and exit with its code; failed benchmarks leave their old tables."""
    scale, arguments = sys.argv[1:2] == ["scale"], sys.argv[1:]
    what = [str(HERE), f"--ignore={SCALE}", "--timeout=900"]
    if scale:
        arguments, what = arguments[1:], [str(SCALE), "--timeout=2400", "-s"]
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "speed.json"
        command = [sys.executable, "-m", "pytest", *what, *OPTIONS]
        done = subprocess.run(
            [*command, f"--benchmark-json={results}", *arguments],
            cwd=HERE.parents[1],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
        )
        if results.exists() and results.stat().st_size:
            sheets = [
                result["extra_info"] for result in json.loads(results.read_text())["benchmarks"]
            ]
            page, targets = (SCALE_PAGE, SCALE_TARGETS) if scale else (PAGE, TARGETS)
            write(sheets, page, targets=targets)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

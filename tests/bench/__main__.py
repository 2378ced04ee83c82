"""Measure everything and write it to docs/speed.md; `make bench-speed` calls it.

Arguments go to pytest: `-k codecs` measures and replaces one table alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.page import write

HERE = Path(__file__).parent
OPTIONS = (
    "-o",
    "addopts=--import-mode=importlib --strict-markers",
    "-o",
    "filterwarnings=default",
    "--timeout=900",
    "-p",
    "no:cacheprovider",
    "-q",
    "--benchmark-columns=median,rounds",
    "--benchmark-warmup=off",
)


def main() -> None:
    """Exit with pytest's code: a benchmark that fails leaves its old table where it was."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "speed.json"
        command = [sys.executable, "-m", "pytest", str(HERE), *OPTIONS]
        done = subprocess.run(
            [*command, f"--benchmark-json={results}", *sys.argv[1:]],
            cwd=HERE.parents[1],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
        )
        if results.exists() and results.stat().st_size:
            write([each["extra_info"] for each in json.loads(results.read_text())["benchmarks"]])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

"""What an installation has: for a bug report, and to see why a run is slow."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from harness.version import __version__


def diagnose() -> dict[str, object]:
    """Versions, processors, devices and codecs, as plain values."""
    import torch

    from harness.engine.cache import cache_bytes, cache_folder
    from harness.perturb.codec import versions
    from harness.suite.suite import suite_names

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "harness": __version__,
        "installed at": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "torch": torch.__version__,
        "gpus": ", ".join(gpus) or "none that torch can use",
        "prepared audio": f"{cache_bytes() / 1e9:.2f} GB in {cache_folder()}",
        "suites": ", ".join(suite_names()),
        **versions(),
    }

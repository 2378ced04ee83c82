"""With what a run was made: versions of everything that can move a score, machine, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.detector.source import detector_packages
from harness.results.record import MachineRecord

_AUDIO_PACKAGES = (
    "torch",
    "torchaudio",
    "av",
    "soundfile",
    "soxr",
    "python-stretch",
    "numpy",
    "scipy",
)
_TABLE_PACKAGES = ("datasets", "scikit-learn", "pandas", "pyarrow")
"""Recorded, but their versions move no score."""
_COMPILED = ("models as they are", "compiled models")


def machine(
    *,
    device: str,
    precision: str,
    batch_size: int,
    workers: int,
    row_seconds: float,
    cache_gb: float,
    engine: str = "local",
    large: bool = False,
    compiled: bool = False,
) -> MachineRecord:
    """Describe this machine, and what the run was told to use of it.

    Parameters
    ----------
    large
        Scoring takes longer than preparing: its threads get every processor, and the workers wait.
        Else they get those that the workers leave: threads that wait for a processor spin in vain.
    """
    return MachineRecord(
        platform=platform.platform(),
        python=platform.python_version(),
        packages=packages(),
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        threads=processors() if large else max(1, processors() - workers),
        row_seconds=row_seconds,
        cache_gb=cache_gb,
        engine=engine,
        compiled=compiled,
    )


def processors() -> int:
    """How many of the machine's this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def packages() -> dict[str, str]:
    """Versions of the packages and of the encoders inside them."""
    from harness.perturb import codec

    found: dict[str, str] = {}
    for name in (*_AUDIO_PACKAGES, *detector_packages(), *_TABLE_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found | codec.versions()


def audio_packages() -> dict[str, str]:
    """Versions of those that take part in making audio."""
    others = {*detector_packages(), *_TABLE_PACKAGES} - {*_AUDIO_PACKAGES}
    return {name: found for name, found in packages().items() if name not in others}


def moved(before: MachineRecord, now: MachineRecord) -> str:
    """What is different of all that can move a score, in words; empty if nothing is."""
    if (old := before.device.partition(":")[0]) != (new := now.device.partition(":")[0]):
        return f"device {old}, now {new}"
    if before.precision != now.precision:
        return f"precision {before.precision}, now {now.precision}"
    if before.compiled != now.compiled:
        return f"{_COMPILED[before.compiled]}, now {_COMPILED[now.compiled]}"
    for name in sorted({*before.packages, *now.packages}.difference(_TABLE_PACKAGES)):
        old, new = before.packages.get(name, "missing"), now.packages.get(name, "missing")
        if old != new:
            return f"{name} {old}, now {new}"
    return ""


def revision() -> tuple[str, bool | None]:
    """Revision of the checkout that this code is in, and whether it was changed; empty if none."""
    here = Path(__file__).parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "-C", str(here), *arguments],  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "run.py") is None:  # another project's repository
        return "", None
    commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "-uno")
    return commit or "", None if changes is None else bool(changes)

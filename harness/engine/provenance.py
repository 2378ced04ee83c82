"""Provenance of a run: the versions of everything that can change a score, and the revision."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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


def software() -> dict[str, Any]:
    """Return the platform and versions, as fields of a `MachineRecord`."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Return the versions of packages and of the encoders inside them; `missing` where absent."""
    from harness.perturb import codec

    versions: dict[str, str] = {}
    for name in (*_AUDIO_PACKAGES, *detector_packages(), *_TABLE_PACKAGES):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    return versions | codec.versions()


def audio_packages() -> dict[str, str]:
    """Return the versions of the packages that take part in making audio."""
    others = {*detector_packages(), *_TABLE_PACKAGES} - {*_AUDIO_PACKAGES}
    return {name: number for name, number in packages().items() if name not in others}


def moved(before: MachineRecord, now: MachineRecord) -> str:
    """Describe the first difference that can move a score; empty if there is none."""
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
    """Return the commit of this checkout and whether files were changed; empty outside of one."""
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "--no-optional-locks", "-C", str(package), *arguments],  # noqa: S607
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

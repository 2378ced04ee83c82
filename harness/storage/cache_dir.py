"""The cache directory, for files that can be made again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_directory() -> Path:
    """`HARNESS_CACHE`, else the user's cache directory for the harness; it may not exist yet."""
    named = os.environ.get("HARNESS_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("fake-audio-harness")

"""Fixtures that tests of several parts share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer

# What a test hears is made for it, and the user's own prepared audio is left alone.
os.environ["HARNESS_CACHE_GB"] = "0"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A hub without repositories; tests write theirs below `hub.root`."""
    with HubServer(Path(tmp_path_factory.mktemp("hub"))) as server:
        yield server

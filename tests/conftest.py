"""Fixtures that tests of several parts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A hub without repositories; tests write theirs below `hub.root`."""
    with HubServer(Path(tmp_path_factory.mktemp("hub"))) as server:
        yield server

"""Fixtures that tests of several parts share."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.hub_server import HubServer

# What a test hears is made for it, and the user's own prepared audio is left alone.
os.environ["HARNESS_CACHE_GB"] = "0"
# Tests run beside each other: more threads than one take turns on the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every module is compiled once, and not in each process that a test starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests run beside each other, so how long one takes says nothing.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")

_DURATIONS = "harness/durations"
_seconds: Counter[str] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that took longest before, so that none is left over at the end."""
    before = _durations(config)

    def cost(item: pytest.Item) -> float:
        name = item.nodeid.split("::")[0]
        return before.get(name, item.path.stat().st_size / 10_000)  # of a new file, a guess

    items.sort(key=cost, reverse=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid.split("::")[0]] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the longest duration of every file in pytest's cache."""
    cache = getattr(session.config, "cache", None)
    if cache is not None and not hasattr(session.config, "workerinput"):
        cache.set(_DURATIONS, dict(Counter(_durations(session.config)) | _seconds))


def _durations(config: pytest.Config) -> dict[str, float]:
    cache = getattr(config, "cache", None)
    return cache.get(_DURATIONS, {}) if cache is not None else {}


def pytest_collection_finish() -> None:
    """What is imported by now stays, and no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Files are handed out in that order, and not those of many tests first."""
    config.option.loadscopereorder = False


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A hub without repositories; tests write theirs below `hub.root`."""
    with HubServer(Path(tmp_path_factory.mktemp("hub"))) as server:
        yield server

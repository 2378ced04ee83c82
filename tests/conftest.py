"""Fixtures that tests of several parts share."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import HubServer

# What a test hears is made for it, and the user's own prepared audio is left alone.
os.environ["HARNESS_CACHE_GB"] = "0"
# Tests run beside each other: more threads than one take turns on the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every module is compiled once, and not in each process that a test starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

LONGEST = (
    "engine/test_night.py",
    "test_hub_run.py",
    "engine/test_sameness.py",
    "detector/test_card.py",
    "perturb/test_suites.py",
    "test_faults.py",
    "engine/test_cache.py",
    "inspect/test_shared.py",
    "test_simulation.py",
    "test_release.py",
    "detector/test_compilation.py",
    "cli/test_plan.py",
    "test_remote_run.py",
    "data/test_remote.py",
    "data/test_shards.py",
    "storage/test_storage.py",
    "training/test_training.py",
    "detector/test_hub.py",
)
"""Files that take seconds; begun first, so that none of them is left over at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    turns = {(here / name).resolve(strict=True): turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turns.get(item.path, len(turns)))


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

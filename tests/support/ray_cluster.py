"""A Ray cluster of two nodes on this machine, for a test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.paths import ROOT

STORE = 300 * 2**20


@contextmanager
def two_nodes(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Of one processor each; a process joins them when it runs. The other one is `second`."""
    ray = pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    from ray.cluster_utils import Cluster

    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    here = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    patch.setenv("PYTHONPATH", here)
    made: Any = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False},
    )
    try:
        made.second = made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()

"""Models from a hub on this machine that fails in every way, fetched by the real client.

Each case is a first and a second process with one cache; the client reads its settings when it is
imported. The cases run beside each other, as the client waits between its attempts.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from tests.support.hub_server import Fault, HubServer

FIND = """
import json, sys
from harness.detector.source import find
from harness.errors import UsageError
try:
    found = find(sys.argv[1])
    print(json.dumps({"digest": found.digest(), "revision": found.revision}))
except UsageError as refused:
    print(json.dumps({"refused": str(refused)}))
"""
WEIGHTS = "model.safetensors"
UNREACHABLE = (
    "is not in the cache of this machine, and the hub cannot be reached; check the network and "
    "HF_HUB_OFFLINE, or name a local directory"
)
OFFLINE = {"HF_HUB_OFFLINE": "1"}


@dataclass
class Case:
    """What goes wrong the first time and how the second process is started; nothing is wrong then.

    Parameters
    ----------
    first, second
        What the two say: a part of the refusal, or empty where the model is found.
    """

    faults: Sequence[Fault] = ()
    first: str = ""
    second: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    then: dict[str, str] = field(default_factory=dict)
    spec: str = "o/small"
    gated: bool = False


GATED = "is gated: its owner lets in only those who accept the conditions; accept them on the page "
CORRUPT = "as received is not what the hub has: its digest is another; delete /"
CASES = {
    "warm cache offline": Case(then=OFFLINE),
    "warm cache offline, in shards": Case(then=OFFLINE, spec="o/shards"),
    "warm cache offline, at a commit": Case(then=OFFLINE, spec="o/small@{sha}"),
    "cold cache offline": Case(settings=OFFLINE, first=UNREACHABLE),
    "cut once": Case([Fault(WEIGHTS, "cut", 1, sent_bytes=1000)]),
    "cut always": Case([Fault(WEIGHTS, "cut")], first="cannot be fetched (peer closed connection"),
    "too short": Case([Fault(WEIGHTS, "short")], first="cannot be fetched (Consistency check"),
    "another digest": Case([Fault(WEIGHTS, "corrupt")], f"{WEIGHTS} {CORRUPT}", CORRUPT),
    "another digest of a small file": Case(
        [Fault("/config.json", "corrupt")], f"config.json {CORRUPT}", CORRUPT
    ),
    "another digest of a shard": Case(
        [Fault("00002-of-00003.safetensors", "corrupt")],
        f"00002-of-00003.safetensors {CORRUPT}",
        CORRUPT,
        spec="o/shards",
    ),
    "silent": Case(
        [Fault("", "silent", method=method) for method in ("GET", "HEAD")],
        first=UNREACHABLE,
        settings={"HF_HUB_ETAG_TIMEOUT": "1"},
    ),
    "silent about the weights": Case(
        [Fault(WEIGHTS, "silent")],
        first="cannot be fetched (timed out); try again",
        settings={"HF_HUB_DOWNLOAD_TIMEOUT": "1"},
    ),
    "busy once": Case([Fault(WEIGHTS, 429, 1, retry_after=0)]),
    "server error": Case([Fault(WEIGHTS, 503)], first="the hub answers 503; try again later"),
    "gated, no token": Case(gated=True, first=GATED, then={"HF_TOKEN": "open-sesame"}),
    "gated, a token without right": Case(
        gated=True, settings={"HF_TOKEN": "other"}, first=GATED, then={"HF_TOKEN": "open-sesame"}
    ),
    "no such repository": Case(
        spec="o/nothing",
        first="is neither a directory here nor a model at the hub that this account may see",
        second="is neither a directory here nor",
    ),
    "no such revision": Case(
        spec="o/small@v9", first="has no revision 'v9'", second="has no revision 'v9'"
    ),
    "only pickled": Case(
        spec="o/pickled", first="has no model.safetensors; pickled", second="has no model.safet"
    ),
}


def ask(hub: HubServer, spec: str, home: Path, settings: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIND, spec],
        env=hub.environment(home) | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def repositories(small_ast: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(small_ast, root / "models/o/small")
    shards = root / "models/o/shards"
    model = ASTForAudioClassification.from_pretrained(small_ast)
    model.save_pretrained(shards, max_shard_size="80KB")
    ASTFeatureExtractor.from_pretrained(small_ast).save_pretrained(shards)
    assert len(list(shards.glob("*.safetensors"))) == 3
    shutil.copytree(small_ast, root / "models/o/pickled")
    weights = root / "models/o/pickled" / WEIGHTS
    weights.rename(weights.with_name("pytorch_model.bin"))
    return root


Answers = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def answers(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the two processes of each case said."""

    def play(case: Case, home: Path) -> list[dict[str, str]]:
        with HubServer(repositories) as hub:
            spec = case.spec.format(sha=hub.sha("o/small"))
            hub.faults += case.faults
            hub.gated |= {spec} if case.gated else set()
            first = ask(hub, spec, home, case.settings)
            hub.faults.clear()
            return [first, ask(hub, spec, home, case.then)]

    homes = [tmp_path_factory.mktemp("home") for _ in CASES]
    with ThreadPoolExecutor(6) as pool:
        return dict(zip(CASES, pool.map(play, CASES.values(), homes), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_hub_gives_the_whole_model_or_one_line(name: str, answers: Answers) -> None:
    case, found = CASES[name], answers[name]
    for said, expected in zip(found, (case.first, case.second), strict=True):
        if expected:
            assert said["refused"].startswith("o/")
            assert expected in said["refused"]
            assert "\n" not in said["refused"]
        else:
            whole = "warm cache offline" + (", in shards" if "shards" in case.spec else "")
            assert said == answers[whole][0]
            assert len(said["revision"]) == 40


def test_what_is_said_to_be_deleted_is_fetched_anew(repositories: Path, tmp_path: Path) -> None:
    with HubServer(repositories) as hub:
        hub.faults.append(Fault(WEIGHTS, "corrupt", 1))
        refused = ask(hub, "o/small", tmp_path, {})["refused"]
        Path(refused.partition("delete ")[2].partition(" and run")[0]).unlink()
        assert len(ask(hub, "o/small", tmp_path, {})["digest"]) == 64

"""Every command with hostile arguments: a known exit code, one line, and nothing that existed gone.

The commands and their options are those of the application itself, so that none is forgotten.
`HARNESS_FUZZ=1000` tries that many cases; `all` tries each of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.main import get_command

from harness.cli import main
from tests.support.in_process import harness
from tests.support.paths import RUNS

RUN = RUNS / "version-2"
SUITE = 'version = 1\nname = "small"\n[[condition]]\nperturb = "gain"\ngain_db = -6\n'
SCORING = ("run", "small.toml", "--data", "clips", "--model", "scores:scores.csv")
SOUND = {
    "run": (*SCORING, "--out", "new-run"),
    "plan": ("plan", "small.toml", "--data", "missing"),
    "report": ("report", "run"),
    "compare": ("compare", "run", "other-run"),
    "gate": ("gate", "run", "--baseline", "other-run"),
    "forensic": ("forensic", "run"),
    "perturb": (
        *("perturb", "in.wav", "out.wav", "--condition", "gain:down@-6dB"),
        *("--suite", "small.toml", "--data", "clips"),
    ),
    "data": ("data", "clips"),
    "card": ("card", "run"),
    "train": ("train", "--out", "new-model", "--data", "clips", "--base", "missing"),
    "inspect": ("inspect", "in.wav", "--run", "run", "--model", "missing"),
    "bundle": ("bundle", "run"),
    "verify": ("verify", "run"),
    "doctor": ("doctor", "--json"),
    "history": ("history", "run"),
    "leaderboard": ("leaderboard", "run", "other-run"),
    "baseline accept": ("baseline", "accept", "run", "--name", "new"),
    "suites list": ("suites", "list"),
    "suites show": ("suites", "show", "small.toml"),
    "audit claims": ("audit", "claims", "ast-fakeaudio-detector"),
    "audit shortcuts": ("audit", "shortcuts", "missing"),
    "audit leakage": ("audit", "leakage", "clips"),
    "audit labels": ("audit", "labels", "run"),
    "audit flips": ("audit", "flips", "run"),
}
"""By command, arguments that are sound, or lack what would take long to compute."""

GATES = {"run", "gate"}
FINDING = {"verify", "audit claims", "audit shortcuts", "audit leakage", "audit labels"} | {
    "audit flips"
}
"""Commands that say with 1 that they found something; but for `verify` only with --strict."""

NUMBERS = ["", "-1", "0", "1_0", "\u0663", "nan", "inf", "-inf", "1e400", "9" * 30, "9" * 5000]
TEXTS = [
    *("", " ", "-", "--", "--out", "missing", "folder", "in.wav", "run", "run/run.json", "clips"),
    *("full", "dangling", "loop", "x" * 300, "x/" * 3000, "a\nb\x1b[2J\u202e", "\udcff\udcfe.wav"),
    *("zero\0byte", "in.wav/below", "run/scores", "../..", "/dev/null", "/dev/full", "/proc/x"),
    *("s3://", "nosuch://x", "file://", "python:", "python:os:getcwd", "scores:", "scores:full"),
    *("scores:folder", "hub:", "shards:", "shards:folder", "asvspoof5:", "a:b:c", "=", "%s{}"),
    *("broken.toml", "text.toml", "broken.csv", "not-utf-8", "published", "accepted", *NUMBERS),
]
OWNED = {"report.html", "metrics.json", "gate.json", "gate.md", "junit.xml", "comparison.json"} | {
    "forensic.json",
    "forensic.html",
    ".lock",
}
"""What a run's own commands renew in its directory."""


class Slow(BaseException):
    """Raised where a command waits for what never comes."""


def commands(command: Any = None, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    command = command or get_command(main.app)
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(above), command
        return
    for name, subcommand in inner.items():
        yield from commands(subcommand, (*above, name))


def cases() -> list[tuple[str, list[str]]]:
    """A command's sound arguments with one of them replaced, added or left out."""
    result: list[tuple[str, list[str]]] = []
    for name, command in commands():
        sound = list(SOUND[name])
        for param in command.params:
            if param.param_type_name == "argument":
                places = list(range(len(name.split()), len(sound)))[: max(param.nargs, 1)]
                for value in TEXTS:
                    result += [(name, [*sound[:at], value, *sound[at + 1 :]]) for at in places]
                    result.append((name, [*sound, value]))
            elif param.is_flag:
                result += [(name, [*sound, option]) for option in param.opts]
            else:
                option = param.opts[-1]
                values = [[value] * param.nargs for value in TEXTS]
                result += [(name, [*without(sound, option), option, *value]) for value in values]
                result.append((name, [*sound, option]))
                result.append((name, without(sound, option)))
                result += [(name, [*sound, option, "folder", option, "folder"])]
        result += [(name, sound[:end]) for end in range(1, len(sound))]
    return result


def without(arguments: list[str], option: str) -> list[str]:
    if option not in arguments:
        return arguments
    at = arguments.index(option)
    return arguments[:at] + arguments[at + 2 :]


CASES = cases()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fuzz")
    rng = np.random.default_rng(5)
    for name in ("clips/real/0.wav", "clips/fake/0.wav", "clips/fake/1.wav", "in.wav"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, 0.1 * rng.standard_normal(4000), 16000)
    (place / "small.toml").write_text(SUITE)
    (place / "scores.csv").write_text("clip_id,score\nreal/0,-1\nfake/0,1\nfake/1,2\n")
    (place / "broken.toml").write_text("version = \n[[")
    (place / "text.toml").write_text('version = 1\nname = 3\ninclude = ["text.toml"]\n')
    (place / "broken.csv").write_bytes(b"path,label\n\0,real\n\xff\xfe,fake\n")
    (place / "not-utf-8").write_bytes(b"\xff\xfe\x00")
    (place / os.fsdecode(b"\xff\xfe.wav")).write_bytes(b"\xff")
    (place / "folder").mkdir()
    for name, target in (("full", "/dev/full"), ("dangling", "nowhere"), ("loop", "loop")):
        (place / name).symlink_to(target)
    for name in ("run", "other-run"):
        shutil.copytree(RUN, place / name)
    return place


def contents(place: Path) -> dict[str, str]:
    """What is there: digests of files, targets of links."""
    result: dict[str, str] = {}
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            key = str(path.relative_to(place))
            if path.is_symlink():
                result[key] = os.readlink(path)
            elif name not in OWNED or not path.parent.name.endswith("run"):
                result[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    return result


@contextmanager
def within(seconds: int) -> Generator[None]:
    def late(*_: object) -> None:
        raise Slow

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def chosen() -> list[tuple[str, list[str]]]:
    """As many cases as are asked for, some of every command."""
    limit = os.environ.get("HARNESS_FUZZ", "100")
    if limit == "all":
        return CASES
    drawn = random.Random(20241).sample(CASES, len(CASES))
    first = {name: case for case in drawn for name in [case[0]]}
    return [*first.values(), *drawn[: int(limit)]]


def test_every_command_has_sound_arguments() -> None:
    assert dict(commands()).keys() == SOUND.keys()


def test_no_arguments_end_a_command_otherwise_than_it_says(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HARNESS_CACHE_GB", "0")
    before = contents(place)
    wrong: list[str] = []
    for name, arguments in chosen():
        case = f"{name}: {[argument[:80] for argument in arguments]}"
        try:
            with within(60):
                code, _, err = harness(capsys, *arguments)
        except BaseException as fault:
            wrong.append(f"{case}: {type(fault).__name__}: {fault}")
            continue
        wrong += [f"{case}: {fault}" for fault in faults(name, arguments, code, err)]
        after = contents(place)
        wrong += [f"{case}: {key} changed" for key in before if after.get(key) != before[key]]
        for key in after.keys() - before.keys():
            (place / key).unlink()
        for folder in place.iterdir():
            if folder.is_dir() and not folder.is_symlink() and folder.name not in KEPT:
                shutil.rmtree(folder)
    assert not wrong, "\n".join(wrong)


KEPT = {"clips", "folder", "run", "other-run"}


def faults(name: str, arguments: list[str], code: int, err: str) -> Iterator[str]:
    if code not in (0, 1, 2, 3, 130):
        yield f"exit code {code}"
    if code == 1 and name not in GATES and not (name in FINDING and told_to_find(name, arguments)):
        yield f"exit code 1 without a gate: {err}"
    messages = [line for line in err.splitlines() if line.startswith("harness: ")]
    if "Traceback" in err or "traceback" in err:
        yield f"a fault that nothing foresaw: {err}"
    if code == 2 and len(messages) != 1 and not err.startswith("Usage: "):
        yield f"{len(messages)} lines with exit code 2: {err}"
    if (
        code == 2
        and not err.startswith("Usage: ")
        and messages
        and not err.endswith(f"{messages[-1]}\n")
    ):
        yield f"more follows the message: {err}"
    if any(not character.isprintable() for line in err.splitlines() for character in line):
        yield f"not printable: {err!r}"


def told_to_find(name: str, arguments: list[str]) -> bool:
    return name == "verify" or "--strict" in arguments


@pytest.mark.parametrize("arguments", [("suites", "list"), ("history", "--json"), ("--help",)])
def test_a_full_device_under_stdout_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        code, _, err = harness(capsys, *arguments)
    assert code == 2
    assert err == (
        "harness: standard output: no space left on device; free some space, then run the same "
        "command again\n"
    )

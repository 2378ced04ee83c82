"""The cache gives back what was put in, to the bit, under its own key only, and harms no run."""

from __future__ import annotations

import ast
import hashlib
import io
import math
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from harness.audio.encoded import content_of
from harness.audio.wave import Wave
from harness.cli.main import app
from harness.data.clip import Clip, Origin
from harness.data.clip_list import Listing
from harness.data.subset import CompanionPool
from harness.engine import cache as module
from harness.engine import cache_key, provenance
from harness.engine.cache import AudioCache, Lookup, limit_gb, packed, unpacked
from harness.engine.cache_key import CacheKeys
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, RecordingInfo, prepare
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.perturb import PERTURBATIONS
from harness.perturb.attestation import Attestation
from harness.perturb.perturbation import Draw, Perturbation
from harness.results.record import RunRecord
from harness.results.scores import KEY, read_scores
from harness.run import RunOptions, run
from harness.suite.condition import CLEAN, Condition
from tests.support.paths import ROOT

RATE_HZ = 16000
PLENTY = 10**9
KEY_BYTES = bytes(range(16))


def condition(name: str, **values: Any) -> Condition:
    step = PERTURBATIONS[values["perturb"]].model_validate(values)
    return replace(CLEAN, name=name, family=values["perturb"], chain=(step,))


QUIETER = condition("quieter", perturb="gain", gain_db=-6)
PINK = condition("pink", perturb="noise", color="pink", snr_db=10)
BABBLE = condition("babble", perturb="noise", color="babble", snr_db=10)
CROP = condition("crop", perturb="crop", seconds=0.05, place="random")
CONDITIONS = (CLEAN, QUIETER, PINK, BABBLE, CROP)


def sound(seed: int, count: int = 3200) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, count)
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def clips_of(count: int, samples: int = 3200) -> tuple[Clip, ...]:
    labels = ("real", "fake")
    return tuple(Clip(str(n), labels[n % 2], sound(n, samples)) for n in range(count))


def recipe_of(clips: tuple[Clip, ...], **changes: Any) -> Recipe:
    pool = CompanionPool(Listing(Origin("", "folder", "", ""), clips))
    return replace(Recipe(1, (RATE_HZ,), {}, pool), **changes)


CLIPS = clips_of(6)
RECIPE = recipe_of(CLIPS)


def silent(line: str) -> None:
    raise AssertionError(line)


def fresh(folder: Path, recipe: Recipe = RECIPE, limit: int = PLENTY) -> AudioCache:
    return AudioCache(folder, limit, recipe, silent)


def made(lookup: Lookup, clip: Clip, recipe: Recipe = RECIPE) -> list[Prepared]:
    return list(prepare(clip, lookup.missing, recipe))


def fill(cache: AudioCache, clips: tuple[Clip, ...] = CLIPS, recipe: Recipe = RECIPE) -> None:
    for clip in clips:
        lookup = cache.find(clip, CONDITIONS)
        cache.keep(lookup, made(lookup, clip, recipe))


def found(cache: AudioCache, clip: Clip) -> list[str]:
    rows = cache.find(clip, CONDITIONS).rows
    return [row.condition for row in rows if row is not None]


def assert_same(one: Prepared, other: Prepared) -> None:
    assert (one.condition, one.status, one.reason) == (other.condition, other.status, other.reason)
    assert list(one.waves) == list(other.waves)
    for rate_hz, wave in one.waves.items():
        assert wave.samples.tobytes() == other.waves[rate_hz].samples.tobytes()
        assert wave.rate_hz == other.waves[rate_hz].rate_hz
    assert repr(one.attestation) == repr(other.attestation)  # NaN is NaN there
    assert one.reading == other.reading


def tasks() -> list[Task]:
    return [Task(clip, CONDITIONS, (0,) * len(CONDITIONS)) for clip in CLIPS]


# ---- the same again


@given(
    arrays(np.float32, st.integers(0, 50)),
    st.lists(st.floats(width=64), min_size=4, max_size=4),
    st.booleans(),
)
def test_what_is_packed_comes_out_to_the_bit(
    samples: np.ndarray, measured: list[float], changed: bool
) -> None:
    waves = {16000: Wave(samples, 16000), 8000: Wave(samples[::2].copy(), 8000)}
    reading = RecordingInfo("ab" * 16, "soundfile", ("two tracks", "größer"))
    made = Prepared("some", "ok", "", waves, Attestation(*measured, changed), reading=reading)
    row = unpacked(KEY_BYTES, packed(KEY_BYTES, made), "some")
    assert row is not None
    assert_same(row, replace(made, waves=dict(row.waves)))
    for rate_hz, wave in waves.items():
        assert row.waves[rate_hz].samples.tobytes() == wave.samples.tobytes()
        assert row.waves[rate_hz].samples.flags.writeable


def test_rows_come_back_as_they_were_made(tmp_path: Path) -> None:
    cold = [list(prepare(clip, CONDITIONS, RECIPE)) for clip in CLIPS]
    fill(fresh(tmp_path))
    cache = fresh(tmp_path)
    for clip, rows in zip(CLIPS, cold, strict=True):
        for row, before in zip(cache.find(clip, CONDITIONS).completed([]), rows, strict=True):
            assert_same(row, before)
    assert (cache.hits, cache.misses) == (30, 0)


@pytest.mark.parametrize("size", [0, 2])
def test_a_crew_gives_what_is_there_and_makes_the_rest(tmp_path: Path, size: int) -> None:
    plain = [rows for _, rows in WorkerPool(0, RECIPE).prepare(tasks())]
    first = fresh(tmp_path)
    for clip in CLIPS[:3]:
        lookup = first.find(clip, CONDITIONS[1:4])
        first.keep(lookup, made(lookup, clip))
    cache = fresh(tmp_path)
    with WorkerPool(size, RECIPE, cache=cache) as pool:
        for (task, rows), before in zip(pool.prepare(tasks()), plain, strict=True):
            assert [row.condition for row in rows] == [each.name for each in task.conditions]
            for row, same in zip(rows, before, strict=True):
                assert_same(row, same)
    assert (cache.hits, cache.misses) == (9, 21)
    assert found(fresh(tmp_path), CLIPS[5]) == [each.name for each in CONDITIONS]


def test_a_clip_that_is_all_there_is_not_decoded(tmp_path: Path) -> None:
    unsound = replace(CLIPS[0], audio=b"no audio at all")
    cache = fresh(tmp_path)
    reading = RecordingInfo(hashlib.blake2b(b"no audio at all", digest_size=16).hexdigest())
    rows = [replace(row, reading=reading) for row in prepare(CLIPS[0], CONDITIONS, RECIPE)]
    cache.keep(cache.find(unsound, CONDITIONS), rows)
    task = Task(unsound, CONDITIONS, (0,) * len(CONDITIONS))
    ((_, rows),) = WorkerPool(0, RECIPE, cache=cache).prepare([task])
    assert [row.status for row in rows] == ["ok"] * len(CONDITIONS)


def test_only_rows_with_audio_are_kept(tmp_path: Path) -> None:
    """Noise rejects silence, and a clip that is none has no rows."""
    cache = fresh(tmp_path)
    dumb = Clip("dumb", "real", sound(0) and _wav(np.zeros(3200)))
    for clip in (dumb, Clip("none", "real", b"none")):
        cache.keep(cache.find(clip, CONDITIONS), list(prepare(clip, CONDITIONS, RECIPE)))
    assert found(cache, dumb) == ["clean", "quieter", "crop"]
    assert found(cache, Clip("none", "real", b"none")) == []


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


# ---- the key


class Halving(Perturbation, frozen=True):
    perturb: Literal["halving"] = "halving"

    @property
    def words(self) -> str:
        return "half"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        return Wave(wave.samples * np.float32(0.5), wave.rate_hz)


class HalvingOtherwise(Halving, frozen=True):
    version: ClassVar[int] = 2


class Curious(Halving, frozen=True):
    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        return draw.companions(1)[0]


def key(clip: Clip = CLIPS[0], of: Condition = QUIETER, recipe: Recipe = RECIPE) -> bytes:
    content = content_of(clip.audio)
    assert content is not None
    known = CacheKeys(recipe).of(clip, content, of)
    assert known is not None
    return known.key


OTHERS = recipe_of((*CLIPS[:5], replace(CLIPS[5], audio=sound(99))))
MOVED = replace(CLIPS[0], group="another")

DIFFERENT: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "bytes of the clip": lambda: (key(), key(replace(CLIPS[0], audio=sound(77)))),
    "clip_id": lambda: (key(), key(replace(CLIPS[0], clip_id="other"))),
    "condition": lambda: (
        key(),
        key(of=condition("quieter", perturb="gain", gain_db=-6.5)),
    ),
    "clean": lambda: (key(), key(of=CLEAN)),
    "seed": lambda: (key(), key(recipe=replace(RECIPE, seed=2))),
    "rates": lambda: (key(), key(recipe=replace(RECIPE, rates_hz=(RATE_HZ, 8000)))),
    "measured at another rate": lambda: (
        key(recipe=replace(RECIPE, rates_hz=(8000, RATE_HZ))),
        key(recipe=replace(RECIPE, rates_hz=(RATE_HZ, 8000))),
    ),
    "channels": lambda: (key(), key(recipe=replace(RECIPE, channels="first"))),
    "cut": lambda: (key(), key(recipe=replace(RECIPE, longest={RATE_HZ: 1000}))),
    "a companion": lambda: (key(of=BABBLE), key(of=BABBLE, recipe=OTHERS)),
    "group, which chooses companions": lambda: (key(of=BABBLE), key(MOVED, BABBLE)),
    "version of a step": lambda: (
        key(of=replace(CLEAN, chain=(Halving(),))),
        key(of=replace(CLEAN, chain=(HalvingOtherwise(),))),
    ),
}

ALIKE: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "nothing": lambda: (key(), key()),
    "name of the condition": lambda: (key(), key(of=replace(QUIETER, name="x", severity=9.0))),
    "what else is known of the clip": lambda: (
        key(),
        key(replace(CLIPS[0], label="fake", generator="g", speaker="s", source="t")),
    ),
    "companions that nobody hears": lambda: (key(), key(recipe=OTHERS)),
    "group without companions": lambda: (key(), key(MOVED)),
    "cut at a rate that nobody hears": lambda: (
        key(),
        key(recipe=replace(RECIPE, longest={8000: 5})),
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_key(what: str) -> None:
    one, other = DIFFERENT[what]()
    assert one != other


@pytest.mark.parametrize("what", ALIKE)
def test_the_same_key(what: str) -> None:
    one, other = ALIKE[what]()
    assert one == other


def test_the_first_version_of_a_step_leaves_digests_as_they_were() -> None:
    before = hashlib.sha256(b'[{"perturb":"halving"}]').hexdigest()[:16]
    assert replace(CLEAN, chain=(Halving(),)).digest == before
    assert replace(CLEAN, chain=(HalvingOtherwise(),)).digest != before


def test_a_file_and_its_bytes_are_the_same_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound(0))
    assert key(replace(CLIPS[0], audio=path)) == key()


@pytest.mark.parametrize(
    "package", ["torch", "torchaudio", "numpy", "scipy", "av", "soxr", "libavcodec"]
)
def test_whatever_makes_audio_is_in_the_key(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    before = key()
    found = provenance.packages()
    assert package in found
    monkeypatch.setattr(provenance, "packages", lambda: found | {package: "another"})
    cache_key._surroundings.cache_clear()
    try:
        assert key() != before
        monkeypatch.setattr(provenance, "packages", lambda: found | {"transformers": "another"})
        cache_key._surroundings.cache_clear()
        assert key() == before
    finally:
        cache_key._surroundings.cache_clear()


def test_code_that_makes_audio_is_in_the_key(tmp_path: Path) -> None:
    package = Path(cache_key.__file__).parents[1]
    names = {path.relative_to(package).as_posix() for path in cache_key._files(package)}
    assert {"audio/wave.py", "seed.py", "perturb/codec.py", "engine/prepare.py"} <= names
    for name in names:
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((package / name).read_bytes())
    assert cache_key._text(tmp_path) == cache_key._text(package)
    with (tmp_path / "perturb" / "codec.py").open("a") as file:
        file.write("\n")
    assert cache_key._text(tmp_path) != cache_key._text(package)


MAKE_NO_AUDIO = {
    *("version.py", "engine/__init__.py", "errors.py", "timing.py", "storage/cache_dir.py"),
    *("storage/shipped.py", "suite/toml_error.py", "results/record.py"),
    "engine/provenance.py",  # its versions are in the key themselves
}


def test_every_module_that_audio_depends_on_is_in_the_key() -> None:
    """Walks the imports from what prepares audio, keeps it, and chooses companions."""
    package = Path(cache_key.__file__).parents[1]
    known = {path.relative_to(package).as_posix() for path in cache_key._files(package)}
    owed = ["engine/prepare.py", "engine/cache.py", "data/subset.py"]
    reached: set[str] = set()
    while owed:
        name = owed.pop()
        if name not in reached:
            reached.add(name)
            if name not in MAKE_NO_AUDIO:
                owed += imported_files(package, package / name)
    assert {"data/subset.py", "audio/wave.py", "perturb/folder.py"} <= reached
    assert reached - MAKE_NO_AUDIO <= known, "name it in _MAKERS, or here if it moves no sample"
    assert reached >= MAKE_NO_AUDIO


def imported_files(package: Path, path: Path) -> list[str]:
    """The project's own files that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    inside = [name.split(".")[1:] for name in names if name.split(".")[0] == package.name]
    files = [package.joinpath(*parts) for parts in inside]
    found = [each / "__init__.py" if each.is_dir() else each.with_suffix(".py") for each in files]
    return [each.relative_to(package).as_posix() for each in found if each.is_file()]


def test_recordings_that_a_condition_draws_from_are_in_the_key(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(sound(5))
    noisy = condition("n", perturb="noise", color="file", folder=str(tmp_path), snr_db=5)
    before = key(of=noisy)
    assert before == key(of=noisy)
    path.write_bytes(sound(6))
    assert key(of=noisy) != before


def test_a_step_that_asks_for_companions_must_say_so() -> None:
    (row,) = prepare(CLIPS[0], [replace(CLEAN, name="c", chain=(Curious(),))], RECIPE)
    assert row.status == "error"
    assert "`hears_others` says that it does not" in row.reason


# ---- what changes meanwhile


def test_a_clip_that_was_replaced_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound(0))
    clip = Clip("a", "real", path)
    cache = fresh(tmp_path / "cache")
    cache.keep(cache.find(clip, CONDITIONS), list(prepare(clip, CONDITIONS, RECIPE)))
    assert len(found(cache, clip)) == len(CONDITIONS)
    path.write_bytes(sound(1))
    assert found(cache, clip) == []


def test_a_clip_that_is_replaced_while_it_is_prepared_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound(0))
    clip = Clip("a", "real", path)
    cache = fresh(tmp_path / "cache")
    lookup = cache.find(clip, CONDITIONS)
    path.write_bytes(sound(1))  # of the same size
    cache.keep(lookup, list(prepare(clip, CONDITIONS, RECIPE)))
    path.write_bytes(sound(0))
    assert found(cache, clip) == []


@pytest.mark.parametrize("kind", ["directory", "fifo", "nothing", "NUL"])
def test_what_is_no_file_is_not_looked_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("x\0" if kind == "NUL" else "x")
    if kind == "directory":
        path.mkdir()
    if kind == "fifo":
        os.mkfifo(path)
    assert content_of(path) is None
    assert found(fresh(tmp_path / "cache"), Clip("x", "real", path)) == []


# ---- how much is kept


def test_a_scan_larger_than_the_cache_finds_its_beginning(tmp_path: Path) -> None:
    """Forty clips of 64 kB in five conditions are three times what may be kept."""
    clips = clips_of(40, 16000)
    recipe, limit = recipe_of(clips), 4_000_000
    fill(fresh(tmp_path, recipe, limit), clips, recipe)
    assert 0.6 * limit < _size(tmp_path) <= 1.05 * limit
    again = fresh(tmp_path, recipe, limit)
    fill(again, clips, recipe)
    third = fresh(tmp_path, recipe, limit)
    fill(third, clips, recipe)
    assert again.hits == third.hits >= 0.6 * limit / 64_100
    assert all(len(found(third, clip)) == len(CONDITIONS) for clip in clips[:10])
    assert _size(tmp_path) <= 1.05 * limit


def test_another_run_makes_room_for_itself_with_what_was_not_used(tmp_path: Path) -> None:
    old, used, new = (
        tuple(replace(clip, clip_id=f"{name} {clip.clip_id}") for clip in clips_of(8, 16000))
        for name in ("old", "used", "new")
    )
    recipe, limit = recipe_of(old), 4_800_000  # two of three just fit
    fill(fresh(tmp_path, recipe, limit), used, recipe)
    fill(fresh(tmp_path, recipe, limit), old, recipe)
    last = fresh(tmp_path, recipe, limit)
    fill(last, used, recipe)
    assert last.hits == 40
    fill(last, new, recipe)
    counts = {
        clips[0].clip_id.split()[0]: sum(len(found(last, clip)) for clip in clips)
        for clips in (used, new, old)
    }
    assert counts["used"] == 40
    assert counts["new"] >= 30
    assert counts["old"] <= 10


def test_a_smaller_limit_is_kept_at_once(tmp_path: Path) -> None:
    clips = clips_of(10, 16000)
    recipe = recipe_of(clips)
    fill(fresh(tmp_path, recipe), clips, recipe)
    assert _size(tmp_path) > 2_500_000
    fresh(tmp_path, recipe, 1_000_000)
    assert _size(tmp_path) <= 1_050_000


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.val"))


# ---- what goes wrong


def damaged(values: list[Path], how: str) -> None:
    first = values[0].read_bytes()
    for path in values:
        value = bytearray(path.read_bytes())
        if how == "a bit":
            value[len(value) // 2] ^= 1
        elif how == "the key":
            value[3] ^= 1
        elif how == "cut off":
            value = value[:-1]
        elif how == "empty":
            value = bytearray()
        elif how == "another's":
            value = bytearray(first) if path != values[0] else bytearray(values[1].read_bytes())
        path.write_bytes(value)
        if how == "gone":
            path.unlink()


@pytest.mark.parametrize("how", ["a bit", "the key", "cut off", "empty", "another's", "gone"])
def test_a_damaged_value_is_made_again(tmp_path: Path, how: str) -> None:
    clips = clips_of(3, 16000)
    recipe = recipe_of(clips)
    fill(fresh(tmp_path, recipe), clips, recipe)
    values = sorted(tmp_path.rglob("*.val"))
    assert len(values) == 12  # a cropped row is small and in the index
    damaged(values, how)
    cache = fresh(tmp_path, recipe)
    fill(cache, clips, recipe)
    assert (cache.hits, cache.misses) == (3, 12)
    healed = fresh(tmp_path, recipe)
    fill(healed, clips, recipe)
    assert (healed.hits, healed.misses) == (15, 0)


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    import pickle

    fill(fresh(tmp_path / "cache"))
    with closing(sqlite3.connect(tmp_path / "cache" / "cache.db")) as index:
        trap = pickle.dumps(Trap(tmp_path / "sprung"))
        index.execute("UPDATE Cache SET mode = 4, filename = NULL, value = ?", (trap,))
        index.commit()
    cache = fresh(tmp_path / "cache")
    fill(cache)
    assert cache.hits == 0
    assert not (tmp_path / "sprung").exists()


def noted(folder: Path) -> tuple[AudioCache, list[str]]:
    """A cache that is used for all clips, and what was said; every row must be there."""
    notes: list[str] = []
    cache = AudioCache(folder, PLENTY, RECIPE, notes.append)
    with WorkerPool(0, RECIPE, cache=cache) as pool:
        for _, rows in pool.prepare(tasks()):
            assert [row.status for row in rows] == ["ok"] * len(CONDITIONS)
    return cache, notes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has all rows, for tests that damage a copy."""
    folder = tmp_path_factory.mktemp("whole")
    fill(fresh(folder))
    with closing(sqlite3.connect(folder / "cache.db")) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.mark.parametrize("seed", range(24))
def test_a_damaged_index_costs_the_cache_and_not_the_run(
    tmp_path: Path, whole: Path, seed: int
) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    rng = np.random.default_rng(seed)
    path = tmp_path / "cache.db"
    content = bytearray(path.read_bytes())
    start = int(rng.integers(len(content) - 4000)) if seed % 4 else 0
    content[start : start + 4000] = rng.bytes(4000)
    path.write_bytes(content if seed % 3 else content[: start + 100])
    cache, notes = noted(tmp_path)
    assert cache.hits == 30 or len(notes) <= 1
    if notes:
        assert "prepared audio is not kept" in notes[0]


@pytest.mark.parametrize("place", ["/proc/cache", "file", "file/below"])
def test_a_folder_that_cannot_be_made_costs_the_cache_and_not_the_run(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    cache, (note,) = noted(tmp_path / place)
    assert note.startswith(f"{tmp_path / place}: prepared audio is not kept: ")
    assert (cache.hits, cache.misses) == (0, 30)


def test_a_read_only_file_system_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    fill(fresh(tmp_path / "cache"))
    script = tmp_path / "use.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = {[str(ROOT)]!r}\n"
        "from pathlib import Path\n"
        "from tests.engine import test_cache\n"
        "print(*test_cache.noted(Path(sys.argv[1]))[1], sep='\\n')\n"
    )
    inside = (
        f"mount --bind {tmp_path}/cache {tmp_path}/cache 2>/dev/null && "
        f"mount -o remount,ro,bind {tmp_path}/cache 2>/dev/null || exit 77; "
        f"exec {sys.executable} {script} {tmp_path}/cache"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, check=False
    )
    if done.returncode in (1, 77) and not done.stdout:
        pytest.skip("this machine lets nobody mount a file system of their own")
    assert done.returncode == 0, done.stderr
    assert "prepared audio is not kept: " in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_full_disk_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    """No file may grow over 100 kB: the index fits, and the fourth clip's audio does not."""
    long = replace(CLIPS[0], audio=sound(0, 40_000))
    recipe = recipe_of((long, *CLIPS[1:]))
    fill(fresh(tmp_path), CLIPS[1:2])
    notes: list[str] = []
    cache = AudioCache(tmp_path, PLENTY, recipe, notes.append)
    rows = list(prepare(long, CONDITIONS, recipe))
    lookup = cache.find(long, CONDITIONS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        cache.keep(lookup, rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (note,) = notes
    assert "prepared audio is not kept: File too large; the run goes on" in note
    assert not list(tmp_path.rglob("*.val"))  # no part of one is left
    assert found(cache, CLIPS[1]) == []  # given up
    assert len(found(fresh(tmp_path), CLIPS[1])) == 5  # and whole


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_a_lock_that_is_not_given_up_costs_the_cache_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.1)
    fill(fresh(tmp_path))
    notes: list[str] = []
    with closing(sqlite3.connect(tmp_path / "cache.db", isolation_level=None)) as other:
        if when == "from the start":
            other.execute("BEGIN IMMEDIATE")
        cache = AudioCache(tmp_path, PLENTY, RECIPE, notes.append)
        if when == "later":
            other.execute("BEGIN IMMEDIATE")
        assert [found(cache, clip) for clip in CLIPS] == [[]] * len(CLIPS)
        other.execute("ROLLBACK")
    (note,) = notes
    assert "locked" in note
    assert len(found(fresh(tmp_path), CLIPS[0])) == 5


def test_processes_that_share_it_find_each_others_rows(tmp_path: Path) -> None:
    """Two at once, each with all clips three times; the values are those of this process."""
    script = tmp_path / "share.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = {[str(ROOT)]!r}\n"
        "from pathlib import Path\n"
        "from tests.engine import test_cache\n"
        "cache = test_cache.fresh(Path(sys.argv[1]))\n"
        "for _ in range(3):\n"
        "    test_cache.fill(cache)\n"
        "assert cache.hits + cache.misses == 90\n"
        "assert cache.hits >= 60\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "cache")],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    for process in started:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    cache = fresh(tmp_path / "cache")
    for clip in CLIPS:
        rows = cache.find(clip, CONDITIONS).completed([])
        for row, same in zip(rows, prepare(clip, CONDITIONS, RECIPE), strict=True):
            assert_same(row, same)


# ---- whole runs

DETECTOR = """
import zlib
import numpy as np

def factory():
    return lambda samples, rate_hz: np.array([zlib.crc32(one.tobytes()) / 2**24 for one in samples])

def other():
    return lambda samples, rate_hz: np.array([one.sum() for one in samples])
"""

SUITE = """
version = 1
name = "small"
[[condition]]
perturb = "noise"
color = ["babble", "pink"]
snr_db = 5
[[condition]]
perturb = "crop"
seconds = 0.1
place = "random"
[[condition]]
perturb = "codec"
codec = "opus"
kbps = 12
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(8):
        path = tmp_path / "clips" / ("fake" if number % 2 else "real") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound(number, 4000 + 500 * number))
    (tmp_path / "clips" / "real" / "silent.wav").write_bytes(_wav(np.zeros(3200)))
    (tmp_path / "cached.py").write_text(DETECTOR)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "cached", raising=False)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def quiet(*values: object) -> None:
    del values


def scores(out: str, **changes: Any) -> tuple[pd.DataFrame, RunRecord]:
    given: dict[str, Any] = {
        "suite": "small.toml",
        "data": "clips",
        "models": ("python:cached:factory",),
        "out": Path(out),
        "workers": 0,
        "cache_gb": 1.0,
    }
    outcome = run(RunOptions(**(given | changes)), quiet, quiet)
    return read_scores(outcome.folder).set_index(list(KEY)), outcome.record


def test_a_warm_run_is_the_cold_one_bit_for_bit(place: Path) -> None:
    plain, record = scores("plain", cache_gb=0.0)
    assert (record.parts[0].cache_hits, record.parts[0].cache_misses) == (0, 0)
    assert not (place / "cache" / "prepared").exists()
    cold, _ = scores("cold")
    warm, record = scores("warm", workers=2)
    pd.testing.assert_frame_equal(plain, cold, check_exact=True)
    pd.testing.assert_frame_equal(plain, warm, check_exact=True)
    # Noise rejects the silent clip, twice, and what is rejected is not kept.
    assert (warm.status != "ok").sum() == record.parts[0].cache_misses == 2
    assert record.parts[0].cache_hits >= 43
    assert record.machine.cache_gb == 1.0


def test_another_model_order_or_suite_finds_the_same_audio(place: Path) -> None:
    scores("cold")
    (place / "part.toml").write_text(SUITE.replace('"small"', '"part"').replace('"pink"', ""))
    for number, changes in enumerate(
        [
            {"models": ("python:cached:other",)},
            {"suite": "part.toml", "limit": 4, "batch_size": 3},
        ]
    ):
        _, record = scores(str(number), **changes)
        assert record.parts[0].cache_hits > 0
        assert record.parts[0].cache_misses <= 2  # of the silent clip


def test_a_cache_that_fails_is_noted_in_the_record(place: Path) -> None:
    (place / "cache").write_text("")
    table, record = scores("run")
    assert len(table) == 45
    (note,) = record.parts[0].notes
    assert "prepared audio is not kept" in note


def test_the_size_is_the_users_then_the_environments_then_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_GB", "2.5")
    assert (limit_gb(None), limit_gb(0.0)) == (2.5, 0.0)
    monkeypatch.delenv("HARNESS_CACHE_GB")
    assert limit_gb(None) == 10
    for wrong in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("HARNESS_CACHE_GB", wrong)
        with pytest.raises(UsageError, match=f"HARNESS_CACHE_GB: '{wrong}' is no size"):
            limit_gb(None)
    with pytest.raises(UsageError, match="--cache-gb"):
        limit_gb(math.nan)


def test_the_doctor_shows_and_empties_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    folder = module.cache_folder()
    fill(fresh(folder))
    (folder / "left.val").write_bytes(bytes(20_000_000))
    told = CliRunner().invoke(app, ["doctor", "--json"]).stdout
    assert f"0.02 GB in {folder}" in told
    done = CliRunner().invoke(app, ["doctor", "--clear-cache", "--json"])
    assert done.exit_code == 0
    assert "0.02 GB removed" in done.stderr
    assert f"0.00 GB in {folder}" in done.stdout
    assert not folder.exists()

"""A compiled model scores as the model as it is, and a run says which of the two it had."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.audio.wave import Wave
from harness.detector.compilation import Compiled, compile_all
from harness.detector.detector import Compilable, Logits, Traits
from harness.detector.source import open_detector
from harness.engine.provenance import moved
from harness.engine.self_check import TOLERANCE
from harness.errors import UsageError
from harness.results.record import ModelRecord, read_record
from harness.results.scores import read_scores
from harness.run import RunOptions, run

ROWS = 4
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a processor"
)


def waves(count: int) -> list[Wave]:
    rng = np.random.default_rng(4)
    lengths = rng.integers(3000, 40000, count)
    return [Wave(rng.normal(0, 0.1, n).astype(np.float32), 16000) for n in lengths]


def graphs() -> int:
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


@pytest.fixture(scope="module", autouse=True)
def _plain_instructions() -> Iterator[None]:
    """Which vector instructions a processor has takes ten processes to find out."""
    from torch._inductor import config

    with config.patch({"cpp.vec_isa_ok": False}):
        yield


@pytest.fixture(scope="module")
def compiled(small_ast: Path) -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the tests have it: another number is compiled for anew
    detector: Any = open_detector(str(small_ast), device="cpu")
    detector.compile(ROWS)
    torch.set_num_threads(before)
    return detector


@pytest.fixture(scope="module")
def plain(small_ast: Path) -> Any:
    return open_detector(str(small_ast), device="cpu")


@needs_compiler
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_compiled_model_scores_as_it_is(compiled: Any, plain: Any, count: int) -> None:
    some, before = waves(count), graphs()
    found, expected = compiled.score(some), plain.score(some)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE["float32"])
    assert np.ptp(expected[:, 0]) > 100 * TOLERANCE["float32"] or count == 1
    assert (count in (3, 4)) or (found == expected).all(), "only a batch that is filled is compiled"
    assert graphs() == before, "one shape, one graph"


@needs_compiler
def test_a_row_does_not_depend_on_what_its_batch_lost(compiled: Any) -> None:
    some = waves(ROWS)
    np.testing.assert_array_equal(compiled.score(some[:3]), compiled.score(some)[:3])


@needs_compiler
def test_any_thread_scores_with_the_same_graph(compiled: Any) -> None:
    some, found, before = waves(ROWS), list[Logits](), graphs()
    threads = [
        threading.Thread(target=lambda: found.append(compiled.score(some))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        np.testing.assert_array_equal(one, compiled.score(some))
    assert len(found) == 3
    assert graphs() == before


class Moody(nn.Module):
    """Goes one way or the other by what it hears, which no fixed graph does."""

    def forward(self, heard: torch.Tensor) -> Any:
        if heard.sum() > 0:
            heard = -heard
        return type("Output", (), {"logits": heard})


def test_a_model_that_cannot_be_compiled_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError) as refusal:
        Compiled(Moody(), ROWS, {"heard": torch.zeros(ROWS, 2)}, "moody")
    message = str(refusal.value)
    assert message.startswith("moody: cannot be compiled: ")
    assert "\n" not in message
    assert len(message) < 300


class Fake:
    """A detector on a GPU that can or cannot be compiled."""

    traits = Traits()
    rate_hz = 16000
    batch_size = 8
    longest = None

    def __init__(self, name: str = "fake", device: str = "cuda:0 (H100)", fails: bool = False):
        self.identity = ModelRecord(name=name, spec=name, kind="test")
        self.device, self.fails, self.rows = device, fails, 0

    one_shape = True

    def compile(self, rows: int) -> None:
        if rows and self.fails:
            raise UsageError("cannot be compiled: no Triton", self.identity.name, "give up")
        self.rows = rows

    def admits(self, wave: Wave) -> str:
        return ""

    def score(self, waves: Sequence[Wave]) -> Logits:
        return np.zeros((len(waves), 2))


def test_models_that_cannot_all_be_compiled_are_left_alone() -> None:
    one, other = Fake(), Fake("other", fails=True)
    with pytest.raises(UsageError, match="no Triton"):
        compile_all([one, other], 64)
    assert one.rows == 0


def test_what_nobody_wants_is_not_compiled() -> None:
    detector = Fake()
    compile_all([detector], 8)
    assert detector.rows == 8
    compile_all([detector], 0)
    assert detector.rows == 0


def test_a_batch_of_one_is_not_compiled() -> None:
    with pytest.raises(UsageError, match=r"a batch of one .* --batch-size"):
        compile_all([Fake()], 1)


def test_a_model_of_any_length_is_not_compiled(small_wav2vec2: Path) -> None:
    detector: Any = open_detector(str(small_wav2vec2), device="cpu")
    assert isinstance(detector, Compilable)
    with pytest.raises(UsageError, match="not known to have all one shape; leave --compile out"):
        compile_all([Fake(), detector], 8)


def quiet(*values: object) -> None:
    del values


def stop(*values: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def told(small_ast: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Of a run, in the shape that is compiled already."""
    threads = torch.get_num_threads()
    yield {
        "suite": "heldout",
        "limit": 12,
        "models": (str(small_ast),),
        "device": "cpu",
        "batch_size": ROWS,
        "workers": 0,
        "cache_gb": 0.0,
    }
    torch.set_num_threads(threads)


@needs_compiler
def test_a_run_says_whether_it_was_compiled_and_goes_on_like_that(
    told: dict[str, Any], tmp_path: Path
) -> None:
    plain = run(RunOptions(out=tmp_path / "plain", **told), quiet, quiet).record
    assert plain.machine.compiled is False
    part = RunOptions(out=tmp_path / "run", compiled=True, **told)
    with pytest.raises(KeyboardInterrupt):
        run(part, quiet, stop)
    begun = read_record(tmp_path / "run")
    assert begun.machine.compiled is True
    (check,) = begun.self_checks
    assert check.clips == ROWS
    assert 0 < check.batch_difference < check.tolerance == TOLERANCE["float32"]
    with pytest.raises(UsageError, match="made with compiled models, now models as they are"):
        run(RunOptions(out=tmp_path / "run", compiled=False, **told), quiet, quiet)
    done = run(RunOptions(out=tmp_path / "run", **told), quiet, quiet).record
    assert done.machine.compiled is True
    assert moved(plain.machine, done.machine) == "models as they are, now compiled models"
    tables = [read_scores(tmp_path / name).set_index("clip_id") for name in ("plain", "run")]
    expected, found = (table.score.sort_index() for table in tables)
    assert len(found) == 12
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE["float32"])
    assert (found != expected).any(), "nothing was compiled"


@needs_compiler
def test_without_a_compiler_one_line_says_so(small_ast: Path) -> None:
    """The last one: whatever was compiled before is forgotten."""
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    torch._dynamo.reset()
    detector: Any = open_detector(str(small_ast), device="cpu")
    expected = detector.score(waves(ROWS))
    nowhere = config.patch({"cpp.cxx": (None, "/nowhere/g++")})
    with fresh_cache(), nowhere, pytest.raises(UsageError) as refusal:
        detector.compile(ROWS)
    message = str(refusal.value)
    assert message.startswith(f"{detector.identity.name}: cannot be compiled: ")
    assert "/nowhere/g++" in message
    assert message.endswith("use --no-compile")
    assert "\n" not in message
    np.testing.assert_array_equal(detector.score(waves(ROWS)), expected)

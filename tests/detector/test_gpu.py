"""What only a CUDA GPU can show: the scores of a processor, whatever the batch or the thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.audio.wave import Wave
from harness.detector.detector import Logits
from harness.detector.source import open_detector
from harness.engine.scorer import Scorer
from harness.engine.self_check import TOLERANCE, self_check

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here"),
]

MODELS = ("small_ast", "small_wav2vec2")
FLOAT32 = 1e-3
"""Between devices: each sums in an order of its own. Measured: docs/speed.md."""


def waves(seconds: tuple[float, ...] = (0.025, 0.25, 1, 0.25, 1.9, 1, 10.25)) -> list[Wave]:
    rng = np.random.default_rng(3)
    return [
        Wave((rng.uniform(0.01, 0.3) * rng.standard_normal(int(16000 * s))).astype("f4"), 16000)
        for s in seconds
    ]


def log_odds(logits: Logits) -> np.ndarray:
    assert logits.dtype == np.float64
    return logits[:, 0] - logits[:, 1]


def differences(folder: Path, precision: str, clips: list[Wave]) -> np.ndarray:
    cpu: Any = open_detector(str(folder), device="cpu")
    gpu: Any = open_detector(str(folder), device="cuda", precision=precision)
    assert gpu.device.startswith("cuda:0 (")
    found = np.abs(log_odds(gpu.score(clips)) - log_odds(cpu.score(clips)))
    print(f"{folder.name} in {precision}: at most {found.max():.2g} from the processor's float32")
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", TOLERANCE)
def test_a_gpu_scores_as_the_processor_does(
    name: str, precision: str, request: pytest.FixtureRequest
) -> None:
    found = differences(request.getfixturevalue(name), precision, waves())
    assert found.max() <= max(FLOAT32, TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
def test_the_full_size_model_scores_as_on_the_processor(card_ast: Path, precision: str) -> None:
    found = differences(card_ast, precision, waves((0.5, 1, 4, 10.25)))
    assert found.max() <= max(FLOAT32, TOLERANCE[precision])


@pytest.mark.parametrize("name", [*MODELS, "card_ast"])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_a_score_depends_on_neither_batch_nor_order(
    name: str, precision: str, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(name))
    gpu: Any = open_detector(folder, device="cuda", precision=precision)
    clips = waves()
    alone = log_odds(np.concatenate([gpu.score([clip]) for clip in clips]))
    worst = 0.0
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 3, 5, 1, 0, 4, 2]):
        together = log_odds(gpu.score([clips[index] for index in order]))
        worst = max(worst, float(np.abs(together - alone[order]).max()))
    print(f"{name} in {precision}: at most {worst:.2g} between batches")
    assert worst <= TOLERANCE[precision]


@pytest.mark.parametrize("precision", TOLERANCE)
def test_the_self_check_passes(card_ast: Path, precision: str) -> None:
    gpu: Any = open_detector(str(card_ast), device="cuda", precision=precision)
    check = self_check(
        Scorer(gpu, print),
        waves((0.5, 1, 2, 4) * 8),
        batch_size=16,
        precision=precision,
        threshold=0.0,
        reference=lambda: open_detector(str(card_ast), device="cuda"),  # pyright: ignore
    )
    print(f"{precision}: batch {check.batch_difference:.2g}, bits {check.precision_difference:.2g}")
    assert check.clips == 32
    assert check.batch_flips == 0


def test_threads_do_not_change_each_others_precision(small_ast: Path) -> None:
    """TF32 is a setting of the process, and two threads hand a GPU its work."""
    clips = waves((1.0,) * 32)
    detectors: dict[str, Any] = {
        precision: open_detector(str(small_ast), device="cuda", precision=precision)
        for precision in ("float32", "tf32")
    }
    expected = {name: one.score(clips) for name, one in detectors.items()}
    assert np.abs(expected["float32"] - expected["tf32"]).max() > 0
    wrong: list[str] = []

    def score(name: str) -> None:
        for _ in range(30):
            if not np.array_equal(detectors[name].score(clips), expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=score, args=(name,)) for name in (*detectors, *detectors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.fixture
def little_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(2.5e9 / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def test_a_batch_that_the_memory_does_not_hold_is_halved(
    card_ast: Path, little_memory: None
) -> None:
    gpu: Any = open_detector(str(card_ast), device="cuda")
    notes: list[str] = []
    scorer, clips = Scorer(gpu, notes.append), waves((1.0, 2.0) * 128)
    outcomes = scorer.forward(clips)
    print(notes)
    assert notes, "256 clips of the full size take more than 2.5 GB"
    assert all("no memory for" in note for note in notes)
    assert [status for status, *_ in outcomes] == ["ok"] * len(clips)
    alone = log_odds(np.concatenate([gpu.score([clip]) for clip in clips[:8]]))
    halved = np.array([fake - real for _, _, fake, real in outcomes[:8]])
    np.testing.assert_allclose(halved, alone, atol=TOLERANCE["float32"], rtol=0)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_compiled_model_scores_as_it_is(small_ast: Path, precision: str) -> None:
    plain: Any = open_detector(str(small_ast), device="cuda", precision=precision)
    compiled: Any = open_detector(str(small_ast), device="cuda", precision=precision)
    compiled.compile(8)
    clips = waves((1.0, 0.5, 2.0, 4.0) * 2)
    found, expected = compiled.score(clips), plain.score(clips)
    print(f"{precision}: at most {np.abs(found - expected).max():.2g} from the model as it is")
    np.testing.assert_allclose(
        log_odds(found), log_odds(expected), atol=TOLERANCE[precision], rtol=0
    )
    by_thread: list[Logits] = []
    threads = [
        threading.Thread(target=lambda: by_thread.append(compiled.score(clips))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(by_thread) == 2
    for one in by_thread:
        np.testing.assert_array_equal(one, found)


def test_stages_are_timed_by_the_device(small_ast: Path) -> None:
    gpu: Any = open_detector(str(small_ast), device="cuda")
    gpu.score(waves())
    spent = gpu.spent.take()
    assert set(spent) == {"features", "forward"}
    assert all(0 < seconds < 60 for seconds in spent.values())

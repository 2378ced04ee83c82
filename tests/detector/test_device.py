import threading

import pytest
import torch

from harness.detector.device import device_words, matrix_precision, resolve_device, resolve_dtype


def settings() -> tuple[str, str]:
    return (
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.cudnn.conv.fp32_precision,
    )


@pytest.mark.parametrize(("tf32", "inside"), [(False, "ieee"), (True, "tf32")])
def test_tf32_is_a_setting_of_the_block_alone(tf32: bool, inside: str) -> None:
    before = settings()
    with matrix_precision(torch.device("cuda"), tf32):
        assert settings() == (inside, inside)
    assert settings() == before


def test_threads_on_a_processor_do_not_wait_for_each_other() -> None:
    met = threading.Barrier(2)

    def within() -> None:
        with matrix_precision(torch.device("cpu"), tf32=False):
            met.wait(20)

    other = threading.Thread(target=within)
    other.start()
    within()  # raises where the other one has to wait outside
    other.join()


def test_auto_takes_the_gpu_where_there_is_one() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert device_words(resolve_device("cpu")) == "cpu"


def test_tf32_keeps_weights_in_float32() -> None:
    cpu = torch.device("cpu")
    assert resolve_dtype("float32", cpu) == torch.float32
    assert resolve_dtype("bf16", cpu) == torch.bfloat16
    assert resolve_dtype("fp16", cpu) == torch.float16

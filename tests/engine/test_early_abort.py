"""A run that does something else than it says ends soon, and no earlier than it is sure."""

import pytest

from harness.engine.early_abort import ConditionMonitor
from harness.errors import UsageError
from harness.results.expectation import PREFIX

BAD = PREFIX + "SNR 13.00 dB instead of 10 dB"


def test_a_condition_of_which_most_rows_are_contradicted_ends_the_run_at_twenty() -> None:
    monitor = ConditionMonitor()
    for number in range(19):
        monitor.see("noise:white@10dB", f"{number}.wav", BAD)
    with pytest.raises(UsageError, match=r"20 of 20 rows .* 19\.wav: SNR 13\.00") as fault:
        monitor.see("noise:white@10dB", "19.wav", BAD)
    assert fault.value.where == "condition noise:white@10dB"


def test_half_of_the_rows_is_not_most_of_them() -> None:
    monitor = ConditionMonitor()
    for number in range(50):
        monitor.see("crop@1s", "a.wav", BAD if number % 2 else "")
    with pytest.raises(UsageError, match="26 of 51"):
        monitor.see("crop@1s", "b.wav", BAD)


def test_conditions_are_counted_apart_and_other_reasons_do_not_count() -> None:
    monitor = ConditionMonitor()
    for number in range(100):
        monitor.see(f"noise:white@{number}dB", "a.wav", BAD)
        monitor.see("codec:mp3@32k", "a.wav", "NaN or infinite samples")

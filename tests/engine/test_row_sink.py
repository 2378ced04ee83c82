"""What becomes of finished rows: kept, counted, and refused where a detector never works."""

from pathlib import Path

import pytest

from harness.engine.early_abort import LEAST_CLIPS, LEAST_ROWS
from harness.engine.row_sink import FinishedBatch, PreparedStatus, RowSink
from harness.errors import UsageError
from harness.results.expectation import PREFIX
from harness.results.scores import Row, ScoresWriter, read_scores
from harness.timing import TimeSplit
from tests.support.builders import score_row

FAILED = "the detector failed: RuntimeError: no kernel image"


def row(number: int, status: str, reason: str = "", model: str = "m") -> Row:
    return score_row(str(number), "c", model=model, status=status, reason=reason)


def batch(rows: list[Row], status: str, reason: str = "") -> FinishedBatch:
    numbers = sorted({str(one["clip_id"]) for one in rows})
    prepared = [PreparedStatus(number, "c", status, reason) for number in numbers]
    return FinishedBatch(rows, prepared, {"decode": 1.0}, {"forward": 2.0})


def test_rows_are_kept_and_their_cost_is_counted(tmp_path: Path) -> None:
    counted: list[int] = []
    split = TimeSplit(1)
    with ScoresWriter(tmp_path) as writer:
        sink = RowSink(writer, counted.append, split)
        sink.take(batch([row(0, "ok"), row(1, "ok")], "ok"))
        sink.take(batch([row(2, "error", FAILED)], "ok"))
    assert counted == [2, 1]
    assert list(read_scores(tmp_path).status) == ["ok", "ok", "error"]
    assert (split.preparing["decode"], split.scoring["forward"]) == (2.0, 4.0)
    assert split.scoring["write"] > 0


def take(folder: Path, *batches: FinishedBatch) -> list[int]:
    """How many rows were counted at each batch, and at the end."""
    counted: list[int] = []
    with ScoresWriter(folder) as writer:
        sink = RowSink(writer, counted.append, TimeSplit(1))
        for one in batches:
            sink.take(one)
        sink.finish()
    return counted


def failed(*numbers: int, model: str = "m") -> FinishedBatch:
    return batch([row(number, "error", FAILED, model) for number in numbers], "ok")


def test_a_detector_that_fails_on_several_clips_is_refused_and_its_rows_are_owed(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=r"^m: nothing could be scored: .* no kernel image"):
        take(tmp_path, failed(*range(LEAST_CLIPS - 1)), failed(LEAST_CLIPS - 1))
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_detector_that_fails_on_every_clip_there_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing could be scored: .* \(the only clip\)"):
        take(tmp_path, failed(0))
    assert not list(tmp_path.rglob("*.parquet"))


def test_one_bad_clip_in_front_is_no_end_however_many_rows_it_has(tmp_path: Path) -> None:
    """All failures of the first clips are kept once another clip has a score."""
    counted = take(tmp_path, *[failed(0)] * 66, failed(1), batch([row(2, "ok")], "ok"), failed(3))
    assert counted == [68, 1]
    assert read_scores(tmp_path).status.value_counts().to_dict() == {"error": 68, "ok": 1}


def test_of_two_detectors_the_broken_one_is_named_and_the_other_keeps_its_rows(
    tmp_path: Path,
) -> None:
    rows = [row(number, "ok", model="good") for number in range(LEAST_CLIPS)]
    rows += [row(number, "error", FAILED, "bad") for number in range(LEAST_CLIPS)]
    with pytest.raises(UsageError, match=r"^bad: nothing could be scored"):
        take(tmp_path, batch(rows, "ok"))
    with pytest.raises(UsageError, match=r"^bad: "):
        take(tmp_path, batch(rows[:1] + rows[-LEAST_CLIPS:], "ok"))
    assert set(read_scores(tmp_path).model) == {"good"}


def test_a_detector_that_has_scored_in_an_earlier_part_is_not_refused(tmp_path: Path) -> None:
    take(tmp_path, batch([row(0, "ok")], "ok"))
    take(tmp_path, failed(*range(1, LEAST_CLIPS + 1)))
    take(tmp_path, failed(99))
    assert len(read_scores(tmp_path)) == LEAST_CLIPS + 2


def test_clips_that_cannot_be_prepared_are_no_fault_of_the_detector(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path) as writer:
        sink = RowSink(writer, lambda rows: None, TimeSplit(1))
        sink.take(batch([row(0, "error", "killed"), row(1, "error", "killed")], "error"))
    assert len(read_scores(tmp_path)) == 2


def test_a_contradicted_row_counts_once_whatever_the_models(tmp_path: Path) -> None:
    reason = PREFIX + "it changed nothing"

    def both(number: int) -> FinishedBatch:
        rows = [row(number, "error", reason, model) for model in "mn"]
        return batch(rows, "error", reason)

    with ScoresWriter(tmp_path) as writer:
        sink = RowSink(writer, lambda rows: None, TimeSplit(1))
        for number in range(LEAST_ROWS - 1):
            sink.take(both(number))
        with pytest.raises(UsageError, match=f"{LEAST_ROWS} of {LEAST_ROWS} rows contradict it"):
            sink.take(both(LEAST_ROWS))
    assert len(read_scores(tmp_path)) == 2 * LEAST_ROWS

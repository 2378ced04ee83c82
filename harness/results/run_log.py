"""The record of a part of a run, kept while it runs and written however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol

from harness.results.record import (
    CountRecord,
    MachineRecord,
    PartRecord,
    RunRecord,
    SelfCheckRecord,
    write_record,
)
from harness.results.scores import NotAlone, statuses
from harness.timing import TimeSplit


class Counted(Protocol):
    """Counts hits and misses, as `harness.engine.cache.AudioCache` does."""

    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...


class Logbook:
    """Keeps `run.json` during a part of a run; a context manager around the part.

    Parameters
    ----------
    record
        With the parts that came before.
    note
        Shows a line to the user.

    Attributes
    ----------
    rows, split
        Rows that this part has added and its time by stage, for the caller to count.
    cache
        Its hits and misses are those of this part.
    """

    def __init__(self, folder: Path, record: RunRecord, note: Callable[[str], None]) -> None:
        self._folder, self._record, self._note = folder, record, note
        self._part = PartRecord(started=datetime.now(UTC).isoformat(timespec="seconds"))
        self._notes: list[str] = []
        self._began = time.monotonic()
        self.rows = 0
        self.cache: Counted | None = None
        self.split = TimeSplit(record.machine.workers)

    def tell(self, line: str) -> None:
        """Show a line to the user, and keep it in the record."""
        self._notes.append(line)
        self._note(line)

    @property
    def record(self) -> RunRecord:
        """The record without this part."""
        return self._record

    def settle(self, machine: MachineRecord, tried: Mapping[str, float] | None = None) -> None:
        """Record how the machine is used from now on, and the batch sizes tried for that."""
        self._record = self._record.model_copy(update={"machine": machine})
        if tried is not None:
            self._part = self._part.model_copy(update={"tried": dict(tried)})

    def check(self, checks: Sequence[SelfCheckRecord]) -> None:
        """Record the self-checks."""
        self._record = self._record.model_copy(update={"self_checks": list(checks)})
        write_record(self._with(self._part), self._folder)

    def __enter__(self) -> Logbook:
        write_record(self._with(self._part), self._folder)
        self._began = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, NotAlone):
            return  # the record is the other run's
        ended = "finished"
        if kind is not None:
            ended = "stopped" if issubclass(kind, KeyboardInterrupt) else "failed"
        part = self._part.model_copy(
            update={
                "seconds": round(time.monotonic() - self._began, 3),
                "rows": self.rows,
                "ended": ended,
                "notes": self._notes,
                "preparing_seconds": self.split.preparing.rounded(),
                "scoring_seconds": self.split.scoring.rounded(),
                "cache_hits": self.cache.hits if self.cache else 0,
                "cache_misses": self.cache.misses if self.cache else 0,
            }
        )
        record = self._with(part)
        if kind is None:
            now, status = datetime.now(UTC).isoformat(timespec="seconds"), statuses(self._folder)
            counts = CountRecord(**{name: status[name] for name in CountRecord.model_fields})
            record = record.model_copy(update={"finished": now, "counts": counts})
        write_record(record, self._folder)

    def _with(self, part: PartRecord) -> RunRecord:
        idle = part.ended == "finished" and not part.rows
        parts = self._record.parts if idle else [*self._record.parts, part]
        seconds, rows = sum(part.seconds for part in parts), sum(part.rows for part in parts)
        return self._record.model_copy(
            update={
                "parts": parts,
                "seconds": round(seconds, 3),
                "clips_per_second": round(rows / seconds, 3) if seconds else 0.0,
            }
        )

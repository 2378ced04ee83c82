"""Examine questioned files: a page and a JSON file for each, and a table of all."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.audio.formats import is_audio
from harness.errors import ClipError, ClipRejected, UsageError, printable
from harness.forensic.case import Case, case_content, case_json
from harness.inspect.examiner import ExamineOptions, Examiner, examine
from harness.plain_json import json_text
from harness.report.case import CLEAR_STEP, render_case
from harness.storage.output_file import refuse_taken
from harness.storage.storage import make_folder, write_whole

TABLE_CSV, TABLE_JSON = "table.csv", "table.json"


@dataclass(frozen=True)
class CaseRow:
    """One file in the table; fields that do not apply are empty or NaN.

    Parameters
    ----------
    reason
        Why it has no score, or why no statement is made about it.
    log10_lr, log10_low, log10_high
        Likelihood ratio of fake over real and its interval, as powers of ten.
    step_s
        Where the scores of its shortest windows have a clear step.
    turned
        Number of small changes that move the score across the threshold.
    """

    file: str
    sha256: str = ""
    seconds: float = math.nan
    score: float = math.nan
    condition: str = ""
    log10_lr: float = math.nan
    log10_low: float = math.nan
    log10_high: float = math.nan
    step_s: float = math.nan
    turned: int = 0
    reason: str = ""
    page: str = ""


@dataclass(frozen=True, eq=False)
class ExaminedFile:
    """An examined file; `case` and `page` are None if it could not be examined."""

    row: CaseRow
    case: Case | None
    page: Path | None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the named files, and the recordings in named folders, sorted.

    Raises UsageError if there is no such file or no recording in a folder.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and is_audio(file))
            if not inside:
                raise UsageError("no recordings in it", str(path), "name audio files")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise UsageError("no such file", str(path), "name a recording or a folder of them")
    return list(dict.fromkeys(files))


def folder_for(run: Path) -> Path:
    """Return a new directory under `reports/cases`, named by the time and the run."""
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("reports/cases") / f"{utc}-{run.resolve().name}"


def plain_cases(done: Sequence[ExaminedFile]) -> list[dict[str, Any]]:
    """Return every file as plain data: its case, or its name and why there is none."""
    return [
        {"page": str(examined.page)} | case_content(examined.case)
        if examined.case is not None
        else {"page": None, "file": {"name": examined.row.file}, "reason": examined.row.reason}
        for examined in done
    ]


def examine_all(
    paths: Sequence[Path],
    examiner: Examiner,
    options: ExamineOptions,
    out: Path,
    note: Callable[[str], None],
    *,
    force: bool = False,
) -> list[ExaminedFile]:
    """Examine every file and write its case into `out`; a bad file only loses its own case.

    Raises UsageError, before anything is examined, if a file to be written exists and `force` is
    not given, or if it is itself to be examined.
    """
    try:
        make_folder(out)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise UsageError(f"cannot be made: {reason}", str(out), "choose another --out") from fault
    tables = [out / TABLE_CSV, out / TABLE_JSON]
    for target in (*_pages(paths, out), *(tables if len(paths) > 1 else [])):
        refuse_taken(target, paths, force=force)
    done: list[ExaminedFile] = []
    for number, path in enumerate(paths, start=1):
        note(f"{number} of {len(paths)}: {path.name}")
        done.append(_examine_one(path, examiner, options, out))
    rows = [examined.row for examined in done]
    if len(paths) == 1 and not done[0].case:
        note(f"{paths[0].name}: {rows[0].reason}")
        for target in tables:
            refuse_taken(target, paths, force=force)
    if len(paths) > 1 or not done[0].case:
        write_whole(out / TABLE_CSV, table_csv(rows))
        write_whole(out / TABLE_JSON, json_text(rows))
    return done


def _examine_one(
    path: Path, examiner: Examiner, options: ExamineOptions, out: Path
) -> ExaminedFile:
    try:
        case = examine(path, examiner, options)
    except UsageError:  # caused by the detector, not the file
        raise
    except (ClipRejected, ClipError) as fault:
        return ExaminedFile(CaseRow(path.name, reason=str(fault)), None, None)
    except Exception as fault:
        reason = f"could not be examined: {type(fault).__name__}: {fault}"
        return ExaminedFile(CaseRow(path.name, reason=reason), None, None)
    name = _file_name(case.file.name, case.file.sha256)
    write_whole(out / f"{name}.json", case_json(case))
    write_whole(out / f"{name}.html", render_case(case))
    return ExaminedFile(_case_row(case, f"{name}.html"), case, out / f"{name}.html")


def _pages(paths: Sequence[Path], out: Path) -> Iterator[Path]:
    """Yield the files that will be written, if the folder is not empty."""
    if not any(out.iterdir()):
        return
    for path in filter(Path.is_file, paths):
        with suppress(OSError), path.open("rb") as file:
            name = _file_name(path.name, hashlib.file_digest(file, "sha256").hexdigest())
            yield from (out / f"{name}.json", out / f"{name}.html")


def table_csv(rows: Sequence[CaseRow]) -> str:
    """Return the table as CSV; text that a spreadsheet would take for a formula is quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(field.name for field in fields(CaseRow))
    for row in rows:
        writer.writerow(_cell(value) for value in asdict(row).values())
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else round(value, 6)
    text = printable(str(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text


def _file_name(recording: str, sha256: str) -> str:
    stem = re.sub(r"[^\w.-]+", "-", Path(recording).stem, flags=re.ASCII).strip("-.")
    return f"{stem[:80] or 'recording'}-{sha256[:8]}"


def _case_row(case: Case, page: str) -> CaseRow:
    weight = case.weight
    shortest = case.timelines[-1].step if case.timelines else None
    clear = shortest is not None and shortest.strength >= CLEAR_STEP
    return CaseRow(
        file=case.file.name,
        sha256=case.file.sha256,
        seconds=case.file.seconds,
        score=case.score,
        condition=weight.condition,
        log10_lr=weight.llr / math.log(10),
        log10_low=weight.low / math.log(10),
        log10_high=weight.high / math.log(10),
        step_s=shortest.at_s if shortest is not None and clear else math.nan,
        turned=sum(change.turned for change in case.changes),
        reason=" ".join(weight.refused),
        page=page,
    )

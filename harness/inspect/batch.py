"""Any number of questioned files: a page and a JSON file for each, and a table of them all."""

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
from harness.inspect.examiner import Examiner, Options, examine
from harness.plain_json import json_text
from harness.report.case import CLEAR_STEP, render_case
from harness.storage.output_file import refuse_taken
from harness.storage.storage import make_folder, write_whole

TABLE_CSV, TABLE_JSON = "table.csv", "table.json"
Told = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """One file in the table; what does not apply is empty or NaN.

    Parameters
    ----------
    reason
        Why it has no score, or why nothing is said about it.
    log10_lr, log10_low, log10_high
        Likelihood ratio of fake over real and its interval, as powers of ten.
    step_s
        Where the scores of its shortest windows step clearly.
    turned
        How many small changes take the score across the threshold.
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
class Examined:
    """What came of one file; `page` is None where it could not be examined."""

    entry: Entry
    case: Case | None
    page: Path | None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: those named, and the recordings in folders, by name.

    Raises UsageError if there is no such file or no recording in a folder.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and is_audio(each))
            if not inside:
                raise UsageError("no recordings in it", str(path), "name audio files")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise UsageError("no such file", str(path), "name a recording or a folder of them")
    return list(dict.fromkeys(found))


def folder_for(run: Path) -> Path:
    """A new directory under `reports/cases`, called by the time and the run."""
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("reports/cases") / f"{utc}-{run.resolve().name}"


def plain_cases(done: Sequence[Examined]) -> list[dict[str, Any]]:
    """Every file as JSON has it: its case, or its name and why there is none."""
    return [
        {"page": str(each.page)} | case_content(each.case)
        if each.case is not None
        else {"page": None, "file": {"name": each.entry.file}, "reason": each.entry.reason}
        for each in done
    ]


def examine_all(
    paths: Sequence[Path],
    examiner: Examiner,
    options: Options,
    out: Path,
    note: Told,
    *,
    force: bool = False,
) -> list[Examined]:
    """Examine every file and write what was found into `out`; a bad file costs its own row.

    Raises
    ------
    UsageError
        Before anything is examined where a file to be written exists and `force` is not given, or
        is itself to be examined.
    """
    try:
        make_folder(out)
    except OSError as fault:
        told = fault.strerror or str(fault)
        raise UsageError(f"cannot be made: {told}", str(out), "choose another --out") from fault
    tables = [out / TABLE_CSV, out / TABLE_JSON]
    for target in (*_pages(paths, out), *(tables if len(paths) > 1 else [])):
        refuse_taken(target, paths, force=force)
    done: list[Examined] = []
    for place, path in enumerate(paths, start=1):
        note(f"{place} of {len(paths)}: {path.name}")
        try:
            case = examine(path, examiner, options)
        except UsageError:  # of the detector, whatever the file
            raise
        except (ClipRejected, ClipError) as fault:
            done.append(Examined(Entry(path.name, reason=str(fault)), None, None))
            continue
        except Exception as fault:
            told = f"could not be examined: {type(fault).__name__}: {fault}"
            done.append(Examined(Entry(path.name, reason=told), None, None))
            continue
        name = _file_name(case.file.name, case.file.sha256)
        write_whole(out / f"{name}.json", case_json(case))
        write_whole(out / f"{name}.html", render_case(case))
        done.append(Examined(_entry(case, f"{name}.html"), case, out / f"{name}.html"))
    if len(paths) > 1 or not done[0].case:
        entries = [each.entry for each in done]
        if len(paths) == 1:
            note(f"{paths[0].name}: {entries[0].reason}")
        for target in tables if len(paths) == 1 else []:
            refuse_taken(target, paths, force=force)
        write_whole(out / TABLE_CSV, table_csv(entries))
        write_whole(out / TABLE_JSON, json_text(entries))
    return done


def _pages(paths: Sequence[Path], out: Path) -> Iterator[Path]:
    """What will be written of the recordings that can be read, where the folder holds something."""
    if not any(out.iterdir()):
        return
    for path in filter(Path.is_file, paths):
        with suppress(OSError), path.open("rb") as file:
            name = _file_name(path.name, hashlib.file_digest(file, "sha256").hexdigest())
            yield from (out / f"{name}.json", out / f"{name}.html")


def table_csv(entries: Sequence[Entry]) -> str:
    """The table as CSV with a header; what a spreadsheet would take for a formula is quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(field.name for field in fields(Entry))
    for entry in entries:
        writer.writerow(_cell(value) for value in asdict(entry).values())
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else round(value, 6)
    text = printable(str(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text


def _file_name(recording: str, sha256: str) -> str:
    stem = re.sub(r"[^\w.-]+", "-", Path(recording).stem, flags=re.ASCII).strip("-.")
    return f"{stem[:80] or 'recording'}-{sha256[:8]}"


def _entry(case: Case, page: str) -> Entry:
    weight = case.weight
    shortest = case.timelines[-1].step if case.timelines else None
    clear = shortest is not None and shortest.strength >= CLEAR_STEP
    return Entry(
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

"""Runs made by hand from scores, to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.results.record import ConditionRecord, RunRecord
from harness.results.run_folder import RunFolder
from tests.support.builders import (
    condition_record,
    model_record,
    run_record,
    score_row,
    scores_table,
)

Scores = Mapping[str, float | None]
"""By clip: `f...` is a fake, any other real; None was rejected."""

MODEL = "owner/model"
CLIPS_OF_A_GROUP = 2


def condition(name: str, **changes: Any) -> ConditionRecord:
    family = name.split(":")[0]
    made = {
        "family": family,
        "chain": [] if name == "clean" else [{"perturb": family}],
        "digest": f"digest of {name}",
    }
    return condition_record(name, **(made | changes))


def record(names: list[str], clips: list[str], models: tuple[str, ...] = (MODEL,)) -> RunRecord:
    fakes = sum(is_fake(clip) for clip in clips)
    return run_record(
        [condition(name) for name in names],
        [model_record(name) for name in models],
        suite={"digest": "suite", "min_coverage": 0.5},
        data={
            "digest": "data",
            "clips": len(clips),
            "real": len(clips) - fakes,
            "fake": fakes,
        },
        machine={"packages": {"torch": "2"}},
        harness_version="1",
    )


def is_fake(clip: str) -> bool:
    return clip.startswith("f")


def table(scores: Mapping[str, Scores], model: str = MODEL) -> pd.DataFrame:
    """Rows of every condition; the number at the end of a clip's name gives its group."""
    return scores_table(
        score_row(
            clip,
            name,
            score,
            model=model,
            generator="G" if is_fake(clip) else "",
            group=f"speaker {clip.lstrip('rfab')}",
            severity=1.0,
        )
        for name, by_clip in scores.items()
        for clip, score in by_clip.items()
    )


def finished(scores: Mapping[str, Scores], model: str = MODEL) -> RunFolder:
    """A run whose record and table fit each other."""
    clips = list(dict.fromkeys(clip for each in scores.values() for clip in each))
    return RunFolder(
        folder=Path("nowhere"),
        record=record(list(scores), clips, (model,)),
        table=table(scores, model),
    )


def changed(run: RunFolder, part: str = "", **changes: Any) -> RunFolder:
    """The run with a part of its record changed (`suite`, `data`, `machine`), or the record."""
    if part:
        changes = {part: getattr(run.record, part).model_copy(update=changes)}
    made = run.record.model_copy(update=changes)
    return RunFolder(run.folder, made, run.table, run.published)


def drawn(
    seed: int, groups: int = 12, names: tuple[str, ...] = ("clean", "noise:a@1")
) -> RunFolder:
    """Two real clips and two fakes a group with random scores, few of them equal."""
    rng = np.random.default_rng(seed)
    return finished(
        {
            name: {
                f"{kind}{number}": round(rng.normal(1 if kind[0] == "f" else -1, 1.2), 2)
                for number in range(groups)
                for kind in ("ra", "rb", "fa", "fb")
            }
            for name in names
        }
    )

"""A run whose scores are drawn from known distributions, with everything that forensics reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.results.record import AxisRecord, RunRecord
from harness.results.run_folder import RunFolder
from harness.results.scores import Row
from tests.support.builders import (
    condition_record,
    model_record,
    run_record,
    score_row,
    scores_table,
)

MODEL = "owner/model"
SEPARATION = 3.0
"""Real scores are normal around -1.5, fakes around 1.5, standard deviation 1: the ratio is 3 s."""

Step = dict[str, Any]
CONDITIONS: dict[str, tuple[str, float, list[Step]]] = {
    "clean": ("clean", 1.0, []),
    "noise:white@20dB": ("noise", 0.8, [{"perturb": "noise", "snr_db": 20.0}]),
    "noise:white@5dB": ("noise", 0.1, [{"perturb": "noise", "snr_db": 5.0}]),
    "codec:amr-nb": ("codec", 0.6, [{"perturb": "codec", "codec": "amr-nb"}]),
    "reverb": ("reverb", 0.9, [{"perturb": "reverb", "rt60_s": 0.3}]),
    "crop@2s": ("crop", 1.0, [{"perturb": "crop", "seconds": 2.0, "place": "active"}]),
    "crop@0.5s": ("crop", 0.2, [{"perturb": "crop", "seconds": 0.5, "place": "active"}]),
    "filled@0.5s": (
        "padding",
        0.6,
        [
            {"perturb": "crop", "seconds": 0.5, "place": "active"},
            {"perturb": "pad", "seconds": 10.0, "fill": "repeat"},
        ],
    ),
}
"""Family, what is left of the separation, chain."""


def record(prefix: str = "test", digest: str = "weights") -> RunRecord:
    conditions = [
        condition_record(
            name,
            family=family,
            axis=AxisRecord(field="seconds", unit="s", value=chain[0]["seconds"], worse="lower")
            if family == "crop"
            else None,
            words=f"in words {name}",
            chain=chain,
            digest=name,
        )
        for name, (family, _, chain) in CONDITIONS.items()
    ]
    return run_record(
        conditions,
        [model_record(MODEL, kind="hub", digest=digest, rate_hz=16000)],
        suite={"name": "made"},
        data={"spec": prefix, "name": prefix, "digest": prefix},
        machine={"workers": 0},
        command=["harness", "run"],
        started="2025-01-01T00:00:00Z",
        finished="2025-01-01T00:01:00Z",
        seconds=60.0,
    )


def finished(
    groups: int = 40,
    each: int = 3,
    prefix: str = "test",
    seed: int = 0,
    digest: str = "weights",
    scale: float = 1.0,
) -> RunFolder:
    """`each` real clips and fakes of every group under every condition, 2 to 5 s long."""
    rng = np.random.default_rng(seed)
    clips = groups * each
    length = np.linspace(2.0, 5.0, clips)
    rows: list[Row] = []
    for name, (family, kept, chain) in CONDITIONS.items():
        cut = min((s["seconds"] for s in chain if s["perturb"] == "crop"), default=np.inf)
        snr = min((s["snr_db"] for s in chain if s["perturb"] == "noise"), default=np.nan)
        for label, side in (("real", -1.0), ("fake", 1.0)):
            score = scale * rng.normal(side * kept * SEPARATION / 2, 1.0, clips)
            rows += [
                score_row(
                    f"{prefix}/{label}{number}",
                    name,
                    score[number],
                    family=family,
                    label=label,
                    source=prefix,
                    generator="vocoder" if label == "fake" else "",
                    speaker=f"{prefix}-{number % groups}",
                    group=f"{prefix}-{number % groups}",
                    seconds=10.0 if family == "padding" else min(length[number], cut),
                    logit_fake=score[number],
                    logit_real=0.0,
                    snr_db=snr,
                    bandwidth_hz=3800.0 if family == "codec" else 7800.0,
                    delay_samples=0.0,
                    changed=name != "clean",
                )
                for number in range(clips)
            ]
    made = record(prefix, digest)
    data = made.data.model_copy(update={"clips": 2 * clips, "real": clips, "fake": clips})
    made = made.model_copy(update={"data": data})
    return RunFolder(Path(prefix), made, scores_table(rows), "ast-fakeaudio-detector")

"""A small run made by hand: its record, its summary and examples that can be heard."""

from __future__ import annotations

import io
import math

import numpy as np
import soundfile
from PIL import Image

from harness.claims.published import Counts, Figures, Published
from harness.report.example import Example
from harness.results.figures import (
    ClaimCheck,
    Curve,
    Damage,
    FamilyDamage,
    Histogram,
    MetricRow,
    Mistake,
    Reason,
    Shortfall,
    Summary,
    Tally,
    Unscored,
)
from harness.results.record import AxisRecord, ConditionRecord, CountRecord, RunRecord
from tests.support.builders import condition_record, model_record, run_record

NAN = math.nan
MODEL = "someone/detector"
METRICS = ("accuracy", "precision", "recall", "f1", "precision_real", "recall_real", "f1_real")
LEVELS = (20.0, 10.0, 0.0)

# accuracy, its interval, and what it is against clean
ACCURACY = {
    "clean": (0.95, 0.92, 0.98),
    "noise:white@20dB": (0.94, 0.9, 0.97),
    "noise:white@10dB": (0.8, 0.75, 0.85),
    "noise:white@0dB": (0.6, 0.54, 0.66),
    "codec:g711": (0.95, 0.91, 0.98),
    "crop@0.1s": (NAN, NAN, NAN),
}
DAMAGE = {
    "noise:white@20dB": (-0.01, -0.03, 0.01),
    "noise:white@10dB": (-0.15, -0.2, -0.1),
    "noise:white@0dB": (-0.35, -0.41, -0.29),
    "codec:g711": (0.0, -0.02, 0.02),
    "crop@0.1s": (NAN, NAN, NAN),
}


def conditions() -> list[ConditionRecord]:
    noise = [
        condition_record(
            f"noise:white@{snr:g}dB",
            severity=place + 1.0,
            axis=AxisRecord(field="snr_db", unit="dB", value=snr, worse="lower"),
            words=f"white noise at {snr:g} dB",
            chain=[{"perturb": "noise", "color": "white", "snr_db": snr}],
            digest=f"{place:016x}",
        )
        for place, snr in enumerate(LEVELS)
    ]
    digest = "d" * 16
    return [
        condition_record("clean", words="as recorded", digest=digest),
        condition_record("codec:g711", words="G.711", chain=[{"perturb": "codec"}], digest=digest),
        condition_record(
            "crop@0.1s", words="cut to 0.1 s", chain=[{"perturb": "crop"}], digest=digest
        ),
        *noise,
    ]


def record(models: tuple[str, ...] = (MODEL,), **changes: object) -> RunRecord:
    made = run_record(
        conditions(),
        [model_record(name, labels={"0": "fake", "1": "real"}) for name in models],
        suite={"name": "small", "digest": "s" * 16},
        data={
            "spec": "recordings",
            "name": "recordings",
            "digest": "c" * 16,
            "notes": ["labels from folders"],
            "clips": 200,
            "real": 100,
            "fake": 100,
        },
        machine={
            "platform": "Linux",
            "python": "3.11",
            "packages": {"numpy": "2"},
            "batch_size": 4,
            "workers": 2,
        },
        harness_version="0.1.0",
        git_revision="abc",
        git_dirty=False,
        command=["harness", "run", "noise", "--data", "my clips"],
        started="2025-01-01T12:00:00Z",
        finished="2025-01-01T12:01:00Z",
        seconds=60.0,
        clips_per_second=20.0,
        counts=CountRecord(ok=1190, rejected=8, error=2),
    )
    return made.model_copy(update=changes)


def summary(models: tuple[str, ...] = (MODEL,), clip_id: str = "fake/a.wav") -> Summary:
    rows: list[MetricRow] = []
    for model in models:
        for name, (value, low, high) in ACCURACY.items():
            n = 0 if math.isnan(value) else 199
            rows += [
                MetricRow(model, name, "all", m, value - i / 1000, low, high, n)
                for i, m in enumerate(METRICS)
            ]
            rows.append(MetricRow(model, name, "all", "coverage", n / 200, NAN, NAN, 200))
            rows.append(MetricRow(model, name, "generator=WORLD", "recall", 0.5, 0.3, 0.7, 20))
            rows.append(MetricRow(model, name, "source=studio", "accuracy", 0.9, 0.8, 1.0, 90))
            rows.append(MetricRow(model, name, "length=0-1 s", "accuracy", value, low, high, n))
            rows.append(MetricRow(model, name, "length=1+ s", "accuracy", 0.97, 0.9, 1.0, 150))
        rows.append(MetricRow(model, "*", "family=noise", "accuracy", 0.78, 0.7, 0.8, 597))
    edges = [-4.0, -2.0, 0.0, 2.0, 4.0]
    return Summary(
        rows=rows,
        damage=[
            Damage(m, name, "accuracy", *values, 0 if math.isnan(values[0]) else 199)
            for m in models
            for name, values in DAMAGE.items()
        ],
        families=[
            FamilyDamage(m, "noise", "accuracy", -0.17, -0.2, -0.13, 3, "noise:white@0dB")
            for m in models
        ],
        claims=[claim(m, "accuracy", 0.9662, 0.95, "undecided") for m in models],
        curves=[
            Curve(m, name, [0.0, 0.0, 0.1, 1.0], [0.0, 0.8, 0.95, 1.0])
            for m in models
            for name in ("clean", "noise:white@0dB")
        ],
        histograms=[
            Histogram(m, name, label, edges, counts)
            for m in models
            for name in ACCURACY
            for label, counts in (("real", [60, 35, 4, 1]), ("fake", [1, 3, 40, 56]))
        ],
        mistakes=[
            Mistake(m, "noise:white@0dB", clip_id, "fake", -5.0, "WORLD", "studio", 2.0)
            for m in models
        ],
        unscored=[
            Unscored(m, "crop@0.1s", "rejected", f"too short: {clip_id}", 200) for m in models
        ],
        resamples=1000,
        groups=25,
        policy="excluded",
        tally=Tally(1190, 8, 2, 0),
        shortfalls=[
            Shortfall(
                m,
                "crop@0.1s",
                label,
                0.0,
                0,
                100,
                (Reason("rejected", f"too short: {clip_id}", 100),),
            )
            for m in models
            for label in ("fake", "real")
        ],
    )


def claim(
    model: str, metric: str, reported: float, value: float, equivalence: str, half: float = 0.03
) -> ClaimCheck:
    """A claim of 5,000 clips against a figure with an interval of so much to either side."""
    near = abs(value - reported) <= half
    away = "below" if value < reported else "above"
    return ClaimCheck(
        model,
        metric,
        reported,
        value,
        value - half,
        value + half,
        199,
        value - reported,
        "not measured" if math.isnan(value) else "covered" if near else away,
        equivalence,  # type: ignore[arg-type]
        0.02,
        value - reported - half,
        value - reported + half,
        5000,
    )


def published(**changes: object) -> Published:
    made = Published(
        model=MODEL,
        figures=Figures(accuracy=0.9662),
        positive="unstated",
        test_set=Counts(name="someone/testset", fake=7229, real=6247),
        limitations=("Works best at 16 kHz.", "Loud noise.", "Never the sole determiner."),
        notes=("A note.",),
    )
    return made.model_copy(update=changes)


def example(clip_id: str = "fake/a.wav", model: str = MODEL, seconds: float = 2.0) -> Example:
    """A tone as FLAC, with a picture."""
    times = np.arange(int(16000 * seconds)) / 16000
    sound, picture = io.BytesIO(), io.BytesIO()
    soundfile.write(sound, 0.3 * np.sin(2 * np.pi * 440 * times), 16000, format="FLAC")
    Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(picture, "PNG")
    return Example(
        model=model,
        condition="noise:white@0dB",
        clip_id=clip_id,
        label="fake",
        score=-9.0,
        words="white noise at 0 dB",
        audio=sound.getvalue(),
        audio_type="audio/flac",
        spectrogram_png=picture.getvalue(),
    )

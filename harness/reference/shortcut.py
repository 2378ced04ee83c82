"""Separation of the classes by trivial properties, by logistic regression.

Length, level, leading silence, bandwidth and crest factor: such properties have given away the
fakes of real data sets (Müller et al. 2021, "Speech is silver, silence is golden").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from harness.audio.wave import Wave, load
from harness.data.clip import Source


def measure(wave: Wave) -> dict[str, float]:
    """The trivial properties of one recording, by name."""
    samples = wave.samples.astype(np.float64)
    rms = max(float(np.sqrt(np.mean(samples**2))), 1e-9)
    peak = max(float(np.max(np.abs(samples))), 1e-9)
    loud = np.flatnonzero(np.abs(samples) > 0.1 * peak)
    size = min(1024, len(samples))
    hz, power = signal.welch(samples, wave.rate_hz, nperseg=size)
    within = np.cumsum(power) / max(float(np.sum(power)), 1e-30)
    return {
        "seconds": wave.seconds,
        "level_db": 20 * np.log10(rms),
        "leading_silence_s": float(loud[0] if len(loud) else len(samples)) / wave.rate_hz,
        "bandwidth_hz": float(hz[np.searchsorted(within, 0.99)]),
        "crest_db": 20 * np.log10(peak / rms),
    }


def shortcut_auc(source: Source) -> float:
    """AUC of the cross-validated regression on the trivial properties; ideally 0.5."""
    clips = list(source)
    rows = [list(measure(load(clip.audio)).values()) for clip in clips]
    fake = [clip.label == "fake" for clip in clips]
    return separability(np.array(rows), np.array(fake), np.array([clip.group for clip in clips]))


def separability(
    properties: NDArray[np.float64], fake: NDArray[np.bool_], groups: NDArray[np.str_]
) -> float:
    """AUC of a linear model on groups that it was not fitted on.

    `properties` has shape (clips, properties), `fake` and `groups` have shape (clips,).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = GroupKFold(min(5, len(set(groups.tolist()))))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = cross_val_predict(
        model, properties, fake, groups=groups, cv=folds, method="decision_function"
    )
    return float(roc_auc_score(fake, scores))

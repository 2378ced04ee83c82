"""Where in the picture that a detector sees its score comes from: integrated gradients.

Integrated gradients (Sundararajan, Taly & Yan 2017) from the recording's own mean spectrum, held
for its whole length, to its picture: every cell gets its part of the difference of the two scores,
towards fake (above 0) or towards real. Padding is the same in both and gets nothing. Cells are 0.32
s by an eighth of the mel bins; finer ones mostly show where the recording is loud.

Such a picture can look convincing and have nothing to do with what the network learned (Adebayo et
al. 2018, "Sanity checks for saliency maps"). So it is held against the same picture made with
random weights of the same spread, against that of the recording under noise at 40 dB, and against
the score that its cells should add up to. Where it fails one of the three it is withheld.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.audio.wave import Wave
from harness.detector.hf import HubModel, ModelParts
from harness.errors import ClipRejected
from harness.forensic.case import Attribution
from harness.inspect.detector_view import Listener
from harness.perturb import Draw
from harness.perturb.noise import Noise
from harness.seed import generator, stable_seed

METHOD = (
    "integrated gradients over the log-mel picture, from the recording's own mean spectrum, in 64 "
    "steps"
)

MOST_SIMILAR = 0.5
MOST_GAP, MOST_GAP_SHARE = 0.25, 0.2
_STEPS = 64
_FRAMES_A_CELL, _ROWS = 32, 8

Array = NDArray[np.float64]


def attribution(wave: Wave, listener: Listener, seed: str) -> Attribution | str:
    """The picture of the evidence, or why this detector has none.

    Parameters
    ----------
    wave
        At the detector's rate.
    seed
        Of the random weights and the noise; the file's digest.
    """
    detector = listener.detector
    if not isinstance(detector, HubModel):
        return "a detector that is a Python callable cannot be looked into"
    parts = detector.parts
    if parts.log_mel is None:
        return "the detector takes the waveform, and the picture is made for log-mel features"
    if reason := detector.admits(wave):
        return reason
    heard = listener.heard(wave)
    own = _Explained(parts, parts.model, detector.batch_size)
    random = _Explained(parts, _randomised(parts.model, seed), detector.batch_size)
    grid, from_mean = own.cells(heard)
    blind, _ = random.cells(heard)
    similar = [rank_correlation(grid, blind), rank_correlation(np.abs(grid), np.abs(blind))]
    gap = abs(float(grid.sum()) - from_mean)
    try:
        noisy = Noise(color="white", snr_db=40.0).apply(heard, Draw(generator(seed, "again")))
    except ClipRejected as fault:
        return str(fault)
    repeatability = rank_correlation(grid, own.cells(noisy)[0])
    withheld = withheld_for(max(similar), repeatability, gap, from_mean)
    return Attribution(
        method=METHOD,
        withheld=withheld,
        similarity=max(similar),
        repeatability=repeatability,
        from_mean=from_mean,
        gap=gap,
        seconds=len(heard.samples) / heard.rate_hz,
        cells=[] if withheld else grid.T.round(6).tolist(),
    )


def withheld_for(similarity: float, repeatability: float, gap: float, from_mean: float) -> str:
    """Why a picture is not shown; empty where it passes all three checks."""
    if not gap <= max(MOST_GAP, MOST_GAP_SHARE * abs(from_mean)):
        return (
            f"its cells add up to {gap:.2f} log-odds more or less than the {from_mean:+.2f} that "
            "they should explain: the detector's answer is too rough for this method"
        )
    if not similarity <= MOST_SIMILAR:
        return (
            f"random weights give a picture whose cells rank alike ({similarity:.2f}, at most "
            f"{MOST_SIMILAR:g} is allowed): it would show the recording and not the detector"
        )
    if not repeatability > max(similarity, 0):
        return (
            "noise at 40 dB, which nobody hears, changes the picture as much as random weights do "
            f"(rank correlation {repeatability:.2f} against {similarity:.2f})"
        )
    return ""


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's, of all cells; NaN where one of the two is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(each.ravel()) for each in (first, second)]
    if any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


class _Explained:
    """One network, and what each cell of a picture adds to its score."""

    def __init__(self, parts: ModelParts, model: Any, batch: int) -> None:
        assert parts.log_mel is not None
        self._log_mel, self._dtype = parts.log_mel, parts.dtype
        self._model, self._batch = model, batch
        self._fake, self._real = parts.columns

    def cells(self, wave: Wave) -> tuple[Array, float]:
        """The cells of a wave, and the difference of scores that they should add up to."""
        frames = self._log_mel.frames(len(wave.samples))
        with torch.no_grad():
            picture = self._log_mel([wave.samples])[0]
            mean = picture.clone()
            mean[:frames] = picture[:frames].mean(dim=0, keepdim=True)
            scores = self._scores(torch.stack([picture, mean])).double()
        total = torch.zeros_like(picture)
        steps = (torch.arange(_STEPS, device=picture.device) + 0.5) / _STEPS  # midpoints
        with torch.enable_grad():
            for together in steps.split(self._batch):
                on_way = mean + together[:, None, None] * (picture - mean)
                on_way = on_way.requires_grad_(True)
                (gradient,) = torch.autograd.grad(self._scores(on_way).sum(), on_way)
                total += gradient.sum(dim=0)
        found = ((picture - mean) * total / _STEPS).double().cpu().numpy()
        return _grid(found[:frames]), float(scores[0] - scores[1])

    def _scores(self, pictures: Tensor) -> Tensor:
        logits = self._model(input_values=pictures.to(self._dtype)).logits
        return logits[:, self._fake] - logits[:, self._real]


def _randomised(model: Any, seed: str) -> Any:
    """A copy with every weight drawn anew, of the spread that its tensor had."""
    copy = deepcopy(model)
    draw = torch.Generator().manual_seed(stable_seed(seed, "weights") % 2**63)
    with torch.no_grad():
        for weight in copy.parameters():
            if weight.ndim < 2:  # a bias, or the scale of a normalisation
                continue
            drawn = torch.randn(weight.shape, generator=draw) * float(weight.std()) + float(
                weight.mean()
            )
            weight.copy_(drawn)
    return copy


def _grid(cells: Array) -> Array:
    """Sums over stretches of 0.32 s and an eighth of the bins, shape (stretches, 8)."""
    frames, bins = cells.shape
    columns, rows = max(1, frames // _FRAMES_A_CELL), min(bins, _ROWS)
    by_time = np.add.reduceat(cells, np.arange(columns) * frames // columns, axis=0)
    return np.add.reduceat(by_time, np.arange(rows) * bins // rows, axis=1)

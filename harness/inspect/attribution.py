"""Integrated gradients: the contribution of each part of a log-mel picture to the score.

Integrated gradients (Sundararajan, Taly & Yan 2017) from the recording's own mean spectrum, held
for its whole length, to its picture: every cell gets its part of the difference of the two scores,
towards fake (above 0) or real. Padding is the same in both and gets nothing. Cells are 0.32 s by an
eighth of the mel bins; finer ones mostly show where the recording is loud.

Such a picture can look convincing without depending on what the network learned (Adebayo et al.
2018, "Sanity checks for saliency maps"). It is therefore compared with the picture of random
weights of the same spread, with that of the recording under noise at 40 dB, and with the score that
its cells should add up to. If it fails one of the three it is withheld.
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
from harness.inspect.detector_view import WaveScorer
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


def attribution(wave: Wave, scorer: WaveScorer, seed: str) -> Attribution | str:
    """Return the picture of the evidence, or why there is none.

    Parameters
    ----------
    wave
        At the detector's rate.
    seed
        For the random weights and the noise: the file's digest.
    """
    detector = scorer.detector
    if not isinstance(detector, HubModel):
        return "the network of this kind of detector is not accessible"
    parts = detector.parts
    if parts.log_mel is None:
        return "the detector takes the waveform, and the picture is made for log-mel features"
    if reason := detector.admits(wave):
        return reason
    used = scorer.used_part(wave)
    own = _Explained(parts, parts.model, detector.batch_size)
    random = _Explained(parts, _randomised(parts.model, seed), detector.batch_size)
    grid, from_mean = own.cells(used)
    random_grid, _ = random.cells(used)
    similarity = max(
        rank_correlation(grid, random_grid),
        rank_correlation(np.abs(grid), np.abs(random_grid)),
    )
    gap = abs(float(grid.sum()) - from_mean)
    try:
        noisy = Noise(color="white", snr_db=40.0).apply(used, Draw(generator(seed, "again")))
    except ClipRejected as fault:
        return str(fault)
    repeatability = rank_correlation(grid, own.cells(noisy)[0])
    withheld = withheld_for(similarity, repeatability, gap, from_mean)
    return Attribution(
        method=METHOD,
        withheld=withheld,
        similarity=similarity,
        repeatability=repeatability,
        from_mean=from_mean,
        gap=gap,
        seconds=len(used.samples) / used.rate_hz,
        cells=[] if withheld else grid.T.round(6).tolist(),
    )


def withheld_for(similarity: float, repeatability: float, gap: float, from_mean: float) -> str:
    """Return why a picture is not shown; empty if it passes all three checks."""
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
    """Return Spearman's correlation of all cells; NaN if one of the two is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(picture.ravel()) for picture in (first, second)]
    if any(np.ptp(ranking) == 0 for ranking in ranks):
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


class _Explained:
    """A network, and what each cell of a picture adds to its score."""

    def __init__(self, parts: ModelParts, model: Any, batch: int) -> None:
        assert parts.log_mel is not None
        self._log_mel, self._dtype = parts.log_mel, parts.dtype
        self._model, self._batch = model, batch
        self._fake, self._real = parts.columns

    def cells(self, wave: Wave) -> tuple[Array, float]:
        """Return the cells of a wave, and the difference of scores that they should add up to."""
        frames = self._log_mel.frames(len(wave.samples))
        with torch.no_grad():
            picture = self._log_mel([wave.samples])[0]
            mean = picture.clone()
            mean[:frames] = picture[:frames].mean(dim=0, keepdim=True)
            scores = self._scores(torch.stack([picture, mean])).double()
        total = torch.zeros_like(picture)
        steps = (torch.arange(_STEPS, device=picture.device) + 0.5) / _STEPS  # midpoints
        with torch.enable_grad():
            for part in steps.split(self._batch):
                point = mean + part[:, None, None] * (picture - mean)
                point = point.requires_grad_(True)
                (gradient,) = torch.autograd.grad(self._scores(point).sum(), point)
                total += gradient.sum(dim=0)
        cells = ((picture - mean) * total / _STEPS).double().cpu().numpy()
        return _grid(cells[:frames]), float(scores[0] - scores[1])

    def _scores(self, pictures: Tensor) -> Tensor:
        logits = self._model(input_values=pictures.to(self._dtype)).logits
        return logits[:, self._fake] - logits[:, self._real]


def _randomised(model: Any, seed: str) -> Any:
    """Return a copy with random weights, of the same mean and spread in each tensor."""
    copy = deepcopy(model)
    draw = torch.Generator().manual_seed(stable_seed(seed, "weights") % 2**63)
    with torch.no_grad():
        for weight in copy.parameters():
            if weight.ndim < 2:  # biases and normalisation scales
                continue
            drawn = torch.randn(weight.shape, generator=draw) * float(weight.std()) + float(
                weight.mean()
            )
            weight.copy_(drawn)
    return copy


def _grid(cells: Array) -> Array:
    """Return sums over 0.32 s and an eighth of the bins, shape (stretches, 8)."""
    frames, bins = cells.shape
    columns, rows = max(1, frames // _FRAMES_A_CELL), min(bins, _ROWS)
    by_time = np.add.reduceat(cells, np.arange(columns) * frames // columns, axis=0)
    return np.add.reduceat(by_time, np.arange(rows) * bins // rows, axis=1)

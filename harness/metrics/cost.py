"""Detection cost: what wrong decisions cost where fakes are rare and accepting one is expensive.

The default is that of ASVspoof 5: bona fide is what a user wants accepted, so a miss is a real clip
called fake, a false acceptance a fake called real. The cost is normalised by that of the better of
the two detectors that ignore their input, which is 1.

Wang et al., "ASVspoof 5: Crowdsourced speech data, deepfakes, and adversarial attacks at scale",
2024, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DetectionCost:
    """Prior probability of fakes, and the cost of each kind of error.

    Parameters
    ----------
    fake_share
        Prior probability that a clip is fake, between 0 and 1.
    miss
        Cost of a real clip called fake.
    false_acceptance
        Cost of a fake called real.

    Raises
    ------
    ValueError
        For a share or a cost that decides everything beforehand.
    """

    fake_share: float = 0.05
    miss: float = 1.0
    false_acceptance: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.fake_share < 1:
            raise ValueError("the share of fakes lies between 0 and 1")
        if not (0 < self.miss < math.inf and 0 < self.false_acceptance < math.inf):
            raise ValueError("an error costs more than nothing, and less than everything")

    @property
    def real_weight(self) -> float:
        """Normalised cost of calling every real clip fake."""
        return self._rejected / min(self._rejected, self._accepted)

    @property
    def fake_weight(self) -> float:
        """Normalised cost of calling every fake real."""
        return self._accepted / min(self._rejected, self._accepted)

    @property
    def threshold(self) -> float:
        """Threshold of least cost on log-likelihood ratios of fake over real: ln 1.9 by default."""
        return math.log(self._rejected / self._accepted)

    @property
    def _rejected(self) -> float:
        return self.miss * (1 - self.fake_share)

    @property
    def _accepted(self) -> float:
        return self.false_acceptance * self.fake_share


ASVSPOOF_5 = DetectionCost()

"""Compile the models of a run, all of them or none, and only where the user asked for it.

Nobody should count on it: on an H200 a compiled AST took 4.9 times as long as the model as it is,
because transformers 5.17 makes an attention mask while a model is compiled, and with a mask the
fused attention kernels are out (docs/speed.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from harness.detector.detector import Compilable, Detector, ScoreLookup
from harness.engine.scorer import Scorer
from harness.errors import UsageError


def compile_all(scorers: Sequence[Scorer], batch_size: int) -> None:
    """Compile every model that listens, for batches of this size; with 0 all are as first made.

    Raises
    ------
    UsageError
        Where one of them cannot be; then none is.
    """
    detectors = _listening(scorers)
    for detector in detectors:
        if isinstance(detector, Compilable):
            detector.compile(0)
    if not batch_size:
        return
    if batch_size == 1:
        raise UsageError("a batch of one is not compiled", "--compile", "use a larger --batch-size")
    for detector in detectors:
        if not _can_be(detector):
            raise UsageError(
                "cannot be compiled: its inputs are not known to have all one shape",
                detector.identity.name,
                "leave --compile out",
            )
    try:
        for detector in detectors:
            cast(Compilable, detector).compile(batch_size)
    except UsageError:
        compile_all(scorers, 0)
        raise


def _can_be(detector: Detector) -> bool:
    return isinstance(detector, Compilable) and detector.one_shape


def _listening(scorers: Sequence[Scorer]) -> list[Detector]:
    return [one.detector for one in scorers if not isinstance(one.detector, ScoreLookup)]

"""Whether the models of a run are compiled, and all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from harness.detector.detector import Compilable, Detector, ScoreLookup
from harness.engine.scorer import Scorer
from harness.errors import UsageError

LEAST_ROWS = 600_000
"""Of each model, on a GPU: compiling takes about a minute, and may save a tenth of the millisecond
that a model of 86 M parameters takes for a row there. On a processor it saves nothing: there the
time is that of matrix products and attention, which compiling leaves as they are."""


def settle(
    scorers: Sequence[Scorer],
    batch_size: int,
    wanted: bool | None,
    rows: int,
    tell: Callable[[str], None],
) -> bool:
    """Compile the models for batches of this size or leave them as they are; which of the two.

    Parameters
    ----------
    wanted
        None where nobody said: then they are compiled where that pays and can be done.
    rows
        How many each model has before it.
    tell
        Told where compiling was tried in vain.

    Raises
    ------
    UsageError
        Where it is wanted and cannot be done.
    """
    chosen = _pays(scorers, rows, batch_size) if wanted is None else wanted
    try:
        compile_all(scorers, batch_size if chosen else 0)
    except UsageError as fault:
        if wanted is not None:
            raise
        tell(f"going on without compiling: {fault}")
        return False
    return chosen


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


def _pays(scorers: Sequence[Scorer], rows: int, batch_size: int) -> bool:
    detectors = _listening(scorers)
    return (
        rows >= LEAST_ROWS
        and batch_size > 1
        and bool(detectors)
        and all(_can_be(one) and one.device.startswith("cuda") for one in detectors)
    )


def _can_be(detector: Detector) -> bool:
    return isinstance(detector, Compilable) and detector.one_shape


def _listening(scorers: Sequence[Scorer]) -> list[Detector]:
    return [one.detector for one in scorers if not isinstance(one.detector, ScoreLookup)]

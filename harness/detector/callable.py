"""A detector that is a Python object: `python:package.module:factory`.

`factory()` returns something to call as `f(samples, rate_hz)`, where `samples` is a list of float32
arrays of shape (n,) at `rate_hz`. It returns either log-odds of fake, shape (clips,), or logits
[fake, real], shape (clips, 2). Attributes are read from it where it has them: `rate_hz` (16000
otherwise), `name`, and `identity` or `digest`, a text (or a function that gives one) that changes
with the weights it has loaded: its source alone is known from outside (`harness.detector.code`).
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.audio import Wave
from harness.detector.code import own_identity, source_digests
from harness.detector.detector import Logits
from harness.errors import ClipError, UsageError
from harness.record import ModelRecord

_RATE_HZ = 16000
_BATCH_SIZE = 16
_DECLARED = ("kind",)
"""Attributes that say what is made of its answers."""
_UNKNOWN_WEIGHTS = (
    "known by its source; weights that it loads are known where it has an attribute `identity`"
)
_HOW = "write python:package.module:factory"


class CallableDetector:
    """Scores by whatever the factory made."""

    device = "its own"
    batch_size = _BATCH_SIZE
    longest = None

    def __init__(self, function: Callable[..., Any], identity: ModelRecord, rate_hz: int) -> None:
        self.identity = identity
        self.rate_hz = rate_hz
        self._function = function

    def admits(self, wave: Wave) -> str:
        if not len(wave.samples):
            return "there are no samples"
        if not np.isfinite(wave.samples).all():
            return "the samples are not all finite"
        return ""

    def score(self, waves: Sequence[Wave]) -> Logits:
        # Copies, because other detectors may score the same waves.
        samples = [wave.samples.copy() for wave in waves]
        try:
            answer = np.asarray(self._function(samples, self.rate_hz), dtype=np.float64)
        except Exception as fault:
            # Somebody else's code: whatever it raises is about these clips, and the run goes on.
            text = " ".join(str(fault).split())
            raise ClipError(f"{type(fault).__name__}: {text}"[:300]) from fault
        if answer.shape == (len(waves), 2):
            return answer
        if answer.shape == (len(waves),):
            return np.stack([answer, np.zeros_like(answer)], axis=1)
        raise UsageError(
            f"returned shape {answer.shape} for {len(waves)} clips",
            self.identity.spec,
            f"return ({len(waves)},) log-odds of fake or ({len(waves)}, 2) logits [fake, real]",
        )


def open_callable(target: str, spec: str) -> CallableDetector:
    """Import `package.module:factory`, from the current directory too, and call the factory.

    Raises
    ------
    UsageError
        Where there is no such module or factory, or it does not return something callable.
    """
    module_name, _, factory_name = target.partition(":")
    if not module_name or not factory_name:
        raise UsageError("does not name a module and a factory", spec, _HOW)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
        function = getattr(module, factory_name)()
    except Exception as fault:
        text = " ".join(str(fault).split())
        raise UsageError(f"cannot be made ({type(fault).__name__}: {text})", spec, _HOW) from fault
    if not callable(function):
        raise UsageError(
            f"the factory returned {type(function).__name__}, which cannot be called",
            spec,
            "return an object to call as f(samples, rate_hz)",
        )
    rate_hz = getattr(function, "rate_hz", _RATE_HZ)
    if not isinstance(rate_hz, int) or rate_hz <= 0:
        raise UsageError(f"rate_hz is {rate_hz!r}", spec, "give a positive whole number of Hz")
    said = own_identity(function, spec)
    identity = ModelRecord(
        name=str(getattr(function, "name", factory_name)),
        spec=spec,
        kind="callable",
        digest=_source_digest(module),
        architecture=f"{type(function).__module__}.{type(function).__qualname__}",
        rate_hz=rate_hz,
        notes=[] if said else [_UNKNOWN_WEIGHTS],
        settings={
            **{name: str(getattr(function, name)) for name in _DECLARED if hasattr(function, name)},
            **said,
            **{f"source {path}": digest for path, digest in source_digests(module).items()},
        },
    )
    return CallableDetector(function, identity, rate_hz)


def _source_digest(module: Any) -> str:
    path = inspect.getsourcefile(module)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""

"""A detector that is a Python object: `python:package.module:factory`.

`factory()` returns an object to call as `f(samples, rate_hz)`, where `samples` is a list of float32
arrays of shape (n,) at `rate_hz`. It returns one value a clip, shape (clips,), or one for fake and
one for real, shape (clips, 2). These optional attributes of the object are read:

- `rate_hz` (default 16000) and `name`;
- `kind`: the scale of its values, one of `KINDS` (default `log-odds`, or `logits` for two);
- `higher`: the class that a higher value speaks for (default `fake`);
- `identity` or `digest`: a text, or a function that returns one, that changes with the weights it
  loaded; from outside only its source is known (`harness.detector.source_digest`).
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
from numpy.typing import NDArray

from harness.audio.wave import Wave
from harness.data.clip import Label
from harness.detector.detector import Logits, Traits
from harness.detector.scale import (
    COMPUTED,
    KINDS,
    LOOKS_LIKE,
    Kind,
    logits_of,
    range_doubt,
)
from harness.detector.source_digest import source_digests, stated_identity
from harness.detector.user_code import UserCode, error_line
from harness.errors import ClipError, UsageError
from harness.results.record import ModelRecord

_RATE_HZ = 16000
_BATCH_SIZE = 16
_DECLARED = {"kind": KINDS, "higher": ("fake", "real")}
"""Attributes that say how its values are converted, and what they may be."""
_LEAST_SCORES = 32
"""Before values that could all be probabilities are suspicious."""
_UNKNOWN_WEIGHTS = (
    "known by its source; weights that it loads are known where it has an attribute `identity`"
)
_HOW = "write python:package.module:factory"


class CallableDetector:
    """Scores with the object that the factory returned."""

    traits = Traits()
    device = "its own"
    batch_size = _BATCH_SIZE
    longest = None

    def __init__(
        self, function: Callable[..., Any], identity: ModelRecord, rate_hz: int, user_code: UserCode
    ) -> None:
        self.identity = identity
        self.rate_hz = rate_hz
        self._function, self._user_code = function, user_code
        self._kind: Kind | None = identity.settings.get("kind")
        self._higher: Label = identity.settings.get("higher", "fake")
        self._seen: list[float] | None = [] if self._kind is None else None

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
            with self._user_code.running():
                answer = _numbers(self._function(samples, self.rate_hz))
        except UsageError:
            raise
        except Exception as fault:
            # Whatever the user's code raises concerns these clips only, and the run goes on.
            raise ClipError(error_line(fault)) from fault
        if answer.shape not in ((len(waves), 2), (len(waves),)):
            single, double = f"({len(waves)},)", f"({len(waves)}, 2)"
            raise UsageError(
                f"returned shape {answer.shape} for a list of {len(waves)} clips",
                self.identity.spec,
                f"return {single} log-odds of fake or {double} logits [fake, real]"
                if self._kind is None
                else f"return one value a clip, {single}, or one each for fake and real, {double}",
            )
        if self._seen is not None and len(self._seen) < _LEAST_SCORES:
            self._seen += answer.ravel().tolist()
        return self._logits(answer)

    def doubt(self) -> str:
        """Say once what its first scores look like, if it does not state their scale."""
        if self._seen is None or len(self._seen) < _LEAST_SCORES:
            return ""
        values = np.array(self._seen)
        self._seen = None
        like = range_doubt(values)
        if like is None:
            return ""
        return (
            f"its first {len(values)} values lie in {LOOKS_LIKE[like]}, and are taken for "
            f"log-odds: give the object an attribute kind = {like!r}, or 'log-odds' if they are"
        )

    def _logits(self, answer: Logits) -> Logits:
        kind = self._kind or "log-odds"
        if answer.ndim == 2 and self._kind == "log-odds":
            raise self._wrong("log-odds are one value a clip", "return shape (clips,)")
        if answer.ndim == 2 and self._higher == "real":
            raise self._wrong("has higher = 'real' and two values a clip", "leave out higher")
        try:
            return logits_of(answer, kind, self._higher, COMPUTED)
        except ValueError as fault:
            raise ClipError(f"{fault}, and the detector has kind = {kind!r}") from fault

    def _wrong(self, what: str, fix: str) -> UsageError:
        return UsageError(what, self.identity.spec, fix)


def open_callable(target: str, spec: str) -> CallableDetector:
    """Import `package.module:factory`, also from the current directory, and call the factory.

    Raises UsageError if there is no such module or factory, or it does not return a callable.
    """
    module_name, _, factory_name = target.partition(":")
    if not module_name or not factory_name:
        raise UsageError("does not name a module and a factory", spec, _HOW)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    user_code = UserCode(spec)
    try:
        with user_code.running():
            module = importlib.import_module(module_name)
            function = getattr(module, factory_name)()
            rate_hz = getattr(function, "rate_hz", _RATE_HZ)
            name = str(getattr(function, "name", factory_name))
    except UsageError:
        raise
    except Exception as fault:
        raise UsageError(f"cannot be made ({error_line(fault)})", spec, _HOW) from fault
    if not callable(function):
        raise UsageError(
            f"the factory returned {type(function).__name__}, which cannot be called",
            spec,
            "return an object to call as f(samples, rate_hz)",
        )
    if not isinstance(rate_hz, int) or rate_hz <= 0:
        raise UsageError(f"rate_hz is {rate_hz!r}", spec, "give a positive whole number of Hz")
    with user_code.running():
        stated = stated_identity(function, spec)
        declared = {
            name: _declared(function, name, spec) for name in _DECLARED if hasattr(function, name)
        }
    identity = ModelRecord(
        name=name,
        spec=spec,
        kind="callable",
        digest=_source_digest(module),
        architecture=f"{type(function).__module__}.{type(function).__qualname__}",
        rate_hz=rate_hz,
        notes=[] if stated else [_UNKNOWN_WEIGHTS],
        settings={
            **declared,
            **stated,
            **{f"source {path}": digest for path, digest in source_digests(module).items()},
        },
    )
    return CallableDetector(function, identity, rate_hz, user_code)


def _numbers(answer: Any) -> NDArray[np.float64]:
    """Return the answer as float64, with NaN for masked values.

    Raises
    ------
    TypeError, ValueError
        If it is not an array of real numbers.
    """
    if np.iscomplexobj(answer):
        raise TypeError("it returned complex numbers")
    values = np.array(answer, dtype=np.float64)
    masked: Any = np.ma.getmask(answer)
    if masked is not np.ma.nomask:
        values[masked] = np.nan
    return values


def _declared(function: Any, name: str, spec: str) -> str:
    value = getattr(function, name)
    if value not in _DECLARED[name]:
        raise UsageError(f"{name} is {value!r}", spec, f"take {', '.join(_DECLARED[name])}")
    return value


def _source_digest(module: Any) -> str:
    path = inspect.getsourcefile(module)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""

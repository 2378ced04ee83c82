"""Audio and perturbations that kill or stall the process that works on them, for real."""

from __future__ import annotations

import os
import re
import signal
from pathlib import PosixPath
from typing import Literal

from harness.audio.wave import Wave
from harness.perturb.perturbation import Draw, Perturbation


class _Poison(PosixPath):
    """Strikes whoever looks at the file, in whichever way."""

    def strike(self) -> None:
        """What happens then."""

    def __fspath__(self) -> str:
        self.strike()
        return super().__fspath__()


class Crashing(_Poison):
    """A recording whose decoder crashes."""

    def strike(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Stalling(_Poison):
    """A recording whose decoder stays in C for hours, holding the interpreter's lock."""

    def strike(self) -> None:
        re.match(r"(a+)+$", "a" * 48 + "b")


class Once(_Poison):
    """A recording during which the process is killed the first time, as for want of memory."""

    def strike(self) -> None:
        mark = f"{self}.killed"
        if not os.path.exists(mark):
            with open(mark, "w"):
                os.kill(os.getpid(), signal.SIGKILL)


class Fatal(Perturbation, frozen=True):
    """Ends the process on a clip of more than so many samples."""

    perturb: Literal["fatal"] = "fatal"
    samples: int

    @property
    def words(self) -> str:
        return "fatal"

    def _apply(self, wave: Wave, draw: Draw) -> Wave:
        del draw
        if len(wave.samples) > self.samples:
            os._exit(7)
        return Wave(wave.samples * 0.5, wave.rate_hz)

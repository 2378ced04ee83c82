"""Judge a fake-audio detector before it is released.

The way through, left to right: suite, clips, perturbation, detector, **scores table**, metrics,
report. Everything right of the scores table is computed from that table alone.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fake-audio-harness")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

"""The embedded detector, trained by a recipe on the embedded synthetic corpus.

Its figures show whether the harness works; they say nothing about any published model.
"""

from pathlib import Path

DETECTOR = Path(__file__).parent / "detector"
"""Directory of the embedded detector, as `save_pretrained` writes one."""

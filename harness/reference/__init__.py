"""The embedded default: a synthetic corpus made by a recipe, and the small detector trained on it.

Its figures say whether the harness works. They say nothing about any published model.
"""

from pathlib import Path

DETECTOR = Path(__file__).parent / "detector"
"""Directory of the embedded detector, as `save_pretrained` writes one."""

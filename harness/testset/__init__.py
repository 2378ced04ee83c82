"""Audits of a test set that open its audio: shortcuts, and detectors that use them; leakage."""
